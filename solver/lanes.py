"""One lane's time: when it works, when it is busy, and the gaps in between, as numpy arrays."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Minutes = NDArray[np.int64]
"""Epoch minutes (UTC)."""

FAR = np.int64(2**40)
"""Further away than any date: the next claim where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """Free stretches, one row each, sorted by lane and `lo`; every column is int64 of shape (g,).

    A visit of length d with buffers b and a may start at s when ``max(lo, previous + b) <= s < hi``,
    ``s + d <= close`` and ``s + d + a <= following``: it lies inside working hours, its buffers only have to clear
    the neighbouring claims and may run past opening and closing. ``(s + offset) % interval == 0`` keeps it on the
    local clock's grid.
    """

    lane: Minutes
    lo: Minutes
    hi: Minutes
    close: Minutes
    previous: Minutes
    following: Minutes
    offset: Minutes

    def __len__(self) -> int:
        return len(self.lo)

    def take(self, rows: NDArray[np.bool_]) -> "Gaps":
        """Return the rows of a mask."""
        return Gaps(*(getattr(self, f.name)[rows] for f in fields(self)))

    @staticmethod
    def joined(parts: "list[Gaps]") -> "Gaps":
        """Return the rows of all parts."""
        if len(parts) == 1:
            return parts[0]
        names = [f.name for f in fields(Gaps)]
        return Gaps(*(np.concatenate([getattr(p, n) for p in parts] or [_EMPTY]) for n in names))


_EMPTY = np.empty(0, np.int64)


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
    gaps : Gaps
        What follows from both.
    """

    index: int
    work: Minutes
    busy: Minutes
    gaps: Gaps

    @staticmethod
    def made(index: int, work: Minutes, busy: Minutes) -> "Lane":
        """Return the lane with its gaps worked out and its arrays closed to writing."""
        gaps = _gaps(index, work, busy)
        for array in (work, busy, *(getattr(gaps, f.name) for f in fields(gaps))):
            array.flags.writeable = False
        return Lane(index, work, busy, gaps)

    def with_day(self, start: int, end: int, busy: Minutes) -> "Lane":
        """Return the lane with the claims that begin in [start, end) replaced by `busy` (sorted)."""
        first, last = np.searchsorted(self.busy[:, 0], [start, end])
        return Lane.made(self.index, self.work, np.concatenate([self.busy[:first], busy, self.busy[last:]]))

    def same_as(self, other: "Lane") -> bool:
        """Return whether every array is equal."""
        pairs = [(self.work, other.work), (self.busy, other.busy)]
        pairs += [(getattr(self.gaps, f.name), getattr(other.gaps, f.name)) for f in fields(Gaps)]
        return self.index == other.index and all(np.array_equal(a, b) for a, b in pairs)


def _gaps(index: int, work: Minutes, busy: Minutes) -> Gaps:
    if len(work) == 0:
        return Gaps(*(np.empty(0, np.int64) for _ in fields(Gaps)))
    # Between claims: free[i] runs from the latest end so far to the next start (dirty overlaps give empty ones).
    ends = np.maximum.accumulate(busy[:, 1]) if len(busy) else _EMPTY
    free_from = np.concatenate([[-FAR], ends])
    free_to = np.concatenate([busy[:, 0], [FAR]])
    # Touching work spans (a change of offset in between) bound starts apart but close together.
    touching = np.append(work[1:, 0] == work[:-1, 1], False)
    close = work[:, 1].copy()
    for i in np.flatnonzero(touching)[::-1]:
        close[i] = close[i + 1]
    # Each work span meets the free stretches that overlap it: those from `first` up to `last`.
    first = np.searchsorted(free_to, work[:, 0], side="right")
    last = np.searchsorted(free_from, work[:, 1], side="left")
    count = np.maximum(last - first, 0)
    span = np.repeat(np.arange(len(work)), count)
    stretch = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    lo = np.maximum(work[span, 0], free_from[stretch])
    hi = np.minimum(work[span, 1], free_to[stretch])
    keep = lo < hi
    span, stretch, lo, hi = span[keep], stretch[keep], lo[keep], hi[keep]
    return Gaps(
        lane=np.full(len(lo), index, np.int64),
        lo=lo,
        hi=hi,
        close=np.minimum(close[span], free_to[stretch]),
        previous=free_from[stretch],
        following=free_to[stretch],
        offset=work[span, 2],
    )
