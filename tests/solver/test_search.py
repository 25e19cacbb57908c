"""The ways through a wide program, forced on small ones, agree with trying everything and with plain CP-SAT."""

import itertools
import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from solver import cuts, relaxation, search
from solver.answer import Answer, Effort, better
from solver.blocks import blocks_of, ties_of
from solver.checker import check
from solver.instances import generate, placing, rebalancing
from solver.model import solve_cp_sat
from solver.program import feasible, keep, program_of, split
from solver.relaxation import solve_highs, solve_relaxation
from solver.rounding import filled, rounded
from solver.solve import present, solve
from tests.solver.worlds import build, random_world


@pytest.fixture
def wide(monkeypatch):
    """Every program counts as wide, and nothing as small enough for CP-SAT."""
    monkeypatch.setattr(search, "WIDE_COLUMNS", 0)
    monkeypatch.setattr(search, "CP_SAT_COLUMNS", 0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("make", [placing, rebalancing])
def test_days_priced_apart_bound_and_reach_what_cp_sat_proves_of_the_whole(seed, make, wide):
    problem = make(generate(seed, staff=3, days=3, load=3, waiting=3))
    program = program_of(problem)
    assert blocks_of(program).max() > 0
    assert len(ties_of(program, blocks_of(program)).row)
    proven = solve_cp_sat(program, Effort())
    result = solve(problem, Effort(wall=30))
    assert check(problem, result) == ()
    assert result.objective <= proven.bound <= result.bound
    assert result.objective >= 0.95 * proven.bound


@pytest.mark.parametrize("seed", range(8))
def test_a_widening_search_proves_what_cp_sat_proves(seed, wide):
    problem = rebalancing(generate(seed, staff=3, load=5, waiting=4))
    result = solve(problem)
    assert result.objective == result.bound == solve_cp_sat(program_of(problem), Effort()).bound
    assert check(problem, result) == ()


@pytest.fixture
def hurried(monkeypatch):
    """A way to let five of a thousand seconds pass between two looks at the clock."""

    def clock():
        seconds = itertools.count(0.0, 5.0)
        return SimpleNamespace(monotonic=lambda: next(seconds))

    return lambda: [monkeypatch.setattr(module, "time", clock()) for module in (search, cuts)]


def assert_same_bytes(problem, hurried):
    effort = Effort(wall=1000)
    first = solve(problem, effort)
    hurried()
    second = solve(problem, effort)
    assert pickle.dumps(replace(first, seconds={})) == pickle.dumps(replace(second, seconds={}))
    return first


def test_a_plan_that_is_not_proven_is_the_same_byte_for_byte_however_fast_the_machine(hurried, monkeypatch):
    monkeypatch.setattr(search, "CP_SAT_COLUMNS", 0)
    monkeypatch.setattr(relaxation, "NODES", 0)
    result = assert_same_bytes(rebalancing(generate(2, staff=5, load=7, waiting=10)), hurried)
    assert result.objective < result.bound


def test_days_priced_apart_give_the_same_plan_byte_for_byte_however_fast_the_machine(wide, hurried):
    assert_same_bytes(rebalancing(generate(1, staff=3, days=2, load=5, waiting=5)), hurried)


def test_nodes_end_the_search_of_highs_before_it_is_proven():
    program = program_of(rebalancing(generate(2, staff=5, load=7, waiting=10)))
    ended = solve_highs(program, Effort(deterministic=1e-9))
    assert ended.bound > 23_491, "what the best plan is worth, given more nodes"


@pytest.mark.parametrize("seed", range(6))
def test_both_linear_solvers_give_a_bound_that_holds(seed, monkeypatch):
    program = program_of(build(*random_world(seed, waiting=10, lanes=3, ticks=16, booked=6)))
    best = solve_cp_sat(program, Effort()).bound
    for columns in (0, 10**9):
        monkeypatch.setattr(relaxation, "BARRIER_COLUMNS", columns)
        relaxed = solve_relaxation(program, Effort())
        assert relaxed.bound >= best - 1e-6
        assert relaxed.x @ program.value == pytest.approx(relaxed.bound)


@pytest.mark.parametrize("seed", range(6))
def test_highs_and_cp_sat_agree(seed):
    program = program_of(build(*random_world(seed, waiting=10, lanes=3, ticks=16, booked=6)))
    highs, cp_sat = solve_highs(program, Effort()), solve_cp_sat(program, Effort())
    assert feasible(program, highs.x)
    assert highs.bound == cp_sat.bound == int(highs.x @ program.value)


@pytest.mark.parametrize("seed", range(6))
def test_rounding_gives_points_and_filling_never_loses(seed):
    problem = build(*random_world(seed, waiting=10, lanes=3, ticks=16, booked=6))
    program, book = program_of(problem), present(problem)
    relaxed = solve_relaxation(program, Effort())
    x = filled(program, book, relaxed.x, relaxed.reduced)
    assert feasible(program, x)
    assert x @ program.value >= book @ program.value
    near = rounded(program, relaxed.x, relaxed.reduced)
    assert near is None or feasible(program, near)


@pytest.mark.parametrize("seed", range(6))
def test_the_parts_of_a_program_are_independent_and_whole(seed):
    program = program_of(build(*random_world(seed, waiting=6, lanes=4, ticks=20)))
    parts = list(split(program))
    assert np.array_equal(np.sort(np.concatenate([members for members, _ in parts])), np.arange(len(program)))
    whole = solve_cp_sat(program, Effort()).bound
    assert sum(solve_cp_sat(part, Effort()).bound for _, part in parts) == whole


def test_keeping_columns_means_that_the_others_are_zero():
    problem = build(*random_world(1, waiting=0, lanes=2, ticks=10, booked=4))
    program = program_of(problem)
    none = keep(program, np.empty(0, np.int32))
    assert solve_cp_sat(none, Effort()).impossible
    assert not solve_cp_sat(keep(program, np.empty(0, np.int32), alone=False), Effort()).impossible


def test_an_incumbent_outlives_a_solver_that_calls_it_impossible():
    problem = build(*random_world(1, waiting=3, lanes=2, ticks=10, booked=4))
    program, book = program_of(problem), present(problem)
    answer = better(program, Answer(None, 0, impossible=True), book)
    assert answer.x is book
    assert answer.bound >= solve_cp_sat(program, Effort()).bound
