"""Series: appointments that repeat by a rule at one local time; each booked, or named as a conflict."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from models.errors import Closed, InterlockError, InvalidInput, NotAllowed
from models.recurrence import occurrences
from models.states import MOVABLE, Party, one_of
from service.commands.attendance import Step, step
from service.commands.legality import legal_item, with_item
from service.commands.nearest import nearest
from service.db import claims, rescheduling
from service.db.claims import Item
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record
from service.db.own_time import without
from service.db.rescheduling import Move, Standing
from service.db.views import View

INSERT = """
INSERT INTO series (business_id, id, client_id, service_id, staff_id, rule, first_day, minute, zone)
VALUES (%(business)s, %(id)s, %(client)s, %(service)s, %(staff)s, %(rule)s, %(first)s, %(minute)s, %(zone)s)
"""
SIBLINGS = (
    """
SELECT s.id FROM appointment a
JOIN appointment s ON s.business_id = a.business_id AND s.series_id = a.series_id
JOIN appointment_item i ON i.business_id = s.business_id AND i.appointment_id = s.id
WHERE a.business_id = %(business)s AND a.id = %(id)s AND i.starts_at > %(now)s
  AND (%(from_here)s = false OR s.occurrence >= a.occurrence) AND s.status IN ("""
    + one_of(MOVABLE)
    + """)
ORDER BY s.occurrence
"""
)


class Extent(StrEnum):
    """How much of a series a change is about; what lies in the past stays as it is."""

    FOLLOWING = "following"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """What repeats: the first start (aware), by a rule (RFC 5545); the local time of the first is kept over DST."""

    service_id: UUID
    staff_id: UUID
    starts_at: datetime
    rule: str
    client_id: UUID
    by: Party = Party.CLIENT

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None:
            raise InvalidInput("The time needs an offset, such as 2026-03-01T09:00:00+01:00.")


@dataclass(frozen=True, slots=True)
class SeriesMove(Step):
    """Other times for a series: those of the booking named, and what follows or all, go where it goes.

    It starts at `starts_at`; the others keep their distance from it in local days and minutes.
    """

    starts_at: datetime | None = None
    staff_id: UUID | None = None
    extent: Extent = Extent.FOLLOWING

    def __post_init__(self) -> None:
        if self.starts_at is None and self.staff_id is None:
            raise InvalidInput("Say when, or with whom.")
        if self.starts_at is not None and self.starts_at.tzinfo is None:
            raise InvalidInput("The time needs an offset, such as 2026-03-01T09:00:00+01:00.")


@dataclass(frozen=True, slots=True)
class SeriesCancellation(Step):
    """The booking named, and what follows it in its series or all of it."""

    reason: str | None = None
    extent: Extent = Extent.FOLLOWING


@dataclass(frozen=True, slots=True)
class Alternative:
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
    nearest: Alternative | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A series and what has become of each occurrence, by date."""

    id: UUID
    occurrences: tuple[Occurrence, ...]


@dataclass(slots=True)
class _Outcome:
    """Occurrences as they are decided."""

    view: View
    service_id: UUID
    now: datetime
    found: list[Occurrence] = field(default_factory=list)

    def conflict(self, day: date, at: datetime | None, refusal: InterlockError, of: UUID | None = None) -> None:
        """Note a refusal with the nearest free time."""
        near = nearest(self.view, self.service_id, at, self.now)[:1] if at is not None else []
        way_out = Alternative(*near[0]) if near else None
        self.found.append(Occurrence(day, at, of, None, refusal.code, refusal.detail, way_out))


