from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from solver.book import Booking, Extras
from solver.checker import check, require
from solver.clock import epoch_minute
from solver.columns import Entry, Intervals
from solver.errors import InvalidProblem
from solver.objective import BALANCED, FULL, GENTLE, Policy, Term
from solver.placement import fixed_claims
from solver.rebalance import rebalance_problem
from solver.result import Reason, Status
from solver.snapshot import Hours, Service, Snapshot
from solver.solve import solve
from tests.solver.worlds import best

NOW = datetime(2026, 1, 2, 8, tzinfo=UTC)
NINE = epoch_minute(datetime(2026, 1, 5, 9, tzinfo=UTC))
MORNING = ((0, 540, 720, None, None),)  # Mondays, nine to twelve
WHOLE = ((NINE, NINE + 180),)
MOVES_ONLY = Policy(
    "moves",
    {Term.WAITLIST: 2000, Term.RESEATED: 10**6, Term.MOVES: 400, Term.MINUTES_MOVED: 3, Term.STAFF_CHANGED: 600},
)


def snapshot(bookings=(), *, busy=(), hours=None, staff=("ann", "bob")):
    """Two staff on one Monday morning, both doing a 30-minute cut and a 60-minute colour; a grid of 15 minutes."""
    claims = {name: [] for name in staff}
    for b in bookings:
        for lane, start, end in ((b.lane, b.occupied_start, b.occupied_end), *b.also):
            if lane < len(staff):
                claims[staff[lane]].append((start, end))
    for lane, start, end in busy:
        claims[staff[lane]].append((start, end))
    return Snapshot.build(
        zone="UTC",
        first_day=date(2026, 1, 5),
        days=1,
        staff=list(staff),
        hours={name: Hours((hours or {}).get(name, MORNING)) for name in staff},
        services=[Service("cut", 30), Service("colour", 60)],
        allocations=[(s, n, None) for s in ("cut", "colour") for n in staff],
        busy=claims,
    )


def booking(number, lane, minute, length=30, **more):
    start = NINE + minute
    fields = {"service": {30: "cut", 60: "colour"}[length], "windows": WHOLE, "client": f"client {number}", **more}
    return Booking(
        number, lane=lane, start=start, end=start + length, occupied_start=start, occupied_end=start + length, **fields
    )


def plan(bookings, waiting=(), policy=MOVES_ONLY, *, now=NOW, extras=None, **more):
    problem = rebalance_problem(snapshot(bookings, **more), bookings, list(waiting), now, policy, extras)
    result = solve(problem)
    require(problem, result)
    return problem, result


def places(result):
    return {p.entry: (p.lane, p.start - NINE) for p in result.placements}


CROWD = {"hours": {"bob": ()}}
"""Bob is off: one lane of three hours."""


def middle(number=1, **more):
    """A cut in the middle of the last two free hours, in the way of two colours."""
    return booking(number, 0, 75, **more)


def two_colours():
    return [Entry(f"w{i}", service="colour", priority=3, windows=WHOLE) for i in range(2)]


def crowded(**more):
    return plan([booking(8, 0, 150, locked=True), middle(**more)], two_colours(), **CROWD)


def test_a_booking_moves_to_make_room_and_its_cost_stands_in_the_account():
    _, result = crowded()
    assert len(result.placements) == 3
    units = {s.name: s.units for s in result.scores}
    assert (units["moves"], units["waitlist"]) == (1, 6)
    assert result.status is Status.OPTIMAL
    assert [m.entry for m in result.moves] == [1]


def test_a_booking_of_unusual_length_keeps_it_where_it_goes():
    long = replace(booking(1, 1, 0, staff=None), end=NINE + 50, occupied_end=NINE + 55)
    problem, result = plan([long], hours={"bob": ()})
    [placed] = result.placements
    assert (placed.end - placed.start, placed.occupied_end - placed.end, placed.lane) == (50, 5, 0)
    assert set(problem.columns.end - problem.columns.start) == {50}


def test_a_locked_booking_stays_and_is_named_as_what_blocks():
    _, result = crowded(locked=True)
    assert [r.code for r in result.reasons] == [Reason.OUTBID]
    assert not result.moves


