"""Which columns exclude each other: lane-tick cliques and the components that they tie together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int = NDArray[np.int64]
Index = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Cliques:
    """Sets of columns of which at most `capacity` may be chosen, in compressed rows.

    Attributes
    ----------
    indptr : int64, shape (cliques + 1,)
        Row `i` is `column[indptr[i]:indptr[i + 1]]`.
    column : int32, shape (members,)
    capacity : int64, shape (cliques,)
        One for a person or a room; the seats for a group session.
    """

    indptr: Int
    column: Index
    capacity: Int

    def __len__(self) -> int:
        return len(self.capacity)

    def rows(self) -> Int:
        """Row number of each member, int64 of shape (members,)."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.indptr))


def interval_cliques(column: Index, lane: Index, start: Int, end: Int, entry: Index, capacity: Int) -> Cliques:
    """Maximal cliques of the half-open claims `[start, end)` on each lane; dominated ones are left out.

    On one lane the claims form an interval graph, so its maximal cliques are exactly the sets covering a
    start that some end follows before the next start (Fulkerson and Gross, Pacific J. Math. 1965). Cliques
    which cannot be exceeded, or whose members all belong to one entry, say nothing that the entry's own row
    does not and are dropped.

    Parameters
    ----------
    column, lane, start, end : shape (claims,)
        `lane` is an index into `capacity`; times in minutes.
    entry : int32, shape (columns,)
        Entry of each column.
    capacity : int64, shape (lanes,)
    """
    if not len(start):
        return _rows(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int64), 0)
    span = int(end.max() - start.min()) + 2
    key = lane.astype(np.int64) * span - start.min()
    first, last = key + start, key + end
    point = np.unique(first)
    later = np.searchsorted(point, last, side="left")
    # an end in (point[i], point[i+1]] closes the clique of point i; `later` is the first point not before it
    closed = np.zeros(len(point) + 1, bool)
    closed[later] = True
    point = point[closed[1:]]
    low = np.searchsorted(point, first, side="left")
    high = np.searchsorted(point, last, side="left")
    member, clique = _ranges(low, high)
    seats = capacity[point // span]
    return _useful(clique, column[member], entry, seats)


def _ranges(low: Int, high: Int) -> tuple[Int, Int]:
    """For row r every value of `range(low[r], high[r])`: (row, value)."""
    count = high - low
    row = np.repeat(np.arange(len(low), dtype=np.int64), count)
    offset = np.arange(len(row), dtype=np.int64) - np.repeat(np.cumsum(count) - count, count)
    return row, np.repeat(low, count) + offset


def _useful(clique: Int, column: Index, entry: Index, seats: Int) -> Cliques:
    order = np.argsort(clique, kind="stable")
    clique, column = clique[order], column[order]
    size = np.bincount(clique, minlength=len(seats))
    start = np.cumsum(size) - size
    owner = entry[column].astype(np.int64)
    mixed = np.zeros(len(seats), bool)
    mixed[clique[owner != owner[start[clique]]]] = True
    keep = (mixed | (seats == 0)) & (size > seats)
    kept = keep[clique]
    number = np.cumsum(keep) - 1
    return _rows(number[clique[kept]], column[kept], seats[keep], int(keep.sum()))


def _rows(row: Int, column: Index, capacity: Int, count: int) -> Cliques:
    indptr = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=count), out=indptr[1:])
    return Cliques(indptr, column.astype(np.int32, copy=False), capacity)


def components(entries: int, row: Int, entry: Int, rows: int) -> Index:
    """Connected components of the entries, int32 of shape (entries,), numbered by their first entry.

    `row[i]` holds `entry[i]`; entries that share a row are connected. Labels sink to the smallest entry of
    the component by alternating minima over rows and entries, with pointer jumping.
    """
    label = np.arange(entries, dtype=np.int64)
    while True:
        low = np.full(rows, entries, np.int64)
        np.minimum.at(low, row, label[entry])
        lower = label.copy()
        np.minimum.at(lower, entry, low[row])
        lower = lower[lower]
        if np.array_equal(lower, label):
            break
        label = lower
    return np.unique(label, return_inverse=True)[1].astype(np.int32)
