"""From a problem to a result: split, search each part, never publish worse than the present book."""

import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from solver.answer import Answer, Effort
from solver.emptying import fewest_lanes
from solver.explain import reasons
from solver.objective import Term, TermScore
from solver.problem import Problem
from solver.program import Program, completed, feasible, no_worse, program_of, split
from solver.result import Placement, Result, Status
from solver.search import search
from solver.shape import auxiliaries, shape_units, with_auxiliaries

Int = NDArray[np.int64]


def solve(problem: Problem, effort: Effort | None = None) -> Result:
    """The best plan found within the effort, with bound and reasons.

    The same problem, seed and effort give the same plan on every run, unless the wall limit cuts a search
    short.

    Parameters
    ----------
    effort : Effort
        Spent on each independent part; the default proves a day.
    """
    effort = effort or Effort()
    clock = [time.perf_counter()]
    if not len(problem.columns):
        nothing = np.empty(0, np.int64)
        worth = sum(score.value for score in account(problem, nothing))
        return _result(problem, Status.NOTHING_TO_DO, nothing, worth, effort, {})
    program = with_auxiliaries(problem, program_of(problem))
    clock.append(time.perf_counter())
    answer = solve_levels(problem, program, effort)
    clock.append(time.perf_counter())
    if answer.x is None:
        status = Status.INFEASIBLE if answer.impossible else Status.NO_PLAN_IN_TIME
        return _result(problem, status, np.empty(0, np.int64), answer.bound, effort, {})
    seconds = {"build": clock[1] - clock[0], "solve": clock[2] - clock[1]}
    proven = int(answer.x @ program.value) >= answer.bound
    chosen = np.flatnonzero(answer.x[: len(problem.columns)])
    return _result(problem, Status.OPTIMAL if proven else Status.FEASIBLE, chosen, answer.bound, effort, seconds)


def solve_levels(problem: Problem, program: Program, effort: Effort) -> Answer:
    """One weighted sum, or the policy's levels one after the other, each kept while the next is sought.

    The bound of a lexicographic plan is its own worth plus what each level may have missed.
    """
    if _counts_staff_alone(problem) and (staffed := _staffed(problem, program, effort)) is not None:
        return staffed
    levels = level_values(problem, program)
    book = present(problem)
    incumbent = None if book is None else completed(program, _padded(book, len(program)))
    missed = 0
    for number, value in enumerate(levels):
        level = replace(program, value=value)
        top = _padded(ideal(problem, value[: len(problem.columns)]), len(program))
        answer = solve_program(level, effort, top, incumbent)
        if answer.x is None:
            return answer
        incumbent = completed(program, answer.x)
        worth = int(incumbent @ value)
        missed += max(0, answer.bound - worth)
        if number + 1 < len(levels):
            program = no_worse(program, value, worth)
    return Answer(incumbent, missed if incumbent is None else int(incumbent @ program.value) + missed)


def _counts_staff_alone(problem: Problem) -> bool:
    """Whether everybody has a place in any case and nothing counts but the staff that it takes."""
    simple = len(problem.claims.column) == len(problem.columns) and not len(problem.limits.limit)
    everyone = all(entry.required for entry in problem.entries)
    return simple and everyone and not problem.value.any() and problem.policy.weight(Term.STAFF_USED) < 0


def _staffed(problem: Problem, program: Program, effort: Effort) -> Answer | None:
    """The fewest staff that a search by emptying finds, its bound in points; None where it places not everybody."""
    answer = fewest_lanes(problem, effort)
    if answer.x is None:
        return None
    return Answer(
        completed(program, _padded(answer.x, len(program))), -answer.bound * problem.policy.weight(Term.STAFF_USED)
    )


def level_values(problem: Problem, program: Program) -> list[Int]:
    """Points of each variable on each level of the policy; terms on no level come last."""
    policy = problem.policy
    if not policy.levels:
        return [program.value]
    shape = {str(extra.term): extra for extra in auxiliaries(problem)}
    names = [*problem.terms, *shape]
    named = {term for level in policy.levels for term in level}
    rest = tuple(name for name in names if name not in named)
    return [
        np.concatenate(
            [
                sum((policy.weight(n) * problem.terms[n] for n in level if n in problem.terms), 0 * problem.value),
                *(policy.weight(n) * shape[n].units * (n in level) for n in shape),
            ]
        )
        for level in (*policy.levels, rest)
    ]


