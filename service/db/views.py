"""Rows to arrays: one business's snapshot with what a commit needs beside it, kept up with the change log."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from models.errors import NotFound, Unavailable
from service.db.database import Database, Transaction
from service.db.session import seconds_left
from solver.snapshot import Hours, Service, Snapshot

DAYS_BACK = 1
DAYS_AHEAD = 127
REFRESH_DAYS = 93
"""A view whose horizon begins longer ago than DAYS_AHEAD - REFRESH_DAYS is read anew."""

# Rows of transactions that were still open at the last look are read again; nothing is skipped that way. Cursor, log
# and rows are read in one snapshot of the database, or a change in between would show in some of them alone.
LOOK = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS cursor, clock_timestamp() AS looked_at, c.id, c.lane_no, c.day,
       (SELECT f.floor::text FROM change_log_floor f WHERE f.business_id = %s) AS floor
FROM (VALUES (1)) AS once
LEFT JOIN change_log c ON c.business_id = %s AND c.xid >= %s::text::xid8 ORDER BY c.id
"""
CURSOR = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS cursor"
BUSINESS = "SELECT zone FROM business WHERE id = %s"
STAFF = """
SELECT s.id, s.lane_no, s.name, l.availability_version FROM staff s
JOIN lane l ON l.business_id = s.business_id AND l.lane_no = s.lane_no
WHERE s.business_id = %s AND s.active ORDER BY s.lane_no
"""
SERVICES = """
SELECT id, duration, buffer_before, buffer_after, slot_interval, minimum_notice, maximum_advance FROM service
WHERE business_id = %s AND active ORDER BY id
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
OVERRIDES = """
SELECT d.lane_no, d.day, lower(h) AS opens, upper(h) AS closes
FROM staff_day d LEFT JOIN LATERAL unnest(d.hours) AS h ON true
WHERE d.business_id = %(business)s AND d.lane_no = ANY(%(lanes)s) AND d.hours IS NOT NULL
  AND d.day >= %(first)s - 2 AND d.day <= %(last)s + 2 ORDER BY d.lane_no, d.day, opens
"""
HOLIDAYS = """
SELECT day FROM holiday WHERE business_id = %(business)s AND day >= %(first)s - 2 AND day <= %(last)s + 2 ORDER BY day
"""
BUSY = """
SELECT lane_no, floor(extract(epoch FROM starts_at) / 60)::bigint AS starts,
       ceil(extract(epoch FROM ends_at) / 60)::bigint AS ends, expires_at
FROM claim
WHERE business_id = %(business)s AND lane_no = ANY(%(lanes)s) AND released_at IS NULL
  AND starts_at >= %(start)s AND starts_at < %(end)s AND (expires_at IS NULL OR expires_at > clock_timestamp())
ORDER BY lane_no, starts_at
"""
# A claim may last 31 days: the first load looks that far back for those that reach into the horizon.
LONGEST_CLAIM = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class LaneInfo:
    """What a commit needs of a staff member's lane."""

    staff_id: UUID
    lane_no: int
    name: str
    availability_version: int


@dataclass(frozen=True, slots=True)
class View:
    """One business's arrays at one point of the change log.

    `cursor` is the oldest transaction that had not ended when it was read, `seen` the log rows at or after it that
    are in the arrays already, `expiries` when the first hold of a lane's UTC day runs out.
    """

    business_id: UUID
    snapshot: Snapshot
    lanes: Mapping[UUID, LaneInfo]
    cursor: str
    seen: frozenset[int] = frozenset()
    expiries: Mapping[tuple[int, date], datetime] = field(default_factory=dict)

    def of_lane(self, index: int) -> LaneInfo:
        """Return what a commit needs of the snapshot's lane at an index."""
        return next(islice(self.lanes.values(), index, None))

    def staff_of_lane(self) -> dict[int, UUID]:
        """Return the staff member of each lane number."""
        return {info.lane_no: info.staff_id for info in self.lanes.values()}


@dataclass(slots=True)
class Latest:
    """A business's newest view, and how many looks at the database have begun and which of them it is from."""

    view: View | None = None
    begun: int = 0
    looked: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@asynccontextmanager
