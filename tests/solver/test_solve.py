import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import solver
from solver.answer import Effort, Stop
from solver.checker import check, require
from solver.columns import Claims, Columns, Entry, Intervals, Limits
from solver.errors import InvalidProblem
from solver.model import solve_cp_sat
from solver.objective import PLACEMENT, Policy
from solver.problem import Problem
from solver.program import program_of
from solver.result import Reason, Status
from solver.solve import solve
from tests.solver.worlds import best, build, problem, random_world


def test_the_package_under_test_is_the_projects_own():
    assert "tests" not in str(solver.__path__)


def test_importing_the_solver_does_not_import_ortools():
    code = "import sys, solver.solve, solver.checker, solver.explain; sys.exit('ortools' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("seed", range(40))
def test_placement_agrees_with_trying_everything(seed):
    world = build(*random_world(seed, waiting=5, lanes=2, ticks=7))
    result = solve(world)
    assert result.objective == best(world)
    assert result.status in {Status.OPTIMAL, Status.NOTHING_TO_DO}
    assert check(world, result) == ()


@pytest.mark.parametrize("seed", range(40))
def test_rebalancing_agrees_with_trying_everything(seed):
    world = build(*random_world(seed, waiting=3, lanes=2, ticks=8, booked=3))
    result = solve(world)
    assert result.objective == best(world)
    assert result.status is Status.OPTIMAL
    assert check(world, result) == ()


@pytest.mark.parametrize("seed", range(12))
def test_the_lane_cliques_alone_give_cp_sat_the_same_optimum(seed):
    world = build(*random_world(seed, waiting=8, lanes=3, ticks=12))
    answer = solve_cp_sat(program_of(world), Effort())
    assert solve(world).objective == int(answer.x @ world.value) == answer.bound


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_the_input_changes_nothing(seed):
    entries, rows, terms = random_world(seed, waiting=12, lanes=3, ticks=14, booked=4)
    rng = np.random.default_rng(seed)
    e, r = rng.permutation(len(entries)), rng.permutation(len(rows))
    back = np.argsort(e)
    shuffled = build(
        [entries[i] for i in e],
        [(int(back[rows[i][0]]), *rows[i][1:]) for i in r],
        {name: [units[i] for i in r] for name, units in reversed(terms.items())},
    )
    assert solve(shuffled) == solve(build(entries, rows, terms))


@pytest.mark.parametrize("seed", range(5))
def test_two_runs_agree(seed):
    world = build(*random_world(seed, waiting=15, lanes=3, ticks=16, booked=6))
    assert solve(world, Effort(seed=seed)) == solve(world, Effort(seed=seed))


@pytest.mark.parametrize("seed", range(20))
def test_never_worse_than_the_present_book(seed):
    world = build(*random_world(seed, waiting=4, lanes=2, ticks=10, booked=5))
    present = int(world.value[world.current[world.current >= 0]].sum())
    hurried = solve(world, Effort(deterministic=1e-9))
    assert present <= hurried.objective <= hurried.bound
    assert check(world, hurried) == ()


def test_touching_claims_do_not_clash_and_overlapping_ones_do():
    assert solve(problem([(1, 7, 0, 30, 5), (2, 7, 30, 60, 5)])).objective == 10
    assert solve(problem([(1, 7, 0, 31, 5), (2, 7, 30, 60, 6)])).objective == 6


def test_buffers_keep_their_distance():
    def world(gap):
        entries = [Entry(1), Entry(2)]
        columns = Columns.of([0, 1], [7, 7], [10, 40 + gap], [30, 60 + gap], [0, 30 + gap], [40, 70 + gap])
        return Problem.from_columns(entries, columns, terms={"value": [5, 6]})

    assert solve(world(10)).objective == 11
    assert solve(world(9)).objective == 6


def test_nothing_to_do_without_columns():
    result = solve(problem([], [Entry(1, staff=())], now=100))
    assert (result.status, result.objective, result.bound) == (Status.NOTHING_TO_DO, 0, 0)
    assert [r.code for r in result.reasons] == [Reason.NO_STAFF]


def test_required_entries_that_cannot_all_stay_are_infeasible_not_forgotten():
    entries = [Entry(1, required=True), Entry(2, required=True)]
    result = solve(problem([(1, 7, 0, 30, 0), (2, 7, 10, 40, 0)], entries))
    assert result.status is Status.INFEASIBLE
    assert result.placements == ()


def test_a_required_entry_takes_its_only_place_though_it_costs():
    entries = [Entry(1, required=True), Entry(2)]
    result = solve(problem([(1, 7, 0, 30, -5), (2, 7, 10, 40, 100)], entries))
    assert result.objective == -5
    assert result.reasons[0].code is Reason.TAKEN
    assert result.reasons[0].by == (1,)


def test_group_seats_hold_as_many_as_they_have():
    rows = [(i, 7, 0, 30, 5) for i in range(1, 5)]
    assert solve(problem(rows, capacity={7: 3})).objective == 15
    assert solve(problem(rows, capacity={7: 4})).objective == 20


def test_a_room_is_shared_by_nobody():
    rows = [(1, 7, 0, 30, 5), (2, 8, 0, 30, 6)]
    room = Claims(np.array([0, 1], np.int32), np.array([90, 90]), np.array([0, 20]), np.array([20, 40]))
    assert solve(problem(rows, extra=room)).objective == 11
    room = replace(room, start=np.array([0, 19]))
    result = solve(problem(rows, extra=room))
    assert result.objective == 6
    assert result.placements[0].also == ((90, 19, 40),)
    assert result.reasons[0].by == (2,)


