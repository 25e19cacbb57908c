"""When staff work: the hours of one day, and time off. Checked against live bookings under the lane's lock."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from psycopg.rows import DictRow
from psycopg.types.multirange import Int4Multirange
from psycopg.types.range import Int4Range

from models.errors import Displaces, InvalidInput, NotFound, SlotTaken, StaleVersion
from service.db import claims
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record
from service.db.views import hours_of
from solver.clock import epoch_minute
from solver.errors import InvalidProblem
from solver.lanes import Minutes
from solver.snapshot import Hours, working_time

# FOR NO KEY UPDATE waits for bookings under way on the lane (they hold it FOR SHARE) and makes later ones wait.
LOCK_LANE = """
SELECT l.lane_no, b.zone FROM staff s
JOIN lane l ON l.business_id = s.business_id AND l.lane_no = s.lane_no
JOIN business b ON b.id = s.business_id
WHERE s.business_id = %s AND s.id = %s FOR NO KEY UPDATE OF l
"""
SET_DAY = """
INSERT INTO staff_day (business_id, lane_no, day, hours)
SELECT %(business)s, %(lane)s, %(day)s, %(hours)s::int4multirange
WHERE %(version)s::int IS NULL OR EXISTS (
    SELECT 1 FROM staff_day WHERE business_id = %(business)s AND lane_no = %(lane)s AND day = %(day)s)
ON CONFLICT (business_id, lane_no, day) DO UPDATE SET hours = excluded.hours, version = staff_day.version + 1
WHERE %(version)s::int IS NULL OR staff_day.version = %(version)s
RETURNING version
"""
BOOKED = """
SELECT i.appointment_id, i.starts_at, i.ends_at FROM claim c
JOIN appointment_item i ON i.business_id = c.business_id AND i.id = c.item_id
WHERE c.business_id = %(business)s AND c.lane_no = %(lane)s AND c.released_at IS NULL
  AND c.starts_at >= %(start)s AND c.starts_at < %(end)s
  AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())
ORDER BY i.starts_at
"""
TIME_OFF = """
INSERT INTO claim (business_id, lane_no, starts_at, ends_at, kind)
SELECT %(business)s, %(lane)s, %(start)s, %(end)s, 'time_off' ON CONFLICT DO NOTHING RETURNING id
"""


@dataclass(frozen=True, slots=True)
class DayHours:
    """The hours of one staff member on one local date, in wall minutes [opens, closes); none: closed.

    None in place of the spans returns to the weekly hours. `version`, where given, must be the day's present one.
    """

    staff_id: UUID
    day: date
    spans: tuple[tuple[int, int], ...] | None
    version: int | None = None

    def __post_init__(self) -> None:
        for opens, closes in self.spans or ():
            if not (0 <= opens < 1440 and opens < closes <= 2880):
                raise InvalidInput(f"Hours {opens} to {closes} are not minutes of a day in order.")


@dataclass(frozen=True, slots=True)
class TimeOff:
    """Time in which a staff member cannot be booked; aware, half-open, at most 31 days."""

    staff_id: UUID
    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise InvalidInput("The times need an offset.")
        if not timedelta(0) < self.ends_at - self.starts_at <= timedelta(days=31):
            raise InvalidInput("Time off ends after it starts and lasts at most 31 days.")


@dataclass(frozen=True, slots=True)
class StaffDay:
    """One staff member's day at a version."""

    staff_id: UUID
    day: date
    version: int


@command
async def set_day(tx: Transaction, request: DayHours) -> StaffDay:
    """Replace the hours of one day; refused while a live booking would lie outside them.

    Raises
    ------
    InvalidInput
        The hours would overlap those of a neighbouring day.
    Displaces
        Names the appointments that stand in the way (`appointments`).
    StaleVersion
        The day has changed since the caller read it.
    """
    lane_no, zone = await _lock_lane(tx, request.staff_id)
    await _refuse_displacing(tx, lane_no, zone, request)
    hours = None if request.spans is None else Int4Multirange([Int4Range(*span) for span in request.spans])
    row = await tx.row(
        SET_DAY,
        {
            "business": tx.business_id,
            "lane": lane_no,
            "day": request.day,
            "hours": hours,
            "version": request.version,
        },
    )
    if row is None:
        raise StaleVersion("The day has been changed by someone else; read it again.")
    after = {"day": str(request.day), "spans": request.spans}
    await record(tx, "availability.day_set", request.staff_id, row["version"], after=after)
    return StaffDay(request.staff_id, request.day, row["version"])


@command
async def take_time_off(tx: Transaction, request: TimeOff) -> int:
    """Claim the time for the staff member themselves; returns the claim's id.

    Raises
    ------
    SlotTaken
        A live booking or other time off overlaps.
    """
    lane_no, _ = await _lock_lane(tx, request.staff_id)
    lane_time = {"lanes": [lane_no], "claim_starts": [request.starts_at], "claim_ends": [request.ends_at]}
    await claims.expire_holds(tx, lane_time)
    row = await tx.row(
        TIME_OFF,
        {
            "business": tx.business_id,
            "lane": lane_no,
            "start": request.starts_at,
            "end": request.ends_at,
        },
    )
    if row is None:
        raise SlotTaken("Something is booked in that time.")
    after = {"starts_at": request.starts_at.isoformat(), "ends_at": request.ends_at.isoformat()}
    await record(tx, "availability.time_off", request.staff_id, 1, after=after)
    return int(row["id"])


async def _lock_lane(tx: Transaction, staff_id: UUID) -> tuple[int, ZoneInfo]:
    row = await tx.row(LOCK_LANE, [tx.business_id, staff_id])
    if row is None:
        raise NotFound("There is no such staff member.")
    return row["lane_no"], ZoneInfo(row["zone"])


async def _refuse_displacing(tx: Transaction, lane_no: int, zone: ZoneInfo, request: DayHours) -> None:
    # A date's shifts may run two days on, and its zone lie a day beside UTC: all that they can touch is looked at.
    first, days = request.day - timedelta(days=2), 7
    hours = (await hours_of(tx, [lane_no], first, days))[lane_no]
    overrides = {day: spans for day, spans in hours.overrides.items() if day != request.day}
    changed = Hours(hours.weekly, overrides if request.spans is None else overrides | {request.day: request.spans})
    try:
        before, after = (working_time(zone, first, days, h) for h in (hours, changed))
    except InvalidProblem as error:
        raise InvalidInput("The hours would run into the next day's, or the day before's into them.") from error
    start = datetime.combine(first, datetime.min.time(), UTC)
    end = start + timedelta(days=days)
    booked = await tx.rows(BOOKED, {"business": tx.business_id, "lane": lane_no, "start": start, "end": end})
    displaced = [row for row in booked if _inside(row, before) and not _inside(row, after)]
    if displaced:
        names = [str(row["appointment_id"]) for row in displaced]
        raise Displaces(
            f"{len(displaced)} live booking(s) would lie outside the new hours; move or cancel them first.",
            appointments=names,
        )


def _inside(item: DictRow, work: Minutes) -> bool:
    start, end = epoch_minute(item["starts_at"]), epoch_minute(item["ends_at"], up=True)
    worked = np.minimum(work[:, 1], end) - np.maximum(work[:, 0], start)
    return bool(np.maximum(worked, 0).sum() >= end - start)
