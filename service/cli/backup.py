"""`interlock backup` and `interlock restore`."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.output import AsJson, print_json

File = Annotated[Path, typer.Argument(help="The backup's file; the clients' keys lie beside it.")]


def backup(file: File, *, as_json: AsJson = False) -> None:
    """Write every business's rows, as of one moment, to a file; and the clients' keys to another beside it."""
    from service.bootstrap import database_urls  # noqa: PLC0415 - half a second that --help need not wait
    from service.db import backup as backups  # noqa: PLC0415
    from service.settings import settings  # noqa: PLC0415

    copied = backups.backup(database_urls(settings())[0], file)
    if as_json:
        print_json({"file": str(file), "keys": str(copied.keys), "rows": copied.rows})
    else:
        typer.echo(f"{sum(copied.rows.values())} rows in {file}; keys in {copied.keys}, which no copy should outlive.")


def restore(
    file: File,
    *,
    keys: Annotated[Path | None, typer.Option(help="The file of keys, if not the one beside the backup.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fill an empty database from a backup."""
    from service.bootstrap import database_urls  # noqa: PLC0415
    from service.db import backup as backups  # noqa: PLC0415
    from service.db.migrate import upgrade  # noqa: PLC0415
    from service.settings import settings  # noqa: PLC0415

    owner_url = database_urls(settings())[0]
    upgrade(owner_url)
    rows = backups.restore(owner_url, file, keys)
    if as_json:
        print_json({"rows": rows})
    else:
        typer.echo(f"{sum(rows.values())} rows restored; `interlock audit verify` checks each business's chain.")
