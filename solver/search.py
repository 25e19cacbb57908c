"""The search of one connected program: relax, round, drop columns by reduced cost, prove the rest."""

import math
import time
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from solver.answer import Answer, Effort, better
from solver.blocks import blocks_of, solve_blocks
from solver.cuts import tightened
from solver.model import solve_cp_sat
from solver.program import Program, keep
from solver.relaxation import Relaxation, solve_highs, solve_relaxation, whole_bound
from solver.rounding import filled, rounded

Int = NDArray[np.int64]

CP_SAT_COLUMNS = 2500
"""Up to here CP-SAT proves a rest faster than HiGHS; measured in benchmarks/optimiser.py."""
WIDE_COLUMNS = 20_000
"""From here on a search looks at the cheapest columns first and widens."""
NARROW_COLUMNS = 1000
"""So many at least, the dearest by reduced cost, hold a plan within a percent or so; CP-SAT finds it in a second."""
NARROW_SHARE = 0.02
"""Of the deterministic effort, for that plan among so many columns."""
ROUND = 15.0
"""Deterministic effort for each round of pricing days apart, before the search for a better plan goes on."""


def search(program: Program, effort: Effort, incumbent: Int | None = None) -> Answer:
    """The best point within the effort, at least as good as the incumbent, and a bound on every other.

    Parameters
    ----------
    incumbent : int64, shape (variables,), or None
        A feasible point.
    """
    until = time.monotonic() + effort.wall
    relaxed = solve_relaxation(program, effort)
    if relaxed is None:
        return better(program, solve_cp_sat(program, effort, incumbent), incumbent)
    point = _first(program, effort, relaxed, incumbent)
    if _proven(program, point) or effort.stopped:
        return point
    if len(program) > WIDE_COLUMNS:
        point = _narrow(program, effort, relaxed, point, until)
        point = _priced_apart(program, effort, relaxed, point, until)
        point = _widen(program, effort, relaxed, point, until)
        return _prove_rest(program, effort, relaxed, point, until)
    return _prove(program, effort, relaxed, point, until)


def _first(program: Program, effort: Effort, relaxed: Relaxation, incumbent: Int | None) -> Answer:
    """What rounding makes of the relaxation, or of the incumbent."""
    point = Answer(rounded(program, relaxed.x, relaxed.reduced), whole_bound(relaxed.bound))
    if incumbent is not None:
        point = better(program, point, incumbent)
        point = better(program, point, filled(program, incumbent, relaxed.x, relaxed.reduced))
    _tell(program, effort, point)
    return point


def _prove(program: Program, effort: Effort, relaxed: Relaxation, point: Answer, until: float) -> Answer:
    """Cut, look for a good plan among few columns, drop what no better plan can use, search what is left."""
    tight, relaxed = tightened(program, relaxed, effort, until)
    point = replace(point, bound=min(point.bound, whole_bound(relaxed.bound)))
    point = _narrow(tight, effort, relaxed, point, until)
    return _search_rest(tight, effort, relaxed, point, until)


