"""The rivals of the benchmarks answer what the finder answers, and a gate that fails fails the command."""

import json
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest

import benchmarks.__main__ as command
from benchmarks import _timing
from benchmarks._methods import LANE, LIBRARIES, common_keys, plain_loop, raw_keys, raw_numpy
from benchmarks._timing import Gate, Timed, medians_us
from benchmarks._worlds import BASE, moments, world
from benchmarks.suggestions import VISITED, ranked_by_loop, visits_by_loop
from solver.clock import moment
from solver.slots import SlotQuery, find_slots
from solver.suggestions import rank
from solver.visits import Item, VisitQuery, find_visits


@pytest.fixture(scope="module")
def of():
    return world(6, 8)


@pytest.fixture(scope="module")
def keys(of):
    lo, hi = moments(11, of.days)
    found = find_slots(of.snapshot, SlotQuery("x", moment(lo), moment(hi)), BASE - timedelta(days=1))
    return np.sort(found.lane * LANE + found.start)


@pytest.mark.parametrize("method", [plain_loop, *LIBRARIES.values()], ids=lambda method: method.__name__)
def test_every_method_finds_the_same_starts(of, keys, method):
    assert len(keys) > 30
    assert np.array_equal(common_keys(method(of)(*moments(11, of.days))), keys)


def test_raw_arrays_find_the_same_starts(of, keys):
    assert np.array_equal(common_keys(raw_keys(of, raw_numpy(of)(*moments(11, of.days)))), keys)


def test_appointments_lie_in_working_hours_and_do_not_overlap(of):
    for work, busy in zip(of.work, of.busy, strict=True):
        assert len(busy) == 4 * len(work)
        assert np.all(busy[1:, 0] >= busy[:-1, 1])
        span = np.searchsorted(work[:, 0], busy[:, 0], side="right") - 1
        assert np.all(busy[:, 1] <= work[span, 1])
        assert set(np.diff(busy, axis=1).ravel().tolist()) <= set(range(15, 65, 5))


def test_the_loops_rank_and_compose_alike():
    of, single = world(6, 8, 4, VISITED), world(6, 8, 4)
    slots = find_slots(single.snapshot, SlotQuery("x", BASE, BASE + timedelta(days=8)), BASE)
    best = rank(slots, 15)
    assert len(slots) > 100
    assert list(zip(best.slots.start, best.slots.lane, strict=True)) == ranked_by_loop(slots, 15)
    for any_order in (False, True):
        wanted = VisitQuery([Item("x"), Item("y")], BASE, BASE + timedelta(days=8), any_order, maximum_wait=15)
        visits = find_visits(of.snapshot, wanted, BASE).start.tolist()
        assert len(visits) > 10
        assert visits == visits_by_loop(of, wanted)


def test_medians_bill_the_call_alone(monkeypatch):
    monkeypatch.setattr(_timing, "MOST_CALLS", 5)
    work = {"light": Timed(lambda _: None, lambda: sum(range(200_000))), "heavy": Timed(lambda _: sum(range(200_000)))}
    times = medians_us(work)
    assert times["light"] < 100 < times["heavy"]


@pytest.mark.parametrize("measured", [9.9, 10.0])
def test_a_gate_that_fails_fails_the_command(measured, monkeypatch, tmp_path):
    gate = Gate("loop / arrays", 10, measured).to_json()
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(command, "names", lambda: ["slots"])
    monkeypatch.setattr(command.importlib, "import_module", lambda _: SimpleNamespace(run=lambda: {"gates": [gate]}))
    if measured < 10:
        with pytest.raises(SystemExit, match="below the gate: loop / arrays"):
            command.main(["slots"])
    else:
        command.main(["slots"])
    assert json.loads((tmp_path / "slots.json").read_text())["gates"] == [gate]
