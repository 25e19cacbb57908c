"""Entries, and the candidate places that may serve them, as numpy arrays."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solver.errors import InvalidProblem

Int = NDArray[np.int64]
Index = NDArray[np.int32]
EntryId = int | str | UUID

WINDOW_END = 2**40  # minutes; far past year 9999


MOST_PRIORITY = 2**31


def is_whole(value: object) -> bool:
    """Whether a value is a whole number, and no truth value."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_windows(whose: str, windows: Sequence[tuple[int, int]]) -> None:
    """Raise `InvalidProblem` unless these are pairs of minutes, each ending after it begins."""
    for window in windows:
        if not isinstance(window, tuple | list) or len(window) != 2 or not all(map(is_whole, window)):
            raise InvalidProblem(f"{whose}: window {window!r} is no pair of whole minutes")
        if not 0 <= window[0] < window[1] <= WINDOW_END:
            raise InvalidProblem(f"{whose}: window [{window[0]}, {window[1]}) is empty or out of range")


@dataclass(frozen=True, slots=True)
class Preference:
    """What a client likes without insisting: `points` >= 0 for a place with one of `staff` inside one of `windows`.

    Either may be left out; windows are (open, close) minutes since the epoch, half-open, and hold the whole service.
    """

    points: int
    staff: tuple[int, ...] | None = None
    windows: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.points, bool) or not isinstance(self.points, int) or self.points < 0:
            raise InvalidProblem(f"a preference of {self.points!r} points, not a whole number >= 0")

    def met(self, lane: Int, start: Int, end: Int) -> NDArray[np.bool_]:
        """Which places meet it, bool of shape (places,)."""
        good = np.ones(len(start), bool) if self.staff is None else np.isin(lane, self.staff)
        inside = [(start >= opens) & (end <= closes) for opens, closes in self.windows]
        return good & np.any(inside, axis=0) if inside else good


def preferred(preferences: Sequence[Preference], lane: Int, start: Int, end: Int) -> Int:
    """Points of the preferences that each place meets, int64 of shape (places,)."""
    points = np.zeros(len(start), np.int64)
    for preference in preferences:
        points += preference.points * preference.met(lane, start, end)
    return points