@command
async def book_series(tx: Transaction, request: SeriesRequest, *, view: View, now: datetime) -> Series:
    """Book every occurrence of a rule that can be had, in one transaction, and name the others.

    Raises
    ------
    InvalidInput
        The rule cannot be read, has no end, or not within a year.
    InterlockError
        Nothing of it can be had: why the first cannot, as `bookings.book`.
    """
    zone = view.snapshot.zone
    first = request.starts_at.astimezone(zone)
    dates = occurrences(request.rule, first.date())
    out = _Outcome(view, request.service_id, now)
    items: list[tuple[date, Item]] = []
    refusals: list[InterlockError] = []
    for day in dates:
        at = _local(day, first.hour * 60 + first.minute, zone, first.second)
        try:
            item = legal_item(
                out.view,
                request.service_id,
                request.staff_id,
                _existing(at),
                now,
                by_staff=request.by is not Party.CLIENT,
            )
        except InterlockError as refusal:
            refusals.append(refusal)
            out.conflict(day, at, refusal)
        else:
            items.append((day, item))
            out.view = with_item(out.view, item)
    if not items:
        raise refusals[0]
    tx.lock_lane_days(claims.lane_days(claims.lane_spans([item for _, item in items])))
    series_id = await _insert(tx, request, first, zone)
    for day, item in items:
        await _take(tx, request, series_id, day, item, out)
    booked = [o for o in out.found if o.conflict is None]
    after = {"rule": request.rule, "client_id": str(request.client_id), "booked": len(booked), "of": len(dates)}
    await record(tx, "series.booked", series_id, 1, after=after)
    return Series(series_id, tuple(sorted(out.found, key=lambda o: o.day)))


async def _insert(tx: Transaction, request: SeriesRequest, first: datetime, zone: ZoneInfo) -> UUID:
    series_id = uuid7()
    own = {"id": series_id, "client": request.client_id, "service": request.service_id, "staff": request.staff_id}
    when = {"rule": request.rule, "first": first.date(), "minute": first.hour * 60 + first.minute, "zone": zone.key}
    await tx.execute(INSERT, own | when | {"business": tx.business_id})
    return series_id


async def _take(tx: Transaction, request: SeriesRequest, series_id: UUID, day: date, item: Item, out: _Outcome) -> None:
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
        await claims.take(tx, appointment, [item])
    except InterlockError as refusal:
        # With a single item a refused take has written nothing, so the series goes on.
        out.conflict(day, item.starts_at, refusal)
    else:
        out.found.append(Occurrence(day, item.starts_at, appointment.id, 1))


@command
async def move_series(tx: Transaction, request: SeriesMove, *, view: View, now: datetime) -> Series:
    """Move a booking with what follows it in its series, or all; those that cannot go stay, and are named.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        No such booking; it is in no series, or over; it has another version.
    SlotTaken, StaleSnapshot
        Someone else was quicker; nothing has moved.
    """
    [anchor] = await rescheduling.standing(tx, [request.appointment_id])
    if anchor.series_id is None:
        raise NotAllowed("The booking is in no series; move it alone.")
    rescheduling.check_step(anchor, request.version)
    ids = await _siblings(tx, request.appointment_id, request.extent, now)
    standing = await rescheduling.standing(tx, ids)
    shift = _Shift.between(anchor, request, view.snapshot.zone)
    moves, out = _planned(view, standing, shift, now)
    if moves:
        versions = await rescheduling.move(tx, moves)
        for move, version in zip(moves, versions, strict=True):
            day = move.standing.occurrence or move.items[0].starts_at.date()
            out.found.append(Occurrence(day, move.items[0].starts_at, move.standing.id, version))
    return Series(anchor.series_id, tuple(sorted(out.found, key=lambda o: o.day)))


@dataclass(frozen=True, slots=True)
class _Shift:
    """By how many local days and wall minutes occurrences go, and to whom."""

    days: timedelta
    minutes: int
    staff_id: UUID | None
    zone: ZoneInfo

    @classmethod
    def between(cls, anchor: Standing, request: SeriesMove, zone: ZoneInfo) -> "_Shift":
        """Return the shift that takes the anchor where it is wanted."""
        was = anchor.items[0].starts_at.astimezone(zone)
        becomes = (request.starts_at or was).astimezone(zone)
        minutes = (becomes.hour - was.hour) * 60 + becomes.minute - was.minute
        return cls(becomes.date() - was.date(), minutes, request.staff_id, zone)

    def of(self, at: datetime) -> datetime | None:
        """Return where a start goes, None where the clocks skip that local time."""
        local = at.astimezone(self.zone)
        return _local(local.date() + self.days, local.hour * 60 + local.minute + self.minutes, self.zone, local.second)


