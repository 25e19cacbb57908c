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
from solver.program import Program, Sets, keep
from solver.relaxation import Relaxation, whole_bound

Int = NDArray[np.int64]
Index = NDArray[np.int32]
Real = NDArray[np.float64]
Search = Callable[[Program, Int | None], Answer]
"""A way to solve one block, from a point to start with."""

WORKERS = 2
ROUNDS = 20


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


def ties_of(program: Program) -> Ties | None:
    """What ties the blocks together, or None where pricing it apart makes no sense."""
    sets, linear = program.sets, program.linear
    if program.block.min(initial=0) == program.block.max(initial=0):
        return None
    if _spread(linear.indptr, program.block[linear.column]).any():
        return None
    wide = _spread(sets.indptr, program.block[sets.column])
    if np.any(wide & sets.exactly):
        return None
    member = np.repeat(wide, np.diff(sets.indptr))
    tie = np.repeat(np.arange(int(wide.sum())), np.diff(sets.indptr)[wide])
    return Ties(np.flatnonzero(wide), tie, sets.column[member])


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
    ties: Ties,
    incumbent: Int | None,
    search: Search,
    late: Callable[[], bool],
    tell: Callable[[Answer], None],
) -> Answer:
    """Bound by pricing the ties, plan by searching the blocks in turn; repeat until proven or `late`.

    The first prices are the relaxation's dual, the next follow the subgradient with Polyak's step.
    """
    price = np.round(np.maximum(relaxed.dual[ties.row], 0.0)).astype(np.int64)
    parts = [np.flatnonzero(program.block == b).astype(np.int32) for b in np.unique(program.block)]
    best = Answer(incumbent, whole_bound(relaxed.bound))
    for _ in range(ROUNDS):
        x, bound = _priced(program, ties, price, parts, incumbent, search)
        best = replace(best, bound=min(best.bound, bound))
        if x is not None:
            found = _searched_in_turn(program, ties, parts, _untied(program, ties, x), search, late)
            best = replace(better(program, Answer(found, best.bound), best.x), bound=best.bound)
        tell(best)
        if x is None or best.x is None or late() or int(best.x @ program.value) >= best.bound:
            break
        price = _stepped(ties, price, x, bound - int(best.x @ program.value))
    return best


def _priced(
    program: Program, ties: Ties, price: Int, parts: list[Index], incumbent: Int | None, search: Search
) -> tuple[Int | None, int]:
    """The blocks' own optima under the prices, side by side, and the bound that they prove together."""
    value = program.value.copy()
    np.subtract.at(value, ties.column, price[ties.tie])
    loose = replace(program, value=value, sets=_without(program.sets, ties.row))
    starts = [None if incumbent is None else incumbent[part] for part in parts]
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(lambda part, start: search(keep(loose, part), start), parts, starts))
    bound = int(price.sum()) + sum(answer.bound for answer in answers)
    x = np.zeros(len(program), np.int64)
    for part, answer in zip(parts, answers, strict=True):
        if answer.x is None:
            return None, bound
        x[part] = answer.x
    return x, bound


def _without(sets: Sets, rows: Int) -> Sets:
    kept = np.ones(len(sets.exactly), bool)
    kept[rows] = False
    size = np.diff(sets.indptr)
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(size[kept])])
    return Sets(indptr, sets.column[np.repeat(kept, size)], sets.exactly[kept])


def _untied(program: Program, ties: Ties, x: Int) -> Int:
    """The point with only the dearest column left of each tie."""
    taken = np.flatnonzero(x[ties.column])
    order = taken[np.lexsort((-program.value[ties.column[taken]], ties.tie[taken]))]
    again = np.append(False, ties.tie[order][1:] == ties.tie[order][:-1])
    lawful = x.copy()
    lawful[ties.column[order[again]]] = 0
    return lawful


def _searched_in_turn(
    program: Program, ties: Ties, parts: list[Index], x: Int, search: Search, late: Callable[[], bool]
) -> Int:
    """Search one block after the other at true values, the rest held still; never gets worse."""
    for part in parts:
        if late():
            break
        elsewhere = x.copy()
        elsewhere[part] = 0
        used = np.unique(ties.tie[elsewhere[ties.column] > 0])
        barred = np.zeros(len(program), bool)
        barred[ties.column[np.isin(ties.tie, used)]] = True
        free = part[~barred[part]]
        answer = search(keep(program, free), x[free])
        if answer.x is not None:
            x = elsewhere
            x[free] = answer.x
    return x


def _stepped(ties: Ties, price: Int, x: Int, gap: int) -> Int:
    """Dearer where an entry was wanted on several days, cheaper where on none."""
    wanted = np.bincount(ties.tie, x[ties.column], len(price)) - 1.0
    moving = np.where((wanted < 0) & (price == 0), 0.0, wanted)
    length = gap / max(1.0, float(moving @ moving))
    return np.maximum(np.round(price + length * moving), 0).astype(np.int64)
