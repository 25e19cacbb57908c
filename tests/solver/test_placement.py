from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from solver.checker import Rule, check, require
from solver.clock import epoch_minute
from solver.columns import Entry
from solver.errors import InvalidProblem
from solver.placement import placement_problem
from solver.result import Reason, Status
from solver.slots import legal_starts
from solver.snapshot import Hours, Service, Snapshot
from solver.solve import solve
from tests.solver.worlds import best, replace

MONDAY = date(2026, 1, 5)
NOW = datetime(2026, 1, 4, 18, tzinfo=UTC)
NINE = epoch_minute(datetime(2026, 1, 5, 9, tzinfo=UTC))
WEEKDAYS = tuple((day, 9 * 60, 12 * 60, None, None) for day in range(5))


def snapshot(busy=None, *, days=2, hours=WEEKDAYS, services=None):
    """Two staff, nine to twelve; both cut, only `ann` colours, and a cut needs ten minutes after it."""
    return Snapshot.build(
        zone="UTC",
        first_day=MONDAY,
        days=days,
        staff=["ann", "bob"],
        hours={"ann": Hours(hours), "bob": Hours(hours)},
        services=services or [Service("cut", 30, buffer_after=10), Service("colour", 90), Service("shave", 15)],
        allocations=[("cut", "ann", None), ("cut", "bob", 40), ("colour", "ann", None)],
        busy=busy or {},
    )


def monday(opens, closes):
    return ((NINE + opens, NINE + closes),)


def test_an_entry_is_placed_at_the_earliest_start_that_strands_nothing():
    result = solve(placement_problem(snapshot(), [Entry(1, service="colour", windows=monday(0, 180))], NOW))
    (placed,) = result.placements
    assert (placed.lane, placed.start, placed.end) == (0, NINE, NINE + 90)
    assert result.status is Status.OPTIMAL


def test_a_staff_members_own_duration_and_buffer_are_occupied():
    entries = [Entry(1, service="cut", staff=(1,), windows=monday(0, 60))]
    (placed,) = solve(placement_problem(snapshot(), entries, NOW)).placements
    assert (placed.end - placed.start, placed.occupied_end - placed.end) == (40, 10)


@pytest.mark.parametrize(("wait", "placed"), [(89, 0), (90, 1)])
def test_the_whole_service_must_fit_the_window(wait, placed):
    entries = [Entry(1, service="colour", windows=monday(0, wait))]
    assert len(solve(placement_problem(snapshot(), entries, NOW)).placements) == placed


def test_jointly_placed_entries_give_way_where_first_come_would_not():
    busy = {"ann": [(NINE + 90, NINE + 180)], "bob": [(NINE + 50, NINE + 180)]}
    entries = [Entry(1, service="cut", windows=monday(0, 60)), Entry(2, service="colour", windows=monday(0, 90))]
    result = solve(placement_problem(snapshot(busy), entries, NOW))
    assert [(p.entry, p.lane) for p in result.placements] == [(1, 1), (2, 0)]


def test_overlapping_windows_offer_no_start_twice():
    entries = [Entry(1, service="cut", windows=(*monday(0, 100), *monday(30, 180), *monday(0, 100)))]
    world = placement_problem(snapshot(), entries, NOW)
    assert len(world.columns) == len(set(zip(world.columns.lane.tolist(), world.columns.start.tolist(), strict=True)))
    require(world, solve(world))


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (Entry(1, service="shave"), Reason.NO_STAFF),
        (Entry(1, service="colour", staff=(1,)), Reason.NO_STAFF),
        (Entry(1, service="cut", windows=((NINE - 3000, NINE - 2000),)), Reason.WINDOW_PAST),
        (Entry(1, service="cut", windows=monday(200, 300)), Reason.WINDOW_CLOSED),
        (Entry(1, service="cut", windows=monday(0, 60)), Reason.TAKEN),
    ],
)
def test_reasons(entry, code):
    busy = {name: [(NINE, NINE + 180)] for name in ("ann", "bob")}
    world = placement_problem(snapshot(busy), [entry], NOW)
    result = solve(world)
    assert [r.code for r in result.reasons] == [code]
    assert check(world, result) == ()


