"""Backup and restore: every table in one moment, the clients' keys apart.

A backup is a zip of PostgreSQL's COPY format, a table a file, with a manifest. The keys that seal clients lie in a file
beside it that each backup replaces: who was erased since cannot be read from an older backup (decision 0008). Left out
is what holds for one cluster alone: the change log, transaction ids, waiting jobs, token buckets.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import Table

from models.errors import InvalidInput, NotConfigured
from models.tables import metadata
from service.db.migrate import newest

KEYS = "client_key"
PASSING = frozenset({"change_log", "change_log_floor"})
CHUNK = 1 << 20
ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
BYPASS = "SET row_security = off"
"""A role that row-level security would show less than everything fails on it."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How many rows of each table a backup holds, and where its keys are."""

    rows: dict[str, int]
    keys: Path


def keys_of(path: Path) -> Path:
    """Return the file of keys that belongs to the backups of a folder."""
    return path.with_name("interlock-keys.zip")


def backup(owner_url: str, path: Path) -> Copied:
    """Write a backup as of one moment.

    Raises
    ------
    NotConfigured
        The role is not allowed to see every row, or the file cannot be written.
    """
    tables = [table for table in metadata.sorted_tables if table.name not in PASSING]
    try:
        with psycopg.connect(owner_url) as connection:
            connection.execute(ONE_MOMENT)
            connection.execute(BYPASS)
            rows = _write(connection, path, [table for table in tables if table.name != KEYS])
            rows |= _write(connection, keys_of(path), [table for table in tables if table.name == KEYS])
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotConfigured("A backup needs a role that row-level security does not hold back.") from error
    except psycopg.OperationalError as error:
        raise NotConfigured(f"The database cannot be copied: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise NotConfigured(f"{path} cannot be written: {error.strerror}.") from error
    return Copied(rows, keys_of(path))


def _write(connection: psycopg.Connection, path: Path, tables: list[Table]) -> dict[str, int]:
    rows, new = {}, path.with_name(f"{path.name}.new")
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for table in tables:
            with archive.open(table.name, "w", force_zip64=True) as file:
                cursor = connection.cursor()
                with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(_columns(table))) as copy:
                    for block in copy:
                        file.write(block)
                rows[table.name] = cursor.rowcount
        archive.writestr("manifest.json", json.dumps({"schema": newest(), "rows": rows}))
    new.chmod(0o600)
    new.replace(path)
    return rows


def restore(owner_url: str, path: Path, keys: Path | None = None) -> dict[str, int]:
    """Fill an empty, migrated database from a backup, with the newest keys of its folder or those given.

    Raises
    ------
    InvalidInput
        No backup, another schema's, rows missing; or the database is not empty.
    """
    try:
        with psycopg.connect(owner_url) as connection:
            if connection.execute("SELECT EXISTS (SELECT FROM business)").fetchone() == (True,):
                raise InvalidInput("The database is not empty; restore into a new one.")
            # Triggers and foreign keys held when the rows were written.
            connection.execute("SET session_replication_role = replica")
            rows = _read(connection, path)
            # A key whose client the backup does not know came later.
            rows |= _read(connection, keys or keys_of(path))
            connection.execute(
                "DELETE FROM client_key k WHERE NOT EXISTS (SELECT FROM client c WHERE c.id = k.client_id)"
            )
            for table in metadata.sorted_tables:
                _go_on_counting(connection, table)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InvalidInput(f"{path} and its keys cannot be read as a backup: {error}.") from error
    return rows


def _read(connection: psycopg.Connection, path: Path) -> dict[str, int]:
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        if manifest["schema"] != newest():
            raise InvalidInput(f"{path} is of schema {manifest['schema']}; restore it with that version, then migrate.")
        for name, expected in manifest["rows"].items():
            cursor = connection.cursor()
            with (
                archive.open(name) as file,
                cursor.copy(sql.SQL("COPY {} FROM STDIN").format(_columns(metadata.tables[name]))) as copy,
            ):
                while block := file.read(CHUNK):
                    copy.write(block)
            if cursor.rowcount != expected:
                raise InvalidInput(f"{path} holds {cursor.rowcount} rows of {name}, not {expected}.")
    return dict(manifest["rows"])


def _columns(table: Table) -> sql.Composable:
    """Return the table with its columns, but for transaction ids, which mean nothing in another cluster."""
    names = [column.name for column in table.columns if str(column.type) != "xid8" and column.name != "xid"]
    return sql.SQL("{} ({})").format(sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names)))


def _go_on_counting(connection: psycopg.Connection, table: Table) -> None:
    for column in table.columns:
        if column.identity is not None:
            connection.execute(
                sql.SQL(
                    "SELECT setval(pg_get_serial_sequence({name}, {column}), greatest(max({of}), 1)) FROM {table}"
                ).format(
                    name=sql.Literal(table.name),
                    column=sql.Literal(column.name),
                    of=sql.Identifier(column.name),
                    table=sql.Identifier(table.name),
                )
            )