def test_a_client_who_allowed_no_other_time_stays():
    _, result = crowded(windows=())
    assert not result.moves
    assert len(result.reasons) == 1


def test_nothing_moves_within_the_frozen_window_nor_into_it():
    late = datetime(2026, 1, 4, 10, tzinfo=UTC)  # 24 hours before ten o'clock on Monday
    _, result = plan([booking(8, 0, 150, locked=True), booking(1, 0, 45)], two_colours(), now=late, **CROWD)
    assert not result.moves
    _, result = plan([booking(8, 0, 150, locked=True), middle()], two_colours(), now=late, **CROWD)
    assert all(m.start >= NINE + 60 for m in result.moves)


def test_a_policy_without_a_frozen_window_moves_within_it():
    late = datetime(2026, 1, 5, 8, tzinfo=UTC)
    open_policy = replace(MOVES_ONLY, frozen_minutes=0)
    _, result = plan([booking(8, 0, 150, locked=True), middle()], two_colours(), open_policy, now=late, **CROWD)
    assert len(result.moves) == 1


def test_staff_fall_ill_and_their_bookings_are_reseated_where_the_clients_allow():
    bookings = [booking(1, 1, 0, staff=None), booking(2, 1, 30, staff=()), booking(3, 0, 0, windows=())]
    _, result = plan(bookings, hours={"bob": ()})
    assert places(result)[1][0] == 0
    assert places(result)[3] == (0, 0)
    assert [(r.entry, r.code) for r in result.reasons] == [(2, Reason.WINDOW_CLOSED)]
    assert {s.name: s.units for s in result.scores}["reseated"] == 1


def test_a_booking_that_must_leave_never_keeps_its_place():
    _, result = plan([booking(1, 0, 0, must_leave=True)])
    assert places(result)[1] != (0, 0)


def test_reseating_comes_before_any_number_of_waiting_entries():
    waiting = [Entry(f"w{i}", service="cut", priority=9, windows=WHOLE) for i in range(12)]
    _, result = plan([booking(1, 0, 0, must_leave=True, windows=((NINE + 30, NINE + 60),))], waiting, **CROWD)
    assert places(result)[1] == (0, 30)


def test_a_booking_outside_hours_is_planned_for_not_lost():
    _, result = plan([booking(1, 0, 240, windows=WHOLE)])
    assert 0 <= places(result)[1][1] <= 150


def test_at_most_so_many_moves_a_client():
    bookings = [booking(8, 0, 150, locked=True), booking(1, 0, 45, client="c"), booking(2, 0, 105, client="c")]
    limited = replace(MOVES_ONLY, moves_a_client=0)
    assert plan(bookings, two_colours(), limited, **CROWD)[1].moves == ()
    assert len(plan(bookings, two_colours()[:1], replace(limited, moves_a_client=1), **CROWD)[1].moves) == 1


def test_at_most_so_many_moves_a_day():
    bookings = [booking(8, 0, 150, locked=True), middle()]
    assert plan(bookings, two_colours(), replace(MOVES_ONLY, moves_a_day=0), **CROWD)[1].moves == ()


def test_a_visits_items_move_together_and_stay_lawful():
    visit = booking(1, 0, 75, also=((1, NINE + 105, NINE + 135),))
    problem, result = plan([booking(8, 0, 150, locked=True), visit], two_colours())
    (placed,) = [p for p in result.placements if p.entry == 1]
    shift = placed.start - visit.start
    assert placed.also == ((1, NINE + 105 + shift, NINE + 135 + shift),)
    assert check(problem, result) == ()


def test_a_room_is_claimed_and_shared_by_nobody():
    waiting = [Entry(f"w{i}", service="cut", priority=1, windows=((NINE, NINE + 30),)) for i in range(2)]
    assert len(plan([], waiting)[1].placements) == 2
    one = Extras(rooms={"cut": (50,)})
    assert len(plan([], waiting, extras=one)[1].placements) == 1
    two = Extras(rooms={"cut": (50, 51)})
    _, result = plan([], waiting, extras=two)
    assert sorted(p.also[0][0] for p in result.placements) == [50, 51]
    held = Extras(rooms={"cut": (50, 51)}, room_busy=Intervals.of([51], [NINE + 20], [NINE + 40]))
    assert len(plan([], waiting, extras=held)[1].placements) == 1