def test_the_lower_priority_is_outbid_and_the_reason_says_by_whom():
    busy = {"bob": [(NINE, NINE + 180)]}
    entries = [Entry(n, service="colour", priority=n, windows=monday(0, 100)) for n in (1, 2)]
    result = solve(placement_problem(snapshot(busy), entries, NOW))
    assert [p.entry for p in result.placements] == [2]
    assert result.reasons[0].by == (2,)
    assert result.reasons[0].value < result.reasons[0].price


def test_the_longer_wait_wins_between_equals():
    busy = {"bob": [(NINE, NINE + 180)]}
    since = epoch_minute(NOW)
    entries = [Entry(n, service="colour", since=since - n * 1440, windows=monday(0, 100)) for n in (1, 2)]
    assert [p.entry for p in solve(placement_problem(snapshot(busy), entries, NOW)).placements] == [2]


def random_clinic(seed, *, waiting, days=3, staff=4):
    rng = np.random.default_rng(seed)
    names = [f"s{i}" for i in range(staff)]
    services = [Service(f"v{d}", d, buffer_after=int(rng.choice([0, 5]))) for d in (15, 20, 30, 40)]
    busy = {}
    for name in names:
        cuts = [NINE + day * 1440 + int(m) for day in range(days) for m in rng.choice(np.arange(0, 36), 4) * 5]
        busy[name] = [(c, c + int(rng.choice([20, 40, 60]))) for c in cuts]
    allocations = [(s.id, n, None) for s in services for n in names if rng.random() < 0.7]
    world = Snapshot.build(
        zone="UTC",
        first_day=MONDAY,
        days=days,
        staff=names,
        hours={n: Hours(WEEKDAYS) for n in names},
        services=services,
        allocations=allocations,
        busy=busy,
    )
    entries = [
        Entry(
            n,
            priority=int(rng.integers(1, 4)),
            since=epoch_minute(NOW) - int(rng.integers(0, 20)) * 1440,
            service=services[int(rng.integers(4))].id,
            windows=tuple((NINE + d * 1440, NINE + d * 1440 + 180) for d in sorted(rng.choice(days, 2, replace=False))),
            staff=None if rng.random() < 0.5 else (int(rng.integers(staff)),),
        )
        for n in range(waiting)
    ]
    return world, entries


@pytest.mark.parametrize("seed", range(10))
def test_a_clinics_evening_is_optimal_lawful_and_made_of_legal_starts(seed):
    clinic, entries = random_clinic(seed, waiting=30)
    world = placement_problem(clinic, entries, NOW)
    result = solve(world)
    assert result.status is Status.OPTIMAL
    require(world, result)
    for placed in result.placements:
        entry = entries[placed.entry]
        spans = [tuple(datetime.fromtimestamp(m * 60, UTC) for m in window) for window in entry.windows]
        slots = legal_starts(clinic, entry.service, spans, NOW)
        assert (placed.lane, placed.start) in set(zip(slots.lane.tolist(), slots.start.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_a_small_evening_agrees_with_trying_everything(seed):
    clinic, entries = random_clinic(seed, waiting=3, days=1 + 1, staff=2)
    short = [replace(e, windows=((NINE, NINE + 75),)) for e in entries]
    world = placement_problem(clinic, short, NOW)
    assert solve(world).objective == best(world)


def test_a_plan_made_for_other_hours_is_refused():
    entries = [Entry(1, service="cut", windows=monday(0, 60))]
    result = solve(placement_problem(snapshot(), entries, NOW))
    closed = placement_problem(snapshot(hours=((0, 600, 720, None, None),)), entries, NOW)
    assert Rule.OUTSIDE_HOURS in {v.rule for v in check(closed, result)}
    booked = placement_problem(snapshot({"ann": [(NINE, NINE + 60)], "bob": [(NINE, NINE + 60)]}), entries, NOW)
    assert Rule.OVERLAP in {v.rule for v in check(booked, result)}


def test_no_start_before_now():
    late = NOW + timedelta(hours=16)
    result = solve(placement_problem(snapshot(), [Entry(1, service="cut", windows=monday(0, 180))], late))
    assert result.placements[0].start >= epoch_minute(late)


@pytest.mark.parametrize("entry", [Entry(1, service="perm"), Entry(1, service="cut", staff=(2,))])
def test_unknown_names_get_one_clear_error(entry):
    with pytest.raises(InvalidProblem, match="entry 1"):
        placement_problem(snapshot(), [entry], NOW)


def test_an_empty_waitlist_is_nothing_to_do():
    assert solve(placement_problem(snapshot(), [], NOW)).status is Status.NOTHING_TO_DO
