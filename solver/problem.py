"""A validated optimisation problem: entries, the columns that may serve them, and what each is worth."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solver.columns import Claims, Columns, Entry, EntryId, Int, Intervals, Limits, whole
from solver.errors import InvalidProblem
from solver.objective import PLACEMENT, Policy
from solver.quotas import Quota

VALUE_LIMIT = 2**40  # keeps the sum of a hundred thousand columns exact in a double


@dataclass(frozen=True, slots=True)
class Group:
    """A group that a plan may open: `seats` of a service, with a lane at a start, minutes since the epoch."""

    service: Hashable
    lane: int
    start: int
    seats: int


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Entries, their columns and the objective, in canonical order: the order of the input changes nothing.

    Build it with `from_columns`, or from a snapshot with `solver.placement` and `solver.rebalance`.

    Attributes
    ----------
    entries : tuple of Entry, ordered by id
    columns : Columns
        Legal places: inside hours, clear of everything that is fixed.
    claims : Claims
    terms : mapping of term to int64, shape (columns,)
        Units of each term on each column.
    policy : Policy
    value : int64, shape (columns,)
        Objective points of each column: the weighted sum of its terms.
    current : int64, shape (entries,)
        Column of each entry's present place, -1 without one.
    blocked : Columns
        Places which would be legal but for something fixed; the reasons of a plan read them.
    limited : Columns
        Places that only a limit rules out, of entries that have no others; `reached`, int64 of shape (limited,), says
        which: indices into `solver.limits.REACHED`.
    fixed, hours : Intervals or None
        Fixed claims and opening hours; where given, checker and reasons use them.
    capacity : mapping of lane id to seats
        Lanes that take more than one claim at a time.
    limits : Limits
        Rows of columns; those of the quotas come last.
    quotas : tuple of Quota
        What the visits of a day or week may come to together.
    groups : mapping of session to Group
        Sessions that are there only where an entry takes the group's own time.
    now : int
        Minutes since the epoch.
    sellable : int
        Minutes of the shortest thing sold, buffers included; shorter gaps count as fragments. Zero: none counted.
    even_share : mapping of lane id to minutes
        Load beyond which fairness counts on each lane.
    seat : int64, shape (columns,)
        Lane on which a column takes its time: its own, or the group session that it joins.
    """

    entries: tuple[Entry, ...]
    columns: Columns
    claims: Claims
    terms: Mapping[str, Int]
    policy: Policy
    value: Int
    current: Int
    blocked: Columns
    fixed: Intervals | None = None
    hours: Intervals | None = None
    capacity: Mapping[int, int] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits.none)
    now: int = 0
    sellable: int = 0
    even_share: Mapping[int, int] = field(default_factory=dict)
    seat: Int = field(default_factory=lambda: np.empty(0, np.int64))
    limited: Columns = field(default_factory=lambda: Columns.of([], [], [], [], [], []))
    reached: Int = field(default_factory=lambda: np.empty(0, np.int64))
    quotas: tuple[Quota, ...] = ()
    groups: Mapping[int, Group] = field(default_factory=dict)

    @classmethod
    def from_columns(  # noqa: PLR0913 - each is one part of a problem, most of them optional
        cls,
        entries: Sequence[Entry],
        columns: Columns,
        *,
        terms: Mapping[str, ArrayLike],
        policy: Policy = PLACEMENT,
        extra: Claims | None = None,
        blocked: Columns | None = None,
        limited: tuple[Columns, Int] | None = None,
        fixed: Intervals | None = None,
        hours: Intervals | None = None,
        capacity: Mapping[int, int] | None = None,
        limits: Limits | None = None,
        quotas: tuple[Quota, ...] = (),
        groups: Mapping[int, Group] | None = None,
        now: int = 0,
        sellable: int = 0,
        even_share: Mapping[int, int] | None = None,
        seat: ArrayLike | None = None,
    ) -> Self:
        """Check the input and put it in canonical order.

        Parameters
        ----------
        columns, blocked, limited
            `entry` indexes `entries` as given here; `limited` comes with the limit on each.
        terms
            Units a column of each term, integers of shape (columns,).
        extra
            Claims beyond each column's own staff lane; `column` indexes `columns` as given here.
        seat
            The session that each column joins, or its own lane; by default its own lane.

        Raises
        ------
        InvalidProblem
            On a repeated entry id or column, an index out of range, a locked entry with another place, a
            required entry without any, or terms of the wrong shape.
        """
        rank = _ranks(entries)
        taken = columns.lane if seat is None else whole(seat)
        if len(taken) != len(columns):
            raise InvalidProblem(f"seat: {len(taken)} values for {len(columns)} columns")
        if min((sellable, *(capacity or {}).values(), *(even_share or {}).values())) < 0:
            raise InvalidProblem("a capacity, an even share or what is sellable is negative")
        order, moved = _canonical(columns, rank, (_tie(columns, extra), taken))
        ordered = tuple(entries[i] for i in np.argsort(rank))
        units = {str(name): _units(name, array, len(columns))[order] for name, array in terms.items()}
        seats = taken[order]
        spare = Columns.of([], [], [], [], [], []) if blocked is None else blocked
        full, reached = limited or (spare.take(np.empty(0, np.int64)), np.empty(0, np.int64))
        by_entry, full = _canonical(full, rank)
        problem = cls(
            ordered,
            moved,
            _claims(moved, seats, extra, order),
            units,
            policy,
            _value(units, policy, len(columns)),
            np.full(len(ordered), -1, np.int64),
            _canonical(spare, rank)[1],
            fixed,
            hours,
            {**(capacity or {}), **{session: group.seats - 1 for session, group in (groups or {}).items()}},
            _limits(limits, order),
            now,
            sellable,
            dict(even_share or {}),
            seats,
            full,
            reached[by_entry],
            quotas,
            dict(groups or {}),
        )
        problem = replace(problem, current=_current(problem))
        _refuse_contradictions(problem)
        return problem

    def __len__(self) -> int:
        return len(self.entries)

    def further(self, column: int) -> tuple[tuple[int, int, int], ...]:
        """Claims of a column beyond its own staff lane, a party's seats left out: (lane, start, end), ascending."""
        claims, c = self.claims, self.columns
        if len(claims.column) == len(c):
            return ()
        rows = range(*np.searchsorted(claims.column, [column, column + 1]).tolist())
        own = (int(self.seat[column]), int(c.occupied_start[column]), int(c.occupied_end[column]))
        taken = ((int(claims.lane[i]), int(claims.start[i]), int(claims.end[i])) for i in rows)
        return tuple(claim for claim in taken if claim != own and claim[0] >= 0)


