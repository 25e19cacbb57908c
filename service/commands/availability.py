"""When staff work: weekly hours, single days, time off, holidays; checked against live bookings under locks."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.types.multirange import Int4Multirange
from psycopg.types.range import Int4Range

from models.errors import InvalidInput, NotFound, SlotTaken, StaleVersion
from service.commands import versions
from service.commands.catalogue import Span, insert_hours
from service.commands.displacement import LockedLane, displaced, lock_lanes, refuse, with_days
from service.db import claims
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record
from service.db.rows import hours_of

SET_DAY = """
INSERT INTO staff_day (business_id, lane_no, day, hours, appointment_only)
SELECT %(business)s, %(lane)s, %(day)s, %(hours)s::int4multirange, %(appointment_only)s::int4multirange
WHERE %(version)s::int IS NULL OR EXISTS (
    SELECT 1 FROM staff_day WHERE business_id = %(business)s AND lane_no = %(lane)s AND day = %(day)s)
ON CONFLICT (business_id, lane_no, day) DO UPDATE
SET hours = excluded.hours, appointment_only = excluded.appointment_only, version = staff_day.version + 1
WHERE %(version)s::int IS NULL OR staff_day.version = %(version)s
RETURNING version
"""
TIME_OFF = """
INSERT INTO claim (business_id, lane_no, starts_at, ends_at, kind)
SELECT %(business)s, %(lane)s, %(start)s, %(end)s, 'time_off' ON CONFLICT DO NOTHING RETURNING id
"""
END_TIME_OFF = """
UPDATE claim c SET released_at = clock_timestamp()
FROM staff s
WHERE c.business_id = %(business)s AND c.id = %(id)s AND c.kind = 'time_off' AND c.released_at IS NULL
  AND s.business_id = c.business_id AND s.lane_no = c.lane_no AND (%(of)s::uuid IS NULL OR s.id = %(of)s)
RETURNING s.id AS staff_id
"""
# What begins later is replaced, what began earlier ends where the new hours begin.
END_LATER = """
DELETE FROM working_hours
WHERE business_id = %(business)s AND lane_no = %(lane)s AND (%(day)s::date IS NULL OR valid_from >= %(day)s)
"""
END_EARLIER = """
UPDATE working_hours SET valid_to = %(day)s
WHERE business_id = %(business)s AND lane_no = %(lane)s AND (valid_to IS NULL OR valid_to > %(day)s)
"""
LAST_BOOKED = "SELECT max(ends_at) AS at FROM claim WHERE business_id = %s AND lane_no = %s AND released_at IS NULL"
FORTNIGHT = 14
"""However few bookings there are, this many days are looked at: hours that overlap each other show within a week."""

Spans = tuple[tuple[int, int], ...]
"""Wall minutes [opens, closes) of a local date; `closes` beyond 1440 runs past midnight."""


def _check_spans(spans: Iterable[tuple[int, int]]) -> None:
    for opens, closes in spans:
        if not (0 <= opens < 1440 and opens < closes <= 2880):
            raise InvalidInput(f"Hours {opens} to {closes} are not minutes of a day in order.")


@dataclass(frozen=True, slots=True)
class DayHours:
    """The hours of one staff member on one local date, in wall minutes [opens, closes); none: closed.

    None in place of the spans returns to the weekly hours. What is `appointment_only` clients do not see. `version`,
    where given, must be the day's present one. With `displace`, bookings left outside are accepted and named.
    """

    staff_id: UUID
    day: date
    spans: Spans | None
    version: int | None = None
    appointment_only: Spans = ()
    displace: bool = False

    def __post_init__(self) -> None:
        _check_spans(self.spans or ())
        _check_spans(self.appointment_only)


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """One staff member's weekly hours, from a local date on (None: from ever) until they are set again."""

    staff_id: UUID
    spans: tuple[Span, ...]
    valid_from: date | None = None
    displace: bool = False

    def __post_init__(self) -> None:
        _check_spans((span.opens, span.closes) for span in self.spans)
        if any(not 0 <= span.weekday <= 6 for span in self.spans):
            raise InvalidInput("Weekdays run from 0 (Monday) to 6 (Sunday).")


