"""The integer program of a problem as plain arrays; what CP-SAT, GLOP and HiGHS are built from."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from solver.cliques import Cliques, components, interval_cliques
from solver.columns import Claims
from solver.problem import Problem

Int = NDArray[np.int64]
Index = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Rows of 0/1 variables of which at most one, or exactly one, is chosen.

    Attributes
    ----------
    indptr : int64, shape (rows + 1,)
    column : int32, shape (members,)
    exactly : bool, shape (rows,)
    """

    indptr: Int
    column: Index
    exactly: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Rows `sum(coef * x) <= upper`.

    Attributes
    ----------
    indptr : int64, shape (rows + 1,)
    column : int32, shape (members,)
    coef : int64, shape (members,)
    upper : int64, shape (rows,)
    """

    indptr: Int
    column: Index
    coef: Int
    upper: Int

    @classmethod
    def none(cls) -> Self:
        """No rows."""
        return cls(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Maximise `value @ x` over `0 <= x <= upper`, whole.

    Attributes
    ----------
    value, upper : int64, shape (variables,)
        The first variables are the problem's columns, in its order; auxiliary ones follow.
    sets : Sets
    linear : Linear
    block : int32, shape (variables,)
        Stretch of time between moments that nobody works across: days, mostly.
    columns : int
        How many of the variables are columns of the problem.
    entry : int32, shape (columns,)
        Whose each column is.
    claims : Claims
        What the columns take of lanes that hold one at a time, ascending by column.
    """

    value: Int
    upper: Int
    sets: Sets
    linear: Linear
    block: Index
    columns: int
    entry: Index
    claims: Claims

    def __len__(self) -> int:
        return len(self.value)


def program_of(problem: Problem) -> Program:
    """Program of the whole problem: entry rows, lane cliques, seats and limits."""
    columns = problem.columns
    lanes, lane = np.unique(problem.claims.lane, return_inverse=True)
    capacity = np.array([problem.capacity.get(int(i), 1) for i in lanes], np.int64)
    claims = problem.claims
    cliques = interval_cliques(claims.column, lane.astype(np.int32), claims.start, claims.end, columns.entry, capacity)
    single = cliques.capacity == 1
    return Program(
        problem.value,
        np.ones(len(columns), np.int64),
        _entry_and_lane_sets(problem, cliques, single),
        _linear(problem, cliques, ~single),
        _blocks(problem),
        len(columns),
        columns.entry,
        _taken(claims, (capacity == 1)[lane]),
    )


def _taken(claims: Claims, rows: NDArray[np.bool_]) -> Claims:
    return Claims(claims.column[rows], claims.lane[rows], claims.start[rows], claims.end[rows])


def _claims_within(program: Program, inside: NDArray[np.bool_], local: Index) -> Claims:
    """The claims of some variables, renumbered."""
    kept = _taken(program.claims, inside[program.claims.column])
    return replace(kept, column=local[kept.column])


def _blocks(problem: Problem) -> Index:
    """Number of the stretch of time that each column lies in; no claim of any column crosses between two."""
    claims = problem.claims
    order = np.argsort(claims.start, kind="stable")
    reach = np.maximum.accumulate(claims.end[order])
    fresh = np.append(False, claims.start[order][1:] >= reach[:-1])
    number = np.empty(len(order), np.int32)
    number[order] = np.cumsum(fresh)
    block = np.zeros(len(problem.columns), np.int32)
    block[claims.column] = number
    return block


def _entry_and_lane_sets(problem: Problem, cliques: Cliques, single: NDArray[np.bool_]) -> Sets:
    entry = problem.columns.entry
    count = np.bincount(entry, minlength=len(problem))
    required = np.array([e.required for e in problem.entries], bool)
    present = (count > 1) | ((count > 0) & required)
    mine = np.flatnonzero(present[entry]).astype(np.int32)
    member = np.repeat(single, np.diff(cliques.indptr))
    size = np.concatenate([count[present], np.diff(cliques.indptr)[single]])
    return Sets(
        _pointer(size),
        np.concatenate([mine, cliques.column[member]]),
        np.concatenate([required[present], np.zeros(int(single.sum()), bool)]),
    )


