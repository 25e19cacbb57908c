"""A real PostgreSQL for the whole run, and a clean database for each test."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO

import psycopg
import pytest

from models.tables import metadata
from service.db import embedded
from service.db.database import Database
from service.db.migrate import upgrade

RUN_FOLDER = "INTERLOCK_TEST_FOLDER"
PREFIX = "interlock-test-"
# Neither foreign keys nor the change log need to hear of it.
QUEUE = ("procrastinate_events", "procrastinate_periodic_defers", "procrastinate_jobs", "procrastinate_workers")
EMPTY = "; ".join(
    [
        "SET session_replication_role = replica",
        *(f"DELETE FROM {table.name}" for table in metadata.sorted_tables),
        *(f"DELETE FROM jobs.{table}" for table in QUEUE),
    ]
)
# What a test's database must still have when the next one gets it.
GUARDS = """
SELECT (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_policy), (SELECT count(*) FROM pg_index),
       (SELECT count(*) FROM pg_trigger WHERE tgenabled = 'O'), (SELECT count(*) FROM pg_class WHERE relrowsecurity)
"""


OWNED = pytest.StashKey[IO[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Name the run's folder once, in the process that xdist's workers inherit their environment from."""
    os.environ.setdefault("INTERLOCK_RATE_LIMITS", "false")
    os.environ.setdefault("INTERLOCK_SECRET", "a secret of the tests, 0123456789abcdef")
    if RUN_FOLDER not in os.environ:
        _reap()
        config.stash[OWNED] = _claimed_folder()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server with the run."""
    alive = config.stash.get(OWNED, None)
    if alive is not None:
        _remove(Path(os.environ.pop(RUN_FOLDER)))
        alive.close()


def _claimed_folder() -> IO[str]:
    """Make the run's folder and return a file in it whose lock says that the run lives."""
    making = Path(tempfile.mkdtemp(prefix="making-interlock-test-"))
    making.chmod(0o755)
    alive = (making / "alive").open("w")
    fcntl.flock(alive, fcntl.LOCK_EX)
    folder = making.with_name(f"{PREFIX}{os.getpid()}-{uuid.uuid4().hex[:8]}")
    making.rename(folder)
    os.environ[RUN_FOLDER] = str(folder)
    return alive


def _reap() -> None:
    # What a killed run of ours left behind: the system has given its lock back.
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.geteuid():
                with (folder / "alive").open() as alive:
                    fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(folder)


def _remove(folder: Path) -> None:
    embedded.remove(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> embedded.Server:
    """The run's server, with a migrated database `template`; all workers share it."""
    folder = Path(os.environ[RUN_FOLDER])
    server = embedded.ensure_running(folder, durable=False)
    with (folder / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with psycopg.connect(server.owner_url("postgres"), autocommit=True) as admin:
            if not admin.execute("SELECT 1 FROM pg_database WHERE datname = 'template'").fetchone():
                admin.execute("CREATE DATABASE making")
                upgrade(server.owner_url("making"))
                admin.execute("ALTER DATABASE making RENAME TO template")
    return server


@pytest.fixture(scope="session")
def worker_database(server: embedded.Server) -> Iterator[str]:
    """A migrated database that one worker's tests use in turn."""
    with _created(server) as name:
        yield name


@pytest.fixture(scope="session")
def guards(server: embedded.Server, worker_database: str) -> object:
    """How many constraints, policies, indexes and triggers a migrated database has."""
    with psycopg.connect(server.owner_url(worker_database), autocommit=True) as owner:
        return owner.execute(GUARDS).fetchone()


@pytest.fixture
def database_name(server: embedded.Server, worker_database: str, guards: object) -> str:
    """An empty, migrated database: emptied by deleting, a fraction of a millisecond; a copy takes 60."""
    with psycopg.connect(server.owner_url(worker_database), autocommit=True) as owner:
        owner.execute(EMPTY)
        left = owner.execute(GUARDS).fetchone()
    assert left == guards, "an earlier test altered the schema of a database that others use after it"
    return worker_database


@pytest.fixture
def own_database(server: embedded.Server) -> Iterator[str]:
    """A database that the test may alter or drop parts of."""
    with _created(server) as name:
        yield name


@contextlib.contextmanager
def _created(server: embedded.Server) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server.owner_url("postgres"), autocommit=True) as admin:
        if admin.info.server_version >= 180_000:
            # Lets the kernel copy: 20 ms instead of some hundred.
            admin.execute("SET file_copy_method = clone")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template STRATEGY file_copy")
        yield name
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def app_url(server: embedded.Server, database_name: str) -> str:
    """Where the service connects."""
    return server.app_url(database_name)


@pytest.fixture
def owner_url(server: embedded.Server, database_name: str) -> str:
    """Where migrations connect, and tests that must see behind row-level security."""
    return server.owner_url(database_name)


@pytest.fixture
def anyio_backend() -> str:
    """asyncio is what the service runs on."""
    return "asyncio"


@pytest.fixture
async def db(app_url: str) -> AsyncIterator[Database]:
    """An open pool of the app's role on the test's database."""
    async with Database(app_url) as database:
        yield database
