"""Rooms, devices, groups, preferences: the smallest book in which each matters, and one in which it does not."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from solver.book import Extras
from solver.checker import Rule, check, require
from solver.clock import epoch_minute, moment
from solver.columns import Entry, Intervals, Preference
from solver.errors import InvalidProblem
from solver.objective import Policy, Term
from solver.placement import placement_problem
from solver.rebalance import alternatives, rebalance_problem
from solver.recommend import recommend
from solver.result import Reason
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Hours, Requirement, Service, Snapshot
from solver.solve import solve
from tests.solver.test_rebalance import (
    CROWD,
    MORNING,
    MOVES_ONLY,
    NINE,
    NOW,
    booking,
    places,
    plan,
    random_book,
    snapshot,
)

FIRST_HALF_HOUR = ((NINE, NINE + 30),)
WHOLE = ((NINE, NINE + 180),)


def clinic(*, rooms=("blue",), busy=None, sessions=None, requirement=None):
    """Two staff, a 30-minute scan that needs a room of kind 'scanner', and a class of four seats."""
    return Snapshot.build(
        zone="UTC",
        first_day=date(2026, 1, 5),
        days=1,
        staff=["ann", "bob"],
        hours={name: Hours(MORNING) for name in ("ann", "bob")},
        services=[
            Service("scan", 30, requirements=(requirement or Requirement("scanner"),)),
            Service("class", 60, seats=4),
        ],
        allocations=[(s, n, None) for s in ("scan", "class") for n in ("ann", "bob")],
        resources=[(name, "scanner") for name in rooms],
        busy=busy or {},
        sessions=sessions or {},
    )


def planned(world, entries, problem_of=None):
    problem = (problem_of or (lambda: rebalance_problem(world, [], entries, NOW, MOVES_ONLY)))()
    result = solve(problem)
    require(problem, result)
    return problem, result


def scans(count, **more):
    return [Entry(f"w{i}", service="scan", windows=FIRST_HALF_HOUR, **more) for i in range(count)]


@pytest.mark.parametrize("make", ["placement", "rebalance"])
@pytest.mark.parametrize(("rooms", "placed"), [((), 0), (("blue",), 1), (("blue", "red"), 2)])
def test_a_required_resource_is_shared_by_nobody(make, rooms, placed):
    world, entries = clinic(rooms=rooms), scans(2)
    build = {"placement": placement_problem, "rebalance": lambda *a: rebalance_problem(a[0], [], a[1], a[2])}[make]
    problem = build(world, entries, NOW)
    result = solve(problem)
    require(problem, result)
    assert len(result.placements) == placed
    assert len({p.also for p in result.placements}) == placed
    assert len(result.reasons) == 2 - placed


def test_a_resource_that_is_held_is_not_there():
    world = clinic(busy={"blue": [(NINE + 20, NINE + 40)]})
    assert planned(world, scans(1))[1].placements == ()
    assert len(planned(clinic(busy={"blue": [(NINE + 30, NINE + 40)]}), scans(1))[1].placements) == 1


def test_a_resource_needed_for_a_part_of_the_visit_is_free_for_the_rest():
    early, late = clinic(requirement=Requirement("scanner", 0, 15)), clinic(requirement=Requirement("scanner", 15, 15))
    held = {"blue": [(NINE + 15, NINE + 30)]}
    for world, expected in ((early, 1), (late, 0)):
        lanes = tuple(lane.with_busy(np.array(held["blue"])) if lane.index == 2 else lane for lane in world.lanes)
        assert len(planned(replace(world, lanes=lanes), scans(1))[1].placements) == expected


def test_a_room_is_nobodys_idle_time_and_does_no_share_of_the_work():
    held = {"ann": [(NINE, NINE + 40)], "blue": [(NINE + 10, NINE + 20), (NINE + 25, NINE + 60)]}
    waiting = [Entry("w", service="class", windows=WHOLE)]
    worlds = [clinic(rooms=(), busy={"ann": held["ann"]}), clinic(busy=held)]
    without, beside = (
        planned(world, waiting, lambda w=world: rebalance_problem(w, [], waiting, NOW)) for world in worlds
    )
    assert beside[0].even_share == without[0].even_share
    assert beside[1].scores == without[1].scores


def test_two_resources_of_one_kind_at_once_are_two_rooms():
    twice = Service("scan", 30, requirements=(Requirement("scanner"), Requirement("scanner")))
    for rooms, placed in ((("blue",), 0), (("blue", "red"), 1)):
        world = clinic(rooms=rooms)
        world = replace(world, services=(twice, world.services[1]))
        _, result = planned(world, scans(1))
        assert len(result.placements) == placed


def test_a_group_takes_as_many_as_it_has_seats_and_no_more_of_its_staff():
    start = NINE + 60
    world = clinic(busy={"ann": [(start, start + 60)]}, sessions={"ann": [(1, start, 2)]})
    entries = [Entry(f"w{i}", service="class", staff=(0,), windows=((start, start + 60),)) for i in range(3)]
    problem, result = planned(world, entries)
    assert len(result.placements) == 2
    assert {(p.lane, p.start) for p in result.placements} == {(0, start)}
    assert all(p.session is not None for p in result.placements)
    assert [r.code for r in result.reasons] == [Reason.OUTBID]
    third = replace(result.placements[0], entry=result.reasons[0].entry)
    crowded = replace(result, placements=(*result.placements, third), reasons=())
    assert Rule.OVERLAP in {v.rule for v in check(problem, crowded)}
    full = clinic(busy={"ann": [(start, start + 60)]}, sessions={"ann": [(1, start, 0)]})
    assert planned(full, entries)[1].placements == ()


def test_a_group_outside_the_wish_is_not_joined():
    start = NINE + 60
    world = clinic(busy={"ann": [(start, start + 60)]}, sessions={"ann": [(1, start, 2)]})
    for wish in ({"staff": (1,)}, {"staff": (0,), "windows": ((NINE + 61, NINE + 180),)}):
        entry = Entry("w", service="class", **{"windows": ((start, start + 60),), **wish})
        _, result = planned(world, [entry])
        assert all(p.session is None for p in result.placements)


def room_book(**more):
    return booking(1, 0, 0, also=((50, NINE, NINE + 30),), windows=(), **more)


def test_a_lost_room_is_exchanged_before_the_client_notices_anything():
    lost = Intervals.of([50], [NINE], [NINE + 180])
    swap = Extras(rooms={"cut": (50, 51)}, room_busy=lost)
    _, result = plan([room_book()], extras=swap)
    (placed,) = result.placements
    assert (placed.lane, placed.start, placed.also) == (0, NINE, ((51, NINE, NINE + 30),))
    assert placed.moved
    _, result = plan([room_book()], extras=Extras(rooms={"cut": (50,)}, room_busy=lost))
    assert [r.entry for r in result.reasons] == [1]


def test_a_room_is_left_alone_where_nothing_forces_an_exchange():
    _, result = plan([room_book()], extras=Extras(rooms={"cut": (50, 51)}))
    assert result.moves == ()
    assert result.placements[0].also == ((50, NINE, NINE + 30),)


LIKES = Policy("likes", {Term.WAITLIST: 100, Term.PREFERENCE: 10, Term.EARLINESS: 1})


def test_preferences_are_scored_in_points_and_never_insisted_on():
    entry = Entry(
        "w",
        service="cut",
        windows=WHOLE,
        prefers=(Preference(3, staff=(1,)), Preference(2, windows=((NINE + 120, NINE + 150),))),
    )
    for build in (placement_problem, lambda s, e, now, policy: rebalance_problem(s, [], e, now, policy)):
        problem = build(snapshot(), [entry], NOW, LIKES)
        result = solve(problem)
        require(problem, result)
        assert {s.name: s.units for s in result.scores}["preference"] == 5
        assert places(result) == {"w": (1, 120)}
    _, result = plan([booking(7, 1, 120, locked=True)], [entry], LIKES)
    assert {s.name: s.units for s in result.scores}["preference"] == 3


def test_a_booked_client_moves_to_what_they_prefer_where_that_is_worth_a_move():
    likes = (Preference(1, windows=((NINE + 60, NINE + 90),)),)
    for points, moves in ((500, 1), (300, 0)):
        policy = Policy("likes", {Term.PREFERENCE: points, Term.MOVES: 400})
        assert len(plan([booking(1, 0, 0, prefers=likes)], (), policy)[1].moves) == moves


def test_recommendations_put_what_the_client_prefers_first():
    slots = find_slots(snapshot(), SlotQuery("cut", moment(NINE), moment(NINE + 180)), NOW)
    ranked = recommend(slots, NINE, LIKES, prefers=(Preference(9, staff=(1,), windows=((NINE + 60, NINE + 90),)),))
    assert (ranked.slots.lane[0], ranked.slots.start[0]) == (1, NINE + 60)
    assert ranked.parts["preference"][0] == 90
    assert ranked.change[0] == 90 - 1  # an hour later


@pytest.mark.parametrize(
    ("term", "units", "entry"),
    [
        (Term.WAITING, 3, {"since": epoch_minute(NOW) - 3 * 1440}),
        (Term.WAITING, 60, {"since": 0}),
        (Term.EARLINESS, 73, {}),  # from Friday at eight to Monday at nine
        (Term.WAITLIST, 7, {"priority": 7}),
    ],
)
def test_each_term_of_a_placement_counts_in_its_own_unit(term, units, entry):
    entry = Entry("w", service="cut", windows=FIRST_HALF_HOUR, **{"since": epoch_minute(NOW), **entry})
    policy = Policy("one", {Term.WAITLIST: 10_000, term: 1})
    _, result = plan([], [entry], policy)
    assert {s.name: s.units for s in result.scores}[term] == units


@pytest.mark.parametrize(("before", "moves"), [(0, 1), (1, 1), (2, 0)])
def test_whoever_was_moved_before_is_moved_again_only_where_it_pays_for_that_too(before, moves):
    likes = (Preference(1, windows=((NINE + 60, NINE + 90),)),)
    policy = Policy("again", {Term.PREFERENCE: 1000, Term.MOVES: 100, Term.MOVED_BEFORE: 600})
    _, result = plan([booking(1, 0, 0, prefers=likes, moved_before=before)], (), policy)
    assert len(result.moves) == moves


@pytest.mark.parametrize("points", [-1, 0.5, True])
def test_a_preference_is_a_whole_number_of_points(points):
    with pytest.raises(InvalidProblem, match="preference"):
        Preference(points)


def test_two_locked_on_the_same_time_get_one_clear_error():
    clash = [booking(1, 0, 0, locked=True), booking(2, 0, 15, locked=True)]
    with pytest.raises(InvalidProblem, match="1 and 2 are both locked"):
        plan(clash)
    assert plan([booking(1, 0, 0, locked=True), booking(2, 0, 30, locked=True)])[1].moves == ()


def test_whoever_finds_every_start_held_by_what_is_fixed_hears_by_whom():
    bookings = [
        booking(8, 0, 0, 60, locked=True),
        booking(9, 0, 60, 60, locked=True),
        booking(10, 0, 120, 60, locked=True),
    ]
    _, result = plan(bookings, [Entry("w", service="cut", windows=WHOLE)], **CROWD)
    (reason,) = result.reasons
    assert (reason.code, reason.by) == (Reason.TAKEN, (8,))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_bookings_and_entries_changes_nothing(seed):
    bookings, entries = random_book(seed, size=6, waiting=4)
    first = plan(bookings, entries)[1]
    assert plan(bookings[::-1], entries[::-1])[1] == first


def test_alternatives_know_the_rooms():
    waiting = [Entry(f"w{i}", service="cut", windows=FIRST_HALF_HOUR) for i in range(2)]
    found = alternatives(snapshot(), [], waiting, NOW, extras=Extras(rooms={"cut": (50,)}))
    assert all(len(result.placements) == 1 for _, result in found.values())
