"""Explanations are checked by applying them."""

from dataclasses import replace

import numpy as np
import pytest

from solver.checker import require
from solver.clock import moment
from solver.columns import Entry
from solver.concessions import Kind, concessions, occupied
from solver.moves import before_and_after, commit_groups, insisting, move_accounts
from solver.objective import Policy, Term
from solver.placement import legal_places, placement_problem
from solver.rebalance import alternatives, rebalance_problem
from solver.recommend import recommend
from solver.slots import SlotQuery, find_slots
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
