"""What a business sells and with whom, in full: for those who edit it."""

from dataclasses import dataclass
from datetime import date
from typing import LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from models.errors import NotFound
from service.db.database import Database, Transaction
from service.queries.paging import WHOLE, Order, Page, PageOf, page_of
from service.queries.shown import Minutes

RESOURCES = """
SELECT id, name, kind, location_id, active, version FROM resource
WHERE business_id = %(business)s AND (%(active)s::boolean IS NULL OR active = %(active)s)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
"""
LOCATIONS = """
SELECT id, name, address, active, version FROM location WHERE business_id = %(business)s AND active = %(active)s
"""
LOCATION: LiteralString = "SELECT id, name, address, active, version FROM location WHERE business_id = %s AND id = %s"
HOLIDAYS = "SELECT day, name FROM holiday WHERE business_id = %(business)s AND day > clock_timestamp()::date - 366"


@dataclass(frozen=True, slots=True)
class Window:
    """When a service may start: wall minutes [opens, closes) of a weekday (0 = Monday)."""

    weekday: int
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Requirement:
    """A resource of a kind that a visit needs, `after` minutes on, for `length` minutes (None: to its end)."""

    kind: str
    after: int
    length: int | None


@dataclass(frozen=True, slots=True)
class Performer:
    """Who performs a service; own duration (minutes) and price where they differ."""

    staff_id: UUID
    duration: int | None
    price_cents: int | None


