"""A database of the replay's own beside the user's: made, migrated, and dropped at the end unless it is kept."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString
from uuid import uuid4

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from models.errors import NotConfigured
from service.db.migrate import upgrade

PREFIX = "interlock_replay_"
KEPT = "interlock_kept_"
LOCK = 0x1E7E710D
"""Orders making and reaping over all replays on the server; the number only has to be ours."""


@dataclass(frozen=True, slots=True)
class ReplayDatabase:
    """Where a replay writes: `name` on the server, and the URL that the commands use."""

    name: str
    app_url: str


@contextmanager
def replay_database(owner_url: str, app_url: str, *, keep: bool = False) -> Iterator[ReplayDatabase]:
    """Yield a migrated database; afterwards it is gone, or with `keep` stays under its name.

    Parameters
    ----------
    owner_url, app_url : str
        Of the user's database. Its owner must be allowed to make databases; the data in it is not touched.

    Raises
    ------
    NotConfigured
        The server does not answer, or the owner may not create a database.
    """
    name = f"{KEPT if keep else PREFIX}{os.getpid()}_{uuid4().hex[:8]}"
    try:
        with psycopg.connect(owner_url, autocommit=True) as admin:
            guard = _create(admin, owner_url, name)
            try:
                upgrade(_at(owner_url, name))
                yield ReplayDatabase(name, _at(app_url, name))
            finally:
                guard.close()
                if not keep:
                    admin.execute(_statement("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))
    except (psycopg.OperationalError, errors.InsufficientPrivilege) as error:
        reason = str(error).splitlines()[0]
        raise NotConfigured(f"no database for the replay can be made: {reason}") from error


def _create(admin: psycopg.Connection, owner_url: str, name: str) -> psycopg.Connection:
    """Make the database and return a connection to it, whose presence tells other replays that it is in use."""
    admin.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        _reap(admin)
        admin.execute(_statement("CREATE DATABASE {}", name))
        return psycopg.connect(_at(owner_url, name), autocommit=True)
    finally:
        admin.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _reap(admin: psycopg.Connection) -> None:
    """Drop what killed replays left behind: databases of theirs that nobody is connected to."""
    rows = admin.execute(
        "SELECT datname FROM pg_database d WHERE starts_with(datname, %s) "
        "AND pg_has_role(datdba, 'MEMBER') AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)",
        [PREFIX],
    ).fetchall()
    for (name,) in rows:
        admin.execute(_statement("DROP DATABASE IF EXISTS {}", name))


def _statement(template: LiteralString, name: str) -> sql.Composed:
    return sql.SQL(template).format(sql.Identifier(name))


def _at(url: str, database: str) -> str:
    return make_conninfo(url, dbname=database)
