"""The last visits that a limit allows, wanted by several at once: the model shares them out, the checker counts."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from solver.book import Booking
from solver.checker import Rule, check, require
from solver.clock import epoch_minute, moment
from solver.columns import Entry, Limits
from solver.moves import commit_groups, insisting
from solver.placement import placement_problem
from solver.rebalance import rebalance_problem
from solver.result import Reason
from solver.snapshot import Hours, Service, Snapshot
from solver.solve import solve
from tests.solver.test_explanations import WORDS
from tests.solver.test_rebalance import MOVES_ONLY

NOW = datetime(2026, 1, 2, 8, tzinfo=UTC)
NINE = epoch_minute(datetime(2026, 1, 5, 9, tzinfo=UTC))
DAY, WEEK = 1440, 7 * 1440
LENGTHS = {"day": DAY, "week": WEEK}
FIELDS = {
    "service_day": "daily_limit",
    "service_week": "weekly_limit",
    "client_day": "client_daily_limit",
    "client_week": "client_weekly_limit",
}
KINDS = (*FIELDS, "staff_day", "staff_week")


def clinic(limit, most, *, busy=None, booked=None, days=14):
    """Two weeks of mornings from nine to twelve in New York; ann and bob both cut and colour."""
    own = {FIELDS[limit]: most} if limit in FIELDS else {}
    of_staff = {"staff_day": (most, None), "staff_week": (None, most)}
    return Snapshot.build(
        zone="America/New_York",
        first_day=date(2026, 1, 5),
        days=days,
        staff=["ann", "bob"],
        hours={n: Hours(tuple((d, 240, 420, None, None) for d in range(7))) for n in ("ann", "bob")},
        services=[Service("cut", 30, **own), Service("colour", 60)],
        allocations=[(s, n, None) for s in ("cut", "colour") for n in ("ann", "bob")],
        busy=busy or {},
        booked=booked or {},
        limits={"ann": of_staff[limit]} if limit in of_staff else {},
    )


def wants(number, days=(0,), **more):
    """A cut with ann on one of some days, by the same client each time."""
    windows = tuple((NINE + day * DAY, NINE + day * DAY + 180) for day in days)
    return Entry(
        number, **{"service": "cut", "priority": number, "windows": windows, "staff": (0,), "client": "c", **more}
    )


def placed(problem):
    result = solve(problem)
    require(problem, result)
    return result, {p.entry: (p.start - NINE) // DAY for p in result.placements}


def problems(world, entries):
    return placement_problem(world, entries, NOW), rebalance_problem(world, [], entries, NOW, MOVES_ONLY)


@pytest.mark.parametrize("limit", KINDS)
@pytest.mark.parametrize(("most", "who"), [(1, {3}), (2, {2, 3}), (3, {1, 2, 3})])
def test_entries_of_one_plan_share_what_a_limit_leaves(limit, most, who):
    for problem in problems(clinic(limit, most), [wants(1), wants(2), wants(3)]):
        result, days = placed(problem)
        assert set(days) == who
        for reason in result.reasons:
            assert (reason.code, len(reason.by), reason.limit) == (Reason.OUTBID, 1, WORDS[limit])
            assert (reason.value < reason.price, WORDS[limit] in reason.sentence) == (True, True)


@pytest.mark.parametrize("limit", KINDS)
def test_the_next_day_or_week_takes_the_other(limit):
    step = LENGTHS[limit.split("_")[1]] // DAY
    for problem in problems(clinic(limit, 1), [wants(1, (0, step)), wants(2, (0, step))]):
        assert sorted(placed(problem)[1].values()) == [0, step]


@pytest.mark.parametrize("limit", KINDS)
def test_what_limits_another_leaves_all_their_places(limit):
    entries = [wants(1), wants(2, service="colour", staff=(1,), client="d")]
    assert len(placed(placement_problem(clinic(limit, 1), entries, NOW))[1]) == 2


@pytest.mark.parametrize("limit", KINDS)
def test_the_checker_refuses_a_plan_over_a_limit_whatever_the_model_was_told(limit):
    problem = placement_problem(clinic(limit, 1), [wants(1), wants(2)], NOW)
    blind = replace(problem, limits=Limits.none())
    assert {v.rule for v in check(blind, solve(blind))} == {Rule.OVER_LIMIT}
    assert check(replace(blind, quotas=()), solve(blind)) == ()


def test_days_are_the_businesss_own():
    world = clinic("service_day", 1)
    night = replace(world, lanes=tuple(lane.with_work(*_all_day(lane)) for lane in world.lanes))
    late = ((NINE + 840, NINE + 900),)  # 18:00 to 19:00 in New York: the next day in UTC
    entries = [wants(1, windows=late), wants(2), wants(3, windows=((NINE + DAY, NINE + DAY + 180),))]
    _, days = placed(placement_problem(night, entries, NOW))
    assert sorted(days) == [2, 3]


def _all_day(lane):
    work = lane.work.copy()
    work[:, 1] = work[:, 0] + 20 * 60
    return work, lane.begun.copy(), lane.blocks.copy()


def book(*bookings):
    """Cuts with ann as (number, day, minute); the snapshot holds them."""
    made = []
    for number, day, minute, more in bookings:
        start = NINE + day * DAY + minute
        fields = {"windows": (), "client": f"client {number}", **more}
        made.append(
            Booking(number, "cut", 0, start, start + 30, occupied_start=start, occupied_end=start + 30, **fields)
        )
    claims = {"busy": {"ann": [(b.start, b.end) for b in made]}, "booked": {"ann": [(0, b.start) for b in made]}}
    return made, claims


ANY_DAY = ((NINE, NINE + 13 * DAY),)
ONLY_TWO_WEEKS = {"windows": ANY_DAY, "staff": ()}


@pytest.mark.parametrize("limit", KINDS)
def test_one_who_may_leave_the_day_makes_room_for_another_and_they_are_committed_together(limit):
    more = ONLY_TWO_WEEKS | ({"client": "c"} if limit.startswith("client") else {})
    made, claims = book((1, 0, 0, more))
    world = clinic(limit, 1, **claims)
    problem = rebalance_problem(world, made, [wants(2, priority=20, booked=(NINE,))], NOW, MOVES_ONLY)
    result, days = placed(problem)
    assert days[2] == 0
    assert days[1] >= LENGTHS[limit.split("_")[1]] // DAY
    assert [set(group) for group in commit_groups(problem, result)] == [{1, 2}]
    alone = rebalance_problem(world, made, [], NOW, MOVES_ONLY)
    assert placed(alone)[1] == {1: 0}


@pytest.mark.parametrize("limit", KINDS)
def test_two_who_move_share_what_a_limit_leaves_too(limit):
    """Both of ann's cuts must leave; her next day or week holds one of them."""
    step = LENGTHS[limit.split("_")[1]] // DAY
    there = {"windows": ((NINE + step * DAY, NINE + step * DAY + 180),), "staff": (), "must_leave": True, "client": "c"}
    made, claims = book((1, 0, 0, there), (2, 0, 60, there))
    result, days = placed(rebalance_problem(clinic(limit, 1, **claims), made, [], NOW, MOVES_ONLY))
    assert (len(days), [r.code for r in result.reasons]) == (1, [Reason.OUTBID])
    result, days = placed(rebalance_problem(clinic(limit, 2, **claims), made, [], NOW, MOVES_ONLY))
    assert (len(days), result.reasons) == (2, ())


