"""Bring a database to the newest schema, as its owner."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from models.errors import NotConfigured

# One migration at a time over all processes; the number only has to be ours.
MIGRATION_LOCK = 0x1E7E710C


def upgrade(owner_url: str, revision: str = "head") -> None:
    """Run the migrations up to `revision`; does nothing where the schema is new enough.

    Parameters
    ----------
    owner_url : str
        `postgresql://…` of the role that owns the schema (never the app's).

    Raises
    ------
    NotConfigured
        The database does not answer, or a lock could not be had in time.
    """
    engine = create_engine(make_url(owner_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
            connection.commit()
            command.upgrade(_config(connection), revision)
    except OperationalError as error:
        raise NotConfigured(f"The database cannot be migrated: {str(error.orig).splitlines()[0]}") from error
    finally:
        engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("service.db") / "migrations"))
    config.attributes["connection"] = connection
    return config