@dataclass(frozen=True, slots=True)
class TimeOff:
    """Time in which a staff member cannot be booked; aware, half-open, at most 31 days.

    With `displace`, bookings in that time are accepted and named: the hours are withdrawn around them.
    """

    staff_id: UUID
    starts_at: datetime
    ends_at: datetime
    displace: bool = False

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise InvalidInput("The times need an offset.")
        if not timedelta(0) < self.ends_at - self.starts_at <= timedelta(days=31):
            raise InvalidInput("Time off ends after it starts and lasts at most 31 days.")


@dataclass(frozen=True, slots=True)
class Holidays:
    """Local dates on which the business is closed, with their names; of a date that stands twice the first counts."""

    days: tuple[tuple[date, str], ...]
    displace: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.days) <= 366:
            raise InvalidInput("Name 1 to 366 holidays at once.")


@dataclass(frozen=True, slots=True)
class StaffDay:
    """One staff member's day at a version, and the bookings that its hours displaced."""

    staff_id: UUID
    day: date
    version: int
    displaced: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class HoursSet:
    """What a change of hours left behind: the claim of time off where there is one, who was displaced, the version.

    That is the staff member's for weekly hours, the business's for holidays, none for time off.
    """

    claim_id: int | None = None
    displaced: tuple[UUID, ...] = field(default=())
    version: int | None = None


@command
async def set_day(tx: Transaction, request: DayHours) -> StaffDay:
    """Replace the hours of one day; refused while a live booking would lie outside them, unless that is accepted.

    Raises
    ------
    InvalidInput
        The hours would overlap those of a neighbouring day.
    Displaces
        Names the appointments that stand in the way (`appointments`).
    StaleVersion
        The day has changed since the caller read it.
    """
    [lane] = await lock_lanes(tx, request.staff_id)
    out = await displaced(tx, [lane], request.day, 1, with_days({request.day: request.spans}))
    refuse(out, accepted=request.displace)
    version = await _write_day(tx, lane, request)
    return StaffDay(request.staff_id, request.day, version, tuple(out))


@command
async def set_weekly_hours(tx: Transaction, request: WeeklyHours, *, version: int | None = None) -> HoursSet:
    """Replace the weekly hours from a date on; days set one by one stay as they are. Raises as `set_day`.

    `version`, where given, must be the staff member's present one.
    """
    now_at = await versions.advance(tx, "staff", request.staff_id, version)
    [lane] = await lock_lanes(tx, request.staff_id)
    first = request.valid_from or await _today(tx, lane)
    last = await tx.row(LAST_BOOKED, [tx.business_id, lane.lane_no])
    booked_until = first if last is None or last["at"] is None else last["at"].date()
    weekly = tuple((span.weekday, span.opens, span.closes, request.valid_from, None) for span in request.spans)
    earlier = [(w, o, c, f, _sooner(t, request.valid_from)) for w, o, c, f, t in await _weekly(tx, lane, first)]
    kept = tuple(span for span in earlier if request.valid_from is not None and _begins(span[3], request.valid_from))
    days = max((booked_until - first).days + 2, FORTNIGHT)
    out = await displaced(tx, [lane], first, days, lambda hours: replace(hours, weekly=(*kept, *weekly)))
    refuse(out, accepted=request.displace)
    for statement in (END_LATER, END_EARLIER):
        await tx.execute(statement, {"business": tx.business_id, "lane": lane.lane_no, "day": request.valid_from})
    spans = [Span(span.weekday, span.opens, span.closes, request.valid_from) for span in request.spans]
    await insert_hours(tx, lane.lane_no, spans)
    after = {"valid_from": str(request.valid_from), "spans": [(s.weekday, s.opens, s.closes) for s in spans]}
    await record(tx, "availability.weekly_set", request.staff_id, None, after=after)
    return HoursSet(displaced=tuple(out), version=now_at)


