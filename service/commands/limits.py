"""Limits on visits a day and a week, of a service, a staff member and a client: counted under a lock of their own."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import LiteralString, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from models.errors import LimitReached
from models.sentences import Sentence
from models.states import LIVE
from service.db.claims import Item
from service.db.database import Transaction
from service.db.rescheduling import Move
from service.db.views import View

Visit = tuple[UUID, datetime]
"""With whom, and when it starts; a group is one visit, whoever comes."""
# The visits that count against each limit: of a service and of staff by the claims on the lanes, whose index knows the
# time (they begin up to the longest buffer before the visit; OFFSET 0 keeps each lane's a search of its own); of a
# client by what is theirs.
VISITS: LiteralString = """
WITH w AS (
    SELECT * FROM unnest(%(whats)s::text[], %(ofs)s::uuid[], %(services)s::uuid[], %(starts)s::timestamptz[],
                         %(ends)s::timestamptz[]) WITH ORDINALITY AS w(what, of, service_id, starts_at, ends_at, n)
), claimed AS MATERIALIZED (
    SELECT w.n, c.item_id, c.session_id FROM w
    JOIN staff s ON s.business_id = %(business)s AND (w.what = 'service' OR s.id = w.of)
    CROSS JOIN LATERAL (
        SELECT item_id, session_id FROM claim
        WHERE business_id = %(business)s AND lane_no = s.lane_no AND released_at IS NULL
          AND starts_at >= w.starts_at - interval '12 hours' AND starts_at < w.ends_at
        OFFSET 0) c
    WHERE w.what <> 'client'
), item AS (
    SELECT n, i.* FROM claimed c
    JOIN appointment_item i ON i.business_id = %(business)s AND i.id = c.item_id
    UNION ALL
    SELECT n, i.* FROM claimed c
    JOIN appointment_item i ON i.business_id = %(business)s AND i.session_id = c.session_id
    UNION ALL
    SELECT n, i.* FROM w JOIN appointment a ON a.business_id = %(business)s AND a.client_id = w.of
    JOIN appointment_item i ON i.business_id = %(business)s AND i.appointment_id = a.id
    WHERE w.what = 'client'
)
SELECT w.n, i.staff_id, i.starts_at
FROM w JOIN item i ON i.n = w.n AND i.starts_at >= w.starts_at AND i.starts_at < w.ends_at
                  AND (w.service_id IS NULL OR i.service_id = w.service_id)
JOIN appointment a ON a.business_id = %(business)s AND a.id = i.appointment_id
WHERE a.status = ANY(%(live)s) AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp())
  AND NOT a.id = ANY(%(moved)s::uuid[])
GROUP BY w.n, i.staff_id, i.starts_at
"""
LOCK = "SELECT pg_advisory_xact_lock(lock) FROM unnest(%s::bigint[]) AS lock"
HELD_FOR_A_LIMITED_SERVICE = """
SELECT i.service_id, i.staff_id, i.starts_at, v.client_daily_limit, v.client_weekly_limit, b.zone
FROM appointment_item i JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
JOIN business b ON b.id = i.business_id
WHERE i.business_id = %s AND i.appointment_id = %s
  AND (v.client_daily_limit IS NOT NULL OR v.client_weekly_limit IS NOT NULL)
"""
LIMITED = """
SELECT s.id AS staff_id, v.id AS service_id, b.zone, v.daily_limit, v.weekly_limit, v.client_daily_limit,
       v.client_weekly_limit, s.daily_limit AS staff_daily_limit, s.weekly_limit AS staff_weekly_limit
FROM business b JOIN service v ON v.business_id = b.id JOIN staff s ON s.business_id = b.id
WHERE b.id = %s AND v.id = ANY(%s) AND s.id = ANY(%s)
  AND num_nonnulls(v.daily_limit, v.weekly_limit, v.client_daily_limit, v.client_weekly_limit, s.daily_limit,
                   s.weekly_limit) > 0