@pytest.mark.parametrize("limit", ["service_day", "staff_day"])
def test_the_lost_place_of_one_who_must_leave_counts_until_they_have_another(limit):
    lost = {"windows": (), "must_leave": True}
    made, claims = book((1, 0, 0, lost))
    result, days = placed(rebalance_problem(clinic(limit, 1, **claims), made, [wants(2)], NOW, MOVES_ONLY))
    assert days == {}
    assert {r.entry: r.code for r in result.reasons}[2] is Reason.LIMIT
    later = {"windows": ((NINE + 60, NINE + 180),), "must_leave": True}
    made, claims = book((1, 0, 0, later))
    assert placed(rebalance_problem(clinic(limit, 1, **claims), made, [], NOW, MOVES_ONLY))[1] == {1: 0}


@pytest.mark.parametrize("limit", ["service_day", "service_week", "staff_day", "staff_week"])
def test_a_book_over_its_limit_stays_and_nobody_new_comes(limit):
    made, claims = book((1, 0, 0, {}), (2, 0, 60, {}))
    result, days = placed(rebalance_problem(clinic(limit, 1, **claims), made, [wants(3)], NOW, MOVES_ONLY))
    assert days == {1: 0, 2: 0}
    (reason,) = result.reasons
    assert (reason.code, WORDS[limit] in reason.sentence) == (Reason.LIMIT, True)


def test_whoever_is_insisted_on_takes_the_last_visit_from_the_other():
    problem = placement_problem(clinic("service_day", 1), [wants(1), wants(2)], NOW)
    result, _ = placed(problem)
    assert insisting(problem, result, 1).loses == (2,)


def _brute(problem):
    """The dearest lawful choice, limits counted by the quotas' own words, minute by minute otherwise."""
    edge = np.searchsorted(problem.columns.entry, np.arange(len(problem) + 1))
    c, best = problem.columns, 0

    def lawful(chosen):
        busy = [(int(c.lane[i]), m) for i in chosen for m in range(c.occupied_start[i], c.occupied_end[i])]
        rows = [(problem.entries[c.entry[i]], int(c.lane[i]), int(c.start[i])) for i in chosen]
        full = any(sum(q.counts(*row, joins=False) for row in rows) > q.most for q in problem.quotas)
        return len(set(busy)) == len(busy) and not full

    def extend(entry, chosen, value):
        nonlocal best
        best = max(best, value)
        for i in range(entry, len(problem)):
            for column in range(edge[i], edge[i + 1]):
                if lawful([*chosen, column]):
                    extend(i + 1, [*chosen, column], value + int(problem.value[column]))

    extend(0, [], 0)
    return best


@pytest.mark.parametrize("seed", range(12))
def test_the_optimum_agrees_with_trying_everything(seed):
    rng = np.random.default_rng(seed)
    world = clinic(KINDS[seed % 6], 1 + seed % 2, days=8)
    entries = [
        wants(
            n,
            windows=tuple(
                (NINE + d * DAY, NINE + d * DAY + 60) for d in sorted({int(i) for i in rng.integers(0, 8, 2)})
            ),
            client=f"c{rng.integers(2)}",
            priority=int(rng.integers(1, 6)),
        )
        for n in range(4)
    ]
    problem = placement_problem(world, entries, NOW)
    result, _ = placed(problem)
    assert result.objective == _brute(problem)
    assert all(moment(p.start) > NOW for p in result.placements)