@command
async def take_time_off(tx: Transaction, request: TimeOff) -> HoursSet:
    """Claim the time for the staff member themselves; where bookings are to be displaced, withdraw the hours instead.

    Raises
    ------
    SlotTaken
        A live booking or other time off overlaps, and displacing was not accepted.
    """
    [lane] = await lock_lanes(tx, request.staff_id)
    await claims.expire_holds(tx, [(lane.lane_no, request.starts_at, request.ends_at)])
    moments = {"start": request.starts_at, "end": request.ends_at}
    row = await tx.row(TIME_OFF, {"business": tx.business_id, "lane": lane.lane_no, **moments})
    if row is None and not request.displace:
        raise SlotTaken("Something is booked in that time; move or cancel it first, or accept that it is displaced.")
    out = [] if row is not None else await _withdraw(tx, lane, request)
    after = {**{name: at.isoformat() for name, at in moments.items()}, "displaced": [str(one) for one in out]}
    await record(tx, "availability.time_off", request.staff_id, None, after=after)
    return HoursSet(None if row is None else int(row["id"]), tuple(out))


@command
async def end_time_off(tx: Transaction, claim_id: int, *, of: UUID | None = None) -> None:
    """Give claimed time off back. Raises `NotFound` where there is none of that id, or not of that staff member."""
    row = await tx.row(END_TIME_OFF, {"business": tx.business_id, "id": claim_id, "of": of})
    if row is None:
        raise NotFound("There is no such time off.")
    await record(tx, "availability.time_off_ended", row["staff_id"], None, after={"claim_id": claim_id})


@command
async def add_holidays(tx: Transaction, request: Holidays, *, version: int | None = None) -> HoursSet:
    """Close the business on some dates, but for staff whose own day says otherwise. Raises `Displaces` as `set_day`.

    `version`, where given, must be the business's present one.
    """
    now_at = await versions.advance(tx, "business", tx.business_id, version)
    lanes = await lock_lanes(tx, None)
    named = dict(reversed(request.days))
    closed = sorted(named)
    first, last = closed[0], closed[-1]
    if (last - first).days > 2 * 366:
        raise InvalidInput("The holidays span more than two years.")
    out = await displaced(tx, lanes, first, (last - first).days + 1, closing=closed)
    refuse(out, accepted=request.displace)
    await tx.execute(
        "INSERT INTO holiday (business_id, day, name) SELECT %s, * FROM unnest(%s::date[], %s::text[]) "
        "ON CONFLICT (business_id, day) DO UPDATE SET name = excluded.name",
        [tx.business_id, closed, [named[day] for day in closed]],
    )
    after = {"days": [str(day) for day in closed]}
    await record(tx, "holidays.added", tx.business_id, None, after=after)
    return HoursSet(displaced=tuple(out), version=now_at)


@command
async def remove_holiday(tx: Transaction, day: date, *, version: int | None = None) -> HoursSet:
    """Open on a date again. Raises `NotFound` where it is no holiday, `StaleVersion` as `add_holidays`."""
    now_at = await versions.advance(tx, "business", tx.business_id, version)
    if await tx.execute("DELETE FROM holiday WHERE business_id = %s AND day = %s", [tx.business_id, day]) == 0:
        raise NotFound(f"{day} is no holiday.")
    await record(tx, "holidays.removed", tx.business_id, None, after={"day": str(day)})
    return HoursSet(version=now_at)


ALL_KNOWN = {"IN": (2001, 2035)}
"""Years outside of which the package leaves out a country's moving feasts; it warns of it, to the whole process."""


