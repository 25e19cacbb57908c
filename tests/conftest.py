"""A real PostgreSQL for the whole run, and a clean database for each test."""

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from models.tables import metadata
from service.db import embedded
from service.db.database import Database
from service.db.migrate import upgrade

RUN_FOLDER = "INTERLOCK_TEST_FOLDER"
PREFIX = "interlock-test-"
# Neither foreign keys nor the change log need to hear of it.
EMPTY = "; ".join(
    ["SET session_replication_role = replica", *(f"DELETE FROM {table.name}" for table in metadata.sorted_tables)]
)


def pytest_configure(config: pytest.Config) -> None:
    """Name the run's folder once, in the process that xdist's workers inherit their environment from."""
    if RUN_FOLDER not in os.environ:
        _reap()
        folder = Path(tempfile.gettempdir()) / f"{PREFIX}{os.getpid()}-{uuid.uuid4().hex[:8]}"
        folder.mkdir(mode=0o755)
        os.environ[RUN_FOLDER] = str(folder)
        config.stash[OWNED] = folder


OWNED = pytest.StashKey[Path]()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server with the run."""
    folder = config.stash.get(OWNED, None)
    if folder is not None:
        _remove(folder)


def _reap() -> None:
    # What a killed run left behind: its folder names a process that is no more.
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
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


@pytest.fixture
def database_name(server: embedded.Server, worker_database: str) -> str:
    """An empty, migrated database: emptied by deleting, a fraction of a millisecond; a copy takes 60."""
    with psycopg.connect(server.owner_url(worker_database), autocommit=True) as owner:
        owner.execute(EMPTY)
    return worker_database


@pytest.fixture
def own_database(server: embedded.Server) -> Iterator[str]:
    """A database that the test may alter or drop parts of."""
    with _created(server) as name:
        yield name


@contextmanager
def _created(server: embedded.Server) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server.owner_url("postgres"), autocommit=True) as admin:
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
