"""Explanations are checked by applying them."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from solver.checker import require
from solver.clock import moment
from solver.columns import Entry
from solver.concessions import Kind, concessions, occupied
from solver.lanes import Lane
from solver.limits import unlimited
from solver.moves import before_and_after, commit_groups, insisting, move_accounts
from solver.objective import Policy, Term
from solver.placement import legal_places, placement_problem
from solver.rebalance import alternatives, rebalance_problem
from solver.recommend import recommend
from solver.result import Reason
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Hours, Service, Snapshot
from solver.solve import solve
from tests.solver import test_rebalance as books
from tests.solver.test_placement import NOW, random_clinic
from tests.solver.worlds import idle_minutes


@pytest.mark.parametrize("seed", range(12))
def test_a_concession_places_its_entry_and_displaces_nobody(seed):
    clinic, entries = random_clinic(seed, waiting=60)
    problem = placement_problem(clinic, entries, NOW)
    result = solve(problem)
    after = occupied(clinic, problem, result)
    found = concessions(clinic, problem, result, NOW)
    for concession in found:
        entry = next(e for e in problem.entries if e.id == concession.entry)
        relaxed = replace(
            entry,
            staff=(concession.lane,),
            windows=tuple((a - concession.minutes, b + concession.minutes) for a, b in entry.windows),
        )
        slots = legal_places(after, relaxed, NOW)
        assert (concession.lane, concession.start) in set(zip(slots.lane.tolist(), slots.start.tolist(), strict=True))
        if concession.kind is not Kind.STAFF and concession.minutes:
            narrower = replace(
                relaxed,
                staff=entry.staff if concession.kind is Kind.TIME else relaxed.staff,
                windows=tuple((a - concession.minutes + 1, b + concession.minutes - 1) for a, b in entry.windows),
            )
            assert not len(legal_places(after, narrower, NOW))


def test_a_concession_names_staff_before_time():
    bookings = [books.booking(1, 0, 0, 60), books.booking(2, 0, 60, 60), books.booking(3, 0, 120, 60)]
    world = books.snapshot(bookings)
    waiting = [Entry("w", service="cut", staff=(0,), windows=((books.NINE, books.NINE + 60),))]
    problem = placement_problem(world, waiting, books.NOW)
    (concession,) = concessions(world, problem, solve(problem), books.NOW)
    assert (concession.kind, concession.lane, concession.minutes) == (Kind.STAFF, 1, 0)


def test_a_concession_in_time_is_the_smallest():
    world = books.snapshot([books.booking(1, 0, 0, 60)], hours={"bob": ()})
    waiting = [Entry("w", service="cut", windows=((books.NINE, books.NINE + 60),))]
    problem = placement_problem(world, waiting, books.NOW)
    (concession,) = concessions(world, problem, solve(problem), books.NOW)
    assert (concession.kind, concession.minutes, concession.start) == (Kind.TIME, 30, books.NINE + 60)


@pytest.mark.parametrize("seed", range(6))
def test_insisting_costs_what_the_reason_says_at_most(seed):
    clinic, entries = random_clinic(seed, waiting=70, days=2)
    problem = placement_problem(clinic, entries, NOW)
    result = solve(problem)
    for reason in [r for r in result.reasons if r.code == "outbid"][:3]:
        forced = insisting(problem, result, reason.entry)
        assert 0 <= forced.cost <= reason.price - reason.value
        assert set(forced.loses) <= {p.entry for p in result.placements}


def test_a_move_pays_its_terms_and_buys_a_place():
    problem, result = books.crowded()
    (account,) = move_accounts(problem, result)
    assert {s.name for s in account.pays} == {"moves", "minutes_moved"}
    assert set(account.buys) <= {"w0", "w1"}
    assert account.buys
    assert account.gain == result.objective - books.crowded(locked=True)[1].objective


def test_before_and_after_sum_to_the_gain():
    problem, result = books.crowded()
    pairs = before_and_after(problem, result)
    assert sum(after.value for _, after in pairs) == result.objective
    assert sum(before.value for before, _ in pairs) == 0


def test_whoever_takes_anothers_old_time_commits_with_them():
    problem, result = books.crowded()
    groups = commit_groups(problem, result)
    together = next(group for group in groups if 1 in group)
    (account,) = move_accounts(problem, result)
    assert set(account.buys) <= set(together)
    assert sorted(map(str, [e for group in groups for e in group])) == ["1", "w0", "w1"]


def test_three_policies_give_plans_that_differ_and_pass_the_check():
    bookings, entries = books.random_book(5, size=9, waiting=8)
    found = alternatives(books.snapshot(bookings), bookings, entries, books.NOW)
    assert next(iter(found)) == "gentle"
    plans = [frozenset((p.entry, p.lane, p.start) for p in result.placements) for _, result in found.values()]
    assert len(set(plans)) == len(plans) >= 2


def test_recommendations_name_the_change_of_the_books_objective():
    bookings = [books.booking(1, 0, 45), books.booking(2, 1, 90)]
    world = books.snapshot(bookings)
    policy = Policy("fragments", {Term.FRAGMENTS: 3, Term.EARLINESS: 1})
    slots = find_slots(world, SlotQuery("cut", moment(books.NINE), moment(books.NINE + 180)), books.NOW)
    ranked = recommend(slots, 0, policy)
    assert np.all(np.diff(ranked.change) <= 0)
    held = [replace(b, locked=True) for b in bookings]
    empty = rebalance_problem(world, held, [Entry("w", service="cut")], books.NOW, policy)
    idle = idle_minutes(empty, [])
    for i in range(len(ranked.slots)):
        c = empty.columns
        same = (c.lane == ranked.slots.lane[i]) & (c.start == ranked.slots.start[i])
        (column,) = np.flatnonzero(same).tolist()
        assert ranked.parts["fragments"][i] == -3 * (idle_minutes(empty, [column]) - idle)
    assert ranked.to_frame()["change"].tolist() == ranked.change.tolist()
    require(empty, solve(empty))


CUTS = {
    "service_day": {"daily_limit": 1},
    "service_week": {"weekly_limit": 1},
    "client_day": {"client_daily_limit": 1},
    "client_week": {"client_weekly_limit": 1},
    "staff_day": {},
    "staff_week": {},
}
STAFF = {"staff_day": (1, None), "staff_week": (None, 1)}
WORDS = {
    "service_day": "the service has all the visits of that day that it may have",
    "service_week": "the service has all the visits of that week that it may have",
    "client_day": "the client has all the visits of that day that one client may have",
    "client_week": "the client has all the visits of that week that one client may have",
    "staff_day": "the staff member has all the appointments of that day that they may have",
    "staff_week": "the staff member has all the appointments of that week that they may have",
}
DAY = 1440


def limited_clinic(limit):
    """Two weeks from nine to twelve; ann has a cut on Monday at nine, which uses one limit up."""
    week = tuple((day, 540, 720, None, None) for day in range(5))
    return Snapshot.build(
        zone="UTC",
        first_day=date(2026, 1, 5),
        days=14,
        staff=["ann", "bob"],
        hours={name: Hours(week) for name in ("ann", "bob")},
        services=[Service("cut", 30, **CUTS[limit]), Service("colour", 60)],
        allocations=[(s, n, None) for s in ("cut", "colour") for n in ("ann", "bob")],
        busy={"ann": [(books.NINE, books.NINE + 30)]},
        booked={"ann": [(0, books.NINE)]},
        limits={"ann": STAFF[limit]} if limit in STAFF else {},
    )


def wants_a_cut(limit, days=1, **more):
    """An entry for ann, on some days from Monday on; its client has Monday's cut."""
    windows = tuple((books.NINE + n * DAY, books.NINE + n * DAY + 180) for n in range(days))
    return Entry("w", service="cut", windows=windows, staff=(0,), client="c", booked=(books.NINE,), **more)


