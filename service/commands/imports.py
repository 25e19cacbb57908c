"""Rows from elsewhere: a table of clients, staff, services or bookings, taken over whole or not at all."""

import csv
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import DictRow
from uuid_utils.compat import uuid7

from models.cells import plain
from models.errors import InterlockError, InvalidInput, NotAllocated, NotFound, Unavailable
from models.week import week_of
from models.zones import aware
from service.commands import catalogue, clients
from service.commands.calendars import Row, rows_of
from service.commands.resizing import give_length
from service.db import claims
from service.db.command import Scope, command
from service.db.database import Transaction, translate

COLUMNS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "clients": (("name",), ("email", "phone")),
    "staff": (("name",), ("zone", "hours")),
    "services": (
        ("name", "duration"),
        ("buffer_before", "buffer_after", "slot_interval", "minimum_notice", "maximum_advance", "price", "staff"),
    ),
    "bookings": (("service", "staff", "starts_at", "client"), ("ends_at", "email", "phone")),
}
"""What can be imported: the columns that each table must have, and those that it may have."""
CALENDAR = "calendar"
"""Of bookings, too: an iCalendar file."""
LONGEST = timedelta(days=1)
MOST_ROWS = 100_000
MOST_SHOWN = 1000
"""Of bad rows; more than that is the wrong file."""


