"""Rows to arrays: one business's snapshot with what a commit needs beside it, kept up with the change log."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import groupby, islice
from math import inf
from operator import itemgetter
from typing import Any, TypeVar
from uuid import UUID

from psycopg.rows import DictRow

from models.errors import InterlockError, NotFound, Unavailable
from service.db.database import Database, Transaction
from service.db.following import Follower, following, is_visible
from service.db.rows import (
    ALLOCATIONS,
    BUSINESS,
    LaneRow,
    Rows,
    busy_of,
    groups,
    holidays_of,
    hours_of,
    lanes_of,
    midnight,
    of_business,
    services_of,
    spans,
    visits,
)
from service.db.session import seconds_left
from solver.clock import utc_day
from solver.snapshot import Hours, Limits, Service, Snapshot

T = TypeVar("T")

DAYS_BACK = 1
DAYS_AHEAD = 127
REFRESH_DAYS = 93
"""A view whose horizon begins longer ago than DAYS_AHEAD - REFRESH_DAYS is read anew."""

STALEST_S = 0.05
"""How long ago a view may have been current for who asks for a recent one."""
PATIENCE_S = 1.0
"""How long a look of the follower is waited for before the database is asked for one business alone."""
MOST_KEPT = 1000
"""Views of a process."""

# What transactions wrote that the view's own look could not see: nothing is skipped that way. Log and rows are read in
# one snapshot of the database, or a change in between would show in some of them alone.
LOOK = """
SELECT pg_current_snapshot()::text AS horizon, clock_timestamp() AS looked_at, c.id, c.lane_no, c.day,
       (SELECT f.floor > pg_snapshot_xmin(%(known)s::pg_snapshot) FROM change_log_floor f
        WHERE f.business_id = %(business)s) AS forgotten
FROM (VALUES (1)) AS once
LEFT JOIN change_log c ON c.business_id = %(business)s AND c.xid >= pg_snapshot_xmin(%(known)s::pg_snapshot)
                      AND NOT pg_visible_in_snapshot(c.xid, %(known)s::pg_snapshot)
ORDER BY c.id
"""
# A claim may last 31 days: the first load looks that far back for those that reach into the horizon.
LONGEST_CLAIM = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class LaneInfo:
    """What a commit needs of a staff member's or resource's lane."""

    id: UUID
    lane_no: int
    name: str
    availability_version: int


@dataclass(frozen=True, slots=True)
class View:
    """One business's arrays at one point of the change log.

    `horizon` is the database's snapshot in which it was read: which transactions are in the arrays. `expiries` is when
    the first hold of a lane's UTC day runs out.
    """

    business_id: UUID
    snapshot: Snapshot
    lanes: Mapping[UUID, LaneInfo]
    horizon: str
    expiries: Mapping[tuple[int, date], datetime] = field(default_factory=dict)

    def of_lane(self, index: int) -> LaneInfo:
        """Return what a commit needs of the snapshot's lane at an index."""
        return next(islice(self.lanes.values(), index, None))

    def of_number(self) -> dict[int, UUID]:
        """Return the staff member or resource of each lane number."""
        return {info.lane_no: info.id for info in self.lanes.values()}


