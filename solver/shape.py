"""The terms that no single column can carry: idle fragments between neighbours, and load beyond an even share."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from solver.cliques import interval_cliques
from solver.columns import Int, Intervals
from solver.objective import Term
from solver.problem import Problem
from solver.program import Linear, Program


@dataclass(frozen=True, slots=True, eq=False)
class Auxiliary:
    """Whole variables beside the columns, each in rows `sum(members) - variable <= upper`.

    Attributes
    ----------
    term : Term
    units : int64, shape (variables,)
        What one unit of the variable adds to the term.
    row, column, coef : shape (members,)
        Columns of each row.
    owner, upper : int64, shape (rows,)
        Variable of each row, and its room.
    """

    term: str
    units: Int
    row: Int
    column: Int
    coef: Int
    owner: Int
    upper: Int


def auxiliaries(problem: Problem) -> list[Auxiliary]:
    """The auxiliary variables that the policy's weights call for."""
    made = []
    if problem.sellable and problem.policy.weight(Term.FRAGMENTS) and problem.hours is not None:
        made.append(_fragments(problem, problem.hours))
    if problem.even_share and problem.policy.weight(Term.FAIRNESS):
        made.append(_fairness(problem))
    if problem.policy.weight(Term.STAFF_USED):
        made.append(_staff_used(problem))
    return made


def _staff_used(problem: Problem) -> Auxiliary:
    """One variable a lane, in every clique of its columns: nobody works who is not used.

    The cliques make the relaxation as tight as the busiest moment of each lane allows (Krishnamoorthy, Ernst and
    Baatar, European Journal of Operational Research 219, 2012).
    """
    c = problem.columns
    lanes, lane = np.unique(c.lane, return_inverse=True)
    own = np.arange(len(c), dtype=np.int32)
    apart = np.arange(len(c), dtype=np.int32)  # as if every column were another entry: keep all cliques
    cliques = interval_cliques(own, lane.astype(np.int32), c.occupied_start, c.occupied_end, apart, 0 * lanes)
    owner = lane[cliques.column[cliques.indptr[:-1]]]
    one, member = np.ones(len(lanes), np.int64), cliques.column.astype(np.int64)
    return Auxiliary(
        Term.STAFF_USED, one, cliques.rows(), member, np.ones(len(member), np.int64), owner, 0 * cliques.capacity
    )


def _fairness(problem: Problem) -> Auxiliary:
    """One variable a lane: minutes of load beyond its share."""
    c = problem.columns
    lanes = {lane: i for i, lane in enumerate(sorted(problem.even_share))}
    inside = np.flatnonzero(np.isin(c.lane, list(lanes)) & (problem.seat == c.lane))
    row = np.array([lanes[lane] for lane in c.lane[inside].tolist()], np.int64)
    load = (c.end - c.start)[inside]
    share = np.array([problem.even_share[lane] for lane in lanes], np.int64)
    count = np.arange(len(lanes))
    return Auxiliary(Term.FAIRNESS, np.ones(len(lanes), np.int64), row, inside, load, count, share)


def _fragments(problem: Problem, hours: Intervals) -> Auxiliary:
    """One variable a pair (end, start) in a free stretch that would leave an unsellable gap between them.

    Nothing fits into a gap shorter than the shortest thing sold, so the gap is there exactly if somebody ends where
    it begins and somebody starts where it ends; the stretch's own edges always do.
    """
    members: list[list[tuple[int, int]]] = []
    upper: list[int] = []
    units: list[int] = []
    for (opens, closes), claims in _stretches(problem, hours):
        ends, starts = _edges(opens, closes, claims)
        for end, before in sorted(ends.items()):
            for start in range(end + 1, min(end + problem.sellable, closes + 1)):
                if start in starts:
                    members.append(sorted(Counter(before + starts[start]).items()))
                    upper.append(1 - (end == opens) - (start == closes))
                    units.append(start - end)
    row = np.repeat(np.arange(len(members), dtype=np.int64), [len(m) for m in members])
    pairs = np.array([pair for m in members for pair in m], np.int64).reshape(-1, 2)
    count = np.arange(len(upper), dtype=np.int64)
    unit, room = np.array(units, np.int64), np.array(upper, np.int64)
    return Auxiliary(Term.FRAGMENTS, unit, row, pairs[:, 0], pairs[:, 1], count, room)


