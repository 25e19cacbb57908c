"""Each corrupted plan is refused, and by its own rule."""

from dataclasses import replace

import numpy as np
import pytest

from solver.checker import PlanError, Rule, check, require
from solver.columns import Claims, Columns, Entry, Intervals, Limits
from solver.objective import TermScore
from solver.problem import Problem
from solver.result import Placement, Status
from solver.solve import solve


def world():
    """Two booked (one locked), one waiting who finds a place, one who does not."""
    entries = [
        Entry(1, required=True, place=(7, 100), locked=True, staff=(7,)),
        Entry(2, required=True, place=(7, 200), staff=(7, 8), windows=((100, 400),)),
        Entry(3, staff=(7, 8), windows=((100, 400),)),
        Entry(4, staff=(7,), windows=((100, 140),)),
    ]
    rows = [
        (0, 7, 100, 0),
        (1, 7, 200, 0),
        (1, 8, 200, -60),
        (1, 7, 250, -50),
        (2, 7, 200, 300),
        (2, 7, 300, 290),
    ]
    rows += [(2, 8, 120, 10), (3, 7, 100, 5)]
    entry, lane, start, value = zip(*rows, strict=True)
    begin = np.array(start)
    return Problem.from_columns(
        entries,
        Columns.of(entry, lane, begin, begin + 30, begin, begin + 40),
        terms={"value": value},
        fixed=Intervals.of([8], [300], [330], ["time off"]),
        hours=Intervals.of([7, 8], [60, 60], [500, 500]),
        limits=Limits(np.array([0, 0], np.int32), np.array([2, 3], np.int32), np.array([0]), ("moves of client 2",)),
    )


def placed(result, entry, **changes):
    """The result with one placement changed, everything else as it was."""
    return replace(
        result, placements=tuple(replace(p, **changes) if p.entry == entry else p for p in result.placements)
    )


def rules(result):
    return {violation.rule for violation in check(world(), result)}


def test_the_true_plan_passes():
    result = solve(world())
    assert [(p.entry, p.lane, p.start) for p in result.placements] == [(1, 7, 100), (2, 7, 200), (3, 7, 300)]
    assert check(world(), result) == ()
    require(world(), result)


@pytest.mark.parametrize(
    ("corrupt", "rule"),
    [
        (lambda r: placed(r, 3, start=200, end=230, occupied_start=200, occupied_end=240, value=300), Rule.OVERLAP),
        (lambda r: placed(r, 3, lane=9), Rule.WRONG_STAFF),
        (lambda r: placed(r, 3, lane=8), Rule.OVERLAP),
        (lambda r: placed(r, 3, start=475, end=505, occupied_start=470, occupied_end=510), Rule.OUTSIDE_HOURS),
        (lambda r: placed(r, 3, start=450, end=480, occupied_start=450, occupied_end=490), Rule.OUTSIDE_WINDOW),
        (lambda r: placed(r, 3, start=301, end=331, occupied_start=301, occupied_end=341), Rule.NOT_A_LEGAL_START),
        (lambda r: placed(r, 3, occupied_end=330), Rule.BUFFER_EATEN),
        (lambda r: placed(r, 1, start=110, end=140, occupied_start=110, occupied_end=150), Rule.MOVED_THOUGH_LOCKED),
        (lambda r: placed(r, 2, start=250, end=280, occupied_start=250, occupied_end=290, value=-50), Rule.OVER_LIMIT),
        (lambda r: placed(r, 3, value=291), Rule.WRONG_VALUE),
        (lambda r: placed(r, 3, also=((90, 300, 340),)), Rule.BUFFER_EATEN),
        (lambda r: replace(r, placements=r.placements[:1] + r.placements[2:]), Rule.DROPPED),
        (lambda r: replace(r, placements=r.placements + r.placements[2:]), Rule.PLACED_TWICE),
        (lambda r: replace(r, placements=(*r.placements, Placement(99, 7, 1, 2, 1, 2, 0))), Rule.UNKNOWN_ENTRY),
        (lambda r: replace(r, objective=r.objective + 1, bound=r.bound + 1), Rule.WRONG_OBJECTIVE),
        (lambda r: replace(r, scores=(TermScore("value", 289, 1),)), Rule.WRONG_TERM),
        (lambda r: replace(r, scores=()), Rule.WRONG_TERM),
        (lambda r: replace(r, bound=r.bound - 1), Rule.WRONG_BOUND),
        (lambda r: replace(r, bound=r.bound + 1), Rule.WRONG_BOUND),
        (lambda r: replace(r, reasons=()), Rule.NO_REASON),
        (lambda r: replace(r, status=Status.INFEASIBLE), Rule.WRONG_OBJECTIVE),
    ],
)
def test_a_corrupted_plan_is_refused_by_its_own_rule(corrupt, rule):
    broken = corrupt(solve(world()))
    assert rule in rules(broken)
    with pytest.raises(PlanError, match=rule):
        require(world(), broken)


def test_a_room_taken_twice_is_an_overlap():
    rooms = Claims(np.array([0, 1], np.int32), np.array([90, 90]), np.array([0, 0]), np.array([30, 30]))
    problem = Problem.from_columns(
        [Entry(1), Entry(2)],
        Columns.of([0, 1], [7, 8], [0, 0], [30, 30], [0, 0], [30, 30]),
        terms={"value": [5, 6]},
        extra=rooms,
    )
    result = solve(problem)
    both = replace(
        result,
        placements=(Placement(1, 7, 0, 30, 0, 30, 5, None, ((90, 0, 30),)), *result.placements),
        reasons=(),
    )
    assert Rule.OVERLAP in {violation.rule for violation in check(problem, both)}
