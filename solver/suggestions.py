"""Suggestions: the slots of an answer ranked by a score with named parts, and the best few that differ."""

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from solver.clock import DAY, epoch_minute, local_minutes
from solver.errors import InvalidProblem
from solver.lanes import Lane
from solver.preferences import INDIFFERENT, Part, Points, Preferences, part_of_day, wish_table
from solver.slots import Slots
from solver.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd

NEAR = 128
"""Slots around the wanted time that are scored first, to learn how far away a better one could be."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The best slots first, with the named parts of each score (float64, shape (n,)); higher is better.

    score = -(fragment + load + wait + preference), in points (see `Weights`): `fragment` are the minutes beside the
    slot into which nothing fits that this business sells, `load` the share of the lane's hours that is claimed,
    `wait` the distance from the wanted time, `preference` the wishes that are not met.
    """

    slots: Slots
    score: Points
    fragment: Points
    load: Points
    wait: Points
    preference: Points

    def __len__(self) -> int:
        return len(self.score)

    def take(self, rows: NDArray[np.int64]) -> "Ranking":
        """Return some rows, in their order."""
        columns = (getattr(self, f.name)[rows] for f in fields(self)[1:])
        return Ranking(self.slots.take(rows), *columns)

    def to_frame(self, zone: str | None = None) -> "pd.DataFrame":
        """One row a suggestion: staff, times, score and its parts."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)[1:]}
        return self.slots.to_frame(zone).assign(**parts)


def rank(slots: Slots, limit: int | None = None, preferences: Preferences = INDIFFERENT) -> Ranking:
    """Return the best of slots that are in order, by score, at most `limit`; ties by start, then lane.

    Notes
    -----
    Every part costs at least nothing, and `wait` grows with the distance from the wanted time: once `limit` slots
    near it are scored, no slot further away than the worst of them costs can be among the best. Only those nearer are
    scored, so a page of a long answer costs what a page of a short one does.

    Raises
    ------
    InvalidProblem
        A limit below 1, a preference for a staff member that is not there.
    """
    if limit is not None and limit < 1:
        raise InvalidProblem(f"at least one suggestion is asked for, not {limit}")
    if len(slots) == 0:
        return Ranking(slots, *[np.empty(0)] * 5)
    scoring = _Scoring(slots, preferences)
    lo, hi = scoring.near(limit)
    costs, bound = scoring.costs(lo, hi), math.inf
    if limit is not None and limit <= hi - lo:
        partitioned = costs[0].copy()
        partitioned.partition(limit - 1)
        bound = float(partitioned[limit - 1])
        reach = scoring.reach(bound) if hi - lo < len(slots) else (lo, hi)
        if reach[0] < lo or hi < reach[1]:
            lo, hi = reach
            costs = scoring.costs(lo, hi)
    rows = (costs[0] <= bound).nonzero()[0]
    rows = rows[costs[0][rows].argsort(kind="stable")[:limit]]
    score, *parts = (part[rows] for part in costs)
    return Ranking(slots.take(rows + lo), -score, *parts)


def suggest(slots: Slots, count: int = 3, preferences: Preferences = INDIFFERENT) -> Ranking:
    """Return the best slots of which no two are on the same local day in the same part of it.

    Fewer than `count` where the answer covers fewer days and parts. Raises as `rank`.
    """
    limit = 16 * count
    while True:
        ranking = rank(slots, limit, preferences)
        local = local_minutes(preferences.zone or slots.snapshot.zone, ranking.slots.start)
        _, first = np.unique(local // DAY * len(Part) + part_of_day(local), return_index=True)
        if len(first) >= count or limit >= len(slots):
            return ranking.take(np.sort(first)[:count])
        limit *= 4


class _Scoring:
    """An answer with all that its slots are scored by."""

    def __init__(self, slots: Slots, preferences: Preferences) -> None:
        self.slots, self.preferences, self.weights = slots, preferences, preferences.weights
        self.load, self.unusable = _loads(slots.snapshot), _unusable(slots.snapshot)
        wanted = preferences.wanted
        self.wanted = slots.first_start if wanted is None else epoch_minute(wanted)

    def near(self, limit: int | None) -> tuple[int, int]:
        """Return the rows [from, to) that are scored first, at least `limit`; all of a short answer, or without one."""
        if limit is None or len(self.slots) <= 2 * NEAR or self.weights.wait == 0:
            return 0, len(self.slots)
        # As many slots as there are lanes may start at one moment: fewer would tell little of what waiting costs.
        middle, lanes = self.slots.place(self.wanted), len(self.slots.snapshot.staff)
        half = max(NEAR // 2, limit, min(lanes + lanes // 2, 4 * NEAR))
        return max(0, middle - half), min(len(self.slots), middle + half)

    def reach(self, cost: float) -> tuple[int, int]:
        """Return the rows [from, to) that can cost no more than `cost`."""
        minutes = int(cost * 60 / self.weights.wait) + 1
        return self.slots.place(self.wanted - minutes), self.slots.place(self.wanted + minutes + 1)

    def costs(self, lo: int, hi: int) -> tuple[Points, Points, Points, Points, Points]:
        """Return what the rows [lo, hi) cost: all in all, fragments, load, wait and preferences."""
        slots, weights = self.slots.take(slice(lo, hi)), self.weights
        before, after = slots.beside()
        # A gap longer than the table is wholly usable, as its last entry says; none is shorter than 0.
        fragment = self.unusable.take(before, mode="clip")
        fragment += self.unusable.take(after, mode="clip")
        fragment *= weights.fragment
        load = (weights.load * self.load)[slots.lane]
        wait = np.abs(slots.minute - (self.wanted - slots.snapshot.start)) * (weights.wait / 60)
        cost = fragment + load
        cost += wait
        if self.preferences.indifferent:
            return cost, fragment, load, wait, np.zeros_like(cost)
        preference = self._unmet(slots)
        cost += preference
        return cost, fragment, load, wait, preference

    def _unmet(self, slots: Slots) -> Points:
        local = local_minutes(self.preferences.zone or slots.snapshot.zone, slots.start)
        weekday = (local // DAY + 3) % 7  # 1 January 1970 was a Thursday
        unmet: Points = wish_table(slots.snapshot, self.preferences)[slots.lane, weekday, part_of_day(local)]
        return unmet


def _loads(snapshot: Snapshot) -> Points:
    """Return the share of each lane's hours that is claimed; kept, and after an update worked out where it changed."""
    lanes, kept = snapshot.lanes, snapshot.kept
    if kept.loads is None or len(kept.loads[0]) != len(lanes):
        kept.loads = lanes, np.array([_load(lane) for lane in lanes])
    elif kept.loads[0] is not lanes:
        before, loads = kept.loads[0], kept.loads[1].copy()
        for i in [i for i, lane in enumerate(lanes) if lane is not before[i]]:
            loads[i] = _load(lanes[i])
        kept.loads = lanes, loads
    return kept.loads[1]


