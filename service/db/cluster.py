"""The data folder: made once, whole or not at all, with two roles and passwords drawn at that moment."""

import json
import os
import re
import secrets
import shutil
from pathlib import Path

from models.errors import NotConfigured
from models.roles import APP_ROLE
from service.db.binaries import Binaries, find_binaries
from service.db.home import server_user

OWNER = "interlock"
DATABASE = "interlock"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "logging_collector": "off",
}
BUILTIN_LOCALE = 17
"""The first version with a locale of its own, the same on every machine."""


def cluster_binaries(folder: Path) -> Binaries:
    """Return the binaries for the data in `folder`: those of its version, the newest where there is none yet.

    Raises
    ------
    NotConfigured
        None fit; the message says what to do.
    """
    user, version = server_user(folder), folder / "data" / "PG_VERSION"
    try:
        major = int(version.read_text())
    except FileNotFoundError:
        return find_binaries(user)
    except (OSError, ValueError) as error:
        raise NotConfigured(f"{version} cannot be read; is the data folder someone else's?") from error
    try:
        return find_binaries(user, major)
    except NotConfigured as error:
        raise NotConfigured(
            f"{version.parent} was made by PostgreSQL {major}, and here is {find_binaries(user).major}: dump it with "
            "the old version, or move the folder away to begin anew."
        ) from error


def initialise(folder: Path, binaries: Binaries, *, durable: bool = True) -> None:
    """Make the data folder unless it is there: cluster, roles, database.

    It gets its name when it is whole, so that an interrupted start is simply made again.
    """
    data, new = folder / "data", folder / "data.new"
    if data.exists():
        return
    passwords = {OWNER: secrets.token_urlsafe(24), APP_ROLE: secrets.token_urlsafe(24)}
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    binaries.user.own(new)
    _write_private(folder / "credentials.json", json.dumps(passwords))
    _initdb(new, binaries, passwords[OWNER])
    _create_roles(new, binaries, passwords[APP_ROLE])
    if durable:
        _checked(binaries, "initdb", "--sync-only", "-D", str(new))
    new.rename(data)
    _sync(folder)


def read_passwords(folder: Path) -> dict[str, str]:
    """Return the passwords by role.

    Raises
    ------
    NotConfigured
        The file is gone, or belongs to someone else.
    """
    path = folder / "credentials.json"
    try:
        return dict(json.loads(path.read_text()))
    except PermissionError as error:
        raise NotConfigured(f"{path} belongs to another user: the server is theirs; set INTERLOCK_HOME.") from error
    except (OSError, ValueError) as error:
        raise NotConfigured(f"{path} cannot be read; it belongs to the data folder beside it.") from error


def _initdb(new: Path, binaries: Binaries, password: str) -> None:
    password_file = new.parent / "password"
    _write_private(password_file, password)
    binaries.user.own(password_file)
    locale = ["--locale=C"]
    if binaries.major >= BUILTIN_LOCALE:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    try:
        _checked(
            binaries, "initdb", "-D", str(new), "-U", OWNER, "--auth=scram-sha-256", f"--pwfile={password_file}",
            "--encoding=UTF8", *locale, *settings, "--no-sync",
        )  # fmt: skip
    finally:
        password_file.unlink()


def _create_roles(new: Path, binaries: Binaries, password: str) -> None:
    # Single-user mode: nothing listens, and the password is on nobody's command line.
    statements = (
        f"CREATE ROLE {APP_ROLE} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '{password}';\n"
        f"CREATE DATABASE {DATABASE};\n"
    )  # fmt: skip
    options = ("-c", "exit_on_error=on", "-c", "fsync=off")
    _checked(binaries, "postgres", "--single", "-D", str(new), *options, "postgres", stdin=statements)


def _checked(binaries: Binaries, program: str, *arguments: str, stdin: str = "") -> None:
    done = binaries.run(program, *arguments, stdin=stdin)
    if done.returncode:
        raise NotConfigured(f"{program} failed: {reason(done.stderr) or f'exit {done.returncode}'}")


def reason(words: str) -> str:
    """Return why PostgreSQL gave up, by its messages, or an empty string."""
    found = re.findall(r"(?:FATAL|PANIC|error): +(.+)", words)
    return found[-1] if found else ""


def _write_private(path: Path, content: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
