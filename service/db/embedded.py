"""A PostgreSQL server of one's own: started on demand from the binaries of a wheel, shared by all processes.

Nothing but files says whether it runs: `postmaster.pid` in the data folder names process and port, a lock file
orders starts and stops. It listens on 127.0.0.1 alone, with scram passwords that were drawn when the data folder was
made. See docs/decisions/0001-embedded-postgresql.md.
"""

import contextlib
import fcntl
import os
import random
import shlex
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.errors import NotConfigured
from models.roles import APP_ROLE
from service.db.binaries import Binaries
from service.db.cluster import DATABASE, OWNER, cluster_binaries, initialise, read_passwords, reason
from service.db.home import SHARED, make_folder, refuse_for_root, server_folder

START_SECONDS = 120
"""How long a start may take; most of it is for replaying the log after a crash."""
STOP_SECONDS = 60
PORTS = range(20_000, 32_000)
"""Below those of outgoing connections, so that none sits on ours while the server is down."""
VOLATILE = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off"
NOBODY = 2**31 - 1
"""A process id that no process has."""


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
        password = read_passwords(self.folder)[role]
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"


def ensure_running(home: Path, *, durable: bool = True, unless_stopped: bool = False) -> Server:
    """Start the server over `home` unless it runs already, and make the data folder on first use.

    Parameters
    ----------
    home : Path
        The folder of this installation.
    durable : bool
        False turns `fsync` off: for tests, whose data nobody misses.
    unless_stopped : bool
        Start again what was killed, but not what was stopped: for a service that looks after its server.

    Raises
    ------
    NotConfigured
        The folder cannot be written, the binaries are missing, the server does not start, or it was stopped.
    """
    folder = server_folder(home)
    server = _answering(folder)
    if server is None:
        make_folder(folder)
        try:
            with _locked(folder):
                if unless_stopped and not (folder / "data" / "postmaster.pid").exists():
                    raise NotConfigured("PostgreSQL was stopped; `interlock db start` starts it again.")
                server = _answering(folder) or _start(folder, durable=durable)
        except OSError as error:
            raise NotConfigured(f"{error.filename or folder} cannot be written ({error.strerror}).") from error
    return server


def running(home: Path) -> Server | None:
    """Return the server over `home` if its process lives and answers, else None."""
    return _answering(server_folder(home))


def stop(home: Path) -> bool:
    """Stop the server over `home` (fast: sessions are ended, data is flushed); returns whether one ran."""
    folder = server_folder(home)
    if _postmaster(folder) is None:
        return False
    with _locked(folder):
        return _stop(folder)


def remove(home: Path) -> None:
    """Stop the server and delete its files for good.

    Raises
    ------
    NotConfigured
        Something cannot be deleted.
    """
    folder = server_folder(home)
    if not folder.exists():
        return
    deleted = folder.with_name(f"{folder.name}.deleted")
    try:
        with _locked(folder):
            _stop(folder)
            # In one step, so that whoever starts it now starts from nothing.
            shutil.rmtree(deleted, ignore_errors=True)
            folder.rename(deleted)
        shutil.rmtree(deleted)
        if SHARED in folder.parents:
            folder.parent.rmdir()
    except OSError as error:
        raise NotConfigured(f"{error.filename} cannot be deleted ({error.strerror}).") from error


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path = folder / "lock"
    refuse_for_root(folder)
    while True:
        try:
            lock = path.open("a")
        except OSError as error:
            raise NotConfigured(f"{path} cannot be opened ({error.strerror}); is it someone else's?") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Whoever held it may have deleted the folder in the meantime: then this is the lock of nothing.
            if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                yield
                return
        make_folder(folder)