def _load(lane: Lane) -> float:
    worked = int((lane.work[:, 1] - lane.work[:, 0]).sum())
    return int((lane.busy[:, 1] - lane.busy[:, 0]).sum()) / worked if worked else 0.0


def _unusable(snapshot: Snapshot) -> Points:
    """Return the minutes lost in a gap of each length, by all that the business sells; kept."""
    if snapshot.kept.unusable is None:
        buffers = np.array([s.buffer_before + s.buffer_after for s in snapshot.services], np.int64)
        lengths = np.where(snapshot.durations > 0, snapshot.durations + buffers[:, None], 0)
        snapshot.kept.unusable = unusable_minutes(tuple(np.unique(lengths[lengths > 0]).tolist()))
    return snapshot.kept.unusable


@lru_cache(maxsize=1024)
def unusable_minutes(lengths: tuple[int, ...]) -> Points:
    """Return how much of a gap of 0, 1, … 1440 minutes no sequence of sold lengths can fill; float64, (1441,).

    The unbounded knapsack over lengths (Kellerer, Pferschy, Pisinger: Knapsack Problems, 2004, section 8.3), as bits
    of one integer. A gap of a day or more counts as wholly usable, and so does one of no length.
    """
    filled = 1
    mask = (1 << DAY + 1) - 1
    for length in lengths:
        shift = length
        while shift <= DAY:
            filled |= filled << shift & mask
            shift *= 2
    minutes = np.arange(DAY + 1)
    reachable = np.array([filled >> minute & 1 for minute in range(DAY + 1)], bool)
    unusable = (minutes - np.maximum.accumulate(np.where(reachable, minutes, 0))).astype(np.float64)
    unusable[-1] = 0
    unusable.flags.writeable = False
    return unusable