"""
WORDS = {
    "service": "The service is booked",
    "staff": "That staff member is booked",
    "client": "One client comes for the service",
}


@dataclass(frozen=True, slots=True)
class _Limit:
    """At most `most` visits of a service, staff member, or client for a service, in [start, end)."""

    what: str
    of: UUID
    service_id: UUID | None
    most: int
    start: datetime
    end: datetime
    words: Sentence

    def lock(self) -> int:
        """Return the advisory lock under which visits in that time are counted and added."""
        named = f"{self.what} {self.of} {self.service_id} {self.start.isoformat()}".encode()
        return int.from_bytes(blake2b(named, digest_size=8).digest(), signed=True)


@dataclass(slots=True)
class Tally:
    """The visits that count against some limits, as they are under their locks and with what was added since."""

    _view: View
    _visits: dict[_Limit, set[Visit]] = field(default_factory=dict)

    @classmethod
    async def of(
        cls,
        tx: Transaction,
        view: View,
        wanted: Iterable[tuple[Item, UUID | None]],
        moved: Collection[UUID] = (),
    ) -> Self:
        """Take the locks of every limit on some items, each with its client, and count; where none is, ask nothing.

        `moved` are appointments that are given another time: their present visits do not count. The locks are held to
        the end of the transaction, so that two who book at the same time cannot both be the last.
        """
        limits = dict.fromkeys(limit for item, client in wanted for limit in _limits(view, item, client))
        return cls(view, await _counted(tx, list(limits), moved))

    def check(self, item: Item, client_id: UUID | None) -> None:
        """Raise `LimitReached` if one more visit would be too many."""
        for limit in _limits(self._view, item, client_id):
            _check(limit, self._visits[limit], (item.staff_id, item.starts_at))

    def add(self, item: Item, client_id: UUID | None) -> None:
        """Count an item that has been booked."""
        for limit in _limits(self._view, item, client_id):
            self._visits[limit].add((item.staff_id, item.starts_at))


async def respect_limits(tx: Transaction, view: View, items: Sequence[Item], client_id: UUID | None) -> None:
    """Count under the locks of every limit that applies to the items of one client's booking; see `Tally.of`.

    Raises
    ------
    LimitReached
        One more visit would be too many.
    """
    tally = await Tally.of(tx, view, [(item, client_id) for item in items])
    for item in items:
        tally.check(item, client_id)
        tally.add(item, client_id)


async def respect_moves(tx: Transaction, view: View, moves: Sequence[Move]) -> None:
    """Count where appointments go, each for its own client, without where they are. Raises `LimitReached`."""
    wanted = [(item, move.standing.client_id) for move in moves for item in move.items]
    tally = await Tally.of(tx, view, wanted, [move.standing.id for move in moves])
    for item, client_id in wanted:
        tally.check(item, client_id)
        tally.add(item, client_id)


async def locked_limits(tx: Transaction, wanted: Sequence[tuple[Item, UUID | None]]) -> list[list[_Limit]]:
    """Return the limits on each of some items with its client, by the rows as they are; their locks are taken."""
    of = [[item.service_id for item, _ in wanted], [item.staff_id for item, _ in wanted]]
    rows = {(r["service_id"], r["staff_id"]): r for r in await tx.rows(LIMITED, [tx.business_id, *of])}
    found = [list(_of_row(rows.get((item.service_id, item.staff_id)), item, client)) for item, client in wanted]
    if any(found):
        await _lock(tx, [limit for limits in found for limit in limits])
    return found


async def within_limits(tx: Transaction, limits: Sequence[_Limit]) -> None:
    """Count once more with everything in the book. Raises `LimitReached` where there are too many visits now."""
    for limit, visits in (await _counted(tx, list(dict.fromkeys(limits)), ())).items():
        if len(visits) > limit.most:
            raise LimitReached(limit.words, limit=limit.what)


async def respect_client_limits(tx: Transaction, hold_id: UUID, client_id: UUID) -> None:
    """Count what a client has booked before their hold becomes a booking. Raises `LimitReached`."""
    rows = await tx.rows(HELD_FOR_A_LIMITED_SERVICE, [tx.business_id, hold_id])
    limits = {
        limit: (row["staff_id"], row["starts_at"])
        for row in rows
        for limit in _of_client(row, client_id, row["starts_at"], ZoneInfo(row["zone"]))
    }
    visits = await _counted(tx, list(limits), [hold_id])
    for limit, visit in limits.items():
        _check(limit, visits[limit], visit)


def _check(limit: _Limit, there: set[Visit], visit: Visit) -> None:
    # Who joins a group that is there adds no visit, but to the client's own.
    if len(there) >= limit.most and (limit.what == "client" or visit not in there):
        raise LimitReached(limit.words, limit=limit.what)


async def _counted(tx: Transaction, limits: Sequence[_Limit], moved: Collection[UUID]) -> dict[_Limit, set[Visit]]:
    """Return the visits that count against each limit; the locks are a statement before the one that counts."""
    visits: dict[_Limit, set[Visit]] = {limit: set() for limit in limits}
    if not limits:
        return visits
    await _lock(tx, limits)
    columns = {
        "whats": [limit.what for limit in limits],
        "ofs": [limit.of for limit in limits],
        "services": [limit.service_id for limit in limits],
        "starts": [limit.start for limit in limits],
        "ends": [limit.end for limit in limits],
    }
    for row in await tx.rows(VISITS, {"business": tx.business_id, "live": list(LIVE), "moved": list(moved), **columns}):
        visits[limits[row["n"] - 1]].add((row["staff_id"], row["starts_at"]))
    return visits


async def _lock(tx: Transaction, limits: Sequence[_Limit]) -> None:
    # Ascending, so that bookings which meet wait for each other and never in a circle.
    await tx.execute(LOCK, [sorted({limit.lock() for limit in limits})])


def _limits(view: View, item: Item, client_id: UUID | None) -> Iterator[_Limit]:
    snapshot = view.snapshot
    service = snapshot.services[snapshot.service_index[item.service_id]]
    of_staff = snapshot.limits.get(snapshot.staff_index[item.staff_id], (None, None))
    of_service = (service.daily_limit, service.weekly_limit)
    at = item.starts_at, snapshot.zone
    yield from _spans("service", item.service_id, item.service_id, of_service, *at)
    yield from _spans("staff", item.staff_id, None, of_staff, *at)
    if client_id is not None:
        of_client = (service.client_daily_limit, service.client_weekly_limit)
        yield from _spans("client", client_id, item.service_id, of_client, *at)


def _of_row(row: DictRow | None, item: Item, client_id: UUID | None) -> Iterator[_Limit]:
    if row is None:
        return
    at = item.starts_at, ZoneInfo(row["zone"])
    of_staff = (row["staff_daily_limit"], row["staff_weekly_limit"])
    yield from _spans("service", item.service_id, item.service_id, (row["daily_limit"], row["weekly_limit"]), *at)
    yield from _spans("staff", item.staff_id, None, of_staff, *at)
    if client_id is not None:
        yield from _of_client(row, client_id, *at)


def _of_client(row: DictRow, client_id: UUID, at: datetime, zone: ZoneInfo) -> Iterator[_Limit]:
    of_client = (row["client_daily_limit"], row["client_weekly_limit"])
    return _spans("client", client_id, row["service_id"], of_client, at, zone)


def _spans(
    what: str, of: UUID, service_id: UUID | None, limits: tuple[int | None, int | None], at: datetime, zone: ZoneInfo
) -> Iterator[_Limit]:
    if limits == (None, None):
        return
    day = at.astimezone(zone).date()
    monday = day - timedelta(days=day.weekday())
    for most, each, first, days in ((limits[0], "day", day, 1), (limits[1], "week", monday, 7)):
        if most is not None:
            span = _midnight(first, zone), _midnight(first + timedelta(days=days), zone)
            words = f"{WORDS[what]} {{n}} times a {each} at most, and does so already; choose another {each}."
            yield _Limit(what, of, service_id, most, *span, Sentence.of(words, n=most))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
