"""The book laid open for the optimiser: what each client allowed, who may move, and what stays fixed."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from solver.columns import Entry, EntryId, Intervals, Preference, check_windows, is_whole
from solver.errors import InvalidProblem
from solver.lanes import Lane
from solver.limits import limited
from solver.places import Windows, merged
from solver.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Booking:
    """A booked appointment and what its client allowed.

    Attributes
    ----------
    id : int, str or UUID
    service : hashable
    lane : int
        The snapshot's index of its staff member; -1 where that one is gone, and the booking must leave.
    start, end, occupied_start, occupied_end : int
        Epoch minutes, half-open: the service and what it takes of its lane.
    windows : tuple of (open, close)
        When the client would come instead; empty: at its time only.
    staff : tuple of lanes, or None
        Whom else the client accepts; empty: nobody else, None: anyone allocated.
    also : tuple of (lane id, start, end)
        Rooms, devices and the visit's further items: they move along by the same minutes.
    choices : tuple of tuples of lanes
        For each of `also`, the lanes that may take its place, its own among them; empty: they stay as they are.
    within : tuple of (start, end)
        For each of `also`, what must lie inside its lane's hours; empty: all that it takes.
    locked : bool
        It stays, come what may.
    must_leave : bool
        Its present place is gone (staff ill, room lost), whatever the hours still say.
    client, moved_before
        Whose it is, and how often they were moved already.
    prefers : tuple of Preference
    booked : tuple of int
        When its client comes for the service besides, minutes since the epoch: what counts against limits on a client.
    """

    id: EntryId
    service: Hashable
    lane: int
    start: int
    end: int
    occupied_start: int
    occupied_end: int
    windows: Windows = ()
    staff: tuple[int, ...] | None = ()
    also: tuple[tuple[int, int, int], ...] = ()
    locked: bool = False
    must_leave: bool = False
    client: EntryId | None = None
    moved_before: int = 0
    prefers: tuple[Preference, ...] = ()
    booked: tuple[int, ...] = ()
    choices: tuple[tuple[int, ...], ...] = ()
    within: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        times = (self.start, self.end, self.occupied_start, self.occupied_end, self.lane, self.moved_before)
        if not all(map(is_whole, times)) or self.moved_before < 0:
            raise InvalidProblem(f"booking {self.id}: lane, minutes and moves are whole numbers")
        check_windows(f"booking {self.id}", self.windows)
        if not self.occupied_start <= self.start < self.end <= self.occupied_end:
            raise InvalidProblem(f"booking {self.id}: its times are not in order")
        if self.locked and self.must_leave:
            raise InvalidProblem(f"booking {self.id}: locked, and must leave")
        if any(start >= end for _, start, end in self.also):
            raise InvalidProblem(f"booking {self.id}: one of its further items is empty")
        if any(len(parallel) not in (0, len(self.also)) for parallel in (self.choices, self.within)):
            raise InvalidProblem(f"booking {self.id}: choices, or hours, for some of its further items only")

    @property
    def parts(self) -> Iterator[tuple[tuple[int, int, int], tuple[int, ...], tuple[int, int]]]:
        """Each of `also` with its choice of lanes and what must lie inside hours."""
        choices = self.choices or tuple((lane,) for lane, _, _ in self.also)
        within = self.within or tuple((start, end) for _, start, end in self.also)
        return zip(self.also, choices, within, strict=True)


@dataclass(frozen=True, slots=True)
class Extras:
    """What else a book has.

    Attributes
    ----------
    rooms : mapping of service to lane ids
        Interchangeable rooms or devices, one of which the service takes; ids beyond the snapshot's staff lanes.
    room_busy : Intervals or None
        What holds rooms and is no booking of the problem.
    overtime : Intervals or None
        Time outside regular hours that may be worked at a cost.
    seats : mapping of lane id to seats
        Lanes of group sessions.
    """

    rooms: Mapping[Hashable, tuple[int, ...]] | None = None
    room_busy: Intervals | None = None
    overtime: Intervals | None = None
    seats: Mapping[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Book:
    """The book laid open: the snapshot without the claims of those who may move, and what stays fixed.

    Nor do the visits of those who may move count against its limits, but for those who must leave: until they have
    another place they count where they are.
    """

    free: Snapshot
    movable: tuple[Booking, ...]
    leaving: frozenset[EntryId]
    fixed: Intervals

    @staticmethod
    def opened(snapshot: Snapshot, bookings: Sequence[Booking], now: int, frozen: int, extras: Extras) -> "Book":
        for booking in bookings:
            first = -1 if booking.must_leave else 0
            if not first <= booking.lane < len(snapshot.staff) or booking.service not in snapshot.service_index:
                raise InvalidProblem(f"booking {booking.id}: no such staff member or service {booking.service!r}")
            lanes = (*(booking.staff or ()), *(lane for lane, _, _ in booking.also))
            if min(lanes, default=0) < 0 or max(booking.staff or (), default=0) >= len(snapshot.staff):
                raise InvalidProblem(f"booking {booking.id}: one of the lanes that it names is not there")
        groups = {s.id for s in snapshot.services if s.seats > 1}
        _refuse_clashing_locks([b for b in bookings if b.locked and b.service not in groups], extras.seats or {})
        wide = _widened(snapshot, extras.overtime)
        shut = {b.id for b in bookings if not b.locked and (b.must_leave or not _inside(wide, b))}
        stays = {b.id for b in bookings if b.locked or b.start < now + frozen or b.service in groups}
        movable = tuple(b for b in bookings if b.id in shut or b.id not in stays)
        fixed = [b for b in bookings if b not in movable]
        free = _without(wide, movable)
        claims = _fixed(free, fixed, extras.room_busy)
        crowded = {b.id for b in movable if b.id not in shut and not _clear(claims, b, extras.seats or {})}
        leaving = frozenset(shut | crowded)
        return Book(uncounted(free, [b for b in movable if b.id not in leaving]), movable, leaving, claims)

    def besides(self, entry: Entry) -> Entry:
        """The entry with those visits of its client that stay, whatever the plan does."""
        free = self._moving.get((entry.client, entry.service), ())
        return replace(entry, booked=tuple(minute for minute in entry.booked if minute not in free))

    @cached_property
    def _moving(self) -> dict[tuple[EntryId | None, Hashable], set[int]]:
        """Starts of the visits that may move, by client and service."""
        found: dict[tuple[EntryId | None, Hashable], set[int]] = defaultdict(set)
        for b in self.movable:
            if b.id not in self.leaving:
                found[b.client, b.service].add(b.start)
        return found


def _refuse_clashing_locks(locked: Sequence[Booking], seats: Mapping[int, int]) -> None:
    """Two that are locked on the same time of a lane which holds one."""
    claims = sorted(
        (lane, start, end, b.id) for b in locked for lane, start, end in _claims(b) if seats.get(lane, 1) == 1
    )
    for (lane, _, end, first), (other, start, _, second) in pairwise(claims):
        if lane == other and start < end:
            raise InvalidProblem(f"bookings {first} and {second} are both locked on lane {lane} at minute {start}")


def _claims(b: Booking) -> tuple[tuple[int, int, int], ...]:
    return ((b.lane, b.occupied_start, b.occupied_end), *b.also)


def _inside(snapshot: Snapshot, booking: Booking) -> bool:
    """Whether the service, and what else the visit takes of lanes that are there, lies within their hours."""
    lanes = [(booking.lane, booking.start, booking.end)]
    lanes += [(lane, *within) for (lane, _, _), _, within in booking.parts if lane < len(snapshot.lanes)]
    return all(works(snapshot, *claim) for claim in lanes)


def works(snapshot: Snapshot, lane: int, start: int, end: int) -> bool:
    """Whether a lane is there and open from `start` to `end`; -1 is one that is gone."""
    if lane < 0:
        return False
    spans = merged(tuple((int(a), int(b)) for a, b, _ in snapshot.lanes[lane].work))
    return any(opens <= start and end <= closes for opens, closes in spans)


def _clear(fixed: Intervals, booking: Booking, seats: Mapping[int, int]) -> bool:
    """Whether the booking's claims are clear of everything fixed."""
    return all(taken(fixed, *claim) < seats.get(claim[0], 1) for claim in _claims(booking))