def test_overtime_is_worked_only_where_it_pays():
    overtime = Extras(overtime=Intervals.of([0], [NINE + 180], [NINE + 240]))
    waiting = [Entry("w", service="colour", priority=1, windows=((NINE + 180, NINE + 240),))]
    dear = replace(MOVES_ONLY, weights={**MOVES_ONLY.weights, Term.OVERTIME: 50})
    assert plan([], waiting, dear, extras=overtime)[1].placements == ()
    cheap = replace(MOVES_ONLY, weights={**MOVES_ONLY.weights, Term.OVERTIME: 5})
    _, result = plan([], waiting, cheap, extras=overtime)
    assert {s.name: s.units for s in result.scores}["overtime"] == 60


def fragments_only(**more):
    return Policy("fragments", {Term.FRAGMENTS: 10, Term.MINUTES_MOVED: 1, **more})


def test_idle_fragments_are_closed_where_moving_is_cheaper():
    _, result = plan([booking(1, 0, 15), booking(2, 0, 60)], (), fragments_only(), **CROWD)
    units = {s.name: s.units for s in result.scores}
    assert units["fragments"] == 0
    assert units["minutes_moved"] == 15  # the first moves to nine o'clock, and half an hour stays to be sold


def test_fairness_counts_load_beyond_an_even_share():
    bookings = [booking(i, 0, 30 * i, staff=None) for i in range(4)]
    fair = Policy("fair", {Term.FAIRNESS: 10, Term.STAFF_CHANGED: 1})
    _, result = plan(bookings, (), fair)
    units = {s.name: s.units for s in result.scores}
    assert (units["fairness"], units["staff_changed"]) == (0, 2)


