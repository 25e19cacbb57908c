"""Fewest staff: empty one lane after another by re-fitting it together with a handful of others.

For the shift minimisation personnel task scheduling problem and its like, where one weighted sum is flat almost
everywhere and the relaxation says little. Each step frees the columns of one lane to be emptied and of some others,
and asks CP-SAT for the fewest entries that must stay on it.
"""

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from solver.answer import Answer, Effort
from solver.columns import Int
from solver.model import solve_cp_sat
from solver.problem import Problem
from solver.program import Program, keep, program_of

Index = NDArray[np.int32]

LANES_A_STEP = 14
STEPS_A_LANE = 12
STEPS_A_SECOND = 40
NOWHERE = -1


def fewest_lanes(problem: Problem, effort: Effort) -> Answer:
    """A plan with few lanes in use, and the lower bound of the busiest moment.

    Deterministic for a seed up to the wall limit. `x` covers the problem's columns alone; `bound` counts lanes, as a
    negative number: no plan uses fewer than `-bound`.
    """
    search = _Emptying(problem, effort)
    bound = busiest_moment(problem)
    for _ in range(int(STEPS_A_SECOND * effort.deterministic)):
        if search.used() <= bound or not search.time_left():
            break
        search.step()
    return Answer(search.point(), -bound)


def busiest_moment(problem: Problem) -> int:
    """Most required entries that must be on at one moment wherever they go: so many lanes are needed."""
    c, required = problem.columns, np.array([e.required for e in problem.entries], bool)
    latest = np.zeros(len(problem), np.int64)
    soonest = np.full(len(problem), np.iinfo(np.int64).max)
    np.maximum.at(latest, c.entry, c.occupied_start)
    np.minimum.at(soonest, c.entry, c.occupied_end)
    core = required & (latest < soonest)
    times = np.concatenate([latest[core], soonest[core]])
    step = np.repeat([1, -1], int(core.sum()))
    return int(np.cumsum(step[np.lexsort((step, times))]).max(initial=0))


class _Emptying:
    """The state of one search: the lane of every entry, and which lane is being emptied."""

    def __init__(self, problem: Problem, effort: Effort) -> None:
        self.problem, self.effort = problem, effort
        self.until = time.monotonic() + effort.wall
        self.spent = 0
        self.program = program_of(problem)
        self.lanes, self.lane = np.unique(problem.columns.lane, return_inverse=True)
        self.random = np.random.default_rng(effort.seed)
        self.column = np.full(len(problem), NOWHERE, np.int64)
        self.target, self.tries = NOWHERE, 0
        self._first_fit()

    def time_left(self) -> bool:
        return time.monotonic() < self.until and not self.effort.stopped

    def at(self) -> Int:
        """Lane number of each entry, NOWHERE for one without a place."""
        return np.where(self.column >= 0, self.lane[self.column], NOWHERE)

    def used(self) -> int:
        """Lanes in use; more than there are while somebody has no place."""
        homeless = int((self.column < 0).sum())
        return len(self.lanes) + homeless if homeless else len(np.unique(self.at()))

    def point(self) -> Int | None:
        if np.any(self.column < 0):
            return None
        x = np.zeros(len(self.problem.columns), np.int64)
        x[self.column] = 1
        return x

    def _first_fit(self) -> None:
        """Entries by start, each on the first lane in use that is free, else on a fresh one."""
        c = self.problem.columns
        order = np.lexsort((c.occupied_end, c.occupied_start))
        free_from = np.full(len(self.lanes), np.iinfo(np.int64).min)
        for column in order.tolist():
            entry, lane = int(c.entry[column]), int(self.lane[column])
            if self.column[entry] < 0 and free_from[lane] <= c.occupied_start[column]:
                self.column[entry] = column
                free_from[lane] = c.occupied_end[column]

    def step(self) -> None:
        """Re-fit the lane to be emptied with some others."""
        at = self.at()
        self._aim(at)
        stuck = np.flatnonzero(at == self.target)
        others = self._others(at, stuck)
        inside = np.isin(at, others) | (at == self.target)
        open_lane = np.zeros(len(self.lanes), bool)
        open_lane[others] = True
        if self.target != NOWHERE:
            open_lane[self.target] = True
        c = self.problem.columns
        members = np.flatnonzero(inside[c.entry] & open_lane[self.lane]).astype(np.int32)
        answer = self._refit(members)
        if answer.x is not None:
            self.column[inside] = NOWHERE
            chosen = members[answer.x > 0]
            self.column[c.entry[chosen]] = chosen
        self.tries += 1

    def _aim(self, at: Int) -> None:
        """Homeless entries first; else the lane with the fewest entries, another after some tries in vain."""
        if np.any(at == NOWHERE):
            self.target = NOWHERE
            return
        empty = self.target == NOWHERE or not np.any(at == self.target)
        if empty or self.tries >= STEPS_A_LANE:
            count = np.bincount(at, minlength=len(self.lanes)).astype(float)
            count[count == 0] = np.inf
            self.target, self.tries = int(np.argmin(count + 2.0 * self.random.random(len(count)))), 0

    def _others(self, at: Int, stuck: Int) -> Int:
        """Lanes to re-fit with, in use unless somebody has no place: mostly such as may take over what is stuck."""
        used = np.arange(len(self.lanes)) if self.target == NOWHERE else np.unique(at)
        used = used[used != self.target]
        c = self.problem.columns
        able = np.bincount(self.lane[np.isin(c.entry, stuck)], minlength=len(self.lanes))[used]
        pull = (able + 0.5) * self.random.random(len(used)) ** 2
        others: Int = used[np.argsort(-pull, kind="stable")[:LANES_A_STEP]]
        return others

    def _refit(self, members: Index) -> Answer:
        """Everybody inside keeps a place; as few as possible on the lane to be emptied."""
        homeless = self.column < 0
        rest = keep(self.program, members, alone=False)
        c = self.problem.columns
        if self.target == NOWHERE:
            value = homeless[c.entry[members]].astype(np.int64)
            rest = _optional(rest, value > 0)
        else:
            value = -(self.lane[members] == self.target).astype(np.int64)
        hint = np.zeros(len(members), np.int64)
        held = self.column[c.entry[members]] == members
        hint[held] = 1
        seed = int(self.random.integers(2**31))
        left = max(0.05, min(3.0, self.until - time.monotonic()))
        return solve_cp_sat(replace(rest, value=value), Effort(seed, 0.6, left), hint)


def _optional(program: Program, free: NDArray[np.bool_]) -> Program:
    """The program in which rows over the marked variables need not be met."""
    sets = program.sets
    row = np.repeat(np.arange(len(sets.exactly)), np.diff(sets.indptr))
    exactly = sets.exactly.copy()
    exactly[row[free[sets.column]]] = False
    return replace(program, sets=replace(sets, exactly=exactly))