def _planned(view: View, standing: Sequence[Standing], shift: _Shift, now: datetime) -> tuple[list[Move], _Outcome]:
    """Return the moves that can stand together; what cannot go keeps its time, which may keep others from going."""
    going = list(standing)
    while True:
        freed = without(view, [item for one in going for item in one.items])
        out = _Outcome(freed, standing[0].items[0].service_id if standing else UUID(int=0), now)
        moves, staying = [], set()
        for one in going:
            item, at = one.items[0], shift.of(one.items[0].starts_at)
            try:
                found = legal_item(out.view, item.service_id, shift.staff_id or item.staff_id, _existing(at), now)
            except InterlockError:
                staying.add(one.id)
            else:
                out.view = with_item(out.view, found)
                moves.append(Move(one, (replace(found, id=item.id, seats=item.seats),)))
        if not staying:
            break
        going = [one for one in going if one.id not in staying]
    stayed = [one for one in standing if one.id not in {one.id for one in going}]
    for one in stayed:
        _name(out, one, shift, now)
    return moves, out


def _name(out: _Outcome, one: Standing, shift: _Shift, now: datetime) -> None:
    item, at = one.items[0], shift.of(one.items[0].starts_at)
    day = one.occurrence or item.starts_at.date()
    try:
        legal_item(out.view, item.service_id, shift.staff_id or item.staff_id, _existing(at), now)
    except InterlockError as refusal:
        out.conflict(day, at, refusal, one.id)
    else:
        out.conflict(day, at, NotAllowed("It would be in the way of another of the series."), one.id)


@command
async def cancel_series(tx: Transaction, request: SeriesCancellation, *, now: datetime) -> Series:
    """Cancel a booking with what follows it in its series, or all that lies ahead; what cannot be is named.

    Raises as `move_series`, and `OutsidePolicy` where the service's last moment has passed for all of them.
    """
    [anchor] = await rescheduling.standing(tx, [request.appointment_id])
    if anchor.series_id is None:
        raise NotAllowed("The booking is in no series; cancel it alone.")
    rescheduling.check_step(anchor, request.version)
    late = now if request.by is Party.CLIENT else None
    found: list[Occurrence] = []
    for one in await rescheduling.standing(tx, await _siblings(tx, anchor.id, request.extent, now)):
        day = one.occurrence or one.items[0].starts_at.date()
        wanted = Step(one.id, by=request.by)
        try:
            done = await step(tx, "cancel", wanted, reason=request.reason, charged_at=late, ahead_of=late)
        except InterlockError as refusal:
            found.append(Occurrence(day, one.items[0].starts_at, one.id, None, refusal.code, refusal.detail))
        else:
            found.append(Occurrence(day, one.items[0].starts_at, one.id, done.version))
    return Series(anchor.series_id, tuple(found))


async def _siblings(tx: Transaction, appointment_id: UUID, extent: Extent, now: datetime) -> list[UUID]:
    own = {"business": tx.business_id, "id": appointment_id, "now": now, "from_here": extent is Extent.FOLLOWING}
    return [row["id"] for row in await tx.rows(SIBLINGS, own)]


def _local(day: date, minute: int, zone: ZoneInfo, second: int = 0) -> datetime | None:
    """Return a wall minute of a local date in UTC, the earlier where it comes twice, None where it never does."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute, seconds=second)
    at = wall.replace(tzinfo=zone).astimezone(UTC)
    return at if at.astimezone(zone).replace(tzinfo=None) == wall else None


def _existing(at: datetime | None) -> datetime:
    if at is None:
        raise Closed("The clocks skip that local time on that date.")
    return at