def public_holidays(country: str, subdivision: str | None, years: Collection[int]) -> list[tuple[date, str]]:
    """Return a country's public holidays (ISO 3166 codes) of some years, as the `holidays` package knows them.

    It may take a second the first time: not on the loop that answers others.

    Raises
    ------
    InvalidInput
        No such country or subdivision is known, or not all of its holidays in those years.
    """
    import holidays  # noqa: PLC0415 - only who asks for a country's has to wait for it

    where = f"{country}{'-' + subdivision if subdivision else ''}"
    try:
        # Without years it computes nothing yet; it fills itself as years are asked for.
        known = holidays.country_holidays(country, subdiv=subdivision, expand=False)
        first, last = ALL_KNOWN.get(country, (known.start_year, known.end_year))
        if not all(first <= year <= last for year in years):
            raise InvalidInput(f"All holidays of {where} are known from {first} to {last}; or name the days.")
        found = holidays.country_holidays(country, subdiv=subdivision, years=years)
    except NotImplementedError as error:
        raise InvalidInput(f"No holidays are known for {where}.") from error
    return sorted((day, name[:200]) for day, name in found.items())


async def _write_day(tx: Transaction, lane: LockedLane, request: DayHours) -> int:
    row = await tx.row(
        SET_DAY,
        {
            "business": tx.business_id,
            "lane": lane.lane_no,
            "day": request.day,
            "hours": None if request.spans is None else _ranges(request.spans),
            "appointment_only": _ranges(request.appointment_only) if request.appointment_only else None,
            "version": request.version,
        },
    )
    if row is None:
        raise StaleVersion("The day has been changed by someone else; read it again.")
    after = {"day": str(request.day), "spans": request.spans, "appointment_only": request.appointment_only}
    await record(tx, "availability.day_set", request.staff_id, None, after=after)
    return int(row["version"])


def _ranges(spans: Spans) -> Int4Multirange:
    return Int4Multirange([Int4Range(*span) for span in spans])


async def _today(tx: Transaction, lane: LockedLane) -> date:
    row = await tx.row("SELECT clock_timestamp() AS now")
    return (row or {})["now"].astimezone(lane.zone).date()  # type: ignore[no-any-return]


async def _weekly(
    tx: Transaction, lane: LockedLane, first: date
) -> tuple[tuple[int, int, int, date | None, date | None], ...]:
    return (await hours_of(tx, [lane.lane_no], first, 1))[lane.lane_no].weekly


def _sooner(one: date | None, other: date | None) -> date | None:
    return min((day for day in (one, other) if day is not None), default=None)


def _begins(valid_from: date | None, before: date) -> bool:
    return valid_from is None or valid_from < before


async def _withdraw(tx: Transaction, lane: LockedLane, request: TimeOff) -> list[UUID]:
    """Take an absence out of the hours of each local date that it touches; return who is displaced."""
    first = request.starts_at.astimezone(lane.zone).date() - timedelta(days=1)
    days = (request.ends_at.astimezone(lane.zone).date() - first).days + 1
    hours = (await hours_of(tx, [lane.lane_no], first, days))[lane.lane_no]
    changes: dict[date, Spans | None] = {}
    for day in (first + timedelta(days=ahead) for ahead in range(days)):
        spans: Spans = tuple(hours.on(day))
        absent = (_wall_minute(request.starts_at, day, lane.zone), _wall_minute(request.ends_at, day, lane.zone))
        left = _without(spans, *absent)
        if left != spans:
            changes[day] = left
    out = await displaced(tx, [lane], first, days, with_days(changes))
    for day, spans_left in changes.items():
        await _write_day(tx, lane, DayHours(request.staff_id, day, spans_left))
    return out


def _wall_minute(moment: datetime, day: date, zone: ZoneInfo) -> int:
    """Return how many wall minutes after a date's midnight a moment comes, within two days of it."""
    wall = moment.astimezone(zone).replace(tzinfo=None) - datetime.combine(day, datetime.min.time())
    return max(0, min(wall // timedelta(minutes=1), 2880))


def _without(spans: Spans, start: int, end: int) -> Spans:
    """Return spans without [start, end)."""
    left = [part for o, c in spans for part in ((o, min(c, start)), (max(o, end), c)) if part[0] < part[1]]
    return tuple(span for span in left if span[0] < 1440)
