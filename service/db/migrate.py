"""Bring a database to the newest schema, as its owner."""

import time
from importlib.resources import files
from pathlib import Path

import psycopg

from models.errors import NotConfigured

MIGRATIONS = Path(str(files("service.db") / "migrations"))
# One migration at a time over all processes; the number only has to be ours.
MIGRATION_LOCK = 0x1E7E710C


LOCK_TIMEOUT, TRIES, PAUSE_S = "1s", 60, 0.2


def upgrade(owner_url: str, revision: str = "head") -> None:
    """Run the migrations up to `revision`; does nothing where the schema is new enough.

    Parameters
    ----------
    owner_url : str
        Connection string (libpq) of the role that owns the schema, never the app's.

    Raises
    ------
    NotConfigured
        The database does not answer, or a lock could not be had in time.
    """
    try:
        if revision == "head" and _present(owner_url) == newest():
            return
        _run(owner_url, revision)
    except psycopg.OperationalError as error:
        raise NotConfigured(f"The database cannot be migrated: {str(error).splitlines()[0]}") from error


def newest() -> str:
    """Return the newest revision: they are named by date, so it is the last by name."""
    return max(path.stem for path in (MIGRATIONS / "versions").glob("2*.py"))


def _present(owner_url: str) -> str | None:
    with psycopg.connect(owner_url) as connection:
        if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])


def _run(owner_url: str, revision: str) -> None:
    # A third of a second that only a database which is behind has to wait.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine, text  # noqa: PLC0415
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(owner_url), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
            connection.commit()
            connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.commit()
            config.attributes["connection"] = connection
            for left in reversed(range(TRIES)):
                try:
                    command.upgrade(config, revision)
                    break
                except OperationalError as error:
                    # Behind its request for a lock everybody else's wait: it lets them by, and asks again.
                    if not left or not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                        raise
                    connection.rollback()
                    time.sleep(PAUSE_S)
    except OperationalError as error:
        raise NotConfigured(f"The database cannot be migrated: {str(error.orig).splitlines()[0]}") from error
    finally:
        engine.dispose()
