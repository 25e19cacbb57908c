"""Changes to a business and to what it sells: new values, deleted, restored."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import LiteralString
from uuid import UUID

import orjson
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from models.errors import InvalidInput, NotAllowed, NotFound
from models.zones import zone_named
from service.commands import versions
from service.commands.catalogue import (
    RULES,
    Changed,
    Requirement,
    Window,
    insert_requirements,
    insert_windows,
    known_location,
)
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record

COLUMNS: Mapping[str, tuple[LiteralString, ...]] = {
    "business": ("name", "zone", "locale", "currency", "colour", "settings"),
    "service": (*RULES, "active"),
    "staff": ("name", "zone", "daily_limit", "weekly_limit", "location_id", "active"),
    "resource": ("name", "kind", "location_id", "active"),
    "location": ("name", "address", "active"),
}
"""What may be changed, by table."""
DELETABLE: tuple[LiteralString, ...] = ("location", "staff", "service", "resource")


@dataclass(frozen=True, slots=True)
class Change:
    """New values for some columns of one row; `version`, where given, must be its present one.

    A service also takes `windows` and `requirements`, which replace those it has.
    """

    id: UUID
    values: Mapping[str, object]
    version: int | None = None


@command
async def change_business(tx: Transaction, request: Change) -> Changed:
    """Change the business's own name, zone, locale, currency, colour or settings.

    Raises
    ------
    InvalidInput, StaleVersion
        A value is not allowed; the row has changed since it was read.
    """
    return await _change(tx, "business", request)


@command
async def change_staff(tx: Transaction, request: Change) -> Changed:
    """Change a staff member; `active` false retires them, true brings them back. Raises as `change_service`."""
    return await _change(tx, "staff", request)


@command
async def change_resource(tx: Transaction, request: Change) -> Changed:
    """Change a resource; `active` false retires it. Raises as `change_service`."""
    return await _change(tx, "resource", request)


@command
async def change_location(tx: Transaction, request: Change) -> Changed:
    """Change a location; `active` false deletes it, true restores it. Raises as `change_service`."""
    return await _change(tx, "location", request)


@command
async def change_service(tx: Transaction, request: Change) -> Changed:
    """Change a service's rules; `active` false retires it, true brings it back. Bookings made stay as they are.

    Raises
    ------
    NotFound, InvalidInput, StaleVersion
        No such service; a value is not allowed; the row has changed since it was read.
    """
    changed = await _change(tx, "service", request)
    own = [tx.business_id, request.id]
    if isinstance(windows := request.values.get("windows"), tuple):
        await tx.execute("DELETE FROM service_window WHERE business_id = %s AND service_id = %s", own)
        await insert_windows(tx, request.id, windows)
    if isinstance(requirements := request.values.get("requirements"), tuple):
        await tx.execute("DELETE FROM requirement WHERE business_id = %s AND service_id = %s", own)
        await insert_requirements(tx, request.id, requirements)
    return changed


async def _change(tx: Transaction, table: LiteralString, request: Change) -> Changed:
    before = await _locked(tx, table, request)
    _check(table, request.values)
    if isinstance(location_id := request.values.get("location_id"), UUID):
        await known_location(tx, location_id)
    columns = [column for column in COLUMNS[table] if column in request.values]
    new = {c: Jsonb(request.values[c]) if c == "settings" else request.values[c] for c in columns}
    assignments = "".join(f"{column} = %({column})s, " for column in columns)
    own = "" if table == "business" else "business_id = %(business)s AND "
    await tx.execute(
        f"UPDATE {table} SET {assignments}version = version + 1 WHERE {own}id = %(row_id)s",
        {"business": tx.business_id, "row_id": request.id} | new,
    )
    version = before["version"] + 1
    was = {column: before[column] for column in columns}
    await record(tx, f"{table}.changed", request.id, None, before=_plain(was), after=_plain(request.values))
    return Changed(request.id, version)


@dataclass(frozen=True, slots=True)
class Deletion:
    """The row to delete, or to restore, of a table of `COLUMNS`; `version`, where given, must be its present one."""

    table: str
    id: UUID
    version: int | None = None


@command
async def delete(tx: Transaction, request: Deletion) -> Changed:
    """Delete a location, staff member, service or resource so that it can be restored; what is booked stays.

    Raises
    ------
    NotFound, StaleVersion
        There is none, or not any more; it has changed since it was read.
    """
    return await _set_active(tx, request, active=False)


@command
async def restore(tx: Transaction, request: Deletion) -> Changed:
    """Restore what was deleted.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        There is none; it is not deleted; it has changed since it was read.
    """
    return await _set_active(tx, request, active=True)


async def _set_active(tx: Transaction, request: Deletion, *, active: bool) -> Changed:
    table = next(table for table in DELETABLE if table == request.table)
    change = Change(request.id, {"active": active}, request.version)
    if (await _locked(tx, table, change))["active"] is active:
        if active:
            raise NotAllowed("It is not deleted.")
        raise NotFound(f"There is no such {versions.NOUNS.get(table, table)} any more.")
    return await _change(tx, table, change)


async def _locked(tx: Transaction, table: LiteralString, request: Change) -> DictRow:
    own = "id = %s AND id = %s" if table == "business" else "business_id = %s AND id = %s"
    row = await tx.row(
        f"SELECT * FROM {table} WHERE {own} FOR NO KEY UPDATE",
        [tx.business_id, request.id],
    )
    if row is None:
        raise versions.no_such(table)
    versions.check(row["version"], request.version)
    return row


def _check(table: str, values: Mapping[str, object]) -> None:
    extra = set(values) - {*COLUMNS[table], *(("windows", "requirements") if table == "service" else ())}
    if extra:
        raise InvalidInput(f"A {table} has no {min(extra)!r} that could be changed.")
    if isinstance(values.get("zone"), str):
        zone_named(str(values["zone"]))
    if table == "business" and values.get("zone", "") is None:
        raise InvalidInput("A business has a time zone.")


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """Return values as the ledger keeps them: what JSON knows."""
    plain: dict[str, object] = orjson.loads(orjson.dumps(dict(values), default=_as_json))
    return plain


def _as_json(value: object) -> object:
    if isinstance(value, Window | Requirement):
        return asdict(value)
    return str(value)