def problem_by(kind, world, waiting, bookings=()):
    if kind == "placement":
        return placement_problem(world, waiting, books.NOW)
    return rebalance_problem(world, bookings, waiting, books.NOW)


@pytest.mark.parametrize("kind", ["placement", "rebalance"])
@pytest.mark.parametrize("limit", CUTS)
def test_whom_a_limit_alone_keeps_out_is_told_of_it(limit, kind):
    days = 5 if limit.endswith("week") else 1
    world = limited_clinic(limit)
    problem = problem_by(kind, world, [wants_a_cut(limit, days)])
    result = solve(problem)
    require(problem, result)
    (reason,) = result.reasons
    assert (reason.code, reason.by, reason.lane) == (Reason.LIMIT, (), 0)
    assert reason.sentence == f"limits rule out every start that hours and bookings leave: {WORDS[limit]}"
    free = problem_by(kind, unlimited(world), [wants_a_cut(limit, days)])
    assert (reason.lane, reason.start) in set(zip(free.columns.lane.tolist(), free.columns.start.tolist(), strict=True))
    assert len(solve(free).placements) == 1


@pytest.mark.parametrize("limit", CUTS)
def test_one_more_day_or_week_is_not_ruled_out(limit):
    days = 8 if limit.endswith("week") else 2
    result = solve(placement_problem(limited_clinic(limit), [wants_a_cut(limit, days)], books.NOW))
    (placed,) = result.placements
    assert (placed.start - books.NINE) // DAY == days - 1