async def _turn_of(latest: Latest) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds_left()):
            await latest.turn.acquire()
    except TimeoutError as error:
        raise Unavailable("The database has not answered in time; try again shortly.") from error
    try:
        yield
    finally:
        latest.turn.release()


class Views:
    """The views of this process, one a business, each brought up to date whenever it is asked for."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._latest: dict[UUID, Latest] = {}

    async def current(self, business_id: UUID, now: datetime) -> View:
        """Return a view that holds every change committed before this call, by this or any other process.

        Callers at the same time share a look at the database: any that began after they called will do.

        Raises
        ------
        NotFound
            There is no such business.
        """
        latest = self._latest.setdefault(business_id, Latest())
        wanted = latest.begun + 1
        async with _turn_of(latest):
            if latest.looked < wanted or latest.view is None:
                latest.begun += 1
                latest.view = await self._look(business_id, latest.view, now)
                latest.looked = latest.begun
            return latest.view

    async def _look(self, business_id: UUID, known: View | None, now: datetime) -> View:
        if known is None or now.date() > known.snapshot.first_day + timedelta(days=DAYS_AHEAD - REFRESH_DAYS):
            return await load(self._db, business_id, now.date() - timedelta(days=DAYS_BACK))
        return await refreshed(self._db, known)


async def load(db: Database, business_id: UUID, first_day: date, days: int = DAYS_BACK + DAYS_AHEAD) -> View:
    """Read a business's rows and return its view over UTC days [first_day, first_day + days)."""
    async with db.transaction(business_id, one_snapshot=True) as tx:
        return await _load(tx, first_day, days)


async def refreshed(db: Database, view: View) -> View:
    """Return the view with what the change log names read again, equal to a full load."""
    async with db.transaction(view.business_id, one_snapshot=True) as tx:
        look = await tx.rows(LOOK, [view.business_id, view.business_id, view.cursor])
        changes = [row for row in look if row["id"] is not None]
        fresh = [row for row in changes if row["id"] not in view.seen]
        forgotten = int(look[0]["floor"] or 0) > int(view.cursor)
        if forgotten or any(row["lane_no"] is None for row in fresh):
            return await _load(tx, view.snapshot.first_day, view.snapshot.days)
        hours = {row["lane_no"] for row in fresh if row["day"] is None}
        tiles = {(row["lane_no"], row["day"]) for row in fresh if row["day"] is not None}
        tiles |= _expired(view, look[0]["looked_at"])
        view = await _with_hours(tx, view, hours & view.staff_of_lane().keys())
        view = await _with_tiles(tx, view, tiles)
    return replace(view, cursor=look[0]["cursor"], seen=frozenset(row["id"] for row in changes))


async def _load(tx: Transaction, first_day: date, days: int) -> View:
    cursor, business = await tx.row(CURSOR), await tx.row(BUSINESS, [tx.business_id])
    if cursor is None or business is None:
        raise NotFound("There is no such business.")
    staff = [LaneInfo(r["id"], r["lane_no"], r["name"], r["availability_version"]) for r in await _of(tx, STAFF)]
    by_lane = {info.lane_no: info.staff_id for info in staff}
    start = _midnight(first_day)
    busy = await _busy(tx, list(by_lane), start - LONGEST_CLAIM, start + timedelta(days=days))
    hours = await hours_of(tx, list(by_lane), first_day, days)
    horizon_start = int(start.timestamp()) // 60
    snapshot = Snapshot.build(
        zone=business["zone"],
        first_day=first_day,
        days=days,
        staff=[info.staff_id for info in staff],
        hours={by_lane[lane]: of_lane for lane, of_lane in hours.items()},
        services=[Service(**row) for row in await _of(tx, SERVICES)],
        allocations=[(r["service_id"], r["staff_id"], r["duration"]) for r in await _of(tx, ALLOCATIONS)],
        busy={
            by_lane[lane]: [(r["starts"], r["ends"]) for r in rows if r["ends"] > horizon_start]
            for lane, rows in busy.items()
        },
    )
    lanes = {info.staff_id: info for info in staff}
    return View(
        tx.business_id, snapshot, lanes, cursor["cursor"], frozenset(), _expiries(r for rs in busy.values() for r in rs)
    )


