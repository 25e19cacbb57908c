"""Where the embedded server's files lie, and who runs it: PostgreSQL refuses to run as root."""

import hashlib
import os
import pwd
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


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Who runs the server: ourselves (no ids), or an unprivileged user in root's place."""

    uid: int | None = None
    gid: int | None = None

    def credentials(self) -> Credentials:
        """Return the arguments that start a process as this user, away from folders it may not enter."""
        return Credentials(user=self.uid, group=self.gid, extra_groups=None if self.uid is None else [], cwd="/")

    def own(self, path: Path) -> None:
        """Give a file or folder to this user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def reaches(self, path: Path) -> bool:
        """Return whether this user may enter every folder above `path` that is there."""
        return self.uid is None or all(p.stat().st_mode & 0o001 for p in path.parents if p.is_dir())


def server_user(folder: Path | None = None) -> ServerUser:
    """Return ourselves; where we are root, the owner of the data in `folder`, else `postgres` or `nobody`.

    Raises
    ------
    NotConfigured
        Root has neither of the two.
    """
    if os.geteuid() != 0:
        return ServerUser()
    if folder is not None and (folder / "data").exists():
        owner = (folder / "data").stat()
        if owner.st_uid != 0:
            return ServerUser(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(entry.pw_uid, entry.pw_gid)
    raise NotConfigured("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it.")


def server_folder(home: Path) -> Path:
    """Return the folder for the server's files: below `home`, or below /var/lib/interlock where root's unprivileged
    user could not reach it (no parent folder's permissions are ever changed).
    """
    home = home.resolve()
    own = home / "postgresql"
    shared = SHARED / hashlib.sha256(os.fsencode(home)).hexdigest()[:12] / "postgresql"
    # Whoever may not look into the folder is told so on opening it; a folder with data in it is never left behind.
    if os.geteuid() != 0 or (own / "data").exists():
        return own
    return shared if shared.exists() or not server_user().reaches(own) else own


def make_folder(folder: Path) -> None:
    """Make the folder and the missing ones above it; as root they let the server's user through, and no more.

    Raises
    ------
    NotConfigured
        It cannot be made or written.
    """
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        for missing in [path for path in reversed((folder, *folder.parents)) if not path.exists()]:
            missing.mkdir(exist_ok=True)
            missing.chmod(mode)
    except OSError as error:
        raise NotConfigured(f"{folder} cannot be written ({error.strerror}); set INTERLOCK_HOME.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NotConfigured(f"{folder} cannot be written; set INTERLOCK_HOME.")


def refuse_for_root(folder: Path) -> None:
    """Raise `NotConfigured` where we are root and the folder is not: its owner could make root write anywhere."""
    owner = folder.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = str(owner)
        raise NotConfigured(f"{folder} belongs to {name}: run this as that user, or set INTERLOCK_HOME.")