def _units(name: str, array: ArrayLike, columns: int) -> Int:
    units = whole(array)
    if len(units) != columns:
        raise InvalidProblem(f"term {name}: {len(units)} values for {columns} columns")
    return units


def _ranks(entries: Sequence[Entry]) -> Int:
    """Position of each given entry in the order of ids."""
    ids = [entry.id for entry in entries]
    if len(set(ids)) != len(ids):
        raise InvalidProblem(f"entry {next(i for i in ids if ids.count(i) > 1)} is given twice")
    order = sorted(range(len(ids)), key=lambda i: rank_key(ids[i]))
    rank = np.empty(len(ids), np.int64)
    rank[order] = np.arange(len(ids))
    return rank


def rank_key(entry: EntryId) -> tuple[str, EntryId]:
    """Sorts ids of any kinds."""
    return type(entry).__name__, entry


def _canonical(columns: Columns, rank: Int, ties: tuple[Int, ...] = ()) -> tuple[NDArray[np.intp], Columns]:
    """Order by entry, start, lane and what else is taken; and the columns in it, entries renumbered."""
    if len(columns) and not 0 <= columns.entry.min() <= columns.entry.max() < len(rank):
        raise InvalidProblem("columns: an entry index is out of range")
    entry = rank[columns.entry].astype(np.int32) if len(columns) else np.empty(0, np.int32)
    keys: tuple[NDArray[np.integer], ...] = (*ties, columns.lane, columns.start, entry)
    order = np.lexsort(keys)
    taken = replace(columns.take(order), entry=entry[order])
    if len(order) > 1 and np.any(np.all([key[order][1:] == key[order][:-1] for key in keys], axis=0)):
        raise InvalidProblem("columns: one entry has the same lane and start twice")
    return order, taken