def _start(folder: Path, *, durable: bool) -> Server:
    binaries = cluster_binaries(folder)
    initialise(folder, binaries, durable=durable)
    log, deadline = folder / "postgresql.log", time.monotonic() + START_SECONDS
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    while (server := _answering(folder)) is None:
        # It may be there and not answer yet: on its way down, or replaying its log for a process that was killed.
        if _postmaster(folder) is None and not _launch(folder, binaries, log, durable=durable):
            words = log.read_text(errors="replace")
            # After kill -9 backends may need a moment to end; a port may be lost to someone quicker.
            passing = "shared memory block" in words or "Address already in use" in words
            if not passing or time.monotonic() > deadline:
                raise NotConfigured(f"PostgreSQL does not start: {reason(words) or 'no reason given'} (see {log})")
        if time.monotonic() > deadline:
            raise NotConfigured(f"PostgreSQL does not answer after {START_SECONDS} s (see {log})")
        time.sleep(0.02)
    return server


def _launch(folder: Path, binaries: Binaries, log: Path, *, durable: bool) -> bool:
    data = folder / "data"
    _forget_stranger(folder)
    _end_orphans(data)
    # pg_ctl hands what follows -o to a shell, and would hand it -D and -l with no more than quotation marks.
    options = f"-D {shlex.quote(str(data))} -p {_port(folder)} {'' if durable else VOLATILE}"
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600), "wb") as words:
        done = binaries.run(
            "pg_ctl", "start", "-s", "-w", "-t", str(START_SECONDS), "-o", options,
            stdout=words, env={"PGDATA": str(data)},
        )  # fmt: skip
    return done.returncode == 0


def _stop(folder: Path) -> bool:
    if _postmaster(folder) is None:
        return False
    data = str(folder / "data")
    done = cluster_binaries(folder).run("pg_ctl", "stop", "-w", "-t", str(STOP_SECONDS), "-m", "fast", "-D", data)
    if done.returncode:
        raise NotConfigured(f"PostgreSQL does not stop: {done.stderr.strip() or f'exit {done.returncode}'}")
    return True


def _answering(folder: Path) -> Server | None:
    found = _postmaster(folder)
    if found is None:
        return None
    pid, port = found
    ready = cluster_binaries(folder).run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)).returncode == 0
    return Server(folder, port=port, pid=pid) if ready else None


def _postmaster(folder: Path) -> tuple[int, int] | None:
    """Return process id and port (0 while it has none) of the postmaster over `folder`, if it lives."""
    try:
        lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
        pid, port = int(lines[0]), int(lines[3]) if len(lines) > 3 else 0
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError, ValueError):
        return None
    ours = Path(os.fsdecode(command[0])).name == "postgres" and os.fsencode(folder / "data") in command
    return (pid, port) if ours and state != "Z" else None


def _forget_stranger(folder: Path) -> None:
    """Take a process id that now is someone else's out of `postmaster.pid`: PostgreSQL would not start over it.

    The file itself stays: its other lines are how PostgreSQL finds backends that have outlived their postmaster.
    """
    path = folder / "data" / "postmaster.pid"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "r+") as file:
        lines = file.read().splitlines()
        file.seek(0)
        file.truncate()
        file.write("\n".join([str(NOBODY), *lines[1:]]) + "\n")


def _end_orphans(data: Path) -> None:
    """End backends that have outlived their postmaster: one in a long query does not notice, and PostgreSQL waits."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone by now, or not ours to look at
            if (process / "cwd").readlink() == data and (process / "exe").readlink().name == "postgres":
                os.kill(int(process.name), signal.SIGTERM)


def _port(folder: Path) -> int:
    """Return the port of the last time if it is free, so that pools find the server again, else another."""
    path = folder / "port"
    try:
        last = [int(path.read_text())]
    except (OSError, ValueError):
        last = []
    for port in [*last, *random.sample(PORTS, 100)]:
        if _is_free(port):
            path.write_text(f"{port}\n")
            return port
    raise NotConfigured(f"There is no free port between {PORTS.start} and {PORTS.stop} on 127.0.0.1.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As PostgreSQL itself does: connections that linger after a crash are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
