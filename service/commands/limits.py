"""Limits on visits a day and a week, of a service, a staff member and a client: counted under a lock of their own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from models.errors import LimitReached
from models.states import LIVE
from service.db.claims import Item
from service.db.database import Transaction
from service.db.views import View

# A group counts once: who joins one that is there adds no visit.
VISITS: LiteralString = """
SELECT count(DISTINCT (i.staff_id, i.starts_at)) AS visits,
       coalesce(bool_or(i.staff_id = %(staff)s AND i.starts_at = %(at)s), false) AS joins
FROM appointment_item i JOIN appointment a ON a.business_id = i.business_id AND a.id = i.appointment_id
WHERE i.business_id = %(business)s AND i.starts_at >= %(start)s AND i.starts_at < %(end)s
  AND a.status = ANY(%(live)s) AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp())
  AND NOT a.id = ANY(%(moved)s::uuid[])
"""
HELD_FOR_A_LIMITED_SERVICE = """
SELECT i.service_id, i.staff_id, i.starts_at, v.client_daily_limit, v.client_weekly_limit, b.zone
FROM appointment_item i JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
JOIN business b ON b.id = i.business_id
WHERE i.business_id = %s AND i.appointment_id = %s
  AND (v.client_daily_limit IS NOT NULL OR v.client_weekly_limit IS NOT NULL)
"""
WORDS = {
    "service": "The service is booked",
    "staff": "That staff member is booked",
    "client": "One client comes for the service",
}
OF: dict[str, LiteralString] = {
    "service": " AND i.service_id = %(of)s",
    "staff": " AND i.staff_id = %(of)s",
    "client": " AND i.service_id = %(service)s AND a.client_id = %(of)s",
}


@dataclass(frozen=True, slots=True)
class _Limit:
    """At most `most` visits of a service, staff member or client in [start, end)."""

    what: str
    of: UUID
    most: int
    start: datetime
    end: datetime
    words: str

    def lock(self) -> int:
        """Return the advisory lock under which visits in that time are counted and added."""
        named = f"{self.what} {self.of} {self.start.isoformat()}".encode()
        return int.from_bytes(blake2b(named, digest_size=8).digest(), signed=True)


async def respect_limits(
    tx: Transaction, view: View, items: Sequence[Item], client_id: UUID | None, moved: Sequence[UUID] = ()
) -> None:
    """Take the locks of every limit that applies to some items, and count; where none does, ask nothing.

    `moved` are appointments that are given another time: their present visits do not count. The locks are held to the
    end of the transaction, so that two who book at the same time cannot both be the last.

    Raises
    ------
    LimitReached
        One more visit would be too many.
    """
    limits = [(item, limit) for item in items for limit in _limits(view, item, client_id)]
    await _lock(tx, [limit for _, limit in limits])
    for item, limit in limits:
        visits, joins = await _visits(tx, limit, item, moved)
        alike = sum(other is not item and _counts(limit, other) for other in items)
        if visits + alike >= limit.most and not (joins and limit.what != "client"):
            raise LimitReached(limit.words)


async def respect_client_limits(tx: Transaction, hold_id: UUID, client_id: UUID) -> None:
    """Count what a client has booked before their hold becomes a booking. Raises `LimitReached`."""
    rows = await tx.rows(HELD_FOR_A_LIMITED_SERVICE, [tx.business_id, hold_id])
    for row in rows:
        limits = list(_of_client(row, client_id, row["starts_at"], ZoneInfo(row["zone"])))
        await _lock(tx, limits)
        for limit in limits:
            params = _params(tx, limit, row["service_id"], row["staff_id"], row["starts_at"], [hold_id])
            counted = await tx.row(VISITS + OF["client"], params)
            if counted is not None and counted["visits"] >= limit.most:
                raise LimitReached(limit.words)


async def _lock(tx: Transaction, limits: Sequence[_Limit]) -> None:
    for lock in sorted({limit.lock() for limit in limits}):
        await tx.execute("SELECT pg_advisory_xact_lock(%s)", [lock])


async def _visits(tx: Transaction, limit: _Limit, item: Item, moved: Sequence[UUID]) -> tuple[int, bool]:
    """Return how many visits count against a limit, and whether the item only joins one of them."""
    params = _params(tx, limit, item.service_id, item.staff_id, item.starts_at, moved)
    row = await tx.row(VISITS + OF[limit.what], params)
    return (0, False) if row is None else (row["visits"], row["joins"])


def _params(
    tx: Transaction, limit: _Limit, service_id: UUID, staff_id: UUID, at: datetime, moved: Sequence[UUID]
) -> dict[str, object]:
    return {
        "business": tx.business_id,
        "start": limit.start,
        "end": limit.end,
        "live": list(LIVE),
        "moved": list(moved),
        "staff": staff_id,
        "at": at,
        "service": service_id,
        "of": limit.of,
    }


def _counts(limit: _Limit, item: Item) -> bool:
    """Return whether another item of the same booking counts against a limit."""
    same = {"service": item.service_id == limit.of, "staff": item.staff_id == limit.of, "client": True}
    return same[limit.what] and limit.start <= item.starts_at < limit.end


def _limits(view: View, item: Item, client_id: UUID | None) -> Iterator[_Limit]:
    snapshot = view.snapshot
    service = snapshot.services[snapshot.service_index[item.service_id]]
    of_staff = snapshot.limits.get(snapshot.staff_index[item.staff_id], (None, None))
    of_service = (service.daily_limit, service.weekly_limit)
    of_client = (service.client_daily_limit, service.client_weekly_limit)
    at = item.starts_at, snapshot.zone
    yield from _spans("service", item.service_id, of_service, *at)
    yield from _spans("staff", item.staff_id, of_staff, *at)
    if client_id is not None:
        yield from _spans("client", client_id, of_client, *at)


def _of_client(row: DictRow, client_id: UUID, at: datetime, zone: ZoneInfo) -> Iterator[_Limit]:
    return _spans("client", client_id, (row["client_daily_limit"], row["client_weekly_limit"]), at, zone)


def _spans(
    what: str, of: UUID, limits: tuple[int | None, int | None], at: datetime, zone: ZoneInfo
) -> Iterator[_Limit]:
    day = at.astimezone(zone).date()
    monday = day - timedelta(days=day.weekday())
    for most, each, first, days in ((limits[0], "day", day, 1), (limits[1], "week", monday, 7)):
        if most is not None:
            span = _midnight(first, zone), _midnight(first + timedelta(days=days), zone)
            words = f"{WORDS[what]} {most} times a {each} at most, and does so already; choose another {each}."
            yield _Limit(what, of, most, *span, words)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