@dataclass(frozen=True, slots=True)
class Entry:
    """One wish, or one booked appointment: chosen at most one column, exactly one where `required`.

    Attributes
    ----------
    id : int, str or UUID
        Unique in the problem; entries are put in the order of their ids.
    priority : int
        Points, >= 0.
    since : int
        When the entry joined the waitlist, minutes since the epoch.
    service : hashable or None
        Id of the service asked for.
    windows : tuple of (open, close)
        Minutes, half-open; the whole service must fit inside one of them. Empty: no wish about time.
    staff : tuple of lane ids, or None
        Whom the client accepts; None is any allocated.
    required : bool
        A booked appointment: it must keep a place.
    place : (lane id, start) or None
        Where it is booked now.
    locked : bool
        It may not move.
    client : int, str or None
    moved_before : int
        Earlier moves of this client.
    prefers : tuple of Preference
    also : tuple of (lane id, start, end), or None
        Rooms, devices and further items that it is booked with now, ascending.
    booked : tuple of int
        When its client comes for the service already, minutes since the epoch: what counts against limits on a client.
    takes : (minutes, buffer before, buffer after), or None
        What it takes wherever it goes; None: as long as its service takes there.
    seats : int
        How many come together: seats that it takes of a group; each counts its priority.
    """

    id: EntryId
    priority: int = 1
    since: int = 0
    service: Hashable = None
    windows: tuple[tuple[int, int], ...] = ()
    staff: tuple[int, ...] | None = None
    required: bool = False
    place: tuple[int, int] | None = None
    locked: bool = False
    client: EntryId | None = None
    moved_before: int = 0
    prefers: tuple[Preference, ...] = ()
    also: tuple[tuple[int, int, int], ...] | None = None
    booked: tuple[int, ...] = ()
    takes: tuple[int, int, int] | None = None
    seats: int = 1

    def __post_init__(self) -> None:
        counts = (self.priority, self.moved_before, self.since)
        if not all(map(is_whole, counts)) or self.priority < 0 or self.moved_before < 0:
            raise InvalidProblem(f"entry {self.id}: a negative or broken priority, number of moves or minute")
        if not is_whole(self.seats) or self.seats < 1:
            raise InvalidProblem(f"entry {self.id}: {self.seats!r} seats, not a whole number >= 1")
        if self.priority > MOST_PRIORITY:
            raise InvalidProblem(f"entry {self.id}: a priority beyond {MOST_PRIORITY:,} points")
        check_windows(f"entry {self.id}", self.windows)
        if self.staff is not None and not (isinstance(self.staff, tuple) and all(map(is_whole, self.staff))):
            raise InvalidProblem(f"entry {self.id}: staff are a tuple of lanes, not {self.staff!r}")
        if self.locked and self.place is None:
            raise InvalidProblem(f"entry {self.id}: locked, but booked nowhere")


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Candidate places, one a row, in the order (entry, start, lane).

    Attributes
    ----------
    entry : int32, shape (columns,)
        Index into the problem's entries.
    lane : int64, shape (columns,)
        Lane id of the staff member.
    start, end, occupied_start, occupied_end : int64, shape (columns,)
        Minutes since the epoch, half-open: the service, and what it takes of the lane, buffers included.
    """

    entry: Index
    lane: Int
    start: Int
    end: Int
    occupied_start: Int
    occupied_end: Int

    def __len__(self) -> int:
        return len(self.entry)

    @classmethod
    def of(cls, *arrays: ArrayLike) -> Self:
        """The six arrays in the order of the attributes, checked.

        Raises
        ------
        InvalidProblem
            On arrays of unequal length or not of integers, and on an empty or inverted occupied interval.
        """
        entry, *rest = (whole(a) for a in arrays)
        if len({len(entry), *(len(a) for a in rest)}) != 1:
            raise InvalidProblem("columns: the arrays differ in length")
        _, start, end, opens, closes = rest
        if np.any(start >= end) or np.any(opens > start) or np.any(closes < end):
            raise InvalidProblem("columns: occupied time must hold [start, end), and that must not be empty")
        return cls(entry.astype(np.int32), *rest)

    def take(self, order: NDArray[Any]) -> Self:
        """The rows of `order`."""
        return type(self)(
            self.entry[order],
            self.lane[order],
            self.start[order],
            self.end[order],
            self.occupied_start[order],
            self.occupied_end[order],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Half-open intervals on lanes; `owner` says whose they are (empty for opening hours)."""

    lane: Int
    start: Int
    end: Int
    owner: tuple[EntryId, ...] = ()

    @classmethod
    def of(cls, lane: ArrayLike, start: ArrayLike, end: ArrayLike, owner: Sequence[EntryId] = ()) -> Self:
        """Arrays of equal length, non-empty intervals; raises InvalidProblem otherwise."""
        lanes, starts, ends = whole(lane), whole(start), whole(end)
        if not len(lanes) == len(starts) == len(ends) or len(owner) not in (0, len(lanes)):
            raise InvalidProblem("intervals: the arrays differ in length")
        if np.any(starts >= ends):
            raise InvalidProblem("intervals: an interval is empty")
        order = np.lexsort((ends, starts, lanes))
        return cls(lanes[order], starts[order], ends[order], tuple(owner[i] for i in order) if owner else ())

    def __len__(self) -> int:
        return len(self.lane)


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """What each column takes: its staff lane, and every further lane (room, device, second item)."""

    column: Index
    lane: Int
    start: Int
    end: Int


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """At most `limit[r]` of the columns of row `r`: moves of a client or a day, visits that share a quota."""

    row: Index
    column: Index
    limit: Int
    label: tuple[str, ...]

    @classmethod
    def none(cls) -> Self:
        """No limits."""
        empty = np.empty(0, np.int32)
        return cls(empty, empty, np.empty(0, np.int64), ())

    def joined(self, other: Self) -> Self:
        """The rows of both, those of the other last."""
        return type(self)(
            np.concatenate([self.row, other.row + np.int32(len(self.limit))]),
            np.concatenate([self.column, other.column]),
            np.concatenate([self.limit, other.limit]),
            (*self.label, *other.label),
        )


def whole(array: ArrayLike) -> Int:
    """A one-dimensional array of whole numbers as int64; raises InvalidProblem on anything else."""
    values = np.asarray(array)
    if values.ndim != 1:
        raise InvalidProblem("an array has more than one dimension")
    if values.size and values.dtype.kind not in "iu":
        raise InvalidProblem(f"whole numbers expected, found {values.dtype}")
    return values.astype(np.int64)
