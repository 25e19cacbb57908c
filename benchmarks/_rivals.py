"""Other ways to solve the same problems: HiGHS alone, CP-SAT alone, optional intervals, and a greedy."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from solver.answer import Answer, Effort
from solver.model import solve_cp_sat
from solver.objective import Term
from solver.problem import Problem
from solver.program import Program, program_of
from solver.relaxation import solve_highs
from solver.rounding import greedy as take
from solver.solve import present, solve


@dataclass(frozen=True)
class Trace:
    """What one way reached: objective, bound, and (wall seconds, objective, bound) on the way."""

    objective: int | None
    bound: int
    steps: tuple[tuple[float, int | None, int], ...]


def interlock(problem: Problem, wall: float, seed: int) -> Trace:
    """Solve as the product does."""
    since, steps = time.perf_counter(), list[tuple[float, int | None, int]]()
    watch = lambda objective, bound: steps.append((time.perf_counter() - since, objective, bound))  # noqa: E731 - a clock
    result = solve(problem, Effort(seed=seed, wall=wall, watch=watch))
    return Trace(result.objective if result.placements else None, result.bound, tuple(steps))


def highs(problem: Problem, wall: float, seed: int) -> Trace:
    """Hand the whole integer program to HiGHS through MathOpt, one worker."""
    return _whole(problem, lambda p, start: solve_highs(p, Effort(seed=seed, wall=wall), start))


def cp_sat(problem: Problem, wall: float, seed: int) -> Trace:
    """Hand the whole integer program to CP-SAT, one worker with the full linear relaxation."""
    return _whole(problem, lambda p, start: solve_cp_sat(p, Effort(seed, 10.0 * wall, wall), start))


def _whole(problem: Problem, run: Callable[[Program, np.ndarray | None], Answer]) -> Trace:
    since, program = time.perf_counter(), program_of(problem)
    answer = run(program, present(problem))
    worth = None if answer.x is None else int(answer.x @ program.value)
    return Trace(worth, answer.bound, ((time.perf_counter() - since, worth, answer.bound),))


def greedy(problem: Problem, wall: float, seed: int) -> Trace:
    """Leave the book as it is and give each waiting entry in turn, the dearest first, its dearest free place."""
    since, program = time.perf_counter(), program_of(problem)
    book = present(problem)
    order = np.argsort(-problem.value, kind="stable")
    order = np.concatenate([np.flatnonzero(book), order[problem.value[order] > 0]]) if book is not None else order
    worth = int(take(program, order) @ program.value)
    none = int(np.maximum(program.value, 0).sum())
    return Trace(worth, none, ((time.perf_counter() - since, worth, none),))


class _Steps(cp_model.CpSolverSolutionCallback):
    def __init__(self, since: float) -> None:
        super().__init__()
        self.since, self.steps = since, list[tuple[float, int | None, int]]()

    def on_solution_callback(self) -> None:
        """Note objective and bound."""
        at = time.perf_counter() - self.since
        self.steps.append((at, round(self.objective_value), round(self.best_objective_bound)))


def intervals(problem: Problem, wall: float, seed: int) -> Trace:
    """Model with one start an entry, an optional interval a staff member, and no overlap on each lane."""
    since = time.perf_counter()
    model = interval_model(problem)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.linearization_level = 2
    solver.parameters.random_seed = seed
    solver.parameters.max_time_in_seconds = wall
    steps = _Steps(since)
    status = solver.solve(model, steps)
    bound = round(solver.best_objective_bound)
    worth = round(solver.objective_value) if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else None
    return Trace(worth, bound, (*steps.steps, (time.perf_counter() - since, worth, bound)))


def interval_model(problem: Problem) -> cp_model.CpModel:
    """Build it from the columns: start domains a lane, the published objective on start and staff."""
    model, on_lane, terms = cp_model.CpModel(), dict[int, list[cp_model.IntervalVar]](), []
    c, weight = problem.columns, problem.policy.weight
    edge = np.searchsorted(c.entry, np.arange(len(problem) + 1))
    for index, entry in enumerate(problem.entries):
        rows = slice(edge[index], edge[index + 1])
        if rows.start == rows.stop:
            continue
        length = int(c.end[rows.start] - c.start[rows.start])
        start = model.new_int_var_from_domain(cp_model.Domain.from_values(c.start[rows].tolist()), "")
        chosen = {}
        for lane in np.unique(c.lane[rows]).tolist():
            here = chosen[lane] = model.new_bool_var("")
            allowed = cp_model.Domain.from_values(c.start[rows][c.lane[rows] == lane].tolist())
            model.add_linear_expression_in_domain(start, allowed).only_enforce_if(here)
            interval = model.new_optional_fixed_size_interval_var(start, length, here, "")
            on_lane.setdefault(lane, []).append(interval)
        (model.add_exactly_one if entry.required else model.add_at_most_one)(chosen.values())
        terms.append(
            _booked_worth(model, entry.place, start, chosen, weight)
            if entry.place is not None
            else _waiting_worth(model, entry.priority, start, chosen, weight)
        )
    for taken in on_lane.values():
        model.add_no_overlap(taken)
    model.maximize(sum(terms))
    return model


def _booked_worth(model, place, start, chosen, weight):  # noqa: ANN001, ANN202 - expressions of a modelling language
    lane, at = place
    moved, far = model.new_bool_var(""), model.new_int_var(0, 10_000, "")
    model.add(start == at).only_enforce_if(~moved)
    model.add(far >= start - at)
    model.add(far >= at - start)
    elsewhere = sum(here for other, here in chosen.items() if other != lane)
    return weight(Term.MOVES) * moved + weight(Term.MINUTES_MOVED) * far + weight(Term.STAFF_CHANGED) * elsewhere


def _waiting_worth(model, priority, start, chosen, weight):  # noqa: ANN001, ANN202 - the same
    late = model.new_int_var(0, 10_000, "")
    for here in chosen.values():
        model.add(late >= start).only_enforce_if(here)
    return weight(Term.WAITLIST) * priority * sum(chosen.values()) + weight(Term.EARLINESS) * late


WAYS = {"interlock": interlock, "highs": highs, "cp_sat": cp_sat, "intervals": intervals, "greedy": greedy}


def within(trace: Trace, share: float) -> float | None:
    """Return the seconds until the gap between objective and bound was first proven to be at most `share`."""
    for at, objective, bound in trace.steps:
        if objective is not None and bound - objective <= share * max(1, abs(objective)):
            return round(at, 3)
    return None


def highs_within(problem: Problem, wall: float, seed: int, share: float) -> float | None:
    """Return the seconds HiGHS needs until it may stop at a gap of `share`: a run of its own."""
    since, program = time.perf_counter(), program_of(problem)
    answer = solve_highs(program, Effort(seed=seed, wall=wall), present(problem), gap=share)
    taken = time.perf_counter() - since
    near = answer.x is not None and answer.bound - int(answer.x @ program.value) <= share * abs(answer.bound)
    return round(taken, 3) if near else None
