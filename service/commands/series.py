"""Series: appointments that repeat by a rule at one local time; each booked, or named as a conflict."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from models.errors import Closed, InterlockError, InvalidInput, NotFound
from models.recurrence import occurrences
from models.states import Party
from service.commands.legality import Wanted, legal_items, with_item
from service.commands.limits import Tally
from service.commands.nearest import nearest, offering_nearest
from service.db import claims
from service.db.claims import Item
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record
from service.db.views import View

INSERT = """
INSERT INTO series (business_id, id, client_id, service_id, staff_id, rule, first_day, minute, zone)
SELECT %(business)s, %(id)s, %(client)s, %(service)s, %(staff)s, %(rule)s, %(first)s, %(minute)s, %(zone)s
FROM client c WHERE c.business_id = %(business)s AND c.id = %(client)s AND c.deleted_at IS NULL AND c.erased_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """What repeats: the first start (aware), by a rule (RFC 5545); the local time of the first is kept over DST.

    `seats` are taken of each where it is a group.
    """

    service_id: UUID
    staff_id: UUID
    starts_at: datetime
    rule: str
    client_id: UUID
    by: Party = Party.CLIENT
    seats: int = 1

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None:
            raise InvalidInput("The time needs an offset, such as 2026-03-01T09:00:00+01:00.")


@dataclass(frozen=True, slots=True)
class FreeTime:
    """The nearest free time to one that could not be had."""

    staff_id: UUID
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One date of a series: the appointment with its version, or the conflict by code and sentence.

    An occurrence that could not be moved is where it was.
    """

    day: date
    starts_at: datetime | None
    appointment_id: UUID | None = None
    version: int | None = None
    code: str | None = None
    conflict: str | None = None
    nearest: FreeTime | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A series and what has become of each occurrence, by date."""

    id: UUID
    occurrences: tuple[Occurrence, ...]


@dataclass(slots=True)
class Outcome:
    """Occurrences as they are decided, and why some cannot be had."""

    view: View
    service_id: UUID
    now: datetime
    found: list[Occurrence] = field(default_factory=list)
    refusals: list[InterlockError] = field(default_factory=list)

    def conflict(self, day: date, at: datetime | None, refusal: InterlockError, of: UUID | None = None) -> None:
        """Note a refusal with the nearest free time."""
        near = nearest(self.view, self.service_id, at, self.now)[:1] if at is not None else []
        way_out = FreeTime(*near[0]) if near else None
        self.found.append(Occurrence(day, at, of, None, refusal.code, refusal.detail, way_out))
        self.refusals.append(refusal)

    def by_date(self) -> tuple[Occurrence, ...]:
        """Return the occurrences by date."""
        return tuple(sorted(self.found, key=lambda occurrence: occurrence.day))


@command
async def book_series(tx: Transaction, request: SeriesRequest, *, view: View, now: datetime) -> Series:
    """Book every occurrence of a rule that can be had, in one transaction, and name the others.

    Raises
    ------
    InvalidInput
        The rule cannot be read, has no end, or not within a year.
    NotFound
        There is no such client.
    InterlockError
        Nothing of it can be had: why the first cannot, as `bookings.book`.
    """
    zone = view.snapshot.zone
    first = request.starts_at.astimezone(zone)
    dates = occurrences(request.rule, first.date())
    out = Outcome(view, request.service_id, now)
    with offering_nearest(view, request.service_id, request.starts_at, now):
        items = _legal(request, first, dates, out)
        tally = await Tally.of(tx, view, [(item, request.client_id) for _, item in items])
        tx.lock_lane_days(claims.lane_days(claims.lane_spans([item for _, item in items])))
        series_id = await _insert(tx, request, first, zone)
        for day, item in items:
            await _take(tx, request, series_id, day, item, out, tally)
        booked = len(dates) - len(out.refusals)
        if not booked:
            raise out.refusals[0]
    after = {"rule": request.rule, "client_id": str(request.client_id), "booked": booked, "of": len(dates)}
    await record(tx, "series.booked", series_id, 1, after=after)
    return Series(series_id, out.by_date())


def _legal(request: SeriesRequest, first: datetime, dates: Sequence[date], out: Outcome) -> list[tuple[date, Item]]:
    """Return the items that can stand beside each other; the rest is noted, and raised where it is all there is."""
    items, by_staff = [], request.by is not Party.CLIENT
    for day in dates:
        at = local(day, first.hour * 60 + first.minute, out.view.snapshot.zone, first.second)
        try:
            wanted = Wanted(request.service_id, request.staff_id, existing(at), request.seats)
            [item] = legal_items(out.view, [wanted], out.now, by_staff=by_staff)
        except InterlockError as refusal:
            out.conflict(day, at, refusal)
        else:
            items.append((day, item))
            out.view = with_item(out.view, item)
    if not items:
        raise out.refusals[0]
    return items


async def _insert(tx: Transaction, request: SeriesRequest, first: datetime, zone: ZoneInfo) -> UUID:
    series_id = uuid7()
    own = {"id": series_id, "client": request.client_id, "service": request.service_id, "staff": request.staff_id}
    when = {"rule": request.rule, "first": first.date(), "minute": first.hour * 60 + first.minute, "zone": zone.key}
    if not await tx.execute(INSERT, own | when | {"business": tx.business_id}):
        raise NotFound("There is no such client.")
    return series_id


async def _take(
    tx: Transaction, request: SeriesRequest, series_id: UUID, day: date, item: Item, out: Outcome, tally: Tally
) -> None:
    appointment = claims.Appointment(
        uuid7(),
        "confirmed",
        "series",
        client_id=request.client_id,
        asks_approval=request.by is Party.CLIENT,
        series_id=series_id,
        occurrence=day,
    )
    try:
        tally.check(item, request.client_id)
        await claims.take(tx, appointment, [item])
    except InterlockError as refusal:
        # With a single item a refused take has written nothing, so the series goes on.
        out.conflict(day, item.starts_at, refusal)
    else:
        tally.add(item, request.client_id)
        out.found.append(Occurrence(day, item.starts_at, appointment.id, 1))


def local(day: date, minute: int, zone: ZoneInfo, second: int = 0) -> datetime | None:
    """Return a wall minute of a local date in UTC, the earlier where it comes twice, None where it never does."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute, seconds=second)
    at = wall.replace(tzinfo=zone).astimezone(UTC)
    return at if at.astimezone(zone).replace(tzinfo=None) == wall else None


def existing(at: datetime | None) -> datetime:
    """Return a start that exists; raises `Closed`."""
    if at is None:
        raise Closed("The clocks skip that local time on that date.")
    return at
