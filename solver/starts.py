"""From gaps to starts: one sorted table of the gaps of some lanes, and start lists kept for shapes asked for again."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.clock import DAY
from solver.lanes import END, FOLLOWING, HI, LO, OFFSET, PREVIOUS, SHIFT, Lane
from solver.occupancy import Mask

Keys = NDArray[np.signedinteger[Any]]
"""Starts as one number: minute since the horizon began * staff + lane. Sorted: by start, then lane."""

KeyType = type[np.int32] | type[np.int64]

LANE = 7
"""The column of a table beside those of gaps."""

BLOCK = 1 << 15
"""Gaps worked on at once: what a core's cache holds."""


@dataclass(frozen=True, slots=True)
class Group:
    """Which gaps a table holds.

    `lanes` are sorted; `cut` says that gaps end at every local midnight, where a grid that divides no day begins anew.
    """

    lanes: tuple[int, ...]
    by_staff: bool
    cut: bool

    def __hash__(self) -> int:
        # Not over thousands of lanes at every query.
        return hash((len(self.lanes), self.lanes[:1], self.lanes[-1:], self.by_staff, self.cut))


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What decides where the starts of a group lie: durations, buffers, grid, and spans that they lie in.

    Attributes
    ----------
    durations : shape (staff,)
        Minutes by lane; `duration` where all of the group need the same, else None.
    edges : shape (2 * spans,), or None
        Starts are allowed from each even to the next odd one, minutes since the horizon began; None: anywhere.
    """

    group: Group
    durations: Keys
    duration: int | None
    before: int
    after: int
    interval: int
    offset: int
    anchor: str
    edges: Keys | None

    def phase(self, rows: Keys, offsets: tuple[int, ...]) -> Keys | int:
        """Return a minute of the grid of each gap, or of all gaps where they share one."""
        if self.anchor == "shift":
            phase: Keys = rows[SHIFT] + self.offset
        elif self.group.cut:
            phase = rows[LO] - (rows[LO] + rows[OFFSET]) % DAY + self.offset
        elif len(phases := {(self.offset - offset) % self.interval for offset in offsets}) == 1:
            return phases.pop()
        else:
            phase = (self.offset - rows[OFFSET]) % self.interval
        return phase


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The gaps of a group that last at least `shortest`, sorted by `lo`; minutes since the horizon began.

    `end` is the horizon's, `longest` the length of the longest gap, `offsets` are the distinct UTC offsets; `split`
    says whether the starts of any gap end before it does.
    """

    rows: Keys
    end: int
    shortest: int
    longest: int
    split: bool
    offsets: tuple[int, ...]

    @staticmethod
    def of(group: Group, lanes: Sequence[Lane], span: tuple[int, int], shortest: int, dtype: KeyType) -> "Table":
        """Return the table of a group's lanes over a horizon of epoch minutes."""
        rows = _rows(group, group.lanes, lanes, span[0], dtype)
        return Table._sorted(rows[:, rows[END] - rows[LO] >= shortest], span[1] - span[0], shortest)

    def with_lanes(self, group: Group, changed: Sequence[int], lanes: Sequence[Lane], base: int) -> "Table":
        """Return the table with some lanes' gaps replaced."""
        rows = _rows(group, changed, lanes, base, self.rows.dtype.type)
        rows = rows[:, rows[END] - rows[LO] >= self.shortest]
        kept = self.rows[:, among_others(self.rows[LANE], changed)]
        return Table._sorted(np.concatenate([kept, rows], axis=1), self.end, self.shortest)

    @staticmethod
    def _sorted(rows: Keys, end: int, shortest: int) -> "Table":
        rows = rows[:, rows[LO].argsort(kind="stable")]
        rows.flags.writeable = False
        longest = int((rows[END] - rows[LO]).max(initial=0))
        offsets = tuple(np.unique(rows[OFFSET]).tolist())
        return Table(rows, end, shortest, longest, bool((rows[HI] < rows[END]).any()), offsets)

    def starts(self, shape: Shape, lo: int, hi: int, width: int) -> Keys:
        """Return the keys of every start in [lo, hi), sorted; minutes since the horizon began."""
        lo, hi = max(lo, 0), min(max(hi, 0), self.end)
        first, last = self.rows[LO].searchsorted(np.array([lo - self.longest, hi], self.rows.dtype)).tolist()
        blocks = [self.rows[:, i : min(i + BLOCK, last)] for i in range(first, max(last, first + 1), BLOCK)]
        parts = [_starts(rows, shape, self, (lo, hi), width) for rows in blocks]
        keys: Keys = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if shape.edges is not None:
            keys = keys[shape.edges.searchsorted(keys // width, side="right") % 2 == 1]
        if len(shape.group.lanes) > 1:
            keys.sort()
        return keys


def among_others(lane: Keys, lanes: Sequence[int]) -> Mask:
    """Return which of an array of lanes are none of those given."""
    others = np.ones(int(lane.max(initial=-1)) + 1, bool)
    others[[i for i in lanes if i < len(others)]] = False
    return others[lane]


def _rows(group: Group, of: Sequence[int], lanes: Sequence[Lane], base: int, dtype: KeyType) -> Keys:
    parts = [lanes[i].gaps if group.by_staff else lanes[i].client_gaps for i in of]
    sizes = np.array([part.shape[1] for part in parts], np.int64)
    rows: Keys = np.empty((8, int(sizes.sum())), dtype)
    if parts:
        np.concatenate(parts, axis=1, out=rows[:LANE])
    rows[LANE] = np.array(of, dtype).repeat(sizes)
    for column in (LO, HI, END, PREVIOUS, FOLLOWING, SHIFT):
        rows[column] -= base
    return _by_midnight(rows) if group.cut else rows


def _by_midnight(rows: Keys) -> Keys:
    day = (rows[LO] + rows[OFFSET]) // DAY
    count = (rows[HI] - 1 + rows[OFFSET]) // DAY - day + 1
    cut = rows.repeat(count, axis=1)
    nth = np.arange(cut.shape[1], dtype=rows.dtype) - (count.cumsum() - count).repeat(count).astype(rows.dtype)
    midnight = (day.repeat(count) + nth) * DAY - cut[OFFSET]
    cut[LO] = np.maximum(cut[LO], midnight)
    cut[HI] = np.minimum(cut[HI], midnight + DAY)
    return cut


def _starts(rows: Keys, shape: Shape, table: Table, bounds: tuple[int, int], width: int) -> Keys:
    lo, hi = bounds
    duration = shape.duration if shape.duration is not None else shape.durations[rows[LANE]]
    first = np.maximum(rows[LO], lo)
    if shape.before:
        np.maximum(first, rows[PREVIOUS] + shape.before, out=first)
    last = rows[END] - duration
    if shape.after:
        np.minimum(last, rows[FOLLOWING] - (duration + shape.after), out=last)
    if table.split:
        np.minimum(last, rows[HI] - 1, out=last)
    np.minimum(last, hi - 1, out=last)
    return _expanded(first, last, rows[LANE], shape.phase(rows, table.offsets), shape.interval, width)


def _expanded(first: Keys, last: Keys, lane: Keys, phase: Keys | int, step: int, width: int) -> Keys:
    """Return every start on the grid from `first` to `last`, as keys in the gaps' order; works in place."""
    first += step - 1 - phase
    first //= step
    last -= phase
    last //= step
    last -= first
    last += 1
    count = np.maximum(last, 0, out=last)
    ends = count.cumsum(dtype=count.dtype)
    # The nth start of all is n steps plus what its gap adds; sums may wrap around on the way, never in the end.
    first += count
    first -= ends
    first *= step * width
    first += lane
    first += phase * width
    keys = first.repeat(count)
    keys += np.arange(len(keys), dtype=keys.dtype) * keys.dtype.type(step * width)
    return keys


@dataclass(frozen=True, slots=True, eq=False)
class StartList:
    """Every start of a shape over the horizon, sorted."""

    lanes: tuple[Lane, ...]
    keys: Keys
    view: memoryview
    width: int

    def between(self, lo: int, hi: int) -> Keys:
        """Return the keys of the starts in [lo, hi), minutes since the horizon began."""
        first = bisect_left(self.view, lo * self.width)
        return self.keys[first : bisect_left(self.view, hi * self.width, first)]