@dataclass(frozen=True, slots=True)
class Import:
    """A CSV text (first line: column names) of a kind of `COLUMNS`, or a calendar; a dry run leaves nothing behind.

    Lists inside a cell (hours, staff) are separated by semicolons. A time without an offset is the business's.
    """

    kind: str
    text: str
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.kind not in (*COLUMNS, CALENDAR):
            raise InvalidInput(f"{self.kind!r} cannot be imported; {', '.join((*COLUMNS, CALENDAR))} can.")


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows were taken over, or would be."""

    kind: str
    rows: int
    dry_run: bool


class _NothingKept(Exception):
    def __init__(self, imported: Imported) -> None:
        self.imported = imported


async def import_table(scope: Scope, request: Import) -> Imported:
    """Take over every row of a table, or, where any is bad, none.

    Raises
    ------
    InvalidInput
        The text is no such table; or some rows are bad: `rows` lists each with its line and what is wrong with it.
    """
    try:
        return await _import(scope, request)
    except _NothingKept as done:
        return done.imported


@command
async def _import(tx: Transaction, request: Import) -> Imported:
    rows = rows_of(request.text) if request.kind == CALENDAR else _rows(request)
    if not 1 <= len(rows) <= MOST_ROWS:
        raise InvalidInput(f"The table has {len(rows)} rows; 1 to {MOST_ROWS} can be imported at once.")
    one = IMPORTERS[request.kind]
    names = await _names(tx)
    bad: list[dict[str, object]] = []
    await tx.begin()
    for line, row in rows:
        try:
            if isinstance(row, InvalidInput):
                raise row
            # A savepoint each: what is wrong with one row does not hide what is wrong with the next.
            async with tx.connection.transaction():
                await one(tx, row, names)
        except (InterlockError, psycopg.Error) as error:
            known = error if isinstance(error, InterlockError) else translate(error)
            # A lock or a lost connection is nothing of the row: it is tried again, or said as it is.
            if known is None or isinstance(known, Unavailable):
                raise
            bad.append({"line": line, "detail": known.detail})
    if bad:
        raise InvalidInput(f"{len(bad)} of {len(rows)} rows cannot be imported; nothing was.", rows=bad[:MOST_SHOWN])
    what = "bookings" if request.kind == CALENDAR else request.kind
    imported = Imported(what, len(rows), request.dry_run)
    if request.dry_run:
        raise _NothingKept(imported)
    return imported


def _rows(request: Import) -> list[tuple[int, Row]]:
    required, optional = COLUMNS[request.kind]
    reader = csv.DictReader(StringIO(request.text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        missing = [name for name in required if name not in names]
        unknown = [name for name in names if name not in {*required, *optional}]
        if missing or unknown or len(set(names)) < len(names):
            raise InvalidInput(
                f"A table of {request.kind} has the columns {', '.join(required)}, and may have {', '.join(optional)}."
            )
        reader.fieldnames = names
        return [(reader.line_num, _cells(row)) for row in reader]
    except csv.Error as error:
        raise InvalidInput(f"Line {reader.line_num} is no CSV: {error}.") from error


def _cells(row: dict[Any, Any]) -> Row:
    if None in row or None in row.values():
        return InvalidInput("It has another number of cells than the first line.")
    return {name: plain(value.strip()) for name, value in row.items() if value.strip()}


@dataclass(frozen=True, slots=True)
class _Names:
    """What the cells may refer to by name; `nameless` are the clients made here who have no address."""

    zone: ZoneInfo
    staff: dict[str, list[DictRow]]
    services: dict[str, list[DictRow]]
    nameless: dict[str, UUID]

    def one(self, what: str, name: str) -> DictRow:
        """Return the row of a name; raises `NotFound`, or `InvalidInput` where two have it."""
        found = (self.staff if what == "staff member" else self.services).get(name, [])
        if not found:
            raise NotFound(f"There is no {what} {name!r}.")
        if len(found) > 1:
            raise InvalidInput(f"{len(found)} have the name {name!r}.")
        return found[0]


async def _names(tx: Transaction) -> _Names:
    own = [tx.business_id]
    business = await tx.row("SELECT zone FROM business WHERE id = %s", own)
    staff = await tx.rows(
        "SELECT s.id, s.name, s.lane_no, l.availability_version FROM staff s "
        "JOIN lane l ON l.business_id = s.business_id AND l.lane_no = s.lane_no WHERE s.business_id = %s AND s.active",
        own,
    )
    services = await tx.rows("SELECT * FROM service WHERE business_id = %s AND active", own)
    return _Names(ZoneInfo((business or {"zone": "UTC"})["zone"]), _by_name(staff), _by_name(services), {})


def _by_name(rows: list[DictRow]) -> dict[str, list[DictRow]]:
    named: dict[str, list[DictRow]] = {}
    for row in rows:
        named.setdefault(row["name"], []).append(row)
    return named


async def _client(tx: Transaction, row: Mapping[str, str], _: _Names) -> None:
    await clients.insert(tx, clients.NewClient(row.get("name", ""), row.get("email"), row.get("phone")))


async def _staff(tx: Transaction, row: Mapping[str, str], _: _Names) -> None:
    hours = tuple(catalogue.Span(*span) for span in week_of(_list(row.get("hours"))))
    await catalogue.insert_staff(tx, catalogue.NewStaff(row.get("name", ""), hours, zone=row.get("zone")))


async def _service(tx: Transaction, row: Mapping[str, str], names: _Names) -> None:
    performers = (
        tuple(names.one("staff member", name)["id"] for name in _list(row["staff"])) if "staff" in row else None
    )
    service = catalogue.NewService(
        row.get("name", ""),
        _whole(row, "duration", ""),
        _whole(row, "buffer_before", "0"),
        _whole(row, "buffer_after", "0"),
        _whole(row, "slot_interval", "15"),
        _whole(row, "minimum_notice", "0"),
        _whole(row, "maximum_advance", "60"),
        _cents(row.get("price", "0")),
        performers,
    )
    everyone = tuple(member["id"] for members in names.staff.values() for member in members)
    await catalogue.insert_service(tx, service, everyone)


async def _booking(tx: Transaction, row: Mapping[str, str], names: _Names) -> None:
    service = names.one("service", row.get("service", ""))
    member = names.one("staff member", row.get("staff", ""))
    own = await tx.row(
        "SELECT duration FROM allocation WHERE business_id = %s AND service_id = %s AND staff_id = %s",
        [tx.business_id, service["id"], member["id"]],
    )
    if own is None:
        raise NotAllocated(f"{member['name']} does not perform {service['name']}.")
    starts_at = _moment(row.get("starts_at", ""), names.zone)
    ends_at = starts_at + timedelta(minutes=own["duration"] or service["duration"])
    item = claims.Item(
        uuid7(),
        service["id"],
        member["id"],
        member["lane_no"],
        member["availability_version"],
        starts_at,
        ends_at,
        starts_at - timedelta(minutes=service["buffer_before"]),
        ends_at + timedelta(minutes=service["buffer_after"]),
        service["seats"],
    )
    client_id = await _known_client(tx, row, names)
    await claims.take(tx, claims.Appointment(uuid7(), "confirmed", "import", client_id=client_id), [item])
    if "ends_at" in row:
        await _until(tx, item, _moment(row["ends_at"], names.zone))
    if "email" not in row and "phone" not in row:
        names.nameless[row.get("client", "")] = client_id


async def _until(tx: Transaction, item: claims.Item, ends_at: datetime) -> None:
    """Let a booking end when its row says so, longer or shorter than the service takes."""
    if not timedelta(0) < ends_at - item.starts_at <= LONGEST:
        raise InvalidInput("A booking ends after it starts, within a day.")
    if ends_at != item.ends_at and item.capacity > 1:
        raise InvalidInput("A group takes as long as its service.")
    if ends_at != item.ends_at:
        claim_ends_at = item.claim_ends_at + (ends_at - item.ends_at)
        await give_length(tx, item.id, ends_at, [(item.lane_no, item.claim_starts_at, claim_ends_at)])


async def _known_client(tx: Transaction, row: Mapping[str, str], names: _Names) -> UUID:
    """Return the client of a booking: known by e-mail or phone, with neither by name in this table, or a new one."""
    new = clients.NewClient(row.get("client", ""), row.get("email"), row.get("phone"))
    known = await clients.known(tx, new.email, new.phone)
    if known is not None:
        return known
    if new.email is None and new.phone is None and new.name in names.nameless:
        return names.nameless[new.name]
    return await clients.insert(tx, new)


def _list(cell: str | None) -> list[str]:
    return [part.strip() for part in (cell or "").split(";") if part.strip()]


def _whole(row: Mapping[str, str], name: str, otherwise: str) -> int:
    cell = row.get(name, otherwise)
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 6):
        raise InvalidInput(f"{name} is a whole number of minutes or days, not {cell!r}.")
    return int(cell)


def _cents(cell: str) -> int:
    whole, _, cents = cell.partition(".")
    if not (f"{whole}{cents}".isascii() and whole.isdigit() and len(whole) <= 7 and len(cents) <= 2):
        raise InvalidInput(f"price is written like 25 or 25.50, not {cell!r}.")
    return int(whole) * 100 + (int(cents.ljust(2, "0")) if cents.isdigit() else 0)


def _moment(cell: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError as error:
        raise InvalidInput(f"A time is written like 2026-03-02T10:00, not {cell!r}.") from error
    if not 1970 < moment.year < 9000:
        raise InvalidInput(f"{cell!r} is out of reach.")
    return aware(moment, zone, cell)


IMPORTERS: Mapping[str, Callable[[Transaction, Mapping[str, str], _Names], Coroutine[Any, Any, None]]] = {
    "clients": _client,
    "staff": _staff,
    "services": _service,
    "bookings": _booking,
    CALENDAR: _booking,
}
