"""Bad input to the optimiser's constructors: one clear error each, before anything is searched."""

from dataclasses import replace

import pytest

from solver.answer import Effort
from solver.columns import Columns, Entry
from solver.errors import InvalidProblem
from solver.objective import Policy
from solver.placement import placement_problem
from solver.problem import Problem
from tests.solver.test_rebalance import NINE, NOW, WHOLE, booking, plan, snapshot


@pytest.mark.parametrize(
    "bad",
    [
        {"priority": 1.5},
        {"priority": float("nan")},
        {"priority": "5"},
        {"priority": True},
        {"priority": -1},
        {"priority": 10**30},
        {"since": 0.5},
        {"moved_before": 0.5},
        {"windows": ((5, 9.5),)},
        {"windows": (5, 9)},
        {"windows": ((9, 5),)},
        {"staff": "ab"},
        {"staff": (0.5,)},
    ],
)
def test_an_entry_that_cannot_be_is_refused(bad):
    with pytest.raises(InvalidProblem, match="entry 1"):
        Entry(1, service="cut", **bad)


@pytest.mark.parametrize(
    "bad", [{"start": NINE + 0.5}, {"moved_before": -3}, {"windows": ((NINE + 60, NINE),)}, {"lane": 0.5}]
)
def test_a_booking_that_cannot_be_is_refused(bad):
    with pytest.raises(InvalidProblem, match="booking 1"):
        replace(booking(1, 0, 0), **bad)


@pytest.mark.parametrize("staff", [(9,), (-1,)])
def test_lanes_that_are_not_there_are_refused(staff):
    with pytest.raises(InvalidProblem, match="booking 1"):
        plan([booking(1, 0, 0, staff=staff)])
    with pytest.raises(InvalidProblem, match="entry 1"):
        placement_problem(snapshot(), [Entry(1, service="cut", staff=staff, windows=WHOLE)], NOW)


@pytest.mark.parametrize(
    "bad",
    [
        {"weights": {"movez": 5}},
        {"weights": {"moves": 1}, "levels": (("movez",),)},
        {"weights": {}, "frozen_minutes": 0.5},
        {"weights": {}, "moves_a_day": 1.5},
    ],
)
def test_a_policy_that_cannot_be_is_refused(bad):
    with pytest.raises(ValueError, match="policy p: "):
        Policy("p", **bad)


@pytest.mark.parametrize("bad", [{"deterministic": -1}, {"wall": float("nan")}, {"seed": 1.5}])
def test_an_effort_that_cannot_be_is_refused(bad):
    with pytest.raises(InvalidProblem, match="an effort"):
        Effort(**bad)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"seat": []}, "seat: 0 values"),
        ({"seat": [7, 8]}, "seat: 2 values"),
        ({"capacity": {7: -1}}, "negative"),
        ({"even_share": {7: -5}}, "negative"),
        ({"sellable": -5}, "negative"),
        ({"terms": {"waitlist": [2**62]}}, "term waitlist"),
    ],
)
def test_a_problem_that_cannot_be_is_refused(bad, message):
    with pytest.raises(InvalidProblem, match=message):
        Problem.from_columns([Entry(1)], Columns.of([0], [7], [10], [20], [10], [20]), **{"terms": {}, **bad})
