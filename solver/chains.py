"""Chains: slots of several services one after the other, composed from each service's slots as arrays."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from solver.lanes import Minutes
from solver.slots import Slots

NEVER = np.int64(2**40)
"""Later than any start."""
LANE_BITS = 32
"""A key of lane and start holds the start, in epoch minutes, in so many low bits."""

COLUMNS = ("lane", "start", "end", "claim_start", "claim_end", "seats", "resources")


Chain = list[tuple[int, int]]
"""Items and rows of their options, in the order in which they are done."""

Booking = TypeVar("Booking")
Book = Callable[[Booking | None, Chain, tuple[int, int]], Booking | None]
"""Given what is booked after a chain, books one more slot; None where that cannot be."""


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """The slots of one item as int64 columns of shape (n,), sorted by `key`: the start, or lane and start.

    `resources`, of shape (n, widest), are padded with -1. Who `joins` a group that has begun to fill claims nothing:
    the group's claim, which the other slots clear already, stands.
    """

    lane: Minutes
    start: Minutes
    end: Minutes
    claim_start: Minutes
    claim_end: Minutes
    seats: Minutes
    resources: Minutes
    joins: NDArray[np.bool_]
    key: Minutes

    @staticmethod
    def of(parts: Sequence[Slots], widest: int, *, by_lane: bool) -> "Options":
        """Return the slots of all parts; in order of start, end and lane, or of lane and start."""
        joined = {name: np.concatenate([getattr(p, name) for p in parts]).astype(np.int64) for name in COLUMNS}
        if beside := widest - joined["resources"].shape[1]:
            joined["resources"] = np.pad(joined["resources"], ((0, 0), (0, beside)), constant_values=-1)
        joins = np.concatenate([p.seats < p.service.seats for p in parts])
        lane, start = joined["lane"], joined["start"]
        order = np.lexsort((start, lane)) if by_lane else np.lexsort((lane, joined["end"], start))
        columns = {name: column[order] for name, column in joined.items()}
        key = (columns["lane"] << LANE_BITS) + columns["start"] if by_lane else columns["start"]
        return Options(**columns, joins=joins[order], key=key)


@dataclass(frozen=True, slots=True, eq=False)
class _Feasible:
    """The slots of an item after which all that is left can follow; int64, shape (n,).

    `rows` point into the item's options, `item` and `row` name the slot that follows (-1: none is left), `finish` is
    when the last item ends, `key` that of the options.
    """

    rows: Minutes
    item: Minutes
    row: Minutes
    finish: Minutes
    key: Minutes


class Chains:
    """All chains of some items' slots, found from the last item backwards.

    A slot is followed by the first one that starts from its end on, at most `maximum_wait` minutes later, whose claim
    clears its own where both are of one lane, and after which the rest can follow in turn (dynamic programming over
    the items left, as Held and Karp, 1962). Items of equal `kinds` are alike: only one order of them is tried.
    """

    def __init__(
        self,
        options: Sequence[Options],
        kinds: Sequence[int],
        *,
        same_lane: bool,
        any_order: bool,
        maximum_wait: int,
    ) -> None:
        self.options = options
        self.kinds = kinds
        self.same_lane = same_lane
        self.any_order = any_order
        self.maximum_wait = maximum_wait
        self._kept: dict[tuple[int, int], _Feasible] = {}

    @cached_property
    def all_items(self) -> int:
        """Every item as a set of bits."""
        return (1 << len(self.options)) - 1

    def found(self, until: int) -> tuple[Minutes, Minutes]:
        """Return one chain for each start before a minute: items and rows of their options, shape (n, items).

        Of several with one start it is the one that is over first, then that of the first item and row. Neighbours
        alone have been compared: see `clashes`.
        """
        return self._followed(*self._firsts(until))

    def _firsts(self, until: int) -> tuple[Minutes, Minutes]:
        """Return the item and row that each start's chain begins with."""
        columns: list[tuple[Minutes, ...]] = []
        for item in self._next(self.all_items):
            feasible, start = self._after(item, self.all_items ^ 1 << item), self.options[item].start
            early = start[feasible.rows] < until
            rows = feasible.rows[early]
            columns.append((start[rows], feasible.finish[early], np.full(len(rows), item), rows))
        start, finish, first, row = (np.concatenate(column) for column in zip(*columns, strict=True))
        order = np.lexsort((row, first, finish, start))
        best = order[np.flatnonzero(np.diff(start[order], prepend=-1))]
        return first[best], row[best]

    def _followed(self, first: Minutes, row: Minutes) -> tuple[Minutes, Minutes]:
        """Return the chains that begin with some slots."""
        items, rows = [first], [row]
        left = self.all_items ^ (1 << first)
        for _ in range(1, len(self.options)):
            item, row = items[-1].copy(), rows[-1].copy()
            for at, rest in {*zip(items[-1].tolist(), left.tolist(), strict=True)}:
                mask = (items[-1] == at) & (left == rest)
                feasible = self._after(at, rest)
                place = np.searchsorted(feasible.rows, rows[-1][mask])
                item[mask], row[mask] = feasible.item[place], feasible.row[place]
            items.append(item)
            rows.append(row)
            left = left ^ (1 << item)
        return np.stack(items, axis=1), np.stack(rows, axis=1)

    def _next(self, rest: int) -> Iterator[int]:
        """Yield the items that may come next."""
        seen: set[int] = set()
        for item, kind in enumerate(self.kinds):
            if rest >> item & 1 and kind not in seen:
                yield item
                if not self.any_order:
                    return
                seen.add(kind)

    def _after(self, item: int, rest: int) -> _Feasible:
        if (item, rest) not in self._kept:
            self._kept[item, rest] = self._feasible(item, rest)
        return self._kept[item, rest]

    def _feasible(self, item: int, rest: int) -> _Feasible:
        slots = self.options[item]
        nothing = np.full(len(slots.start), -1)
        if not rest:
            return _Feasible(np.arange(len(slots.start)), nothing, nothing, slots.end, slots.key)
        follower, row, finish = nothing.copy(), nothing.copy(), nothing.copy()
        earliest = np.full(len(slots.start), NEVER)
        for other in self._next(rest):
            feasible = self._after(other, rest ^ 1 << other)
            place = self._following(slots, other, feasible)
            reached = np.flatnonzero(place >= 0)
            rows = feasible.rows[place[reached]]
            sooner = self.options[other].start[rows] < earliest[reached]
            reached, rows = reached[sooner], rows[sooner]
            earliest[reached] = self.options[other].start[rows]
            follower[reached], row[reached], finish[reached] = other, rows, feasible.finish[place[reached]]
        rows = np.flatnonzero(follower >= 0)
        return _Feasible(rows, follower[rows], row[rows], finish[rows], slots.key[rows])

    def _window(self, slots: Options, key: Minutes, rows: NDArray[np.int64] | slice) -> tuple[Minutes, Minutes]:
        """Return the places [from, to) among sorted keys of what may follow some slots."""
        end = slots.end[rows]
        if self.same_lane:
            end = end + (slots.lane[rows] << LANE_BITS)
        return np.searchsorted(key, end), np.searchsorted(key, end + self.maximum_wait, side="right")

    def _following(self, slots: Options, other: int, feasible: _Feasible) -> Minutes:
        """Return the place among another item's feasible slots of the first that can follow each slot, or -1."""
        place, stop = self._window(slots, feasible.key, slice(None))
        follower, todo = self.options[other], np.flatnonzero(place < stop)
        # What clashes are the few starts of the same lane within the buffers: step over them.
        while len(todo):
            rows = feasible.rows[place[todo]]
            both = (follower.lane[rows] == slots.lane[todo]) & ~follower.joins[rows] & ~slots.joins[todo]
            todo = todo[both & (follower.claim_start[rows] < slots.claim_end[todo])]
            place[todo] += 1
            todo = todo[place[todo] < stop[todo]]
        return np.where(place < stop, place, -1)

    def clashes(self, item: Minutes, row: Minutes) -> NDArray[np.bool_]:
        """Return which chains hold a lane twice at once: possible where a buffer outlasts the item between."""
        lane, begins, ends = (self.column(name, item, row) for name in ("lane", "claim_start", "claim_end"))
        claims = self.column("joins", item, row) == 0
        clash = np.zeros(len(item), bool)
        for later in range(2, item.shape[1]):
            earlier = slice(0, later - 1)
            held = (lane[:, earlier] == lane[:, [later]]) & (begins[:, [later]] < ends[:, earlier])
            clash |= (held & claims[:, earlier] & claims[:, [later]]).any(axis=1)
        return clash

    def column(self, name: str, item: Minutes, row: Minutes) -> Minutes:
        """Return a column of the slots that chains are made of, shape (n, items) or (n, items, widest)."""
        columns: list[Minutes] = [getattr(options, name) for options in self.options]
        if not self.any_order:
            return np.stack([column[row[:, i]] for i, column in enumerate(columns)], axis=1)
        picked = np.empty((*row.shape, *columns[0].shape[1:]), np.int64)
        for i, column in enumerate(columns):
            mask = item == i
            picked[mask] = column[row[mask]]
        return picked

    def searched(self, start: int, book: Book[Booking]) -> tuple[Chain, Booking] | None:
        """Return the chain of one start of which each slot can be booked after those before it, and the bookings.

        Of several it is the one that is over first; None where there is none.
        """
        whole = []
        for item in self._next(self.all_items):
            rest = self.all_items ^ 1 << item
            rows = self._after(item, rest).rows
            for row in rows[self.options[item].start[rows] == start].tolist():
                booked = book(None, [], (item, row))
                chain = None if booked is None else next(self._extended([(item, row)], rest, booked, book), None)
                whole += [] if chain is None else [chain]
        return min(whole, key=lambda found: int(self.options[found[0][-1][0]].end[found[0][-1][1]]), default=None)

    def _extended(
        self, chain: Chain, rest: int, booked: Booking, book: Book[Booking]
    ) -> Iterator[tuple[Chain, Booking]]:
        if not rest:
            yield chain, booked
            return
        item, row = chain[-1]
        following: list[tuple[int, int, int]] = []
        for other in self._next(rest):
            feasible = self._after(other, rest ^ 1 << other)
            lo, hi = self._window(self.options[item], feasible.key, np.array([row]))
            rows = feasible.rows[lo[0] : hi[0]].tolist()
            following += [(int(self.options[other].start[r]), other, r) for r in rows]
        for _, other, r in sorted(following):
            further = book(booked, chain, (other, r))
            if further is not None:
                yield from self._extended([*chain, (other, r)], rest ^ 1 << other, further, book)
