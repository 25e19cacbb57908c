"""Ways to place a waitlist into one evening's free time: jointly, first come first served, greedily by value."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from solver.answer import Effort
from solver.checker import require
from solver.problem import Problem
from solver.solve import solve

EFFORT = Effort(seed=1, deterministic=1.0)
"""As the evenings of a replay have."""

Chosen = list[int]
"""Columns of the problem."""
Strategy = Callable[[Problem], Chosen]


def jointly(problem: Problem) -> Chosen:
    """All entries at once, by the optimiser; its plan is checked."""
    result = solve(problem, EFFORT)
    require(problem, result)
    found = {(problem.entries[e].id, lane, start): i for i, (e, lane, start) in enumerate(_rows(problem))}
    return [found[p.entry, p.lane, p.start] for p in result.placements]


def first_come(problem: Problem) -> Chosen:
    """Who has waited longest chooses first, and takes the earliest start."""
    free, chosen = np.ones(len(problem.columns), bool), []
    edge = np.searchsorted(problem.columns.entry, np.arange(len(problem) + 1))
    order = sorted(range(len(problem)), key=lambda i: (problem.entries[i].since, str(problem.entries[i].id)))
    for index in order:
        open_columns = np.flatnonzero(free[edge[index] : edge[index + 1]])
        if len(open_columns):
            chosen.append(int(edge[index] + open_columns[0]))
            free &= ~_beside(problem, chosen[-1])
    return chosen


def greedily(problem: Problem) -> Chosen:
    """The start that is worth most to the plan first, then the next that is still free."""
    free, chosen = problem.value > 0, list[int]()
    while free.any():
        chosen.append(int(np.where(free, problem.value, -1).argmax()))
        free = free & ~_beside(problem, chosen[-1])
    return chosen


def _beside(problem: Problem, column: int) -> NDArray[np.bool_]:
    """Columns that a chosen one rules out: its entry's, and those that overlap it."""
    c = problem.columns
    over = (c.lane == c.lane[column]) & (c.occupied_start < c.occupied_end[column])
    over &= c.occupied_end > c.occupied_start[column]
    ruled_out: NDArray[np.bool_] = over | (c.entry == c.entry[column])
    return ruled_out


def _rows(problem: Problem) -> list[tuple[int, int, int]]:
    c = problem.columns
    return list(zip(c.entry.tolist(), c.lane.tolist(), c.start.tolist(), strict=True))


STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {"first come": first_come, "greedy": greedily, "jointly": jointly}
)