def _narrow(program: Program, effort: Effort, relaxed: Relaxation, point: Answer, until: float) -> Answer:
    """A good plan among few columns, by CP-SAT: for its worth drops columns, not for its bound."""
    left = until - time.monotonic()
    if _proven(program, point) or effort.stopped or left <= 0:
        return point
    columns = min(len(program), max(NARROW_COLUMNS, len(program) // 10))
    width = max(0.0, -float(np.sort(relaxed.reduced)[-columns]))
    members = _within(relaxed, point, width)
    share = NARROW_SHARE * math.sqrt(columns / NARROW_COLUMNS)
    light = replace(effort, deterministic=share * effort.deterministic, wall=left)
    answer = solve_cp_sat(keep(program, members), light, None if point.x is None else point.x[members])
    found = _merged(program, point, members, answer, complete=_complete(program, point, width))
    _tell(program, effort, found)
    return found


def _prove_rest(program: Program, effort: Effort, relaxed: Relaxation, point: Answer, until: float) -> Answer:
    """Prove over the columns alone that a better plan than `point` could use."""
    if _proven(program, point) or effort.stopped or time.monotonic() > until:
        return point
    room = np.inf if point.x is None else point.bound - int(point.x @ program.value)
    members = _within(relaxed, point, float(room))
    rest = keep(program, members)
    again = solve_relaxation(rest, replace(effort, wall=max(0.1, until - time.monotonic())))
    if again is None:
        return point
    answer = _prove(rest, effort, again, Answer(None if point.x is None else point.x[members], point.bound), until)
    return _merged(program, point, members, answer, complete=True)


def _within(relaxed: Relaxation, point: Answer, width: float) -> NDArray[np.int32]:
    """Columns with a reduced cost of at least `-width`, and those of the point so far."""
    kept = relaxed.reduced >= -width - 1e-6
    if point.x is not None:
        kept |= point.x > 0
    return np.flatnonzero(kept).astype(np.int32)


def _priced_apart(program: Program, effort: Effort, relaxed: Relaxation, point: Answer, until: float) -> Answer:
    """Where there are several days: a better bound than the relaxation's, for a share of the effort."""
    block = blocks_of(program)
    if not block.max():
        return point
    within = partial(_search_block, effort=effort, until=until)
    rounds = max(1, round(effort.deterministic / ROUND))
    late = lambda: effort.stopped or time.monotonic() > until  # noqa: E731 - a clock, not a function worth a name
    told = partial(_tell, program, effort)
    return solve_blocks(program, relaxed, block, point.x, within, rounds, late, told)


def _search_block(program: Program, incumbent: Int | None, *, effort: Effort, until: float) -> Answer:
    left = max(0.1, until - time.monotonic())
    return search(program, replace(effort, wall=min(left, effort.wall / 4), watch=None), incumbent)


def _widen(program: Program, effort: Effort, relaxed: Relaxation, point: Answer, until: float) -> Answer:
    """Columns within a small reduced cost give a good plan fast, and a good plan drops the others."""
    spread = float(np.abs(program.value).max()) / 200
    for width, share in ((spread, 0.4), (3 * spread, 1.0)):
        left = share * (until - time.monotonic())
        if not _proven(program, point):
            point = _search_within(program, effort, relaxed, point, width, left)
    return point


def _search_rest(program: Program, effort: Effort, relaxed: Relaxation, point: Answer, until: float) -> Answer:
    """Search every column whose reduced cost leaves room for a better plan than `point`."""
    if _proven(program, point):
        return point
    room = np.inf if point.x is None else point.bound - int(point.x @ program.value)
    return _search_within(program, effort, relaxed, point, float(room), until - time.monotonic())


def _search_within(
    program: Program, effort: Effort, relaxed: Relaxation, point: Answer, width: float, seconds: float
) -> Answer:
    """Search the columns with a reduced cost of at least `-width`, and those of the point so far."""
    if seconds <= 0 or effort.stopped:
        return point
    members = _within(relaxed, point, width)
    start = None if point.x is None else point.x[members]
    rest = keep(program, members)
    if len(rest) <= CP_SAT_COLUMNS:
        answer = solve_cp_sat(rest, replace(effort, wall=seconds), start)
    else:
        answer = solve_highs(rest, replace(effort, wall=seconds), start)
    found = _merged(program, point, members, answer, complete=_complete(program, point, width))
    _tell(program, effort, found)
    return found


def _complete(program: Program, point: Answer, width: float) -> bool:
    """Whether no column outside the width can be part of a better plan than `point`."""
    room = np.inf if point.x is None else point.bound - int(point.x @ program.value)
    return width >= room


def _merged(program: Program, point: Answer, members: NDArray[np.int32], answer: Answer, *, complete: bool) -> Answer:
    """The answer over some columns as one over all; its bound counts only where the other columns are ruled out."""
    if answer.impossible:
        return answer if point.x is None and complete else point
    found = point.x
    if answer.x is not None:
        found = np.zeros(len(program), np.int64)
        found[members] = answer.x
    worth = None if point.x is None else int(point.x @ program.value)
    bound = min(point.bound, max(answer.bound, worth)) if complete and worth is not None else point.bound
    if complete and worth is None:
        bound = min(point.bound, answer.bound)
    return replace(better(program, Answer(found, bound), point.x), bound=bound)


def _tell(program: Program, effort: Effort, point: Answer) -> None:
    if effort.watch is not None:
        effort.watch(None if point.x is None else int(point.x @ program.value), point.bound)


def _proven(program: Program, point: Answer) -> bool:
    return point.x is not None and int(point.x @ program.value) >= point.bound
