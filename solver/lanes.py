"""One lane's time: when it works, when it is busy, and the gaps in between, as numpy arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Minutes = NDArray[np.int64]
"""Epoch minutes (UTC)."""

Rows = NDArray[np.int32]
"""Columns of gaps, shape (columns, g): int32 epoch minutes last until the year 6053."""

FAR = 2**30
"""Further away than any date: the next claim where there is none."""

LO, HI, END, PREVIOUS, FOLLOWING, OFFSET, SHIFT = range(7)
"""The columns of gaps.

A visit of length d with buffers b and a may start at s when ``max(lo, previous + b) <= s < hi``, ``s + d <= end`` and
``s + d + a <= following``: it lies inside working hours, its buffers only have to clear the neighbouring claims and may
run past opening and closing. `hi` is before `end` only where the UTC offset changes in a shift. `offset` is the UTC
offset, `shift` when the shift began: both say where the grid of starts lies.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """One lane over the snapshot's horizon.

    Attributes
    ----------
    index : int
        Its place in the snapshot.
    work : int64, shape (w, 3)
        Working time: start, end (half-open, epoch minutes) and UTC offset, sorted, disjoint.
    busy : int64, shape (b, 2)
        Claims: start, end, sorted by start; they may overlap in dirty data.
    begun : int64, shape (w,)
        When the shift of each span of working time began.
    blocks : int64, shape (k, 2)
        Time for appointments only: staff may book it, clients do not see it.
    booked : int64, shape (n, 2)
        Bookings that count against limits: index of the service, start of the visit.
    sessions : int64, shape (m, 3)
        Groups that have begun to fill: index of the service, start, seats left.
    gaps, client_gaps : int32, shape (7, g)
        What follows from these, sorted, one column a gap; clients' differ where there are blocks.
    """

    index: int
    work: Minutes
    busy: Minutes
    begun: Minutes
    blocks: Minutes
    booked: Minutes
    sessions: Minutes
    gaps: Rows
    client_gaps: Rows

    @staticmethod
    def made(
        index: int,
        work: Minutes,
        busy: Minutes,
        begun: Minutes | None = None,
        blocks: Minutes | None = None,
        booked: Minutes | None = None,
        sessions: Minutes | None = None,
    ) -> "Lane":
        """Return the lane with its gaps worked out and its arrays closed to writing.

        Without `begun`, a shift is a stretch of work without a break.
        """
        begun = _stretches(work) if begun is None else begun
        blocks = _NO_PAIRS if blocks is None else blocks
        gaps = client_gaps = _gaps(work, begun, busy)
        if len(blocks):
            client_gaps = _gaps(*_outside(work, begun, blocks), busy)
        booked = _NO_PAIRS if booked is None else booked
        sessions = _NO_SESSIONS if sessions is None else sessions
        for array in (work, busy, begun, blocks, booked, sessions, gaps, client_gaps):
            array.flags.writeable = False
        return Lane(index, work, busy, begun, blocks, booked, sessions, gaps, client_gaps)

    def with_busy(self, busy: Minutes) -> "Lane":
        """Return the lane with other claims (sorted)."""
        return Lane.made(self.index, self.work, busy, self.begun, self.blocks, self.booked, self.sessions)

    def with_book(self, busy: Minutes, booked: Minutes, sessions: Minutes) -> "Lane":
        """Return the lane with other claims (sorted), bookings and groups."""
        return Lane.made(self.index, self.work, busy, self.begun, self.blocks, booked, sessions)

    def with_work(self, work: Minutes, begun: Minutes, blocks: Minutes) -> "Lane":
        """Return the lane with other working time."""
        return Lane.made(self.index, work, self.busy, begun, blocks, self.booked, self.sessions)

    def day_replaced(self, start: int, end: int, busy: Minutes) -> Minutes:
        """Return the claims with those that begin in [start, end) replaced by `busy` (sorted)."""
        first, last = np.searchsorted(self.busy[:, 0], [start, end])
        return np.concatenate([self.busy[:first], busy, self.busy[last:]])

    def same_as(self, other: "Lane") -> bool:
        """Return whether every array is equal; bookings and groups in any order."""
        names = ("work", "busy", "begun", "blocks", "gaps", "client_gaps")
        pairs = [(getattr(self, name), getattr(other, name)) for name in names]
        pairs += [
            (_in_order(self.booked), _in_order(other.booked)),
            (_in_order(self.sessions), _in_order(other.sessions)),
        ]
        return self.index == other.index and all(np.array_equal(a, b) for a, b in pairs)


_NO_PAIRS = np.empty((0, 2), np.int64)
_NO_SESSIONS = np.empty((0, 3), np.int64)


def _in_order(rows: Minutes) -> Minutes:
    ordered: Minutes = rows[np.lexsort(rows.T[::-1])]
    return ordered


def _stretches(work: Minutes) -> Minutes:
    first = np.append(True, work[1:, 0] != work[:-1, 1])[: len(work)]
    begun: Minutes = work[np.maximum.accumulate(np.where(first, np.arange(len(work)), 0)), 0]
    return begun


def _outside(work: Minutes, begun: Minutes, blocks: Minutes) -> tuple[Minutes, Minutes]:
    """Return working time without the blocks, and when its shifts began."""
    edges = np.concatenate([[-FAR], blocks.ravel(), [FAR]]).reshape(-1, 2)
    span, hole = np.nonzero((edges[None, :, 0] < work[:, None, 1]) & (edges[None, :, 1] > work[:, None, 0]))
    left = work[span]
    left[:, 0] = np.maximum(left[:, 0], edges[hole, 0])
    left[:, 1] = np.minimum(left[:, 1], edges[hole, 1])
    return left, begun[span]


def _gaps(work: Minutes, begun: Minutes, busy: Minutes) -> Rows:
    if len(work) == 0:
        return np.empty((7, 0), np.int32)
    # Between claims: free[i] runs from the latest end so far to the next start (dirty overlaps give empty ones).
    free_from, free_to = np.empty(len(busy) + 1, np.int64), np.empty(len(busy) + 1, np.int64)
    free_from[0], free_to[-1] = -FAR, FAR
    np.maximum.accumulate(busy[:, 1], out=free_from[1:])
    free_to[:-1] = busy[:, 0]
    # Each work span meets the free stretches that overlap it: those from `first` up to `last`.
    first = free_to.searchsorted(work[:, 0], side="right")
    count = np.maximum(free_from.searchsorted(work[:, 1]) - first, 0)
    ends = count.cumsum()
    span = np.arange(len(work)).repeat(count)
    stretch = np.arange(ends[-1]) + (first - ends + count).repeat(count)
    gaps = np.empty((7, len(span)), np.int64)
    gaps[PREVIOUS], gaps[FOLLOWING] = free_from[stretch], free_to[stretch]
    gaps[LO] = np.maximum(work[span, 0], gaps[PREVIOUS])
    gaps[HI] = np.minimum(work[span, 1], gaps[FOLLOWING])
    gaps[END] = np.minimum(_close(work)[span], gaps[FOLLOWING])
    gaps[OFFSET], gaps[SHIFT] = work[span, 2], begun[span]
    return gaps[:, gaps[LO] < gaps[HI]].astype(np.int32)


def _close(work: Minutes) -> Minutes:
    """Return when the work that a span is part of ends: spans that touch bound starts apart but close together."""
    close = work[:, 1].copy()
    for i in np.flatnonzero(work[1:, 0] == work[:-1, 1])[::-1]:
        close[i] = close[i + 1]
    return close
