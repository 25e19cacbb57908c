"""A lawful point near a relaxed one: what a search is measured against before it starts."""

import numpy as np
from numpy.typing import NDArray

from solver.program import Program, completed, feasible, row_sums

Int = NDArray[np.int64]
Real = NDArray[np.float64]


def rounded(program: Program, relaxation: Real, reduced: Real) -> Int | None:
    """Take columns greedily, the fullest of the relaxation first; None if a required row stays unmet.

    Parameters
    ----------
    relaxation, reduced : float64, shape (variables,)
    """
    x = completed(program, greedy(program, _order(program, relaxation, reduced)))
    return x if feasible(program, x) else None


def filled(program: Program, incumbent: Int, relaxation: Real, reduced: Real) -> Int:
    """The incumbent, and whatever fits beside it in the order of `rounded`: everybody stays, some are placed.

    Parameters
    ----------
    incumbent : int64, shape (variables,)
        A feasible point.
    """
    first = np.flatnonzero(incumbent[: program.columns])
    x = completed(program, greedy(program, np.concatenate([first, _order(program, relaxation, reduced)])))
    return x if feasible(program, x) else incumbent


def _order(program: Program, relaxation: Real, reduced: Real) -> NDArray[np.intp]:
    order = np.lexsort((-program.value, -np.round(reduced, 6), -np.round(relaxation, 6)))
    order = order[(program.value[order] > 0) | _required(program)[order]]
    return order[order < program.columns]


def greedy(program: Program, order: NDArray[np.intp]) -> Int:
    """Take each column of `order` that still fits all its rows, int64 of shape (variables,)."""
    rows, edge, coef, slack = _columns(program)
    x = np.zeros(len(program), np.int64)
    for j in order.tolist():
        mine = range(edge[j], edge[j + 1])
        if all(slack[rows[k]] >= coef[k] for k in mine):
            x[j] = 1
            for k in mine:
                slack[rows[k]] -= coef[k]
    return x


def _required(program: Program) -> NDArray[np.bool_]:
    """Variables in a row that must be met."""
    sets = program.sets
    found = np.zeros(len(program), bool)
    found[sets.column[np.repeat(sets.exactly, np.diff(sets.indptr))]] = True
    return found


def _columns(program: Program) -> tuple[list[int], list[int], list[int], list[int]]:
    """Rows of each variable: row, pointer, coefficient; and the room of each row, auxiliaries at their most."""
    sets, linear = program.sets, program.linear
    size = np.concatenate([np.diff(sets.indptr), np.diff(linear.indptr)])
    column = np.concatenate([sets.column, linear.column])
    coef = np.concatenate([np.ones(len(sets.column), np.int64), linear.coef])
    order = np.argsort(column, kind="stable")
    row = np.repeat(np.arange(len(size)), size)[order]
    edge = np.searchsorted(column[order], np.arange(len(program) + 1))
    auxiliary = (linear.column >= program.columns) & (linear.coef < 0)
    generous = np.where(auxiliary, -linear.coef * program.upper[linear.column], 0)
    room = np.concatenate([np.ones(len(sets.exactly), np.int64), linear.upper + row_sums(linear.indptr, generous)])
    return row.tolist(), edge.tolist(), coef[order].tolist(), room.tolist()