@dataclass(slots=True)
class Latest:
    """A business's newest view, and what is known of its age.

    `begun` looks at the database have begun, and the view is from look `looked`, which began at `since`. `changes`
    have been told of; when that look began, `included` of them had. The view's first hold runs out at `expires_at`.
    """

    view: View | None = None
    begun: int = 0
    looked: int = 0
    since: float = -inf
    changes: int = 0
    included: int = 0
    expires_at: datetime | None = None
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
    """The views of this process, one a business, each brought up to date when it is asked for.

    Inside `followed`, who can do with a view that was current at most 50 ms ago is mostly spared the look at the
    database. The views last asked for are kept.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._latest: dict[UUID, Latest] = {}
        self._follower: Follower | None = None
        db.when_changed.append(self._changed)

    async def current(self, business_id: UUID, now: datetime) -> View:
        """Return a view that holds every change committed before this call, by this or any other process.

        Callers at the same time share a look at the database: any that began after they called will do.

        Raises
        ------
        NotFound
            There is no such business.
        """
        latest = self._of(business_id)
        wanted = latest.begun + 1
        async with _turn_of(latest):
            if latest.looked < wanted or latest.view is None:
                latest.begun += 1
                since, changes = time.monotonic(), latest.changes
                latest.view = await self._look(business_id, latest.view, now)
                latest.looked, latest.since, latest.included = latest.begun, since, changes
                latest.expires_at = min(latest.view.expiries.values(), default=None)
            return latest.view

    async def recent(self, business_id: UUID, now: datetime) -> View:
        """Return a view that was current at most 50 ms before this call, and holds all that this process has changed.

        Where the follower is late all callers wait for its one look: one of each would make it later still.

        Raises
        ------
        NotFound
            There is no such business.
        """
        moment = time.monotonic()
        view = self.at_hand(business_id, now)
        if view is None and self._follower is not None and self._is_whole(self._of(business_id), now):
            await self._follower.ended(PATIENCE_S)
            view = self._kept(business_id, now, moment)
        return view or await self.current(business_id, now)

    async def decided(self, business_id: UUID, now: datetime, work: Callable[[View], Awaitable[T]]) -> T:
        """Do what the database decides, with a view at hand, and once more with a fresh one before it is refused.

        So nobody is refused for what was changed a moment ago elsewhere, and most changes need no look of their own.

        Raises
        ------
        NotFound
            There is no such business.
        InterlockError
            What `work` is refused with.
        """
        view = self.at_hand(business_id, now)
        if view is None:
            return await work(await self.current(business_id, now))
        try:
            return await work(view)
        except Unavailable:
            raise
        except InterlockError:
            fresh = await self.current(business_id, now)
            if fresh.snapshot is view.snapshot:
                raise
        return await work(fresh)

    def at_hand(self, business_id: UUID, now: datetime) -> View | None:
        """Return what `recent` does if no look at the database is needed for it, else None."""
        moment = time.monotonic()
        if self._follower is not None:
            self._follower.ask(moment)
        return self._kept(business_id, now, moment)

    def _kept(self, business_id: UUID, now: datetime, moment: float) -> View | None:
        """Return the newest view if it was current 50 ms before a moment and nothing is known that it lacks."""
        follower, latest = self._follower, self._of(business_id)
        if follower is None or not self._is_whole(latest, now):
            return None
        if moment - max(follower.since, latest.since) > STALEST_S:
            return None
        ran_out = latest.expires_at is not None and follower.at is not None and latest.expires_at <= follower.at
        return None if ran_out else latest.view

    @staticmethod
    def _is_whole(latest: Latest, now: datetime) -> bool:
        """Return whether there is a view of which nothing is known to be missing, however old it may be."""
        return latest.view is not None and latest.changes == latest.included and not _outgrown(latest.view, now)

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Follow the changes of all businesses."""
        try:
            async with following(self._db, self._changed, self._lacks) as self._follower:
                yield
        finally:
            self._follower = None

    def _changed(self, business_id: UUID | None) -> None:
        for latest in self._latest.values() if business_id is None else filter(None, [self._latest.get(business_id)]):
            latest.changes += 1

    def _lacks(self, business_id: UUID, transaction: int) -> bool:
        """Return whether there is a view that does not hold a transaction: what this process did, it mostly does."""
        latest = self._latest.get(business_id)
        return latest is not None and (latest.view is None or not is_visible(transaction, latest.view.horizon))

    def _of(self, business_id: UUID) -> Latest:
        latest = self._latest.pop(business_id, None) or Latest()
        self._latest[business_id] = latest
        if len(self._latest) > MOST_KEPT:
            oldest = next(iter(self._latest))
            if not self._latest[oldest].turn.locked():
                del self._latest[oldest]
        return latest

    async def _look(self, business_id: UUID, known: View | None, now: datetime) -> View:
        if known is None or _outgrown(known, now):
            return await load(self._db, business_id, now.date() - timedelta(days=DAYS_BACK))
        return await refreshed(self._db, known)


def _outgrown(view: View, now: datetime) -> bool:
    return now.date() > view.snapshot.first_day + timedelta(days=DAYS_AHEAD - REFRESH_DAYS)


async def load(db: Database, business_id: UUID, first_day: date, days: int = DAYS_BACK + DAYS_AHEAD) -> View:
    """Read a business's rows and return its view over UTC days [first_day, first_day + days)."""
    async with db.transaction(business_id, one_snapshot=True) as tx:
        return await _load(tx, first_day, days)


async def refreshed(db: Database, view: View) -> View:
    """Return the view with what the change log names read again, equal to a full load."""
    async with db.transaction(view.business_id, one_snapshot=True) as tx:
        look = await tx.rows(LOOK, {"business": view.business_id, "known": view.horizon})
        fresh = [row for row in look if row["id"] is not None]
        if look[0]["forgotten"] or any(row["lane_no"] is None for row in fresh):
            return await _load(tx, view.snapshot.first_day, view.snapshot.days)
        hours = {row["lane_no"] for row in fresh if row["day"] is None}
        tiles = {(row["lane_no"], row["day"]) for row in fresh if row["day"] is not None}
        tiles |= _expired(view, look[0]["looked_at"])
        view = await _with_hours(tx, view, hours & view.of_number().keys())
        view = await _with_tiles(tx, view, tiles)
    return replace(view, horizon=look[0]["horizon"])


