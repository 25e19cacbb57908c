"""Rows that no plan breaks and the relaxation does: what makes its bound close enough to prove a day.

Two families. On one lane, all columns of one entry that touch a span exclude, and are excluded by, all others that
cover it: the facets with right-hand side one of the time-indexed formulation (Sousa and Wolsey, Mathematical
Programming 54, 1992; van den Akker, van Hoesel and Savelsbergh, Mathematical Programming 85, 1999). Across lanes, an odd
cycle of exclusions is added up, halved and rounded down (Grötschel, Lovász and Schrijver, Geometric Algorithms, 1988;
Caprara and Fischetti, Mathematical Programming 74, 1996).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from solver.answer import Effort
from solver.columns import Claims
from solver.program import Linear, Program, Sets
from solver.relaxation import Relaxation, solve_relaxation

Int = NDArray[np.int64]
Index = NDArray[np.int32]
Real = NDArray[np.float64]
Row = tuple[Index, Int, int]
"""Columns, their coefficients, and the upper side."""

ROUNDS = 12
LEAST_GAIN = 0.02
"""Of the whole gain so far; a round that gains less is the last."""
WIDEST_CYCLES = 320
"""Fractional columns up to which shortest paths between all of them are cheap."""
CYCLES_A_ROUND = 120
BROKEN = 1e-3


def tightened(program: Program, relaxed: Relaxation, effort: Effort) -> tuple[Program, Relaxation]:
    """The program with rows added that its relaxation breaks, round by round, and the relaxation of that."""
    known: set[tuple[int, ...]] = set()
    first = relaxed.bound
    for _ in range(ROUNDS):
        cliques = [row for key, row in lane_cliques(program, relaxed.x) if not (key in known or known.add(key))]
        cycles = odd_cycles(program, relaxed.x)
        if not cliques and not cycles:
            break
        stronger = _with_linear(_with_sets(program, cliques), cycles)
        found = solve_relaxation(stronger, effort)
        if found is None or effort.stopped:
            break
        gain, program, relaxed = relaxed.bound - found.bound, stronger, found
        if gain < LEAST_GAIN * (first - relaxed.bound):
            break
    return program, relaxed


def lane_cliques(program: Program, x: Real) -> Iterator[tuple[tuple[int, ...], Index]]:
    """Broken cliques of one lane and one entry: a key (lane, entry, from, until) and the columns of each."""
    c = program.claims
    order = np.argsort(c.lane, kind="stable")
    lanes, first = np.unique(c.lane[order], return_index=True)
    for lane, rows in zip(lanes.tolist(), np.split(order, first[1:]), strict=True):
        mine = _at(c, rows)
        for entry, since, until in _spans(program, mine, x):
            own = program.entry[mine.column] == entry
            touching = (mine.start < until) & (mine.end > since)
            covering = (mine.start <= since) & (mine.end >= until)
            yield (lane, entry, since, until), np.unique(mine.column[np.where(own, touching, covering)])


def _at(c: Claims, rows: NDArray[np.intp]) -> Claims:
    return Claims(c.column[rows], c.lane[rows], c.start[rows], c.end[rows])


def _spans(program: Program, claims: Claims, x: Real) -> Iterator[tuple[int, int, int]]:
    """Entry and span of each broken clique: from just before one of its columns ends until another has begun."""
    value = x[claims.column]
    some = np.flatnonzero((value > 1e-6) & (value < 1 - 1e-6))
    start, end, value = claims.start[some], claims.end[some], value[some]
    entry = program.entry[claims.column[some]]
    for number, times in Counter(entry.tolist()).items():
        if times < 2:
            continue
        own = entry == number
        since, until = (a.ravel() for a in np.meshgrid(np.unique(end[own] - 1), np.unique(start[own] + 1)))
        since, until = since[until > since], until[until > since]
        touching = (start < until[:, None]) & (end > since[:, None])
        covering = (start <= since[:, None]) & (end >= until[:, None])
        weight = np.where(own, touching, covering) @ value
        for i in np.flatnonzero(weight > 1 + BROKEN).tolist():
            yield number, int(since[i]), int(until[i])


def odd_cycles(program: Program, x: Real) -> list[Row]:
    """Broken odd cycles among the fractional columns, the worst first; none where there are too many columns."""
    fractional = np.flatnonzero((x > 1e-6) & (x < 1 - 1e-6))
    if not 2 < len(fractional) <= WIDEST_CYCLES:
        return []
    length, row = _exclusions(program, x, fractional)
    distance, following = _shortest(length)
    found: dict[tuple[int, ...], tuple[float, Row]] = {}
    for start in np.flatnonzero(np.diagonal(distance, len(fractional)) < 1 - 2 * BROKEN).tolist():
        rows = _cycle(following, row, start)
        cut = _halved(program.sets, rows)
        broken = float(cut[1] @ x[cut[0]]) - cut[2]
        if len(rows) % 2 and broken > BROKEN:
            found[tuple(sorted(rows))] = (broken, cut)
    ranked = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))
    return [cut for _, (_, cut) in ranked[:CYCLES_A_ROUND]]


def _exclusions(program: Program, x: Real, fractional: NDArray[np.intp]) -> tuple[Real, Int]:
    """For each pair of fractional columns that share a row: `1 - x - x`, and that row; infinite and -1 for others."""
    sets, count = program.sets, len(fractional)
    position = np.full(len(program), -1)
    position[fractional] = np.arange(count)
    inside = position[sets.column] >= 0
    member = position[sets.column[inside]]
    edge = np.concatenate([[0], np.cumsum(inside)])[sets.indptr]
    length, row = np.full((count, count), np.inf), np.full((count, count), -1)
    for number in np.flatnonzero(np.diff(edge) > 1).tolist():
        some = member[edge[number] : edge[number + 1]]
        length[np.ix_(some, some)] = np.maximum(1 - x[fractional[some], None] - x[fractional[some]], 0)
        row[np.ix_(some, some)] = number
    np.fill_diagonal(length, np.inf)
    return length, row


def _shortest(length: Real) -> tuple[Real, Int]:
    """Shortest paths in the double cover, where a path from a column to its twin is an odd cycle; with next nodes."""
    count = len(length)
    distance = np.full((2 * count, 2 * count), np.inf)
    distance[:count, count:] = distance[count:, :count] = length
    np.fill_diagonal(distance, 0)
    following = np.where(np.isfinite(distance), np.arange(2 * count), -1)
    for via in range(2 * count):
        detour = distance[:, via, None] + distance[via]
        shorter = detour < distance - 1e-12
        np.copyto(distance, detour, where=shorter)
        np.copyto(following, following[:, via, None], where=shorter)
    return distance, following


def _cycle(following: Int, row: Int, start: int) -> list[int]:
    """Rows along the shortest path from a column to its twin."""
    count, rows, at = len(row), list[int](), start
    while at != start + count:
        after = int(following[at, start + count])
        rows.append(int(row[at % count, after % count]))
        at = after
    return rows


def _halved(sets: Sets, rows: Sequence[int]) -> Row:
    """The rows added up, halved, rounded down."""
    members = np.concatenate([sets.column[sets.indptr[row] : sets.indptr[row + 1]] for row in rows])
    column, times = np.unique(members, return_counts=True)
    half = times // 2
    return column[half > 0], half[half > 0].astype(np.int64), len(rows) // 2


def _with_sets(program: Program, rows: Sequence[Index]) -> Program:
    if not rows:
        return program
    sets = program.sets
    return replace(
        program,
        sets=Sets(
            np.concatenate([sets.indptr, sets.indptr[-1] + np.cumsum([len(row) for row in rows])]),
            np.concatenate([sets.column, *rows]),
            np.concatenate([sets.exactly, np.zeros(len(rows), bool)]),
        ),
    )


def _with_linear(program: Program, rows: Sequence[Row]) -> Program:
    if not rows:
        return program
    linear = program.linear
    return replace(
        program,
        linear=Linear(
            np.concatenate([linear.indptr, linear.indptr[-1] + np.cumsum([len(column) for column, _, _ in rows])]),
            np.concatenate([linear.column, *(column for column, _, _ in rows)]),
            np.concatenate([linear.coef, *(coef for _, coef, _ in rows)]),
            np.concatenate([linear.upper, [upper for _, _, upper in rows]]),
        ),
    )