async def _of(tx: Transaction, sql: LiteralString) -> list[DictRow]:
    return await tx.rows(sql, [tx.business_id])


async def _busy(tx: Transaction, lanes: list[int], start: datetime, end: datetime) -> dict[int, list[DictRow]]:
    rows = await tx.rows(BUSY, {"business": tx.business_id, "lanes": lanes, "start": start, "end": end})
    by_lane: dict[int, list[DictRow]] = {lane: [] for lane in lanes}
    for row in rows:
        by_lane[row["lane_no"]].append(row)
    return by_lane


async def hours_of(tx: Transaction, lanes: list[int], first_day: date, days: int) -> dict[int, Hours]:
    """Return when some lanes work over UTC days [first_day, first_day + days), the dates beside them included.

    A holiday closes the lanes that have no hours of their own that day.
    """
    last = first_day + timedelta(days=days)
    params = {"business": tx.business_id, "lanes": lanes, "first": first_day, "last": last}
    weekly: dict[int, list[tuple[int, int, int, date | None, date | None]]] = {lane: [] for lane in lanes}
    for r in await tx.rows(WEEKLY, params):
        weekly[r["lane_no"]].append((r["weekday"], r["opens"], r["closes"], r["valid_from"], r["valid_to"]))
    overrides: dict[int, dict[date, tuple[tuple[int, int], ...]]] = {lane: {} for lane in lanes}
    for r in await tx.rows(OVERRIDES, params):
        days_of = overrides[r["lane_no"]]
        span = () if r["opens"] is None else ((r["opens"], r["closes"]),)
        days_of[r["day"]] = (*days_of.get(r["day"], ()), *span)
    for r in await tx.rows(HOLIDAYS, params):
        for days_of in overrides.values():
            days_of.setdefault(r["day"], ())
    return {lane: Hours(tuple(weekly[lane]), overrides[lane]) for lane in lanes}


async def _with_hours(tx: Transaction, view: View, lanes: set[int]) -> View:
    if not lanes:
        return view
    snapshot, infos, by_lane = view.snapshot, dict(view.lanes), view.staff_of_lane()
    versions = {row["lane_no"]: row["availability_version"] for row in await _of(tx, STAFF)}
    for lane, hours in (await hours_of(tx, sorted(lanes), snapshot.first_day, snapshot.days)).items():
        member = by_lane[lane]
        snapshot = snapshot.with_hours(member, hours)
        infos[member] = replace(infos[member], availability_version=versions[lane])
    return replace(view, snapshot=snapshot, lanes=infos)


async def _with_tiles(tx: Transaction, view: View, tiles: set[tuple[int, date]]) -> View:
    """Read again the claims that begin on some lanes' UTC days."""
    snapshot, expiries, by_lane = view.snapshot, dict(view.expiries), view.staff_of_lane()
    for lane, day in sorted(tile for tile in tiles if tile[0] in by_lane and _inside(view, tile[1])):
        start = _midnight(day)
        rows = (await _busy(tx, [lane], start, start + timedelta(days=1)))[lane]
        horizon = snapshot.start
        spans = [(row["starts"], row["ends"]) for row in rows if row["ends"] > horizon]
        snapshot = snapshot.with_day(by_lane[lane], day, spans)
        expiries.pop((lane, day), None)
        expiries.update(_expiries(rows))
    return replace(view, snapshot=snapshot, expiries=expiries)


def _inside(view: View, day: date) -> bool:
    first = view.snapshot.first_day
    return first - LONGEST_CLAIM <= day < first + timedelta(days=view.snapshot.days)


def _expired(view: View, now: datetime) -> set[tuple[int, date]]:
    # Nobody need have swept: a hold that ran out by the database's clock is read again, and then not there.
    return {tile for tile, expiry in view.expiries.items() if expiry <= now}


def _expiries(rows: Iterable[DictRow]) -> dict[tuple[int, date], datetime]:
    """Return the first expiry among the holds of each lane's UTC day."""
    expiries: dict[tuple[int, date], datetime] = {}
    for row in rows:
        if row["expires_at"] is not None:
            tile = (row["lane_no"], date.fromordinal(719163 + row["starts"] // 1440))
            expiries[tile] = min(row["expires_at"], expiries.get(tile, row["expires_at"]))
    return expiries


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)
