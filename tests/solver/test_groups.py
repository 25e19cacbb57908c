"""Groups that a plan opens: as many join as have seats, in one plan, and nobody joins what nobody opens."""

from dataclasses import replace
from datetime import date
from itertools import permutations

import numpy as np
import pytest

from solver.checker import Rule, check, require
from solver.columns import Entry
from solver.objective import FULL, PLACEMENT, Policy, Term
from solver.placement import placement_problem
from solver.rebalance import rebalance_problem
from solver.result import Reason
from solver.snapshot import Hours, Requirement, Service, Snapshot
from solver.solve import solve
from tests.solver.test_rebalance import MORNING, NINE, NOW

VALUE = Policy("value", {Term.WAITLIST: 100, Term.EARLINESS: 1})


def clinic(*, seats=3, rooms=(), staff=("ann",), sessions=None, busy=None, **limits):
    """A class of an hour and a half, so that the morning holds two, and a talk by one staff member."""
    needs = (Requirement("studio"),) if rooms else ()
    return Snapshot.build(
        zone="UTC",
        first_day=date(2026, 1, 5),
        days=1,
        staff=list(staff),
        hours={name: Hours(MORNING) for name in staff},
        services=[
            Service("class", 90, slot_interval=90, seats=seats, requirements=needs, **limits),
            Service("talk", 90, slot_interval=90),
        ],
        allocations=[(s, n, None) for s in ("class", "talk") for n in staff],
        resources=[(name, "studio") for name in rooms],
        busy=busy or {},
        sessions=sessions or {},
    )


def wants(number, opens=0, closes=180, **more):
    return Entry(number, **{"service": "class", "windows": ((NINE + opens, NINE + closes),), **more})


def problems(world, entries):
    return placement_problem(world, entries, NOW, VALUE), rebalance_problem(world, [], entries, NOW, VALUE)


def planned(problem):
    result = solve(problem)
    require(problem, result)
    return result


def groups(result):
    found = {}
    for p in result.placements:
        found.setdefault((p.lane, p.start - NINE), []).append(p.session is None)
    return found


@pytest.mark.parametrize(("waiting", "sizes"), [(1, [1]), (2, [2]), (3, [3]), (4, [1, 3]), (6, [3, 3]), (7, [3, 3])])
def test_who_fits_the_same_start_shares_it(waiting, sizes):
    for problem in problems(clinic(), [wants(n) for n in range(waiting)]):
        result = planned(problem)
        found = groups(result)
        assert sorted(map(len, found.values())) == sizes
        assert all(sum(opens) == 1 for opens in found.values())
        assert [r.code for r in result.reasons] == [Reason.OUTBID] * (waiting - sum(sizes))


def test_who_cannot_come_then_does_not_join():
    entries = [wants(1, 0, 90, staff=(0,)), wants(2, 90, 180), wants(3, 0, 90, staff=(1,))]
    for problem in problems(clinic(staff=("ann", "bob")), entries):
        assert sorted(map(len, groups(planned(problem)).values())) == [1, 1, 1]


def test_another_service_at_that_time_opens_no_group():
    talk = wants(1, 0, 90, service="talk", priority=9)
    for problem in problems(clinic(), [talk, wants(2, 0, 90), wants(3, 0, 90)]):
        result = planned(problem)
        assert [p.entry for p in result.placements] == [1]
        assert {r.code for r in result.reasons} == {Reason.OUTBID}
    for problem in problems(clinic(), [replace(talk, priority=1), wants(2, 0, 90), wants(3, 0, 90)]):
        assert [p.entry for p in planned(problem).placements] == [2, 3]


@pytest.mark.parametrize("session", [None, "joined"])
def test_a_group_that_is_there_and_one_that_opens_are_both_filled(session):
    busy = {"ann": [(NINE, NINE + 90)]} if session else {}
    sessions = {"ann": [(0, NINE, 1)]} if session else {}
    for problem in problems(clinic(busy=busy, sessions=sessions), [wants(n) for n in range(5)]):
        assert sorted(map(len, groups(planned(problem)).values())) == ([1, 3] if session else [2, 3])


def test_a_group_takes_one_room_whoever_comes():
    for rooms, most in (((), 6), (("red",), 3), (("red", "blue"), 6)):
        world = clinic(rooms=rooms, staff=("ann", "bob"))
        entries = [wants(n, 0, 90) for n in range(8)]
        for problem in problems(world, entries):
            result = planned(problem)
            assert len(result.placements) == most
            opening = [p for p in result.placements if p.session is None]
            assert len(opening) == most // 3
            assert len({p.also for p in opening}) == (len(opening) if rooms else 1)
            assert all(p.also == () for p in result.placements if p.session is not None)


def test_a_group_is_one_visit_of_its_service_but_one_of_each_client():
    entries = [wants(n, client="c" if n < 2 else n) for n in range(6)]
    for problem in problems(clinic(daily_limit=1), entries):
        assert list(map(len, groups(planned(problem)).values())) == [3]
    for problem in problems(clinic(client_daily_limit=1), entries):
        placed = {p.entry for p in planned(problem).placements}
        assert (len(placed), len(placed & {0, 1})) == (5, 1)