async def _load(tx: Transaction, first_day: date, days: int) -> View:
    business = await tx.row(BUSINESS, [tx.business_id])
    if business is None:
        raise NotFound("There is no such business.")
    lanes, services = await lanes_of(tx), await services_of(tx)
    by_lane = {lane.lane_no: lane for lane in lanes}
    of_staff = {lane.lane_no: lane.id for lane in lanes if lane.kind is None}
    start = midnight(first_day)
    limits: dict[Hashable, Limits] = {lane.id: lane.limits for lane in lanes if lane.limits != (None, None)}
    counted = _counted(services, limits)
    busy = await busy_of(tx, list(by_lane), start - LONGEST_CLAIM, start + timedelta(days=days), counted=counted)
    index: dict[Hashable, int] = {service.id: i for i, service in enumerate(services)}
    snapshot = Snapshot.build(
        zone=business["zone"],
        first_day=first_day,
        days=days,
        staff=[lane.id for lane in lanes if lane.kind is None],
        hours=_open(by_lane, await hours_of(tx, list(by_lane), first_day, days)),
        services=services,
        allocations=[(r["service_id"], r["staff_id"], r["duration"]) for r in await of_business(tx, ALLOCATIONS)],
        busy={by_lane[no].id: spans(rows, utc_day(first_day)) for no, rows in busy.items()},
        zones={lane.id: lane.zone for lane in lanes if lane.zone is not None},
        holidays=await holidays_of(tx, first_day, days),
        limits=limits,
        resources=[(lane.id, lane.kind) for lane in lanes if lane.kind is not None],
        booked={of_staff[no]: visits(rows, index) for no, rows in busy.items() if no in of_staff and counted},
        sessions={of_staff[no]: groups(rows, index) for no, rows in busy.items() if no in of_staff},
    )
    infos = {lane.id: LaneInfo(lane.id, lane.lane_no, lane.name, lane.availability_version) for lane in lanes}
    expiries = _expiries(row for rows in busy.values() for row in rows)
    return View(tx.business_id, snapshot, infos, business["horizon"], expiries)


def _counted(services: Iterable[Service], of_staff: Mapping[Any, Limits]) -> bool:
    """Return whether any limit counts visits; a client's own are counted when they ask."""
    return bool(of_staff) or any(s.daily_limit is not None or s.weekly_limit is not None for s in services)


def _open(lanes: Mapping[int, LaneRow], hours: Mapping[int, Hours]) -> dict[Hashable, Hours]:
    """Return the hours by lane; a resource without any is always open."""
    return {lanes[no].id: h for no, h in hours.items() if lanes[no].kind is None or h.weekly or h.overrides}


async def _with_hours(tx: Transaction, view: View, lanes: set[int]) -> View:
    if not lanes:
        return view
    snapshot, infos = view.snapshot, dict(view.lanes)
    rows = {row.lane_no: row for row in await lanes_of(tx)}
    known = {no: rows[no] for no in lanes if no in rows}
    hours = _open(known, await hours_of(tx, sorted(known), snapshot.first_day, snapshot.days))
    for row in known.values():
        snapshot = snapshot.with_hours(row.id, hours.get(row.id))
        infos[row.id] = replace(infos[row.id], availability_version=row.availability_version)
    return replace(view, snapshot=snapshot, lanes=infos)


async def _with_tiles(tx: Transaction, view: View, tiles: set[tuple[int, date]]) -> View:
    """Read again the claims that begin on some lanes' UTC days."""
    snapshot, expiries, by_lane = view.snapshot, dict(view.expiries), view.of_number()
    counted = _counted(snapshot.services, snapshot.limits)
    index = dict(snapshot.service_index)
    known = sorted((day, lane) for lane, day in tiles if lane in by_lane and _inside(view, day))
    for day, of_day in groupby(known, key=itemgetter(0)):
        start = midnight(day)
        # A statement a day, not a lane: busy hours change many lanes of one day, and each statement waits its turn.
        busy = await busy_of(tx, [lane for _, lane in of_day], start, start + timedelta(days=1), counted=counted)
        for lane, rows in busy.items():
            beside: tuple[Rows, ...] = ()
            if by_lane[lane] in snapshot.staff_index:
                beside = (visits(rows, index) if counted else [], groups(rows, index))
            snapshot = snapshot.with_day(by_lane[lane], day, spans(rows, snapshot.start), *beside)
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
