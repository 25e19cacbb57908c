"""A business's rows as the finder's arrays want them: lanes, services, hours, claims."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from models.states import LIVE
from service.db.database import Transaction
from solver.hours import Hours
from solver.services import Requirement, Service
from solver.snapshot import Limits

BUSINESS = """
SELECT zone, pg_current_snapshot()::text AS horizon FROM business WHERE id = %s AND deleted_at IS NULL
"""
LANES = """
SELECT s.id, s.lane_no, s.name, NULL AS kind, s.zone, s.daily_limit, s.weekly_limit, l.availability_version FROM staff s
JOIN lane l ON l.business_id = s.business_id AND l.lane_no = s.lane_no WHERE s.business_id = %(business)s AND s.active
UNION ALL
SELECT r.id, r.lane_no, r.name, r.kind, NULL, NULL, NULL, l.availability_version FROM resource r
JOIN lane l ON l.business_id = r.business_id AND l.lane_no = r.lane_no WHERE r.business_id = %(business)s AND r.active
ORDER BY kind NULLS FIRST, lane_no
"""
SERVICES = """
SELECT id, duration, buffer_before, buffer_after, slot_interval, minimum_notice, maximum_advance, slot_offset, anchor,
       first_date, last_date, daily_limit, weekly_limit, client_daily_limit, client_weekly_limit, seats,
       (SELECT jsonb_agg(jsonb_build_array(weekday, opens, closes) ORDER BY weekday, opens) FROM service_window w
        WHERE w.business_id = v.business_id AND w.service_id = v.id) AS windows,
       (SELECT jsonb_agg(jsonb_build_array(kind, after, length) ORDER BY r.id) FROM requirement r
        WHERE r.business_id = v.business_id AND r.service_id = v.id) AS requirements
FROM service v WHERE business_id = %s AND active ORDER BY id
"""
ALLOCATIONS = """
SELECT a.service_id, a.staff_id, a.duration FROM allocation a
JOIN staff s ON s.business_id = a.business_id AND s.id = a.staff_id AND s.active
JOIN service v ON v.business_id = a.business_id AND v.id = a.service_id AND v.active
WHERE a.business_id = %s ORDER BY a.service_id, a.staff_id
"""
WEEKLY = """
SELECT lane_no, weekday, opens, closes, valid_from, valid_to FROM working_hours
WHERE business_id = %(business)s AND lane_no = ANY(%(lanes)s) ORDER BY lane_no, weekday, opens, valid_from
"""
DAYS = """
SELECT d.lane_no, d.day, h.only, lower(h.span) AS opens, upper(h.span) AS closes
FROM staff_day d CROSS JOIN LATERAL (
    SELECT false AS only, span FROM (VALUES (1)) AS once LEFT JOIN unnest(d.hours) AS span ON true
    WHERE d.hours IS NOT NULL
    UNION ALL SELECT true, unnest(d.appointment_only)) AS h
WHERE d.business_id = %(business)s AND d.lane_no = ANY(%(lanes)s)
  AND d.day >= %(first)s - 2 AND d.day <= %(last)s + 2 ORDER BY d.lane_no, d.day, h.only, opens
"""
HOLIDAYS = "SELECT day FROM holiday WHERE business_id = %s AND day >= %s - 2 AND day <= %s + 2 ORDER BY day"
# What counts against limits, and groups, are joined only where there are some. A group that nobody is in any more, but
# for holds that ran out, claims nothing.
BUSY = """
SELECT c.lane_no, floor(extract(epoch FROM c.starts_at) / 60)::bigint AS starts,
       ceil(extract(epoch FROM c.ends_at) / 60)::bigint AS ends, coalesce(c.expires_at, m.expires_at) AS expires_at,
       coalesce(i.service_id, g.service_id) AS service_id, c.session_id IS NOT NULL AS is_group,
       floor(extract(epoch FROM coalesce(i.starts_at, g.starts_at)) / 60)::bigint AS visit,
       greatest(g.seats - m.taken, 0) AS seats_left
FROM claim c
LEFT JOIN appointment_item i ON %(counted)s AND i.business_id = c.business_id AND i.id = c.item_id
LEFT JOIN group_session g ON g.business_id = c.business_id AND g.id = c.session_id
LEFT JOIN LATERAL (
    SELECT sum(j.seats) AS taken, min(a.expires_at) AS expires_at FROM appointment_item j
    JOIN appointment a ON a.business_id = j.business_id AND a.id = j.appointment_id
    WHERE j.business_id = c.business_id AND j.session_id = c.session_id AND a.status = ANY(%(live)s)
      AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp())) m ON c.session_id IS NOT NULL
WHERE c.business_id = %(business)s AND c.lane_no = ANY(%(lanes)s) AND c.released_at IS NULL
  AND c.starts_at >= %(start)s AND c.starts_at < %(end)s AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())
  AND (c.session_id IS NULL OR m.taken > 0)