def _linear(problem: Problem, cliques: Cliques, wide: NDArray[np.bool_]) -> Linear:
    limits = problem.limits
    if not wide.any() and not len(limits.limit) and not problem.groups:
        return Linear.none()
    count = np.bincount(limits.row, minlength=len(limits.limit))
    tight = count > limits.limit
    member = np.repeat(wide, np.diff(cliques.indptr))
    column = np.concatenate([cliques.column[member], limits.column[tight[limits.row]]])
    size = np.concatenate([np.diff(cliques.indptr)[wide], count[tight]])
    upper = np.concatenate([cliques.capacity[wide], limits.limit[tight]])
    size, column, coef = _counted(size, column)
    seated = _seats_of_open_groups(problem)
    return Linear(
        _pointer(np.concatenate([size, [len(row) for row in seated]]).astype(np.int64)),
        np.concatenate([column, *seated]).astype(np.int32),
        np.concatenate([coef, *(np.append(-np.ones(len(r) - 1, int), 1) for r in seated)]),
        np.append(upper, np.zeros(len(seated), np.int64)),
    )


def _counted(size: Int, column: Index) -> tuple[Int, Index, Int]:
    """Rows with each column once, and how often it stood there: a party takes several seats of a group."""
    row = np.repeat(np.arange(len(size)), size)
    key, coef = np.unique(row * (int(column.max(initial=0)) + 1) + column, return_counts=True)
    if len(key) == len(column):
        return size, column, np.ones(len(column), np.int64)
    row, member = np.divmod(key, int(column.max(initial=0)) + 1)
    return np.bincount(row, minlength=len(size)), member.astype(np.int32), coef.astype(np.int64)


def _seats_of_open_groups(problem: Problem) -> list[Int]:
    """A row each of those seats: the columns that open the group, of entries before, and the seat's last."""
    if not problem.groups:
        return []
    c, sessions = problem.columns, {(g.lane, g.start, g.service): number for number, g in problem.groups.items()}
    opens: dict[int, list[int]] = defaultdict(list)
    for column in np.flatnonzero(problem.seat == c.lane).tolist():
        place = (int(c.lane[column]), int(c.start[column]), problem.entries[c.entry[column]].service)
        if place in sessions:
            opens[sessions[place]].append(column)
    seats = np.flatnonzero(np.isin(problem.seat, list(problem.groups))).tolist()
    before = [[i for i in opens[int(problem.seat[seat])] if c.entry[i] < c.entry[seat]] for seat in seats]
    return [np.array([*openers, seat], np.int64) for openers, seat in zip(before, seats, strict=True)]


def _pointer(size: Int) -> Int:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(size, dtype=np.int64)])


def split(program: Program) -> Iterator[tuple[Index, Program]]:
    """Independent parts: the variables of each, ascending, and the program over them."""
    sets, linear = program.sets, program.linear
    set_row = np.repeat(np.arange(len(sets.exactly)), np.diff(sets.indptr))
    linear_row = np.repeat(np.arange(len(linear.upper)), np.diff(linear.indptr)) + len(sets.exactly)
    part = components(
        len(program),
        np.concatenate([set_row, linear_row]),
        np.concatenate([sets.column, linear.column]),
        len(sets.exactly) + len(linear.upper),
    )
    count = int(part.max(initial=-1)) + 1
    if count == 1:
        yield np.arange(len(program), dtype=np.int32), program
        return
    order = np.argsort(part, kind="stable").astype(np.int32)
    edge = np.searchsorted(part[order], np.arange(count + 1))
    local = np.empty(len(program), np.int32)
    local[order] = np.arange(len(program)) - np.repeat(edge[:-1], np.diff(edge))
    set_part = part[sets.column[sets.indptr[:-1]]]
    linear_part = part[linear.column[linear.indptr[:-1]]]
    for number in range(count):
        members = order[edge[number] : edge[number + 1]]
        yield members, restrict(program, members, local, set_part == number, linear_part == number)