def test_limits_hold():
    rows = [(i, i, 0, 30, 5) for i in range(1, 5)]
    index = np.arange(4, dtype=np.int32)
    limits = Limits(np.zeros(4, np.int32), index, np.array([2]), ("moves of the day",))
    result = solve(problem(rows, limits=limits))
    assert result.objective == 10
    assert check(problem(rows, limits=limits), result) == ()


def test_reasons_name_who_outbids_and_at_what_value():
    result = solve(problem([(1, 7, 0, 30, 5), (2, 7, 0, 30, 8)]))
    (reason,) = result.reasons
    assert (reason.entry, reason.code, reason.by) == (1, Reason.OUTBID, (2,))
    assert (reason.value, reason.price) == (5, 8)


def test_reasons_name_who_holds_every_start():
    blocked = Columns.of([0], [7], [0], [30], [0], [30])
    fixed = Intervals.of([7], [10], [20], ["haircut 12"])
    (reason,) = solve(problem([], [Entry(1)], blocked=blocked, fixed=fixed)).reasons
    assert (reason.code, reason.by) == (Reason.TAKEN, ("haircut 12",))


@pytest.mark.parametrize(("now", "code"), [(100, Reason.WINDOW_PAST), (99, Reason.WINDOW_CLOSED)])
def test_reasons_tell_past_windows_from_closed_ones(now, code):
    (reason,) = solve(problem([], [Entry(1, windows=((10, 100),))], now=now)).reasons
    assert reason.code is code


def test_a_place_that_costs_more_than_it_brings_is_left_empty():
    result = solve(problem([(1, 7, 0, 30, -3), (2, 8, 0, 30, 2)]))
    assert [p.entry for p in result.placements] == [2]
    assert result.reasons[0].code is Reason.NO_GAIN


def test_frames_for_analysts():
    result = solve(problem([(1, 7, 0, 30, 5), (2, 7, 0, 30, 8)]))
    assert result.to_frame()["entry"].tolist() == [2]
    assert result.terms["value"].sum() == result.objective
    assert result.unplaced["code"].tolist() == ["outbid"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: problem([(1, 7, 0, 30, 5)], [Entry(1), Entry(1)]), "given twice"),
        (lambda: problem([(1, 7, 0, 30, 5), (1, 7, 0, 30, 6)]), "same lane and start twice"),
        (lambda: problem([(1, 7, 0, 0, 5)]), "occupied time"),
        (lambda: problem([(1, 7, 0, 30, 0.5)]), "whole numbers"),
        (lambda: problem([(1, 7, 0, 30, 2**60)]), "scale the weights"),
        (lambda: problem([], [Entry(1, required=True)]), "must keep a place"),
        (lambda: Entry(1, locked=True), "locked, but booked nowhere"),
        (lambda: Entry(1, windows=((5, 5),)), "is empty"),
        (lambda: Entry(1, priority=-1), "negative"),
        (
            lambda: problem([(1, 7, 0, 30, 5), (1, 7, 5, 35, 5)], [Entry(1, locked=True, place=(7, 0))]),
            "locked at",
        ),
        (lambda: problem([(1, 7, 5, 35, 5)], [Entry(1, locked=True, place=(7, 0))]), "locked at"),
    ],
)
def test_bad_input_gets_one_clear_error(make, words):
    with pytest.raises(InvalidProblem, match=words):
        make()


@pytest.mark.parametrize("weight", [-1, 0.5, True, float("nan")])
def test_a_weight_is_a_whole_number_not_below_zero(weight):
    with pytest.raises(ValueError, match="not a whole number"):
        Policy("broken", {"moves": weight})


def test_a_policy_hashes_its_terms_on_one_level_only():
    with pytest.raises(ValueError, match="two levels"):
        Policy("broken", {}, levels=(("moves",), ("moves",)))


def test_a_large_seeded_evening_is_lawful_and_proven():
    world = build(*random_world(1, waiting=60, lanes=8, ticks=40))
    result = solve(world)
    require(world, result)
    assert result.status is Status.OPTIMAL
    assert world.policy is not PLACEMENT


def day(seed=0):
    """A rebalancing that takes a search, not only a relaxation."""
    return build(*random_world(seed, waiting=40, lanes=6, ticks=32, booked=30))


def test_progress_is_told_and_only_improves():
    told = []
    result = solve(day(), Effort(watch=lambda objective, bound: told.append((objective, bound))))
    assert told
    assert told[-1] == (result.objective, result.bound)
    objectives, bounds = zip(*told, strict=True)
    assert list(objectives) == sorted(objectives)
    assert list(bounds) == sorted(bounds, reverse=True)


def test_a_stop_request_keeps_a_checked_plan_with_its_bound():
    stop = Stop()
    stop.request()
    world = day()
    result = solve(world, Effort(stop=stop))
    assert check(world, result) == ()
    assert result.objective <= solve(world).objective <= result.bound


def test_a_stop_request_interrupts_what_is_running():
    stop, interrupted = Stop(), []
    with stop.interrupting(lambda: interrupted.append(1)):
        stop.request()
    assert interrupted == [1]
    with stop.interrupting(lambda: interrupted.append(2)):
        pass
    assert interrupted == [1, 2]