def test_nobody_sits_in_a_group_that_nobody_opens():
    (problem, _) = problems(clinic(), [wants(1), wants(2)])
    result = planned(problem)
    (seat,) = [p for p in result.placements if p.session is not None]
    alone = replace(result, placements=(seat,), reasons=())
    assert Rule.NO_GROUP in {v.rule for v in check(problem, alone)}
    third = replace(seat, entry=1, session=None)
    assert Rule.NO_GROUP not in {v.rule for v in check(problem, replace(result, placements=(third, seat)))}


def test_gaps_beside_a_group_count_once():
    world = clinic(busy={"ann": [(NINE + 100, NINE + 180)]})
    problem = placement_problem(world, [wants(n, 0, 90) for n in range(3)], NOW, PLACEMENT)
    assert {s.name: s.units for s in planned(problem).scores}["fragments"] == 10


@pytest.mark.parametrize("policy", [VALUE, FULL])
def test_the_order_of_entries_changes_nothing(policy):
    entries = [wants(n, priority=1 + n % 2) for n in range(4)]
    results = {repr(solve(rebalance_problem(clinic(), [], order, NOW, policy))) for order in permutations(entries)}
    assert len(results) == 1


def _best(world, entries):
    """The dearest choice of a place for each, by filling groups in every possible way."""
    places = [(lane, start) for lane in range(len(world.staff)) for start in (NINE, NINE + 90)]

    def extend(left, held, value):
        best = value
        for i, entry in enumerate(left):
            for lane, start in places:
                who = held.get((lane, start), [])
                fits = entry.windows[0][0] <= start and start + 90 <= entry.windows[0][1]
                same = all(other == entry.service for other in who)
                if fits and same and len(who) + entry.seats <= (3 if entry.service == "class" else 1):
                    worth = 100 * entry.priority * entry.seats - (start - int(NOW.timestamp()) // 60) // 60
                    if worth > 0:
                        more = {**held, (lane, start): [*who, *[entry.service] * entry.seats]}
                        best = max(best, extend(left[i + 1 :], more, value + worth))
        return best

    return extend(entries, {}, 0)


@pytest.mark.parametrize("seed", range(8))
def test_the_optimum_agrees_with_trying_everything(seed):
    rng = np.random.default_rng(seed)
    spans = ((0, 90), (90, 180), (0, 180))
    entries = [
        wants(
            n,
            *spans[rng.integers(3)],
            service=("class", "class", "talk")[rng.integers(3)],
            priority=int(rng.integers(1, 4)),
        )
        for n in range(6)
    ]
    world = clinic(staff=("ann",) if seed % 2 else ("ann", "bob"))
    for problem in problems(world, entries):
        assert planned(problem).objective == _best(world, entries)


@pytest.mark.parametrize("seed", range(12))
def test_with_parties_too_the_optimum_agrees_with_trying_everything(seed):
    rng = np.random.default_rng(seed)
    spans = ((0, 90), (90, 180), (0, 180))
    entries = [
        wants(n, *spans[rng.integers(3)], seats=int(rng.integers(1, 4)), priority=int(rng.integers(1, 4)))
        for n in range(6)
    ]
    world = clinic(staff=("ann",) if seed % 2 else ("ann", "bob"))
    for problem in problems(world, entries):
        assert planned(problem).objective == _best(world, entries)


@pytest.mark.parametrize(("left", "sizes", "placed"), [(2, (3, 2, 1), {1}), (2, (1, 3, 1), {0, 2}), (1, (2, 1), {1})])
def test_a_party_takes_as_many_seats_of_a_group_that_is_there(left, sizes, placed):
    world = clinic(busy={"ann": [(NINE, NINE + 90)]}, sessions={"ann": [(0, NINE, left)]})
    entries = [wants(n, 0, 90, seats=size) for n, size in enumerate(sizes)]
    for problem in problems(world, entries):
        assert {p.entry for p in planned(problem).placements} == placed


def test_a_party_is_told_that_no_group_has_so_many_seats_left():
    full = clinic(busy={"ann": [(NINE, NINE + 90)]}, sessions={"ann": [(0, NINE, 1)]})
    for world, party in ((full, 2), (clinic(), 4)):
        for problem in problems(world, [wants(1, 0, 90, seats=party)]):
            result = planned(problem)
            [reason] = result.reasons
            assert (result.placements, reason.code) == ((), Reason.LIMIT)
            assert (reason.lane, reason.start) == (0, NINE)
            assert reason.sentence.endswith("the group has fewer seats left than they need")


def test_a_party_beyond_the_seats_is_found():
    for session in (None, [(0, NINE, 2)]):
        busy = {"ann": [(NINE, NINE + 90)]} if session else {}
        world = clinic(busy=busy, sessions={"ann": session} if session else {})
        entries = [wants(n, 0, 90) for n in range(2)]
        for problem in problems(world, entries):
            result = planned(problem)
            assert len(result.placements) == 2
            grown = replace(problem, entries=tuple(replace(entry, seats=2) for entry in problem.entries))
            assert Rule.OVERLAP in {violation.rule for violation in check(grown, result)}
