"""What a business sells and with whom: locations, staff, resources, services, allocations, added."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import LiteralString
from uuid import UUID

from uuid_utils.compat import uuid7

from models.errors import NotFound
from models.zones import zone_named
from service.commands import versions
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record

RULES: tuple[LiteralString, ...] = (
    "name",
    "duration",
    "buffer_before",
    "buffer_after",
    "slot_interval",
    "slot_offset",
    "anchor",
    "minimum_notice",
    "maximum_advance",
    "first_date",
    "last_date",
    "daily_limit",
    "weekly_limit",
    "client_daily_limit",
    "client_weekly_limit",
    "seats",
    "needs_approval",
    "free_cancellation",
    "cancellation_fee_cents",
    "last_cancellation",
    "price_cents",
)
"""The columns of a service that are its rules."""


@dataclass(frozen=True, slots=True)
class Span:
    """Weekly working hours on one weekday (0 = Monday), local wall minutes of the day, [opens, closes).

    `closes` beyond 1440 runs past midnight. Valid from `valid_from` (inclusive) to `valid_to` (exclusive).
    """

    weekday: int
    opens: int
    closes: int
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class NewStaff:
    """A staff member with the weekly hours to start from, wall time in `zone` (None: the business's)."""

    name: str
    hours: tuple[Span, ...] = ()
    id: UUID = field(default_factory=uuid7)
    zone: str | None = None
    daily_limit: int | None = None
    weekly_limit: int | None = None
    location_id: UUID | None = None

    def __post_init__(self) -> None:
        if self.zone is not None:
            zone_named(self.zone)


@dataclass(frozen=True, slots=True)
class Window:
    """When a service may start: wall minutes [opens, closes) of a weekday (0 = Monday)."""

    weekday: int
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Requirement:
    """A resource of a kind that a visit needs, from `after` minutes on, for `length` minutes (None: to its end)."""

    kind: str
    after: int = 0
    length: int | None = None


@dataclass(frozen=True, slots=True)
class NewService:
    """A service with its rules (see `models.tables.business.service`); `staff` names who performs it, None: all.

    Lengths, buffers, notices and cancellation limits in minutes, the advance in days.
    """

    name: str
    duration: int
    buffer_before: int = 0
    buffer_after: int = 0
    slot_interval: int = 15
    minimum_notice: int = 0
    maximum_advance: int = 60
    price_cents: int = 0
    staff: tuple[UUID, ...] | None = None
    id: UUID = field(default_factory=uuid7)
    slot_offset: int = 0
    anchor: str = "clock"
    first_date: date | None = None
    last_date: date | None = None
    daily_limit: int | None = None
    weekly_limit: int | None = None
    client_daily_limit: int | None = None
    client_weekly_limit: int | None = None
    seats: int = 1
    needs_approval: bool = False
    free_cancellation: int | None = None
    cancellation_fee_cents: int = 0
    last_cancellation: int = 0
    windows: tuple[Window, ...] = ()
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class NewResource:
    """A room, chair or device, of a kind that services may require; without hours it is always open."""

    name: str
    kind: str
    hours: tuple[Span, ...] = ()
    id: UUID = field(default_factory=uuid7)
    location_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """Who performs a service; an own duration (minutes) or price where they differ from the service's."""

    service_id: UUID
    staff_id: UUID
    duration: int | None = None
    price_cents: int | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """A row at its new version."""

    id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class NewLocation:
    """A place where the business works."""

    name: str
    address: str | None = None
    id: UUID = field(default_factory=uuid7)


@command
async def add_location(tx: Transaction, request: NewLocation) -> Changed:
    """Add a location."""
    await tx.execute(
        "INSERT INTO location (business_id, id, name, address) VALUES (%s, %s, %s, %s)",
        [tx.business_id, request.id, request.name, request.address],
    )
    await record(tx, "location.added", request.id, 1, after={"name": request.name})
    return Changed(request.id, 1)


@command
async def add_staff(tx: Transaction, request: NewStaff) -> Changed:
    """Add a staff member, who is a lane. Raises `InvalidInput` where their hours overlap."""
    await insert_staff(tx, request)
    await record(tx, "staff.added", request.id, 1, after={"name": request.name})
    return Changed(request.id, 1)


@command
async def add_resource(tx: Transaction, request: NewResource) -> Changed:
    """Add a resource, which is a lane. Raises `InvalidInput` where its hours overlap."""
    await insert_resource(tx, request)
    await record(tx, "resource.added", request.id, 1, after={"name": request.name, "kind": request.kind})
    return Changed(request.id, 1)


@command
async def add_service(tx: Transaction, request: NewService) -> Changed:
    """Add a service, performed by those it names, or by everybody.

    Raises
    ------
    InvalidInput, NotFound
        A rule is out of its range; no such staff member.
    """
    everyone = await tx.rows("SELECT id FROM staff WHERE business_id = %s AND active", [tx.business_id])
    await insert_service(tx, request, tuple(row["id"] for row in everyone))
    await record(tx, "service.added", request.id, 1, after={"name": request.name, "duration": request.duration})
    return Changed(request.id, 1)


@command
async def allocate(tx: Transaction, request: Allocation, *, version: int | None = None) -> Changed:
    """Let a staff member perform a service, or change on what terms; `version` is the service's.

    Raises
    ------
    NotFound, InvalidInput, StaleVersion
        No such service or staff member; a length or price out of its range; the service has changed.
    """
    now_at = await versions.advance(tx, "service", request.service_id, version)
    await tx.execute(
        "INSERT INTO allocation (business_id, service_id, staff_id, duration, price_cents) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (business_id, service_id, staff_id) "
        "DO UPDATE SET duration = excluded.duration, price_cents = excluded.price_cents",
        [tx.business_id, request.service_id, request.staff_id, request.duration, request.price_cents],
    )
    after = {"staff_id": str(request.staff_id), "duration": request.duration, "price_cents": request.price_cents}
    await record(tx, "allocation.set", request.service_id, None, after=after)
    return Changed(request.service_id, now_at)


@command
async def withdraw_allocation(tx: Transaction, request: Allocation, *, version: int | None = None) -> Changed:
    """Let a staff member no longer perform a service; what is booked stays. Raises as `allocate`."""
    now_at = await versions.advance(tx, "service", request.service_id, version)
    done = await tx.execute(
        "DELETE FROM allocation WHERE business_id = %s AND service_id = %s AND staff_id = %s",
        [tx.business_id, request.service_id, request.staff_id],
    )
    if done == 0:
        raise NotFound("That staff member does not perform the service.")
    await record(tx, "allocation.withdrawn", request.service_id, None, after={"staff_id": str(request.staff_id)})
    return Changed(request.service_id, now_at)


async def insert_staff(tx: Transaction, member: NewStaff) -> None:
    """Insert a staff member with lane and hours."""
    lane_no = await _new_lane(tx)
    await tx.execute(
        "INSERT INTO staff (business_id, id, lane_no, name, zone, daily_limit, weekly_limit, location_id) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            tx.business_id,
            member.id,
            lane_no,
            member.name,
            member.zone,
            member.daily_limit,
            member.weekly_limit,
            await known_location(tx, member.location_id),
        ],
    )
    await insert_hours(tx, lane_no, member.hours)