def random_book(seed, *, size=4, waiting=2, lanes=2):
    rng = np.random.default_rng(seed)
    taken = np.zeros((lanes, 12), bool)
    bookings = []
    for number in range(size):
        length = int(rng.choice([30, 60]))
        lane, slot = int(rng.integers(lanes)), int(rng.integers(12))
        cells = slice(slot, slot + length // 15)
        if slot + length // 15 <= 12 and not taken[lane, cells].any():
            taken[lane, cells] = True
            around = NINE + 15 * slot
            near = ((max(NINE, around - 30), min(NINE + 180, around + length + 30)),)
            bookings.append(
                booking(
                    number,
                    lane,
                    15 * slot,
                    length,
                    windows=near,
                    staff=None if rng.random() < 0.5 else (),
                    moved_before=int(rng.integers(2)),
                )
            )
    entries = [
        Entry(f"w{i}", service="colour", priority=int(rng.integers(1, 4)), windows=((NINE, NINE + 90),))
        for i in range(waiting)
    ]
    return bookings, entries


ALL_TERMS = replace(FULL, weights={**FULL.weights, Term.FRAGMENTS: 7, Term.FAIRNESS: 2}, frozen_minutes=0)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("policy", [MOVES_ONLY, GENTLE, BALANCED])
def test_small_books_agree_with_trying_everything(seed, policy):
    bookings, entries = random_book(seed, size=3, waiting=1)
    bare = replace(policy, weights={**policy.weights, Term.FRAGMENTS: 0, Term.FAIRNESS: 0})
    problem, result = plan(bookings, entries, bare)
    assert result.objective == best(problem)


@pytest.mark.parametrize("seed", range(10))
def test_small_books_agree_with_trying_everything_fragments_and_fairness_included(seed):
    bookings, entries = random_book(seed, size=3, waiting=1)
    problem, result = plan(bookings, entries, ALL_TERMS)
    assert result.objective == best(problem)
    assert result.status is Status.OPTIMAL


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("policy", [GENTLE, BALANCED, FULL])
def test_no_policy_publishes_worse_than_the_book(seed, policy):
    bookings, entries = random_book(seed, size=6, waiting=4)
    problem, result = plan(bookings, entries, policy)
    kept = solve(replace_entries(problem, bookings))
    assert result.objective >= kept.objective


def replace_entries(problem, bookings):
    """The same problem with every booking at its own place."""
    stays = np.zeros(len(problem.columns), bool)
    stays[problem.current[problem.current >= 0]] = True
    waits = np.array([e.place is None for e in problem.entries])[problem.columns.entry]
    chosen = np.flatnonzero(stays | waits)
    return type(problem).from_columns(
        problem.entries,
        problem.columns.take(chosen),
        terms={name: units[chosen] for name, units in problem.terms.items()},
        policy=problem.policy,
        fixed=problem.fixed,
        hours=problem.hours,
        sellable=problem.sellable,
        even_share=problem.even_share,
    )


def test_levels_never_move_anyone_for_a_lower_level():
    bookings = [booking(1, 0, 15), booking(2, 0, 60)]
    weights = {Term.FRAGMENTS: 1000, Term.MOVES: 1, Term.MINUTES_MOVED: 1}
    assert plan(bookings, (), Policy("sum", weights), **CROWD)[1].moves
    levels = Policy("levels", weights, levels=((Term.WAITLIST,), (Term.MOVES, Term.MINUTES_MOVED, Term.STAFF_CHANGED)))
    _, result = plan(bookings, (), levels, **CROWD)
    assert result.moves == ()
    assert result.status is Status.OPTIMAL


def test_gentle_moves_fewer_than_full():
    bookings, entries = random_book(3, size=8, waiting=6)
    moved = [len(plan(bookings, entries, policy)[1].moves) for policy in (GENTLE, BALANCED, FULL)]
    assert moved == sorted(moved)


@pytest.mark.parametrize("change", [{"lane": 5}, {"service": "perm"}])
def test_unknown_names_get_one_clear_error(change):
    good = booking(1, 0, 0)
    with pytest.raises(InvalidProblem, match="booking 1"):
        rebalance_problem(snapshot([good]), [replace(good, **change)], [], NOW)


def test_a_booking_the_snapshot_does_not_hold_is_refused():
    with pytest.raises(InvalidProblem, match="has no claim"):
        rebalance_problem(snapshot(), [booking(1, 0, 0)], [], NOW)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"locked": True, "must_leave": True}, "must leave"),
        ({"also": ((1, 50, 50),)}, "is empty"),
        ({"occupied_end": NINE}, "not in order"),
    ],
)
def test_contradictory_bookings_get_one_clear_error(fields, words):
    with pytest.raises(InvalidProblem, match=words):
        replace(booking(1, 0, 0), **fields)


def test_a_horizon_in_the_past_places_nobody_and_moves_nobody():
    problem, result = plan([booking(1, 0, 0)], two_colours(), now=NOW + timedelta(days=30))
    assert result.moves == ()
    assert {r.code for r in result.reasons} == {Reason.WINDOW_PAST}
    assert len(fixed_claims(snapshot([booking(1, 0, 0)]))) == 1
    assert check(problem, result) == ()


def test_someone_whose_staff_member_is_gone_is_reseated_or_reported():
    left = booking(1, -1, 30, must_leave=True, staff=None)
    _, result = plan([left])
    assert places(result)[1] in {(lane, 30) for lane in (0, 1)}
    assert result.moves[0].before == (-1, NINE + 30)
    alone = booking(1, -1, 30, must_leave=True, staff=())
    _, result = plan([alone])
    assert (result.placements, [r.entry for r in result.reasons]) == ((), [1])
    with pytest.raises(InvalidProblem):
        plan([booking(1, -1, 30)])


def test_who_finds_every_start_taken_by_what_is_fixed_is_told_so():
    fixed = [booking(1, 0, 0, length=60, locked=True), booking(2, 0, 60, length=60, locked=True)]
    wish = Entry("w", service="colour", windows=((NINE, NINE + 120),))
    _, result = plan(fixed, [wish], **CROWD)
    [reason] = result.reasons
    assert (reason.code, reason.by) == (Reason.TAKEN, (1,))
