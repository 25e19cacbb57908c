"""A database server of a benchmark's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from service.db import embedded


@contextmanager
def own_server(*, durable: bool = True) -> Iterator[tuple[embedded.Server, Path]]:
    """Yield a server, and the folder that it lies in; both are gone afterwards. The service's tables are not made."""
    with TemporaryDirectory(prefix="interlock-bench-") as name:
        folder = Path(name)
        # Where root measures, the server runs as somebody else, who has to get in.
        folder.chmod(0o755)
        try:
            yield embedded.ensure_running(folder, durable=durable), folder
        finally:
            embedded.remove(folder)