Claimed = list[tuple[int, int, int]]


def _edges(opens: int, closes: int, claims: Claimed) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Columns that end, and that start, at each minute of a free stretch; its own edges with nobody."""
    ends: dict[int, list[int]] = {opens: []}
    starts: dict[int, list[int]] = {closes: []}
    for column, start, end in claims:
        if end < closes:
            ends.setdefault(end, []).append(column)
        if start > opens:
            starts.setdefault(start, []).append(column)
    return ends, starts


def _stretches(problem: Problem, hours: Intervals) -> Iterator[tuple[tuple[int, int], Claimed]]:
    """Each free stretch inside hours, `[opens, closes)`, with the claims (column, start, end) that may lie in it."""
    fixed: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if problem.fixed is not None:
        f = problem.fixed
        for lane, start, end in zip(f.lane.tolist(), f.start.tolist(), f.end.tolist(), strict=True):
            fixed[lane].append((start, end))
    c = problem.claims
    for lane, opens, closes in zip(hours.lane.tolist(), hours.start.tolist(), hours.end.tolist(), strict=True):
        mine = np.flatnonzero((c.lane == lane) & (c.start < closes) & (c.end > opens))
        claims = list(zip(c.column[mine].tolist(), c.start[mine].tolist(), c.end[mine].tolist(), strict=True))
        for start, end in _free(opens, closes, fixed[lane]):
            yield (start, end), [claim for claim in claims if claim[1] < end and claim[2] > start]


def _free(opens: int, closes: int, taken: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    reach = opens
    for start, end in sorted(taken):
        if start < closes and end > opens:
            if start > reach:
                yield reach, start
            reach = max(reach, end)
    if reach < closes:
        yield reach, closes


def with_auxiliaries(problem: Problem, program: Program) -> Program:
    """The program with the auxiliary variables behind its columns."""
    for extra in auxiliaries(problem):
        if len(extra.owner):
            program = _joined(program, extra, problem.policy.weight(extra.term))
    return program


def _joined(program: Program, extra: Auxiliary, weight: int) -> Program:
    first, rows = len(program), len(extra.owner)
    order = np.argsort(np.concatenate([extra.row, np.arange(rows)]), kind="stable")
    column = np.concatenate([extra.column, first + extra.owner])[order].astype(np.int32)
    coef = np.concatenate([extra.coef, np.full(rows, -1, np.int64)])[order]
    size = np.bincount(extra.row, minlength=rows) + 1
    block = np.zeros(len(extra.units), np.int32)
    block[extra.owner[extra.row]] = program.block[extra.column]
    load = np.bincount(extra.row, extra.coef, rows).astype(np.int64)
    most = np.zeros(len(extra.units), np.int64)
    np.maximum.at(most, extra.owner, np.maximum(load - extra.upper, 0))
    linear = program.linear
    return replace(
        program,
        value=np.concatenate([program.value, weight * extra.units]),
        upper=np.concatenate([program.upper, most if extra.term == Term.FAIRNESS else np.minimum(most, 1)]),
        linear=Linear(
            np.concatenate([linear.indptr, linear.indptr[-1] + np.cumsum(size)]),
            np.concatenate([linear.column, column]),
            np.concatenate([linear.coef, coef]),
            np.concatenate([linear.upper, extra.upper]),
        ),
        block=np.concatenate([program.block, block]),
    )


def shape_units(problem: Problem, chosen: Int) -> dict[str, int]:
    """Units of the shape terms in a plan."""
    x = np.zeros(len(problem.columns), np.int64)
    x[chosen] = 1
    found = {}
    for extra in auxiliaries(problem):
        over = np.bincount(extra.row, extra.coef * x[extra.column], len(extra.owner)).astype(np.int64) - extra.upper
        most = np.zeros(len(extra.units), np.int64)
        np.maximum.at(most, extra.owner, over)
        found[str(extra.term)] = int(most @ extra.units)
    return found