ORDER BY c.lane_no, c.starts_at
"""

Rows = list[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class LaneRow:
    """A staff member's or resource's lane; `kind` is None for staff, `zone` for those who keep the business's."""

    id: UUID
    lane_no: int
    name: str
    kind: str | None
    zone: str | None
    daily_limit: int | None
    weekly_limit: int | None
    availability_version: int

    @property
    def limits(self) -> Limits:
        """Return how many visits a day and a week they take."""
        return self.daily_limit, self.weekly_limit


async def of_business(tx: Transaction, sql: LiteralString) -> list[DictRow]:
    """Run a statement whose one parameter is the business."""
    return await tx.rows(sql, [tx.business_id])


async def lanes_of(tx: Transaction) -> list[LaneRow]:
    """Return the lanes that are active, those of staff first."""
    return [LaneRow(**row) for row in await tx.rows(LANES, {"business": tx.business_id})]


async def services_of(tx: Transaction) -> list[Service]:
    """Return the services on sale with all their rules."""
    return [_service(row) for row in await of_business(tx, SERVICES)]


def _service(row: DictRow) -> Service:
    windows = tuple(tuple(window) for window in row.pop("windows") or ())
    requirements = tuple(Requirement(*need) for need in row.pop("requirements") or ())
    return Service(**row, windows=windows, requirements=requirements)


async def hours_of(tx: Transaction, lanes: list[int], first_day: date, days: int) -> dict[int, Hours]:
    """Return when some lanes work over UTC days [first_day, first_day + days), the dates beside them included.

    Holidays are not looked at: see `holidays_of`.
    """
    last = first_day + timedelta(days=days)
    params = {"business": tx.business_id, "lanes": lanes, "first": first_day, "last": last}
    weekly: dict[int, list[tuple[int, int, int, date | None, date | None]]] = {lane: [] for lane in lanes}
    for r in await tx.rows(WEEKLY, params):
        weekly[r["lane_no"]].append((r["weekday"], r["opens"], r["closes"], r["valid_from"], r["valid_to"]))
    overrides: dict[int, dict[date, tuple[tuple[int, int], ...]]] = {lane: {} for lane in lanes}
    only: dict[int, dict[date, tuple[tuple[int, int], ...]]] = {lane: {} for lane in lanes}
    for r in await tx.rows(DAYS, params):
        days_of = (only if r["only"] else overrides)[r["lane_no"]]
        span = () if r["opens"] is None else ((r["opens"], r["closes"]),)
        days_of[r["day"]] = (*days_of.get(r["day"], ()), *span)
    # Those who work alike share their hours: what these are in UTC is worked out once.
    alike: dict[tuple[object, ...], Hours] = {}
    found = {}
    for lane in lanes:
        key = tuple(weekly[lane]), tuple(overrides[lane].items()), tuple(only[lane].items())
        found[lane] = alike.setdefault(key, Hours(tuple(weekly[lane]), overrides[lane], only[lane]))
    return found


async def holidays_of(tx: Transaction, first_day: date, days: int) -> frozenset[date]:
    """Return the dates on which the business is closed, over the same days as `hours_of`."""
    rows = await tx.rows(HOLIDAYS, [tx.business_id, first_day, first_day + timedelta(days=days)])
    return frozenset(row["day"] for row in rows)


async def busy_of(
    tx: Transaction, lanes: Sequence[int], start: datetime, end: datetime, *, counted: bool
) -> dict[int, list[DictRow]]:
    """Return the live claims of some lanes that begin in [start, end), with their visits where `counted`."""
    params = {
        "business": tx.business_id,
        "lanes": list(lanes),
        "start": start,
        "end": end,
        "counted": counted,
        "live": list(LIVE),
    }
    by_lane: dict[int, list[DictRow]] = {lane: [] for lane in lanes}
    for row in await tx.rows(BUSY, params | {"counted": counted, "live": list(LIVE)}):
        by_lane[row["lane_no"]].append(row)
    return by_lane


def spans(rows: Iterable[DictRow], after: int) -> Rows:
    """Return (start, end) of the claims that end after an epoch minute."""
    return [(row["starts"], row["ends"]) for row in rows if row["ends"] > after]


def visits(rows: Iterable[DictRow], index: Mapping[Hashable, int]) -> Rows:
    """Return (index of the service, start) of the visits that count against limits."""
    return [(index[row["service_id"]], row["visit"]) for row in rows if row["service_id"] in index]


def groups(rows: Iterable[DictRow], index: Mapping[Hashable, int]) -> Rows:
    """Return (index of the service, start, seats left) of the groups that somebody is in."""
    found = (row for row in rows if row["is_group"] and row["service_id"] in index)
    return [(index[row["service_id"]], row["visit"], int(row["seats_left"])) for row in found]


def midnight(day: date) -> datetime:
    """Return the moment at which a UTC date begins."""
    return datetime.combine(day, datetime.min.time(), UTC)
