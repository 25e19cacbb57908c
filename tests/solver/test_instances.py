import gzip
import json
import os
from pathlib import Path

import pytest

from solver.answer import Effort
from solver.checker import require
from solver.errors import InvalidProblem
from solver.instances import generate, placing, read_instance, rebalancing, write_instance
from solver.result import Status
from solver.rosters import generate_roster, read_roster
from solver.solve import solve

SHARED = Path(os.environ.get("INTERLOCK_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
PUBLISHED = {"day_s0": 25_541, "day_s1": 29_401, "day_s2": 27_042}


def published(name, seed):
    """The published instance where it is at hand, else a generated twin of its shape."""
    path = SHARED / "rebalance" / f"{name}.json.gz"
    return (read_instance(path), True) if path.exists() else (generate(seed), False)


@pytest.mark.parametrize(("seed", "name"), list(enumerate(PUBLISHED)))
def test_a_day_is_placed_to_the_published_optimum(seed, name):
    instance, real = published(name, seed)
    problem = placing(instance)
    result = solve(problem)
    require(problem, result)
    assert result.status is Status.OPTIMAL
    assert not real or result.objective == PUBLISHED[name]


def test_a_day_is_rebalanced_to_the_published_optimum():
    instance, real = published("day_s1", 1)
    problem = rebalancing(instance)
    result = solve(problem, Effort(wall=120))
    require(problem, result)
    assert result.status is Status.OPTIMAL
    assert not real or result.objective == 30_099


@pytest.mark.parametrize("seed", range(3))
def test_rebalancing_is_worth_at_least_placing(seed):
    instance = generate(seed, staff=3, load=5, waiting=4)
    assert solve(rebalancing(instance)).objective >= solve(placing(instance)).objective


def test_a_horizon_of_several_days_is_bounded_and_lawful():
    instance = generate(4, staff=7, days=4)
    problem = rebalancing(instance)
    assert len(problem.columns) > 20_000
    result = solve(problem, Effort(wall=15))
    require(problem, result)
    still = solve(placing(instance))
    assert 0 < result.objective <= result.bound
    assert still.objective <= result.bound


def test_the_same_seed_makes_the_same_instance():
    a, b = (placing(generate(7, staff=4)) for _ in range(2))
    assert solve(a) == solve(b)
    assert solve(placing(generate(8, staff=4))) != solve(a)


def test_a_written_instance_reads_as_itself_and_the_same_seed_writes_the_same_bytes(tmp_path):
    first, second = tmp_path / "a.json.gz", tmp_path / "b.json.gz"
    write_instance(generate(3, staff=4, days=2), first)
    write_instance(generate(3, staff=4, days=2), second)
    assert first.read_bytes() == second.read_bytes()
    again, made = read_instance(first), generate(3, staff=4, days=2)
    assert (again.booked, again.waiting) == (made.booked, made.waiting)
    assert (again.available == made.available).all()
    assert (again.skills == made.skills).all()


@pytest.mark.parametrize("sizes", [{"staff": 0}, {"days": 0}, {"load": -1.0}, {"waiting": -1.0}])
def test_an_impossible_size_gets_one_clear_error(sizes):
    with pytest.raises(InvalidProblem, match="an instance has"):
        generate(1, **sizes)


def test_generated_instances_are_of_the_published_kind():
    instance = generate(2, staff=50, days=2)
    assert len(instance.booked) == 800
    assert len(instance.waiting) == 600
    assert 0.5 < sum(b.duration for b in instance.booked) / instance.available.sum() < 0.7
    assert {w.priority for w in instance.waiting} == {1, 2, 3, 5, 8}
    assert all(instance.skills[list(w.staff), w.skill].all() for w in instance.waiting)


def test_a_roster_file_is_read(tmp_path):
    text = "# a comment\nType = 1\nJobs = 3\n 0 10\n 5 15\n 10 20\nQualifications = 2\n 2: 0 2\n 2: 1 2\n"
    path = tmp_path / "data_1.dat"
    path.write_text(text)
    result = solve(read_roster(path))
    assert result.objective == -2


def test_a_generated_roster_needs_no_more_staff_than_made_it():
    problem = generate_roster(1, staff=8, jobs=32)
    result = solve(problem, Effort(deterministic=2))
    require(problem, result)
    assert -8 <= result.objective < 0


@pytest.mark.parametrize("text", ["", "Jobs = 2\n1 2\n", "Jobs = x\n"])
def test_a_broken_roster_gets_one_clear_error(text, tmp_path):
    path = tmp_path / "broken.dat"
    path.write_text(text)
    with pytest.raises(InvalidProblem, match="broken"):
        read_roster(path)


def test_an_instance_without_a_field_gets_one_clear_error(tmp_path):
    path = tmp_path / "broken.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"availability": [], "skills": []}).encode()))
    with pytest.raises(InvalidProblem, match="appointments"):
        read_instance(path)
