"""Rows that no plan breaks and the relaxation does: what makes its bound close enough to prove a day.

On one lane, all columns of one entry that touch a span exclude, and are excluded by, all others that cover it: the
facets with right-hand side one of the time-indexed formulation (Sousa and Wolsey, Mathematical Programming 54, 1992;
van den Akker, van Hoesel and Savelsbergh, Mathematical Programming 85, 1999).
"""

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from solver.answer import Effort
from solver.columns import Claims
from solver.program import Program, Sets
from solver.relaxation import Relaxation, solve_relaxation

Int = NDArray[np.int64]
Index = NDArray[np.int32]
Real = NDArray[np.float64]
ROUNDS = 12
LEAST_GAIN = 0.02
"""Of the whole gain so far; a round that gains less is the last."""
BROKEN = 1e-3


def tightened(
    program: Program, relaxed: Relaxation, effort: Effort, until: float = math.inf
) -> tuple[Program, Relaxation]:
    """The program with rows added that its relaxation breaks, round by round, and the relaxation of that.

    Ends early where half of the time to `until` (by the monotonic clock) is gone.
    """
    late = time.monotonic() + (until - time.monotonic()) / 2
    first = relaxed.bound
    for _ in range(ROUNDS):
        broken = dict(lane_cliques(program, relaxed.x))
        if not broken or effort.stopped or time.monotonic() > late:
            break
        stronger = _with_sets(program, list(broken.values()))
        found = solve_relaxation(stronger, effort)
        if found is None:
            break
        gain, program, relaxed = relaxed.bound - found.bound, stronger, found
        if gain < LEAST_GAIN * (first - relaxed.bound):
            break
    return program, relaxed


def lane_cliques(program: Program, x: Real) -> Iterator[tuple[tuple[int, ...], Index]]:
    """Broken cliques of one lane and one entry: a key (lane, entry, from, until) and the columns of each."""
    c = program.claims
    if not len(c.lane):  # seats in groups alone
        return
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


def _with_sets(program: Program, rows: Sequence[Index]) -> Program:
    sets = program.sets
    return replace(
        program,
        sets=Sets(
            np.concatenate([sets.indptr, sets.indptr[-1] + np.cumsum([len(row) for row in rows])]),
            np.concatenate([sets.column, *rows]),
            np.concatenate([sets.exactly, np.zeros(len(rows), bool)]),
        ),
    )