def taken(fixed: Intervals, lane: int, start: int, end: int) -> int:
    """How many fixed claims overlap a lane's time."""
    return int(np.count_nonzero((fixed.lane == lane) & (fixed.start < end) & (fixed.end > start)))


def _widened(snapshot: Snapshot, overtime: Intervals | None) -> Snapshot:
    """The snapshot with overtime as working time."""
    if overtime is None:
        return snapshot
    lanes = []
    for lane in snapshot.lanes:
        mine = overtime.lane == lane.index
        began = np.concatenate([lane.begun, overtime.start[mine]])
        offset = lane.work[0, 2] if len(lane.work) else 0
        extra = np.column_stack([overtime.start[mine], overtime.end[mine], np.full(int(mine.sum()), offset)])
        work = np.concatenate([lane.work, extra.astype(np.int64)])
        order = np.argsort(work[:, 0], kind="stable")
        work = work[order]
        if np.any(work[1:, 0] < work[:-1, 1]):
            raise InvalidProblem(f"overtime of lane {lane.index} overlaps its hours")
        lanes.append(lane.with_work(work, began[order], lane.blocks))
    return replace(snapshot, lanes=tuple(lanes))


def _without(snapshot: Snapshot, movable: Sequence[Booking]) -> Snapshot:
    """The snapshot without the claims of the movable bookings."""
    taken: dict[int, list[tuple[int, int, EntryId]]] = defaultdict(list)
    for b in movable:
        for lane, start, end in _claims(b):
            if 0 <= lane < len(snapshot.lanes):
                taken[lane].append((start, end, b.id))
    return replace(snapshot, lanes=tuple(_freed(lane, taken[lane.index]) for lane in snapshot.lanes))


