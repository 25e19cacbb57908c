"""Which live bookings a change of hours would leave outside them; asked under the lanes' locks."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from psycopg.rows import DictRow

from models.errors import Displaces, InvalidInput, NotFound
from service.db.database import Transaction
from service.db.rows import holidays_of, hours_of
from solver.clock import epoch_minute
from solver.errors import InvalidProblem
from solver.hours import Hours, working_time
from solver.lanes import Minutes

# FOR NO KEY UPDATE waits for bookings under way on the lanes (they hold them FOR SHARE) and makes later ones wait.
LOCK_LANES = """
SELECT l.lane_no, s.id AS staff_id, coalesce(s.zone, b.zone) AS zone FROM staff s
JOIN lane l ON l.business_id = s.business_id AND l.lane_no = s.lane_no
JOIN business b ON b.id = s.business_id
WHERE s.business_id = %s AND (s.id = %s::uuid OR %s::uuid IS NULL AND s.active)
ORDER BY l.lane_no FOR NO KEY UPDATE OF l
"""
BOOKED = """
SELECT i.appointment_id, c.lane_no, i.starts_at, i.ends_at FROM claim c
JOIN appointment_item i ON i.business_id = c.business_id AND (i.id = c.item_id OR i.session_id = c.session_id)
WHERE c.business_id = %(business)s AND c.lane_no = ANY(%(lanes)s) AND c.released_at IS NULL
  AND c.starts_at >= %(start)s AND c.starts_at < %(end)s
  AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())
ORDER BY i.starts_at, c.lane_no
"""
MARGIN = timedelta(days=2)
"""A date's shifts may run two days on, and its zone lie a day beside UTC."""


@dataclass(frozen=True, slots=True)
class LockedLane:
    """A staff member's lane whose hours nobody else changes, and on which nobody books, until this commits."""

    lane_no: int
    staff_id: UUID
    zone: ZoneInfo


async def lock_lanes(tx: Transaction, staff_id: UUID | None) -> list[LockedLane]:
    """Lock one staff member's lane, or (None) those of all active staff; raises `NotFound`."""
    rows = await tx.rows(LOCK_LANES, [tx.business_id, staff_id, staff_id])
    if not rows and staff_id is not None:
        raise NotFound("There is no such staff member.")
    return [LockedLane(row["lane_no"], row["staff_id"], ZoneInfo(row["zone"])) for row in rows]


async def displaced(
    tx: Transaction,
    lanes: list[LockedLane],
    first: date,
    days: int,
    change: Callable[[Hours], Hours] = lambda hours: hours,
    closing: Collection[date] = (),
) -> list[UUID]:
    """Return the appointments inside the present hours of local dates [first, first + days) but not the changed ones.

    `change` gives a lane's new hours, `closing` are holidays to come.

    Raises
    ------
    InvalidInput
        The changed hours overlap those of a neighbouring day.
    """
    first, days = first - MARGIN, days + 2 * MARGIN.days + 1
    start = datetime.combine(first, datetime.min.time(), UTC)
    numbers = [lane.lane_no for lane in lanes]
    hours, holidays = await hours_of(tx, numbers, first, days), await holidays_of(tx, first, days)
    window = {"start": start, "end": start + timedelta(days=days)}
    booked = await tx.rows(BOOKED, {"business": tx.business_id, "lanes": numbers, **window})
    found: dict[UUID, None] = {}
    for lane in lanes:
        after = _changed(lane.zone, first, days, change(hours[lane.lane_no]), holidays.union(closing))
        if not (of_lane := [row for row in booked if row["lane_no"] == lane.lane_no]):
            continue
        before = working_time(lane.zone, first, days, hours[lane.lane_no], holidays)
        found |= {row["appointment_id"]: None for row in of_lane if _inside(row, before) and not _inside(row, after)}
    return list(found)


def refuse(displaced_ids: list[UUID], *, accepted: bool) -> None:
    """Raise `Displaces` where bookings would be displaced and the caller has not accepted that."""
    if displaced_ids and not accepted:
        raise Displaces(
            f"{len(displaced_ids)} live booking(s) would lie outside the new hours; "
            "move or cancel them first, or accept that they are displaced and let the optimiser re-seat them.",
            appointments=[str(name) for name in displaced_ids],
        )


def with_days(changes: Mapping[date, tuple[tuple[int, int], ...] | None]) -> Callable[[Hours], Hours]:
    """Return the change that gives some dates other spans; None returns a date to its weekly hours."""

    def change(hours: Hours) -> Hours:
        overrides = {day: spans for day, spans in hours.overrides.items() if day not in changes}
        given = {day: spans for day, spans in changes.items() if spans is not None}
        return replace(hours, overrides=overrides | given)

    return change


def _changed(zone: ZoneInfo, first: date, days: int, hours: Hours, holidays: Collection[date]) -> Minutes:
    try:
        return working_time(zone, first, days, hours, holidays)
    except InvalidProblem as error:
        raise InvalidInput("The hours would run into the next day's, or the day before's into them.") from error


def _inside(item: DictRow, work: Minutes) -> bool:
    start, end = epoch_minute(item["starts_at"]), epoch_minute(item["ends_at"], up=True)
    worked = np.minimum(work[:, 1], end) - np.maximum(work[:, 0], start)
    return bool(np.maximum(worked, 0).sum() >= end - start)