def _padded(x: Int, length: int) -> Int:
    return np.concatenate([x, np.zeros(length - len(x), np.int64)])


def present(problem: Problem) -> Int | None:
    """The present book as a point, or None where it is not a plan (someone must leave)."""
    required = np.array([e.required for e in problem.entries], bool)
    if np.any(problem.current[required] < 0):
        return None
    x = np.zeros(len(problem.columns), np.int64)
    x[problem.current[problem.current >= 0]] = 1
    return x


def ideal(problem: Problem, value: Int) -> Int:
    """Everybody's dearest column, clashes or not, int64 of shape (columns,): no plan is worth more."""
    columns = problem.columns
    x = np.zeros(len(columns), np.int64)
    order = np.lexsort((-value, columns.entry))
    entries, first = np.unique(columns.entry[order], return_index=True)
    required = np.array([e.required for e in problem.entries], bool)[entries]
    best = order[first]
    x[best[required | (value[best] > 0)]] = 1
    return x


def solve_program(program: Program, effort: Effort, ideal: Int, incumbent: Int | None = None) -> Answer:
    """Solve each independent part; where the ideal is feasible nothing is searched."""
    x = np.zeros(len(program), np.int64) if incumbent is None else incumbent.copy()
    bound, missing = 0, False
    known = None if incumbent is None else int(incumbent @ program.value)
    hope = int(ideal @ program.value)
    for members, part in split(program):
        top, start = ideal[members], None if incumbent is None else incumbent[members]
        hope -= int(top @ part.value)
        rest = None if known is None or start is None else known - int(start @ part.value)
        answer = _solve_part(part, _watched(effort, rest, bound + hope), top, start)
        if answer.impossible:
            return answer
        bound += answer.bound
        missing |= answer.x is None
        if answer.x is not None:
            x[members] = answer.x
            known = None if rest is None else rest + int(answer.x @ part.value)
    return Answer(None if missing else x, bound)


def _watched(effort: Effort, rest: int | None, others: int) -> Effort:
    """The effort for one part, its progress told as that of the whole: `rest` and `others` are the other parts'."""
    watch = effort.watch
    if watch is None:
        return effort

    def tell(objective: int | None, bound: int) -> None:
        watch(None if rest is None or objective is None else rest + objective, others + bound)

    return replace(effort, watch=tell)


def _solve_part(program: Program, effort: Effort, ideal: Int, incumbent: Int | None) -> Answer:
    """Nothing to search where the ideal is lawful; else relax, round, and search what is left."""
    if feasible(program, ideal):
        return Answer(ideal, int(ideal @ program.value))
    if incumbent is not None and not feasible(program, incumbent):
        incumbent = None
    return search(program, effort, incumbent)


def account(problem: Problem, chosen: Int) -> tuple[TermScore, ...]:
    """The objective of the chosen columns term by term."""
    units = {name: int(array[chosen].sum()) for name, array in problem.terms.items()} | shape_units(problem, chosen)
    return tuple(TermScore(name, count, problem.policy.weight(name)) for name, count in sorted(units.items()))


def _result(
    problem: Problem, status: Status, chosen: Int, bound: int, effort: Effort, seconds: Mapping[str, float]
) -> Result:
    since = time.perf_counter()
    scores = account(problem, chosen)
    placements = _placements(problem, chosen)
    why = reasons(problem, chosen)
    return Result(
        status,
        sum(score.value for score in scores),
        bound,
        scores,
        placements,
        why,
        effort.seed,
        problem.policy.name,
        {**seconds, "extract": time.perf_counter() - since},
    )


def _placements(problem: Problem, chosen: Int) -> tuple[Placement, ...]:
    return tuple(_placement(problem, column) for column in chosen.tolist())


def _placement(problem: Problem, column: int) -> Placement:
    c = problem.columns
    entry = problem.entries[c.entry[column]]
    return Placement(
        entry=entry.id,
        lane=int(c.lane[column]),
        start=int(c.start[column]),
        end=int(c.end[column]),
        occupied_start=int(c.occupied_start[column]),
        occupied_end=int(c.occupied_end[column]),
        value=int(problem.value[column]),
        before=entry.place,
        also=problem.further(column),
        also_before=entry.also,
        session=None if problem.seat[column] == c.lane[column] else int(problem.seat[column]),
    )
