"""Rows that tighten the relaxation cut off no plan, and do cut off what is half here and half there."""

import numpy as np
import pytest

from solver.answer import Effort
from solver.columns import Entry
from solver.cuts import lane_cliques, tightened
from solver.instances import generate, rebalancing
from solver.model import solve_cp_sat
from solver.program import keep, program_of
from solver.relaxation import solve_relaxation
from tests.solver.worlds import build, plans, problem, random_world


@pytest.mark.parametrize("seed", range(10))
def test_no_plan_breaks_a_row(seed):
    world = build(*random_world(seed, waiting=2, lanes=2, ticks=8, booked=2))
    program = program_of(world)
    half = np.full(len(program), 0.5)
    rows = [members for _, members in lane_cliques(program, half)]
    for chosen in plans(world):
        assert all(np.isin(members, chosen).sum() <= 1 for members in rows)


def test_an_entry_half_before_and_half_after_a_long_one_is_cut_off():
    rows = [(1, 7, 0, 2, 10), (1, 7, 3, 5, 10), (2, 7, 1, 4, 11)]
    program = program_of(problem(rows, [Entry(1), Entry(2)]))
    relaxed = solve_relaxation(program, Effort())
    assert relaxed.bound == pytest.approx(15.5)  # both halves of one, half of two
    assert tightened(program, relaxed, Effort())[1].bound == pytest.approx(11)


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_sinks_and_never_below_the_optimum(seed):
    program = program_of(rebalancing(generate(seed, staff=3, load=6, waiting=5)))
    relaxed = solve_relaxation(program, Effort())
    tight, closer = tightened(program, relaxed, Effort())
    best = solve_cp_sat(program, Effort()).bound
    assert best - 1e-6 <= closer.bound <= relaxed.bound + 1e-6
    assert solve_cp_sat(tight, Effort()).bound == best


def test_a_part_of_a_program_knows_its_own_claims():
    program = program_of(build(*random_world(2, waiting=6, lanes=3, ticks=12)))
    members = np.arange(1, len(program), 2, dtype=np.int32)
    part = keep(program, members)
    assert np.array_equal(part.entry, program.entry[members])
    assert np.array_equal(part.claims.start, program.claims.start[members])
    assert np.array_equal(part.claims.column, np.arange(len(members)))