async def insert_resource(tx: Transaction, resource: NewResource) -> None:
    """Insert a resource with lane and hours."""
    lane_no = await _new_lane(tx)
    await tx.execute(
        "INSERT INTO resource (business_id, id, lane_no, name, kind, location_id) VALUES (%s, %s, %s, %s, %s, %s)",
        [
            tx.business_id,
            resource.id,
            lane_no,
            resource.name,
            resource.kind,
            await known_location(tx, resource.location_id),
        ],
    )
    await insert_hours(tx, lane_no, resource.hours)


async def known_location(tx: Transaction, location_id: UUID | None) -> UUID | None:
    """Return a location's id, or None for none; raises `NotFound` for one that there is not, or not any more."""
    if location_id is not None:
        known = "SELECT 1 AS one FROM location WHERE business_id = %s AND id = %s AND active"
        if await tx.row(known, [tx.business_id, location_id]) is None:
            raise NotFound("There is no such location.")
    return location_id


async def _new_lane(tx: Transaction) -> int:
    lane = await tx.row("INSERT INTO lane (business_id) VALUES (%s) RETURNING lane_no", [tx.business_id])
    return int((lane or {})["lane_no"])


async def insert_hours(tx: Transaction, lane_no: int, hours: Iterable[Span]) -> None:
    """Insert weekly hours of one lane in one statement."""
    spans = list(hours)
    await tx.execute(
        "INSERT INTO working_hours (business_id, id, lane_no, weekday, opens, closes, valid_from, valid_to) "
        "SELECT %s, h.id, %s, h.weekday, h.opens, h.closes, h.valid_from, h.valid_to FROM unnest("
        "%s::uuid[], %s::int[], %s::int[], %s::int[], %s::date[], %s::date[]) "
        "AS h(id, weekday, opens, closes, valid_from, valid_to)",
        [
            tx.business_id,
            lane_no,
            [uuid7() for _ in spans],
            [s.weekday for s in spans],
            [s.opens for s in spans],
            [s.closes for s in spans],
            [s.valid_from for s in spans],
            [s.valid_to for s in spans],
        ],
    )


async def insert_service(tx: Transaction, service: NewService, everyone: tuple[UUID, ...]) -> None:
    """Insert a service with its windows, requirements and allocations."""
    columns, values = ", ".join(RULES), ", ".join(f"%({rule})s" for rule in RULES)
    rules = {rule: getattr(service, rule) for rule in RULES}
    await tx.execute(
        f"INSERT INTO service (business_id, id, {columns}) VALUES (%(business)s, %(id)s, {values})",
        {"business": tx.business_id, "id": service.id} | rules,
    )
    await insert_windows(tx, service.id, service.windows)
    await insert_requirements(tx, service.id, service.requirements)
    await tx.execute(
        "INSERT INTO allocation (business_id, service_id, staff_id) SELECT %s, %s, unnest(%s::uuid[])",
        [tx.business_id, service.id, list(everyone if service.staff is None else service.staff)],
    )


async def insert_windows(tx: Transaction, service_id: UUID, windows: Iterable[Window]) -> None:
    """Insert when a service may start."""
    for window in windows:
        await tx.execute(
            "INSERT INTO service_window (business_id, service_id, weekday, opens, closes) VALUES (%s, %s, %s, %s, %s)",
            [tx.business_id, service_id, window.weekday, window.opens, window.closes],
        )


async def insert_requirements(tx: Transaction, service_id: UUID, requirements: Iterable[Requirement]) -> None:
    """Insert which resources a service needs."""
    for need in requirements:
        await tx.execute(
            "INSERT INTO requirement (business_id, id, service_id, kind, after, length) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            [tx.business_id, uuid7(), service_id, need.kind, need.after, need.length],
        )