def restrict(
    program: Program, members: Index, local: Index, sets: NDArray[np.bool_], linear: NDArray[np.bool_]
) -> Program:
    """The program over `members` with the rows marked; `local` renumbers the variables."""
    s, r = program.sets, program.linear
    mine = np.zeros(len(program), bool)
    mine[members] = True
    own = members[members < program.columns]
    set_size, linear_size = np.diff(s.indptr), np.diff(r.indptr)
    inside, within = np.repeat(sets, set_size), np.repeat(linear, linear_size)
    return Program(
        program.value[members],
        program.upper[members],
        Sets(_pointer(set_size[sets]), local[s.column[inside]], s.exactly[sets]),
        Linear(_pointer(linear_size[linear]), local[r.column[within]], r.coef[within], r.upper[linear]),
        program.block[members],
        len(own),
        program.entry[own],
        _claims_within(program, mine, local),
    )


def keep(program: Program, members: Index, *, alone: bool = True) -> Program:
    """The program over `members`; every other variable is zero. Rows that bind nothing are left out.

    Where they are not `alone`, rows without any member count as met by the others.
    """
    inside = np.zeros(len(program), bool)
    inside[members] = True
    local = (np.cumsum(inside) - 1).astype(np.int32)
    sets, linear = program.sets, program.linear
    size = row_sums(sets.indptr, inside[sets.column].astype(np.int64))
    useful = (size > 1) | (sets.exactly & ((size > 0) | alone))
    taken = inside[sets.column] & np.repeat(useful, np.diff(sets.indptr))
    own = members[members < program.columns]
    width = row_sums(linear.indptr, inside[linear.column].astype(np.int64))
    held = inside[linear.column]
    return Program(
        program.value[members],
        program.upper[members],
        Sets(_pointer(size[useful]), local[sets.column[taken]], sets.exactly[useful]),
        Linear(_pointer(width), local[linear.column[held]], linear.coef[held], linear.upper),
        program.block[members],
        len(own),
        program.entry[own],
        _claims_within(program, inside, local),
    )


def feasible(program: Program, x: Int) -> bool:
    """Whether the point satisfies every row and bound."""
    if np.any(x < 0) or np.any(x > program.upper):
        return False
    taken = row_sums(program.sets.indptr, x[program.sets.column])
    if np.any(taken > 1) or np.any(taken[program.sets.exactly] != 1):
        return False
    rows = program.linear
    return not np.any(row_sums(rows.indptr, rows.coef * x[rows.column]) > rows.upper)


def row_sums(indptr: Int, members: Int) -> Int:
    """Sum of each row's members, int64 of shape (rows,)."""
    total = np.concatenate([np.zeros(1, np.int64), np.cumsum(members)])
    sums: Int = total[indptr[1:]] - total[indptr[:-1]]
    return sums


def completed(program: Program, x: Int) -> Int:
    """The point with every auxiliary variable as small as its rows allow."""
    rows = program.linear
    full = x.copy()
    full[program.columns :] = 0
    row = np.repeat(np.arange(len(rows.upper)), np.diff(rows.indptr))
    over = row_sums(rows.indptr, rows.coef * full[rows.column]) - rows.upper
    slack = (rows.column >= program.columns) & (rows.coef < 0)
    np.maximum.at(full, rows.column[slack], over[row[slack]])
    return full


def no_worse(program: Program, value: Int, worth: int) -> Program:
    """The program with one more row: `value @ x >= worth`."""
    linear, members = program.linear, np.flatnonzero(value)
    return replace(
        program,
        linear=Linear(
            np.append(linear.indptr, linear.indptr[-1] + len(members)),
            np.concatenate([linear.column, members.astype(np.int32)]),
            np.concatenate([linear.coef, -value[members]]),
            np.append(linear.upper, -worth),
        ),
    )
