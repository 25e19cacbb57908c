import numpy as np
import pytest

from solver.answer import Effort
from solver.checker import check, require
from solver.columns import Columns, Entry
from solver.emptying import busiest_moment
from solver.objective import Policy, Term
from solver.problem import Problem
from solver.result import Status
from solver.solve import solve
from tests.solver.worlds import plans

FEWEST = Policy("fewest", {Term.STAFF_USED: 1})


def roster(jobs, able):
    """Jobs with fixed times, and the staff able to do each."""
    rows = [(job, lane, *jobs[job]) for job, lanes in enumerate(able) for lane in lanes]
    entry, lane, start, end = zip(*rows, strict=True)
    entries = [Entry(i, required=True) for i in range(len(jobs))]
    return Problem.from_columns(entries, Columns.of(entry, lane, start, end, start, end), terms={}, policy=FEWEST)


def random_roster(seed, *, jobs, staff):
    rng = np.random.default_rng(seed)
    times = [(int(s), int(s + d)) for s, d in zip(rng.integers(0, 40, jobs), rng.integers(5, 20, jobs), strict=True)]
    able = [[int(w) for w in np.flatnonzero(rng.random(staff) < 0.6)] or [0] for _ in range(jobs)]
    return times, able


def test_one_person_does_what_one_person_can():
    result = solve(roster([(0, 10), (10, 20), (20, 30)], [[0, 1], [1, 2], [1, 2]]))
    assert {p.lane for p in result.placements} == {1}
    assert (result.status, result.objective) == (Status.OPTIMAL, -1)


def test_whoever_is_on_at_one_moment_needs_a_person_each():
    problem = roster([(0, 10), (5, 15), (9, 12)], [[0, 1, 2]] * 3)
    assert busiest_moment(problem) == 3
    assert solve(problem).objective == -3


def test_jobs_that_nobody_can_share_leave_no_plan():
    result = solve(roster([(0, 10), (5, 15)], [[0], [0]]), Effort(deterministic=1))
    assert (result.status, result.placements) == (Status.INFEASIBLE, ())


@pytest.mark.parametrize("seed", range(12))
def test_small_rosters_agree_with_trying_everything(seed):
    problem = roster(*random_roster(seed, jobs=7, staff=4))
    fewest = min((len(set(problem.columns.lane[chosen])) for chosen in plans(problem)), default=None)
    result = solve(problem, Effort(deterministic=2))
    if fewest is None:
        assert result.status is Status.INFEASIBLE
    else:
        assert -result.objective == fewest
        assert check(problem, result) == ()


def test_two_runs_agree_and_a_larger_roster_is_lawful():
    problem = roster(*random_roster(3, jobs=60, staff=30))
    first, second = (solve(problem, Effort(seed=1, deterministic=2)) for _ in range(2))
    require(problem, first)
    assert first == second
    assert first.bound >= first.objective
