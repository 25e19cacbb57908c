"""The smallest thing a client could concede to get a place that nobody else loses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import numpy as np

from solver.columns import Entry, EntryId, Int
from solver.lanes import Lane
from solver.places import legal_places, resolved
from solver.problem import Problem
from solver.result import Result
from solver.slots import Slots
from solver.snapshot import Snapshot


class Kind(StrEnum):
    """What a client would concede."""

    STAFF = "staff"
    TIME = "time"
    STAFF_AND_TIME = "staff_and_time"


@dataclass(frozen=True, slots=True)
class Concession:
    """The smallest relaxation of an entry's wishes that places it, beside the plan as it is.

    Attributes
    ----------
    entry : int, str or UUID
    kind : Kind
    minutes : int
        By how much a window would have to open earlier or close later; zero for another staff member.
    lane, start, end : int
        The place it would have.
    sentence : str
    """

    entry: EntryId
    kind: Kind
    minutes: int
    lane: int
    start: int
    end: int
    sentence: str


def concessions(snapshot: Snapshot, problem: Problem, result: Result, now: datetime) -> tuple[Concession, ...]:
    """A concession for each waiting entry without a place, where there is one; nobody in the plan is displaced.

    Parameters
    ----------
    snapshot : Snapshot
        The one that the problem was made from.
    """
    after = occupied(snapshot, problem, result)
    entries = {entry.id: entry for entry in problem.entries}
    visits = [(entries[p.entry], p.start) for p in result.placements]
    unplaced = [_with_visits(entries[reason.entry], visits) for reason in result.reasons]
    found = (_smallest(after, entry, now) for entry in unplaced if entry.place is None)
    return tuple(concession for concession in found if concession is not None)


def _with_visits(entry: Entry, visits: Sequence[tuple[Entry, int]]) -> Entry:
    """The entry with those of its client's visits that are the plan's to place."""
    own = [
        start
        for e, start in visits
        if entry.client is not None
        and (e.client, e.service) == (entry.client, entry.service)
        and (e.place is None or e.required)
    ]
    return replace(entry, booked=(*entry.booked, *own))


def occupied(snapshot: Snapshot, problem: Problem, result: Result) -> Snapshot:
    """The snapshot as it will be once the plan is applied."""
    lanes = []
    for lane in snapshot.lanes:
        rows = []
        if problem.fixed is not None:
            mine = problem.fixed.lane == lane.index
            rows += list(zip(problem.fixed.start[mine].tolist(), problem.fixed.end[mine].tolist(), strict=True))
        for p in result.placements:
            rows += [(start, end) for at, start, end in p.claims if at == lane.index]
        busy = np.array(sorted(rows), np.int64).reshape(-1, 2)
        booked = _counted(snapshot, lane, problem, result)
        rest = (lane.blocks.copy(), booked, lane.sessions.copy())
        lanes.append(Lane.made(lane.index, lane.work.copy(), busy, lane.begun.copy(), *rest))
    return replace(snapshot, lanes=tuple(lanes))


def _counted(snapshot: Snapshot, lane: Lane, problem: Problem, result: Result) -> Int:
    """The visits of a lane that count against limits once the plan is applied."""
    rows = [(of, start) for of, start in lane.booked.tolist()]
    service = {entry.id: snapshot.service_index.get(entry.service) for entry in problem.entries}
    for p in result.placements:
        old = (service[p.entry], p.before[1]) if p.before is not None and p.before[0] == lane.index else None
        if old in rows:
            rows.remove(old)
    rows += [(of, p.start) for p in result.placements if p.lane == lane.index and (of := service[p.entry]) is not None]
    return np.array(rows, np.int64).reshape(-1, 2)


def _smallest(after: Snapshot, entry: Entry, now: datetime) -> Concession | None:
    """Another staff member at a wished time, else the nearest time, else both."""
    anyone = resolved(after, replace(entry, staff=None))
    anytime: Sequence[tuple[Kind, Entry]] = (
        (Kind.STAFF, anyone),
        (Kind.TIME, replace(entry, windows=())),
        (Kind.STAFF_AND_TIME, replace(anyone, windows=())),
    )
    for kind, relaxed in anytime:
        slots = legal_places(after, relaxed, now)
        if len(slots):
            return _nearest(entry, kind, slots)
    return None


def _nearest(entry: Entry, kind: Kind, slots: Slots) -> Concession:
    beyond = _beyond(entry, slots)
    best = int(np.lexsort((slots.lane, slots.start, beyond))[0])
    lane, start, end = int(slots.lane[best]), int(slots.start[best]), int(slots.end[best])
    minutes = int(beyond[best])
    words = {
        Kind.STAFF: "another staff member has time as wished",
        Kind.TIME: f"a window {minutes} minutes wider would do",
        Kind.STAFF_AND_TIME: f"another staff member and a window {minutes} minutes wider would do",
    }
    return Concession(entry.id, kind, minutes, lane, start, end, words[kind])


def _beyond(entry: Entry, slots: Slots) -> Int:
    """Minutes by which each slot lies outside the entry's nearest window, int64 of shape (slots,)."""
    if not entry.windows:
        return np.zeros(len(slots), np.int64)
    outside = [
        np.maximum(opens - slots.start, 0) + np.maximum(slots.end - closes, 0) for opens, closes in entry.windows
    ]
    nearest: Int = np.min(outside, axis=0)
    return nearest
