"""Long horizons: days priced apart by Lagrange multipliers on what ties them, and put together again.

The relaxation of a week leaves a gap that is the sum of its days' gaps. Pricing the rows that tie days together (an
entry that may come on several of them) leaves independent days, each small enough to be proven, and the sum of the
proofs is a bound on the week (Geoffrion, Mathematical Programming Study 2, 1974).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from solver.answer import Answer, better
from solver.cliques import components
from solver.program import Program, keep
from solver.relaxation import Relaxation, whole_bound
from solver.rounding import filled

Int = NDArray[np.int64]
Index = NDArray[np.int32]
Real = NDArray[np.float64]
Search = Callable[[Program, Int | None], Answer]
"""A way to solve one block, from a point to start with."""

WORKERS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Ties:
    """The at-most-one rows that tie blocks together.

    Attributes
    ----------
    row : int64, shape (ties,)
        Their numbers among the program's sets.
    tie, column : int64 and int32, shape (members,)
        Tie number and variable of each member.
    """

    row: Int
    tie: Int
    column: Index


def ties_of(program: Program, block: Index) -> Ties:
    """What ties the blocks together."""
    sets = program.sets
    wide = _spread(sets.indptr, block[sets.column])
    member = np.repeat(wide, np.diff(sets.indptr))
    tie = np.repeat(np.arange(int(wide.sum())), np.diff(sets.indptr)[wide])
    return Ties(np.flatnonzero(wide), tie, sets.column[member])


def blocks_of(program: Program) -> Index:
    """The program's blocks, those made one that a required entry or a linear row spans; int32, shape (variables,)."""
    sets, linear = program.sets, program.linear
    hard = np.repeat(sets.exactly, np.diff(sets.indptr))
    set_row = np.repeat(np.arange(len(sets.exactly)), np.diff(sets.indptr))[hard]
    linear_row = np.repeat(np.arange(len(linear.upper)), np.diff(linear.indptr)) + len(sets.exactly)
    member = np.concatenate([sets.column[hard], linear.column])
    merged = components(
        int(program.block.max(initial=0)) + 1,
        np.concatenate([set_row, linear_row]),
        program.block[member].astype(np.int64),
        len(sets.exactly) + len(linear.upper),
    )
    return merged[program.block]


def _spread(indptr: Int, block: Index) -> NDArray[np.bool_]:
    """Rows whose members lie in more than one block."""
    if not len(block):
        return np.zeros(len(indptr) - 1, bool)
    size = np.diff(indptr)
    row = np.repeat(np.arange(len(size)), size)
    first = block[indptr[:-1].clip(max=len(block) - 1)]
    found = np.zeros(len(size), bool)
    found[row[block != first[row]]] = True
    return found


def solve_blocks(
    program: Program,
    relaxed: Relaxation,
    block: Index,
    incumbent: Int | None,
    search: Search,
    rounds: int,
    late: Callable[[], bool],
    tell: Callable[[Answer], None],
) -> Answer:
    """A bound by pricing the ties, and a plan from the priced blocks; `rounds` of it, until proven or `late`.

    The first prices are the relaxation's dual, the next follow the subgradient with Polyak's step.
    """
    ties = ties_of(program, block)
    best = Answer(incumbent, whole_bound(relaxed.bound))
    if not len(ties.row):
        return best
    price = np.round(np.maximum(relaxed.dual[ties.row], 0.0)).astype(np.int64)
    parts = [np.flatnonzero(block == b).astype(np.int32) for b in np.unique(block)]
    for _ in range(rounds):
        x, bound = _priced(program, ties, price, parts, incumbent, search)
        best = replace(best, bound=min(best.bound, bound))
        if x is not None:
            found = filled(program, _untied(program, ties, x), relaxed.x, relaxed.reduced)
            best = replace(better(program, Answer(found, best.bound), best.x), bound=best.bound)
        tell(best)
        if x is None or best.x is None or late() or int(best.x @ program.value) >= best.bound:
            break
        price = _stepped(ties, price, x, bound - int(best.x @ program.value))
    return best


def _priced(
    program: Program, ties: Ties, price: Int, parts: list[Index], incumbent: Int | None, search: Search
) -> tuple[Int | None, int]:
    """The blocks' own optima under the prices, side by side, and the bound that they prove together.

    Within its block an entry keeps to one place at most: only what ties blocks together is priced.
    """
    value = program.value.copy()
    np.subtract.at(value, ties.column, price[ties.tie])
    loose = replace(program, value=value)
    starts = [None if incumbent is None else incumbent[part] for part in parts]
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(lambda part, start: search(keep(loose, part, alone=False), start), parts, starts))
    bound = int(price.sum()) + sum(answer.bound for answer in answers)
    x = np.zeros(len(program), np.int64)
    for part, answer in zip(parts, answers, strict=True):
        if answer.x is None:
            return None, bound
        x[part] = answer.x
    return x, bound


def _untied(program: Program, ties: Ties, x: Int) -> Int:
    """The point with only the dearest column left of each tie."""
    taken = np.flatnonzero(x[ties.column])
    if not len(taken):
        return x
    order = taken[np.lexsort((-program.value[ties.column[taken]], ties.tie[taken]))]
    again = np.append(False, ties.tie[order][1:] == ties.tie[order][:-1])
    lawful = x.copy()
    lawful[ties.column[order[again]]] = 0
    return lawful


def _stepped(ties: Ties, price: Int, x: Int, gap: int) -> Int:
    """Dearer where an entry was wanted on several days, cheaper where on none."""
    wanted = np.bincount(ties.tie, x[ties.column], len(price)) - 1.0
    moving = np.where((wanted < 0) & (price == 0), 0.0, wanted)
    length = gap / max(1.0, float(moving @ moving))
    return np.maximum(np.round(price + length * moving), 0).astype(np.int64)
