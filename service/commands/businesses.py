"""Opening a business: the tenant with its staff, services, allocations and weekly hours, in one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from uuid_utils.compat import uuid7

from models.zones import zone_named
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record


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
    """A staff member with the weekly hours to start from."""

    name: str
    hours: tuple[Span, ...] = ()
    id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True)
class NewService:
    """A service; all lengths in minutes, the advance in days. `staff` names who performs it, None: all."""

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


@dataclass(frozen=True, slots=True)
class Opening:
    """A business to open. `slug` is its name in addresses: lower-case letters, digits, single hyphens."""

    name: str
    slug: str
    zone: str
    staff: tuple[NewStaff, ...]
    services: tuple[NewService, ...]

    def __post_init__(self) -> None:
        zone_named(self.zone)


@command
async def open_business(tx: Transaction, request: Opening) -> UUID:
    """Create the scope's business; its id is `scope.business_id`, which is returned.

    Raises
    ------
    InvalidInput
        The slug is taken, hours overlap, or a length is out of its range.
    """
    await tx.execute(
        "INSERT INTO business (id, slug, name, zone) VALUES (%s, %s, %s, %s)",
        [tx.business_id, request.slug, request.name, request.zone],
    )
    for member in request.staff:
        await _add_staff(tx, member)
    everyone = tuple(member.id for member in request.staff)
    for service in request.services:
        await _add_service(tx, service, everyone)
    after = {"name": request.name, "slug": request.slug, "zone": request.zone}
    await record(tx, "business.opened", tx.business_id, 1, after=after)
    return tx.business_id


async def _add_staff(tx: Transaction, member: NewStaff) -> None:
    lane = await tx.row("INSERT INTO lane (business_id) VALUES (%s) RETURNING lane_no", [tx.business_id])
    lane_no = (lane or {})["lane_no"]
    await tx.execute(
        "INSERT INTO staff (business_id, id, lane_no, name) VALUES (%s, %s, %s, %s)",
        [tx.business_id, member.id, lane_no, member.name],
    )
    await insert_hours(tx, lane_no, member.hours)


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


async def _add_service(tx: Transaction, service: NewService, everyone: tuple[UUID, ...]) -> None:
    await tx.execute(
        "INSERT INTO service (business_id, id, name, duration, buffer_before, buffer_after, slot_interval, "
        "minimum_notice, maximum_advance, price_cents) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            tx.business_id,
            service.id,
            service.name,
            service.duration,
            service.buffer_before,
            service.buffer_after,
            service.slot_interval,
            service.minimum_notice,
            service.maximum_advance,
            service.price_cents,
        ],
    )
    performers = everyone if service.staff is None else service.staff
    await tx.execute(
        "INSERT INTO allocation (business_id, service_id, staff_id) SELECT %s, %s, unnest(%s::uuid[])",
        [tx.business_id, service.id, list(performers)],
    )
