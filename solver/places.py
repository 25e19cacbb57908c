"""Where a visit may lie: legal places of an entry, working hours and fixed claims as intervals."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from solver.booked import lasting
from solver.clock import DAY, moment
from solver.columns import Columns, Entry, Int, Intervals
from solver.errors import InvalidProblem
from solver.lanes import Lane
from solver.limits import unlimited
from solver.slots import Slots, legal_starts
from solver.snapshot import Snapshot

LONGEST_WAIT_COUNTED = 60  # days

Windows = tuple[tuple[int, int], ...]


def days_waited(entry: Entry, now: int) -> int:
    """Whole days since the entry joined, at most 60."""
    return min(max(now - entry.since, 0) // DAY, LONGEST_WAIT_COUNTED)


def resolved(snapshot: Snapshot, entry: Entry) -> Entry:
    """The entry with its eligible staff written out: whom the client accepts and who performs the service."""
    if entry.service not in snapshot.service_index:
        raise InvalidProblem(f"entry {entry.id}: there is no service {entry.service!r}")
    allocated = np.flatnonzero(snapshot.durations[snapshot.service_index[entry.service]]).tolist()
    if entry.staff is None:
        return replace(entry, staff=tuple(allocated))
    if any(not 0 <= lane < len(snapshot.staff) for lane in entry.staff):
        raise InvalidProblem(f"entry {entry.id}: one of its staff is not in the snapshot")
    return replace(entry, staff=tuple(sorted(set(entry.staff) & set(allocated))))


def legal_places(snapshot: Snapshot, entry: Entry, now: datetime) -> Slots:
    """Every legal start of an entry whose staff is written out, none twice however its windows overlap.

    A party larger than the service's groups has none.
    """
    windows = entry.windows or ((snapshot.start, snapshot.end),)
    spans = [(moment(opens), moment(closes)) for opens, closes in sorted(set(windows))]
    fits = entry.seats <= snapshot.services[snapshot.service_index[entry.service]].seats
    staff = [snapshot.staff[lane] for lane in entry.staff or () if fits]
    wide = lasting(snapshot, entry.service, entry.takes)
    slots = legal_starts(wide, entry.service, spans, now, staff, entry.booked)
    if len(spans) == 1 or not len(slots):
        return slots
    order = np.lexsort((slots.lane, slots.start))
    lane, start = slots.lane[order], slots.start[order]
    return slots.take(order[np.append(True, (np.diff(start) != 0) | (np.diff(lane) != 0))])


def merged(windows: Windows) -> Windows:
    """The spans in order, those that overlap or touch made one."""
    found: list[tuple[int, int]] = []
    for opens, closes in sorted(windows):
        if found and opens <= found[-1][1]:
            found[-1] = (found[-1][0], max(closes, found[-1][1]))
        else:
            found.append((opens, closes))
    return tuple(found)


def blocked_places(snapshot: Snapshot, wishes: Sequence[Entry], missing: Sequence[int], now: datetime) -> Columns:
    """For those entries that have no legal place, the ones they would have in an empty book without limits."""
    free = unlimited(snapshot)
    empty = replace(free, lanes=tuple(lane.with_busy(lane.busy[:0]) for lane in snapshot.lanes))
    found = [legal_places(empty, wishes[i], now) for i in missing]
    index = np.repeat(np.array(missing, np.int64), [len(slots) for slots in found])
    names = ("lane", "start", "end", "claim_start", "claim_end")
    return Columns.of(index, *(chain([getattr(slots, name) for slots in found]) for name in names))


def chain(parts: Sequence[Int]) -> Int:
    """The arrays one after the other, int64."""
    return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)


def stranded(snapshot: Snapshot, slots: Slots) -> Int:
    """Minutes that each start would leave too short to sell between itself and what is fixed beside it."""
    sellable = shortest_sold(snapshot)
    before, after = slots.claim_start - slots.gap_lo, slots.gap_hi - slots.claim_end
    return _short(before, sellable) + _short(after, sellable)


def _short(gap: Int, sellable: int) -> Int:
    return np.where((gap > 0) & (gap < sellable), gap, 0)


def shortest_sold(snapshot: Snapshot) -> int:
    """Minutes that the shortest service takes of a lane, buffers included; zero where nothing is sold."""
    taken = [
        int(length) + s.buffer_before + s.buffer_after
        for s, lengths in zip(snapshot.services, snapshot.durations, strict=True)
        for length in lengths[lengths > 0]
    ]
    return min(taken, default=0)


def fixed_claims(snapshot: Snapshot) -> Intervals:
    """Everything claimed in the snapshot, as intervals on its lanes."""
    lane = np.repeat(np.arange(len(snapshot.lanes)), [len(lane.busy) for lane in snapshot.lanes])
    busy = chain([lane.busy.ravel() for lane in snapshot.lanes]).reshape(-1, 2)
    return Intervals.of(lane, busy[:, 0], busy[:, 1])


def working_hours(snapshot: Snapshot) -> Intervals:
    """When each staff member works; spans that touch are one. Nobody's load or idle time is a room's."""
    return _hours(snapshot.lanes[: len(snapshot.staff)])


def opening_hours(snapshot: Snapshot) -> Intervals:
    """When each lane may be claimed, rooms and devices included; spans that touch are one."""
    return _hours(snapshot.lanes)


def _hours(lanes: Sequence[Lane]) -> Intervals:
    spans: list[tuple[int, int, int]] = []
    for lane in lanes:
        for start, end in merged(tuple((int(a), int(b)) for a, b, _ in lane.work)):
            spans.append((lane.index, start, end))
    array = np.array(spans, np.int64).reshape(-1, 3)
    return Intervals.of(array[:, 0], array[:, 1], array[:, 2])
