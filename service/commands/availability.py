"""When staff work: the hours of one day, and time off. Checked against live bookings under the lane's lock."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow
from psycopg.types.multirange import Int4Multirange
from psycopg.types.range import Int4Range

from models.errors import Displaces, InvalidInput, NotFound, SlotTaken, StaleVersion
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record

# FOR NO KEY UPDATE waits for bookings under way on the lane (they hold it FOR SHARE) and makes later ones wait.
LOCK_LANE = """
SELECT l.lane_no, b.zone FROM staff s
JOIN lane l ON l.business_id = s.business_id AND l.lane_no = s.lane_no
JOIN business b ON b.id = s.business_id
WHERE s.business_id = %s AND s.id = %s FOR NO KEY UPDATE OF l
"""
SET_DAY = """
INSERT INTO staff_day (business_id, lane_no, day, hours) VALUES (%(business)s, %(lane)s, %(day)s, %(hours)s)
ON CONFLICT (business_id, lane_no, day) DO UPDATE SET hours = excluded.hours, version = staff_day.version + 1
WHERE %(version)s::int IS NULL OR staff_day.version = %(version)s
RETURNING version
"""
BOOKED = """
SELECT a.id AS appointment_id, i.starts_at, i.ends_at FROM appointment_item i
JOIN appointment a ON a.business_id = i.business_id AND a.id = i.appointment_id
JOIN staff s ON s.business_id = i.business_id AND s.id = i.staff_id
JOIN claim c ON c.business_id = i.business_id AND c.item_id = i.id AND c.released_at IS NULL
WHERE i.business_id = %(business)s AND c.lane_no = %(lane)s AND i.starts_at >= %(start)s AND i.starts_at < %(end)s
  AND (a.status = 'confirmed' OR a.expires_at > clock_timestamp())
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
    Displaces
        Names the appointments that stand in the way (`appointments`).
    StaleVersion
        The day has changed since the caller read it.
    """
    lane_no, zone = await _lock_lane(tx, request.staff_id)
    if request.spans is not None:
        await _refuse_displacing(tx, lane_no, zone, request.day, request.spans)
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


async def _refuse_displacing(
    tx: Transaction, lane_no: int, zone: ZoneInfo, day: date, spans: tuple[tuple[int, int], ...]
) -> None:
    start = datetime.combine(day, datetime.min.time(), zone)
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
    booked = await tx.rows(BOOKED, {"business": tx.business_id, "lane": lane_no, "start": start, "end": end})
    displaced = [row for row in booked if not _inside(row, zone, day, spans)]
    if displaced:
        names = [str(row["appointment_id"]) for row in displaced]
        raise Displaces(
            f"{len(displaced)} live booking(s) would lie outside the new hours; move or cancel them first.",
            appointments=names,
        )


def _inside(row: DictRow, zone: ZoneInfo, day: date, spans: tuple[tuple[int, int], ...]) -> bool:
    opens, closes = (_wall_minute(row[column].astimezone(zone), day) for column in ("starts_at", "ends_at"))
    return any(o <= opens and closes <= c for o, c in spans)


def _wall_minute(local: datetime, day: date) -> float:
    return (local.replace(tzinfo=None) - datetime.combine(day, datetime.min.time())) / timedelta(minutes=1)
