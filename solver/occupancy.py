"""Is a lane open, is it free? Asked of many spans at once; a span is [start, end) in epoch minutes."""

import numpy as np
from numpy.typing import NDArray

from solver.lanes import Lane, Minutes

Mask = NDArray[np.bool_]


def covered(work: Minutes, starts: Minutes, ends: Minutes) -> Mask:
    """Return whether each span lies wholly in working time, int64 of shape (w, 2 or 3), sorted and disjoint."""
    whole: Mask = minutes_before(work, ends) - minutes_before(work, starts) == ends - starts
    return whole


def minutes_before(work: Minutes, moments: Minutes) -> Minutes:
    """Return the working minutes before each moment."""
    length = work[:, 1] - work[:, 0]
    total = np.concatenate([[0], np.cumsum(length)])
    span = work[:, 0].searchsorted(moments, side="right")
    since = np.append(0, work[:, 0])[span]
    begun = np.minimum(moments - since, np.append(0, length)[span])
    worked: Minutes = total[np.maximum(span - 1, 0)] + np.where(span > 0, begun, 0)
    return worked


def claimed(lane: Lane, starts: Minutes, ends: Minutes) -> Mask:
    """Return whether any claim overlaps each span."""
    return overlapped(lane.busy, starts, ends)


def overlapped(spans: Minutes, starts: Minutes, ends: Minutes) -> Mask:
    """Return whether any of some spans, sorted by start, overlaps each [start, end)."""
    if len(spans) == 0:
        return np.zeros(len(starts), bool)
    latest_end = np.maximum.accumulate(spans[:, 1])
    begun = spans[:, 0].searchsorted(ends, side="left")
    return (begun > 0) & (latest_end[np.maximum(begun - 1, 0)] > starts)