@dataclass(frozen=True, slots=True)
class ServiceDetails:
    """A service with all its rules (see `models.tables.business.service`)."""

    id: UUID
    name: str
    duration: int
    buffer_before: int
    buffer_after: int
    slot_interval: int
    slot_offset: int
    anchor: str
    minimum_notice: int
    maximum_advance: int
    first_date: date | None
    last_date: date | None
    daily_limit: int | None
    weekly_limit: int | None
    client_daily_limit: int | None
    client_weekly_limit: int | None
    seats: int
    needs_approval: bool
    free_cancellation: int | None
    cancellation_fee_cents: int
    last_cancellation: int
    price_cents: int
    active: bool
    version: int
    windows: tuple[Window, ...]
    requirements: tuple[Requirement, ...]
    performers: tuple[Performer, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Weekly hours on a weekday (0 = Monday), wall minutes; valid [from, to)."""

    weekday: int
    opens: int
    closes: int
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class OwnDay:
    """The hours of one date that was set by itself; spans None: the weekly ones."""

    day: date
    spans: tuple[Minutes, ...] | None
    appointment_only: tuple[Minutes, ...]
    version: int


@dataclass(frozen=True, slots=True)
class StaffDetails:
    """A staff member with weekly hours, and the days set by themselves from yesterday on."""

    id: UUID
    name: str
    zone: str | None
    daily_limit: int | None
    weekly_limit: int | None
    location_id: UUID | None
    active: bool
    version: int
    hours: tuple[Span, ...]
    days: tuple[OwnDay, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """A room, chair or device, which is also a lane."""

    id: UUID
    name: str
    kind: str
    location_id: UUID | None
    active: bool
    version: int


@dataclass(frozen=True, slots=True)
class Location:
    """A place where the business works."""

    id: UUID
    name: str
    address: str | None
    active: bool
    version: int


@dataclass(frozen=True, slots=True)
class Holiday:
    """A date on which the business is closed."""

    day: date
    name: str


async def service(db: Database, business_id: UUID, service_id: UUID) -> ServiceDetails:
    """Return one service, retired or not; raises `NotFound`."""
    own = [business_id, service_id]
    async with db.transaction(business_id) as tx:
        row = await tx.row("SELECT * FROM service WHERE business_id = %s AND id = %s", own)
        if row is None:
            raise NotFound("There is no such service.")
        windows = await tx.rows(
            "SELECT weekday, opens, closes FROM service_window WHERE business_id = %s AND service_id = %s "
            "ORDER BY weekday, opens",
            own,
        )
        requirements = await tx.rows(
            "SELECT kind, after, length FROM requirement WHERE business_id = %s AND service_id = %s ORDER BY id", own
        )
        performers = await tx.rows(
            "SELECT staff_id, duration, price_cents FROM allocation WHERE business_id = %s AND service_id = %s "
            "ORDER BY staff_id",
            own,
        )
    del row["business_id"]
    return ServiceDetails(
        **row,
        windows=tuple(Window(**r) for r in windows),
        requirements=tuple(Requirement(**r) for r in requirements),
        performers=tuple(Performer(**r) for r in performers),
    )


async def staff_member(db: Database, business_id: UUID, staff_id: UUID) -> StaffDetails:
    """Return one staff member, retired or not; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(
            "SELECT id, name, zone, daily_limit, weekly_limit, location_id, active, version, lane_no FROM staff "
            "WHERE business_id = %s AND id = %s",
            [business_id, staff_id],
        )
        if row is None:
            raise NotFound("There is no such staff member.")
        lane_no = row.pop("lane_no")
        hours = await _of_lane(
            tx,
            "SELECT weekday, opens, closes, valid_from, valid_to FROM working_hours "
            "WHERE business_id = %s AND lane_no = %s AND (valid_to IS NULL OR valid_to > clock_timestamp()::date - 1) "
            "ORDER BY valid_from NULLS FIRST, weekday, opens",
            lane_no,
        )
        days = await _of_lane(
            tx,
            "SELECT day, hours, appointment_only, version FROM staff_day "
            "WHERE business_id = %s AND lane_no = %s AND day >= clock_timestamp()::date - 1 ORDER BY day",
            lane_no,
        )
    return StaffDetails(**row, hours=tuple(Span(**r) for r in hours), days=tuple(_day(r) for r in days))


async def _of_lane(tx: Transaction, sql: LiteralString, lane_no: int) -> list[DictRow]:
    return await tx.rows(sql, [tx.business_id, lane_no])


def _day(row: DictRow) -> OwnDay:
    spans = None if row["hours"] is None else tuple((r.lower, r.upper) for r in row["hours"])
    only = tuple((r.lower, r.upper) for r in row["appointment_only"] or ())
    return OwnDay(row["day"], spans, only, row["version"])


async def resources(
    db: Database, business_id: UUID, page: Page = WHOLE, *, deleted: bool | None = None, kind: str | None = None
) -> PageOf[Resource]:
    """Return the resources by kind and name, all of them or those deleted or not."""
    asked = {"business": business_id, "active": None if deleted is None else not deleted, "kind": kind}
    order: Order = {"kind": "text", "name": "text", "id": "uuid"}
    async with db.transaction(business_id) as tx:
        return await page_of(tx, lambda row: Resource(**row), RESOURCES, asked, order, page)


async def locations(db: Database, business_id: UUID, page: Page = WHOLE, *, deleted: bool = False) -> PageOf[Location]:
    """Return the locations by name, or the deleted ones."""
    asked = {"business": business_id, "active": not deleted}
    order: Order = {"name": "text", "id": "uuid"}
    async with db.transaction(business_id) as tx:
        return await page_of(tx, lambda row: Location(**row), LOCATIONS, asked, order, page)


async def location(db: Database, business_id: UUID, location_id: UUID) -> Location:
    """Return one location, deleted or not; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(LOCATION, [business_id, location_id])
    if row is None:
        raise NotFound("There is no such location.")
    return Location(**row)


async def staff_at(db: Database, business_id: UUID, location_id: UUID) -> frozenset[UUID]:
    """Return who works at a location; raises `NotFound` where there is none, or not any more."""
    async with db.transaction(business_id) as tx:
        if await tx.row(LOCATION + " AND active", [business_id, location_id]) is None:
            raise NotFound("There is no such location.")
        rows = await tx.rows(
            "SELECT id FROM staff WHERE business_id = %s AND location_id = %s AND active", [business_id, location_id]
        )
    return frozenset(row["id"] for row in rows)


async def holidays(db: Database, business_id: UUID, page: Page = WHOLE) -> PageOf[Holiday]:
    """Return the dates on which the business is closed, from a year ago on."""
    async with db.transaction(business_id) as tx:
        return await page_of(tx, lambda row: Holiday(**row), HOLIDAYS, {"business": business_id}, {"day": "date"}, page)