def _tie(columns: Columns, extra: Claims | None) -> Int:
    """Tells columns with equal entry, lane and start apart by their further claims, in any order."""
    key = np.zeros(len(columns), np.int64)
    if extra is not None and len(extra.column):
        if not 0 <= extra.column.min() <= extra.column.max() < len(columns):
            raise InvalidProblem("extra claims: a column index is out of range")
        if np.any(extra.start >= extra.end):
            raise InvalidProblem("extra claims: an interval is empty")
        np.add.at(key, extra.column, extra.lane * 1_000_003 + extra.start * 8_191 + extra.end)
    return key


def _claims(columns: Columns, seat: Int, extra: Claims | None, order: NDArray[np.intp]) -> Claims:
    own = Claims(np.arange(len(columns), dtype=np.int32), seat, columns.occupied_start, columns.occupied_end)
    if extra is None or not len(extra.column):
        return own
    position = np.empty(len(order), np.int32)
    position[order] = np.arange(len(order), dtype=np.int32)
    column = np.concatenate([own.column, position[extra.column]])
    lane = np.concatenate([own.lane, extra.lane])
    start = np.concatenate([own.start, extra.start])
    end = np.concatenate([own.end, extra.end])
    sort = np.lexsort((end, start, lane, column))
    return Claims(column[sort], lane[sort], start[sort], end[sort])


def _value(units: Mapping[str, Int], policy: Policy, columns: int) -> Int:
    value = np.zeros(columns, np.int64)
    for name, array in units.items():
        if columns and abs(policy.weight(name)) * float(np.abs(array.astype(float)).max()) > VALUE_LIMIT:
            raise InvalidProblem(
                f"term {name}: a column has more than {VALUE_LIMIT:,} points of it: scale the weights down"
            )
        value += policy.weight(name) * array
    if columns and np.abs(value).max() > VALUE_LIMIT:
        raise InvalidProblem(f"a column is worth more than {VALUE_LIMIT:,} points: scale the weights down")
    return value


def _current(problem: Problem) -> Int:
    """Column of each entry's present place, -1 where it has none or the place is not legal."""
    current, columns = problem.current.copy(), problem.columns
    for index, entry in enumerate(problem.entries):
        if entry.place is not None:
            low, high = np.searchsorted(columns.entry, [index, index + 1])
            here = (columns.lane[low:high] == entry.place[0]) & (columns.start[low:high] == entry.place[1])
            same = [c for c in (low + np.flatnonzero(here)).tolist() if entry.also in (None, problem.further(c))]
            current[index] = same[0] if same else -1
    return current


def _limits(limits: Limits | None, order: NDArray[np.intp]) -> Limits:
    if limits is None:
        return Limits.none()
    if len(limits.row) != len(limits.column) or len(limits.limit) != len(limits.label):
        raise InvalidProblem("limits: the arrays differ in length")
    if np.any(limits.limit < 0) or (
        len(limits.column) and not 0 <= limits.column.min() <= limits.column.max() < len(order)
    ):
        raise InvalidProblem("limits: a negative limit, or a column index out of range")
    position = np.empty(len(order), np.int32)
    position[order] = np.arange(len(order), dtype=np.int32)
    column = position[limits.column]
    sort = np.lexsort((column, limits.row))
    return Limits(limits.row[sort], column[sort], limits.limit, limits.label)


def _refuse_contradictions(problem: Problem) -> None:
    """Locks and required entries that nothing could satisfy; a fragment that something would fit into."""
    claims = problem.claims
    if problem.sellable and len(claims.start) and problem.sellable > (claims.end - claims.start).min():
        raise InvalidProblem(f"sellable: something shorter than {problem.sellable} minutes is sold")
    count = np.bincount(problem.columns.entry, minlength=len(problem))
    for index, entry in enumerate(problem.entries):
        if entry.locked and (count[index] != 1 or problem.current[index] < 0):
            raise InvalidProblem(f"entry {entry.id}: locked at {entry.place}, yet its columns say otherwise")
        if entry.required and not count[index]:
            raise InvalidProblem(f"entry {entry.id}: must keep a place, and has none to choose from")