def _freed(lane: Lane, claims: Sequence[tuple[int, int, EntryId]]) -> Lane:
    if not claims:
        return lane
    rows = [(int(a), int(b)) for a, b in lane.busy]
    for start, end, owner in claims:
        if (start, end) not in rows:
            raise InvalidProblem(f"booking {owner}: the snapshot has no claim [{start}, {end}) on lane {lane.index}")
        rows.remove((start, end))
    return lane.with_busy(np.array(rows, np.int64).reshape(-1, 2))


def uncounted(snapshot: Snapshot, bookings: Sequence[Booking]) -> Snapshot:
    """The snapshot in which some bookings count against no limit: to move is no further visit."""
    if not any(limited(service, snapshot.limits.values()) for service in snapshot.services):
        return snapshot
    lanes = list(snapshot.lanes)
    for b in bookings:
        if b.lane >= 0:
            booked = lanes[b.lane].booked
            own = (booked[:, 0] == snapshot.service_index[b.service]) & (booked[:, 1] == b.start)
            lanes[b.lane] = replace(lanes[b.lane], booked=booked[~own])
    return replace(snapshot, lanes=tuple(lanes))


def _fixed(free: Snapshot, bookings: Sequence[Booking], room_busy: Intervals | None) -> Intervals:
    """Everything that stays, with the ids of the bookings among it; other claims are owned by `busy`."""
    owner = {(b.lane, b.occupied_start, b.occupied_end): b.id for b in bookings}
    rows: list[tuple[int, int, int, EntryId]] = [
        (lane.index, int(a), int(b), owner.get((lane.index, int(a), int(b)), "busy"))
        for lane in free.lanes
        for a, b in lane.busy
    ]
    rows += [(lane, a, b, k.id) for k in bookings for lane, a, b in k.also if lane >= len(free.lanes)]
    if room_busy is not None:
        arrays = (room_busy.lane.tolist(), room_busy.start.tolist(), room_busy.end.tolist())
        rows += [(lane, a, b, "busy") for lane, a, b in zip(*arrays, strict=True)]
    if not rows:
        return Intervals.of([], [], [])
    lane, start, end, owners = (list(column) for column in zip(*rows, strict=True))
    return Intervals.of(lane, start, end, owners)
