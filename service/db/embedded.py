"""A PostgreSQL server of one's own: started on demand from the binaries of a wheel, shared by all processes.

Nothing but files says whether it runs: `postmaster.pid` in the data folder names process and port, a lock file
orders starts and stops. It listens on 127.0.0.1 alone, with scram passwords that were drawn when the data folder was
made. See docs/decisions/0001-embedded-postgresql.md.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from models.errors import NotConfigured
from models.roles import APP_ROLE
from service.db.binaries import ServerUser, find_binaries, reachable_home, server_user

OWNER = "interlock"
DATABASE = "interlock"
START_SECONDS = 30
CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 128MB
max_wal_size = 2GB
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
logging_collector = off
"""
VOLATILE = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes
    ----------
    folder : Path
        Where data, log and credentials are.
    port : int
        On 127.0.0.1.
    pid : int
        Of the postmaster.
    """

    folder: Path
    port: int
    pid: int

    def owner_url(self, database: str = DATABASE) -> str:
        """Return the URL of the role that owns the schema; for migrations only."""
        return self._url(OWNER, database)

    def app_url(self, database: str = DATABASE) -> str:
        """Return the URL of the role the service runs as: owns nothing, cannot bypass row-level security."""
        return self._url(APP_ROLE, database)

    def _url(self, role: str, database: str) -> str:
        password = _credentials(self.folder)[role]
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"


def ensure_running(home: Path, *, durable: bool = True) -> Server:
    """Start the server over `home` unless it runs already, and make the data folder on first use.

    Parameters
    ----------
    home : Path
        The folder of this installation.
    durable : bool
        False turns `fsync` off: for tests, whose data nobody misses.

    Raises
    ------
    NotConfigured
        The folder cannot be written, the binaries are missing, or the server does not start.
    """
    folder = reachable_home(home)
    server = running(home)
    if server is not None:
        return server
    with _locked(folder):
        server = running(home)
        if server is None:
            user = server_user()
            _initialise(folder, user)
            _start(folder, user, durable=durable)
            server = _answering(folder)
            _create_database(server)
    return server


def running(home: Path) -> Server | None:
    """Return the server over `home` if its process lives and answers, else None."""
    folder = reachable_home(home, create=False)
    pid_file = _read_pid_file(folder)
    if pid_file is None or not _is_postmaster(pid_file[0], folder) or not _accepts(pid_file[1]):
        return None
    return Server(folder, port=pid_file[1], pid=pid_file[0])


def stop(home: Path) -> bool:
    """Stop the server over `home` (fast: sessions are ended, data is flushed); returns whether one ran."""
    folder = reachable_home(home, create=False)
    if not (folder / "data" / "postmaster.pid").exists():
        return False
    with _locked(folder):
        pid_file = _read_pid_file(folder)
        if pid_file is None or not _is_postmaster(pid_file[0], folder):
            return False
        _run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(folder / "data"), user=server_user())
    return True


def remove(home: Path) -> None:
    """Stop the server and delete its data folder for good."""
    stop(home)
    folder = reachable_home(home, create=False)
    for part in ("data", "data.new"):
        shutil.rmtree(folder / part, ignore_errors=True)
    for part in ("credentials.json", "postgresql.log"):
        (folder / part).unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _initialise(folder: Path, user: ServerUser) -> None:
    data, new = folder / "data", folder / "data.new"
    if (data / "PG_VERSION").exists():
        _check_version(data)
        return
    shutil.rmtree(new, ignore_errors=True)
    credentials = {OWNER: secrets.token_urlsafe(24), APP_ROLE: secrets.token_urlsafe(24)}
    _write_private(folder / "credentials.json", json.dumps(credentials))
    password_file = folder / "password"
    _write_private(password_file, credentials[OWNER])
    user.own(password_file)
    try:
        # A half-made folder never gets the final name, so an interrupted start is simply made again.
        _run(
            "initdb", "-D", str(new), "-U", OWNER, "--auth=scram-sha-256", f"--pwfile={password_file}",
            "--encoding=UTF8", "--locale=C", "--no-sync", user=user,
        )  # fmt: skip
    finally:
        password_file.unlink()
    with (new / "postgresql.conf").open("a") as configuration:
        configuration.write(CONFIGURATION)
    new.rename(data)


def _check_version(data: Path) -> None:
    made_by, ours = (data / "PG_VERSION").read_text().strip(), find_binaries(server_user()).major
    if made_by != ours:
        raise NotConfigured(
            f"{data} was made by PostgreSQL {made_by}, the binaries are {ours}: dump it with the old version, or "
            "move the folder away."
        )


def _start(folder: Path, user: ServerUser, *, durable: bool) -> None:
    data, log = folder / "data", folder / "postgresql.log"
    pid_file = _read_pid_file(folder)
    if pid_file is not None and _alive(pid_file[0]) and not _is_postmaster(pid_file[0], folder):
        # The number was given to someone else since the crash; PostgreSQL itself would refuse to start.
        (data / "postmaster.pid").unlink()
    log.touch()
    user.own(log)
    deadline = time.monotonic() + START_SECONDS
    while True:
        options = f"-p {_free_port()} {'' if durable else VOLATILE}"
        try:
            _run("pg_ctl", "start", "-w", "-D", str(data), "-l", str(log), "-o", options, user=user)
        except NotConfigured as error:
            # After kill -9 the orphaned backends need a moment to notice; a port may be lost in a race.
            if time.monotonic() > deadline or not _worth_retrying(log):
                raise NotConfigured(f"PostgreSQL does not start: {_last_words(log)} (see {log})") from error
            time.sleep(0.2)
        else:
            return


def _worth_retrying(log: Path) -> bool:
    words = log.read_text(errors="replace")[-2000:]
    return "shared memory block" in words or "Address already in use" in words


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if "FATAL" in line or "PANIC" in line]
    return lines[-1] if lines else "no reason given"


def _answering(folder: Path) -> Server:
    pid_file = _read_pid_file(folder)
    if pid_file is None:
        raise NotConfigured(f"PostgreSQL has ended again: {_last_words(folder / 'postgresql.log')}")
    return Server(folder, port=pid_file[1], pid=pid_file[0])


def _create_database(server: Server) -> None:
    with psycopg.connect(server.owner_url("postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APP_ROLE]).fetchone():
            create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            password = _credentials(server.folder)[APP_ROLE]
            connection.execute(create.format(sql.Identifier(APP_ROLE), sql.Literal(password)))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _read_pid_file(folder: Path) -> tuple[int, int] | None:
    try:
        lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
        return int(lines[0]), int(lines[3])
    except (OSError, IndexError, ValueError):
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_postmaster(pid: int, folder: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" and os.fsencode(folder / "data") in command


def _accepts(port: int) -> bool:
    return _quiet("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), user=server_user()) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _credentials(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / "credentials.json").read_text()))
    except (OSError, ValueError) as error:
        raise NotConfigured(f"{folder / 'credentials.json'} cannot be read; it belongs to the data folder.") from error


def _write_private(path: Path, content: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)


def _command(program: str, *arguments: str, user: ServerUser) -> list[str]:
    return [str(find_binaries(user).folder / program), *arguments]


def _run(program: str, *arguments: str, user: ServerUser) -> None:
    done = subprocess.run(  # noqa: S603 - our own binaries, our own arguments
        _command(program, *arguments, user=user),
        **user.credentials(),
        stdin=subprocess.DEVNULL,
        # A started server keeps its streams: with pipes, the caller of pg_ctl would wait for ever.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr or "").strip().splitlines()
        raise NotConfigured(f"{program} failed: {reason[-1] if reason else f'exit {done.returncode}'}")


def _quiet(program: str, *arguments: str, user: ServerUser) -> int:
    return subprocess.run(  # noqa: S603 - our own binaries, our own arguments
        _command(program, *arguments, user=user), **user.credentials(), check=False
    ).returncode