@pytest.mark.parametrize("limit", CUTS)
def test_a_concession_keeps_to_the_limits(limit):
    world, entry = limited_clinic(limit), wants_a_cut(limit)
    problem = placement_problem(world, [entry], books.NOW)
    (concession,) = concessions(world, problem, solve(problem), books.NOW)
    wider = ((books.NINE - concession.minutes, books.NINE + 180 + concession.minutes),)
    kind, days = (Kind.STAFF, 0) if limit in STAFF else (Kind.TIME, 7 if limit.endswith("week") else 1)
    assert (concession.kind, (concession.start - books.NINE) // DAY) == (kind, days)
    relaxed = replace(entry, staff=(concession.lane,), windows=wider)
    (placed,) = solve(placement_problem(world, [relaxed], books.NOW)).placements
    assert (placed.lane, placed.start) == (concession.lane, concession.start)


@pytest.mark.parametrize("limit", ["service_day", "client_day"])
def test_a_concession_counts_what_the_plan_adds(limit):
    world = limited_clinic(limit)
    tuesday = ((books.NINE + DAY, books.NINE + DAY + 30),)
    waiting = [wants_a_cut(limit), replace(wants_a_cut(limit), id="x", windows=tuesday)]
    problem = placement_problem(world, waiting, books.NOW)
    result = solve(problem)
    assert [p.entry for p in result.placements] == ["x"]
    (concession,) = concessions(world, problem, result, books.NOW)
    assert (concession.start - books.NINE) // DAY == 2


def test_taken_time_is_named_before_no_hours_where_limits_are_used_up_too():
    world = limited_clinic("service_day")
    entry = replace(wants_a_cut("service_day"), windows=((books.NINE, books.NINE + 30),))
    (reason,) = solve(placement_problem(world, [entry], books.NOW)).reasons
    assert reason.code is Reason.TAKEN


def without_ann(world):
    """The clinic with ann's hours withdrawn and her booking left."""
    ann = world.lanes[0]
    gone = Lane.made(0, ann.work[:0].copy(), ann.busy.copy(), None, None, ann.booked.copy())
    return replace(world, lanes=(gone, world.lanes[1]))


def test_who_must_leave_counts_against_no_limit_themselves():
    world = without_ann(limited_clinic("service_day"))
    leaves = books.booking(1, 0, 0, must_leave=True, staff=(1,))
    (placed,) = solve(problem_by("rebalance", world, [], [leaves])).placements
    assert (placed.lane, placed.start) == (1, books.NINE)


def test_who_must_leave_and_meets_a_limit_is_told_of_it():
    world = replace(without_ann(limited_clinic("staff_day")), limits={1: (1, None)})
    second = replace(world.lanes[1], booked=np.array([[1, books.NINE + 120]]))
    world = replace(world, lanes=(world.lanes[0], second))
    leaves = books.booking(1, 0, 0, must_leave=True, staff=(1,))
    (reason,) = solve(problem_by("rebalance", world, [], [leaves])).reasons
    assert (reason.code, reason.lane, WORDS["staff_day"] in reason.sentence) == (Reason.LIMIT, 1, True)


def test_a_seat_in_a_group_is_held_back_by_the_clients_limit_alone():
    group = {"seats": 3, "daily_limit": 1}
    world = limited_clinic("service_day")
    session = replace(world.lanes[0], sessions=np.array([[0, books.NINE, 2]]))
    for own, code in (({}, None), ({"client_daily_limit": 1}, Reason.LIMIT)):
        services = (replace(world.services[0], **group, **own), world.services[1])
        seats = replace(world, services=services, lanes=(session, world.lanes[1]))
        result = solve(placement_problem(seats, [wants_a_cut("service_day")], books.NOW))
        assert [r.code for r in result.reasons] == ([] if code is None else [code])
    assert WORDS["client_day"] not in limited_words(seats)


def limited_words(world):
    other = replace(wants_a_cut("service_day"), booked=(), windows=((books.NINE + 60, books.NINE + 180),))
    (reason,) = solve(placement_problem(world, [other], books.NOW)).reasons
    return reason.sentence
