"""Visits of several services: agreement with trying every chain, and the smallest case of each rule."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import combinations, permutations
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.booked import with_slot
from solver.chains import Chains
from solver.clock import moment, utc_day
from solver.errors import InvalidProblem
from solver.listing import count_days
from solver.slots import Claimed, SlotQuery, find_slots
from solver.snapshot import Hours, Service, Snapshot
from solver.visits import Item, Staffing, VisitQuery, find_visits
from tests.solver.visiting import COLOUR, CUT, MIDNIGHT, MONDAY, NOW, ROOM, START, WASH, ask, told, world

# The oracle: every chain of every order, each pair of items compared.


def chains(snapshot, query):
    """Every lawful chain as a tuple of (item, lane, start, end, claim start, claim end)."""
    far = query.end + timedelta(days=3)
    slots = [find_slots(snapshot, SlotQuery(i.service, query.start, far, i.staff), NOW) for i in query.items]
    columns = ("lane", "start", "end", "claim_start", "claim_end")
    options = [list(zip(*(getattr(s, name).tolist() for name in columns), strict=True)) for s in slots]
    numbers = range(len(query.items))
    found = []

    def extend(order, chain):
        if len(chain) == len(order):
            found.append(tuple(chain))
            return
        item = order[len(chain)]
        for option in options[item]:
            if lawful(query, chain, option):
                extend(order, [*chain, (item, *option)])

    for order in permutations(numbers) if query.any_order else [tuple(numbers)]:
        extend(order, [])
    return found


def lawful(query, chain, option):
    lane, start, _, claim_start, _ = option
    if not chain:
        return start < query.end.timestamp() // 60
    if not 0 <= start - chain[-1][3] <= query.maximum_wait:
        return False
    if query.staffing is Staffing.SAME and lane != chain[0][1]:
        return False
    return all(lane != other[1] or claim_start >= other[5] for other in chain)


def rows(visits, snapshot, query):
    names = [item.service for item in query.items]
    columns = (visits.lane, visits.item_start, visits.item_end, visits.claim_start, visits.claim_end)
    for i in range(len(visits)):
        services = [snapshot.services[k].id for k in visits.service[i]]
        assert sorted(services) == sorted(names)
        yield tuple(zip(services, *(column[i].tolist() for column in columns), strict=True))


@st.composite
def worlds(draw):
    number = draw(st.integers(1, 3))
    services = [
        Service(
            f"s{i}",
            draw(st.sampled_from([10, 20, 30, 45])),
            draw(st.sampled_from([0, 0, 5, 15])),
            draw(st.sampled_from([0, 0, 10, 35])),
            draw(st.sampled_from([10, 15, 30])),
        )
        for i in range(number)
    ]
    staff = draw(st.sampled_from(["a", "ab", "abc"]))
    durations = st.sampled_from([None, None, 15, 25])
    allocations = [(s.id, m, draw(durations)) for s in services for m in staff if draw(st.integers(0, 4))]
    assume(allocations)
    opens = draw(st.sampled_from([540, 1260]))
    spans = st.lists(st.tuples(st.integers(opens - 30, opens + 180), st.integers(5, 60)), max_size=3)
    busy = {m: [(s, s + n) for s, n in draw(spans)] for m in staff}
    snapshot = world(services, staff, opens, opens + draw(st.integers(60, 200)), busy, allocations)
    items = [
        Item(f"s{draw(st.integers(0, number - 1))}", draw(st.sampled_from([None, None, None, "a", staff])))
        for _ in range(draw(st.integers(1, 4 if len(staff) == 1 else 3)))
    ]
    query = ask(
        *items,
        any_order=draw(st.booleans()),
        staffing=draw(st.sampled_from(Staffing)),
        maximum_wait=draw(st.sampled_from([0, 10, 15, 40])),
    )
    return snapshot, replace(query, end=MIDNIGHT + timedelta(minutes=draw(st.integers(opens, opens + 200))))


@settings(max_examples=250, deadline=None)
@given(worlds())
def test_visits_start_exactly_where_a_chain_does(case):
    snapshot, query = case
    every = chains(snapshot, query)
    named = {tuple((query.items[link[0]].service, *link[1:]) for link in chain) for chain in every}
    visits = find_visits(snapshot, query, NOW)
    assert visits.start.tolist() == sorted({chain[0][2] for chain in every})
    for row, visit in enumerate(rows(visits, snapshot, query)):
        assert visit in named
        assert (visits.start[row], visits.end[row]) == (visit[0][2], visit[-1][3])


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_each_item_is_a_slot_after_those_before_are_booked(case):
    snapshot, query = case
    visits = find_visits(snapshot, query, NOW)
    for visit in list(rows(visits, snapshot, query))[:3]:
        booked = snapshot
        for service, lane, start, end, claim_start, claim_end in visit:
            only = SlotQuery(service, moment(start), moment(start + 1), [snapshot.staff[lane]])
            assert find_slots(booked, only, NOW).end.tolist() == [end]
            booked = booked.with_claims([(lane, claim_start, claim_end)])


def test_the_oracle_catches_chains_that_compare_neighbours_only(monkeypatch):
    # Item 2 is shorter than item 1's buffer: the third needs another lane, or more time.
    services = [Service("long", 20, buffer_after=30, slot_interval=5), Service("short", 10, slot_interval=5)]
    snapshot = world(
        services, "ab", closes=620, allocations=[("long", "a", None), ("short", "a", None), ("short", "b", None)]
    )
    query = ask("long", "short", "short", maximum_wait=0)
    expected = {chain[0][2] for chain in chains(snapshot, query)}
    assert find_visits(snapshot, query, NOW).start.tolist() == sorted(expected)
    monkeypatch.setattr(Chains, "clashes", lambda self, item, row: np.zeros(len(item), bool))
    blind = find_visits(snapshot, query, NOW)
    named = {tuple((query.items[i].service, *rest) for i, *rest in chain) for chain in chains(snapshot, query)}
    assert not set(rows(blind, snapshot, query)) <= named


# The smallest case of each rule.


def test_items_follow_one_another_without_a_wait():
    assert told(world([CUT, COLOUR], closes=660), ask("cut", "colour")) == [
        "09:00 cut a, 09:30 colour a",
        "09:30 cut a, 10:00 colour a",
    ]
    assert told(world([CUT, COLOUR], closes=629), ask("cut", "colour")) == []


def test_a_given_order_is_kept_and_any_order_is_not():
    # "b" does colour and is free early only; "a" cuts later.
    snapshot = world(
        [CUT, COLOUR],
        "ab",
        closes=630,
        allocations=[("cut", "a", None), ("colour", "b", None)],
        busy={"a": [(540, 600)]},
    )
    assert told(snapshot, ask("cut", "colour")) == []
    assert told(snapshot, ask("cut", "colour", any_order=True)) == ["09:00 colour b, 10:00 cut a"]


def test_one_staff_member_for_all_or_whoever_is_free():
    snapshot = world([CUT, COLOUR], "ab", closes=630, busy={"a": [(570, 630)], "b": [(540, 570)]})
    assert told(snapshot, ask("cut", "colour")) == ["09:00 cut a, 09:30 colour b"]
    assert told(snapshot, ask("cut", "colour", staffing=Staffing.SAME)) == []
    assert told(world([CUT, COLOUR], "ab", closes=630), ask("cut", "colour", staffing=Staffing.SAME)) == [
        "09:00 cut a, 09:30 colour a"
    ]


def test_an_item_may_name_its_staff():
    snapshot = world([CUT, COLOUR], "ab", closes=630)
    assert told(snapshot, ask("cut", Item("colour", ["b"]))) == ["09:00 cut a, 09:30 colour b"]
    assert told(snapshot, ask(Item("cut", ["b"]), "colour")) == ["09:00 cut b, 09:30 colour a"]


def test_a_wait_is_bounded():
    snapshot = world([CUT, COLOUR], closes=690, busy={"a": [(570, 600)]})
    assert told(snapshot, ask("cut", "colour", maximum_wait=29)) == ["10:00 cut a, 10:30 colour a"]
    assert told(snapshot, ask("cut", "colour", maximum_wait=30))[0] == "09:00 cut a, 10:00 colour a"


def test_buffers_hold_between_items_of_one_staff_member_alone():
    buffered = replace(CUT, buffer_after=30)
    assert told(world([buffered, COLOUR], closes=630), ask("cut", "colour")) == []
    assert told(world([buffered, COLOUR], closes=660), ask("cut", "colour", maximum_wait=30)) == [
        "09:00 cut a, 10:00 colour a"
    ]
    assert told(world([buffered, COLOUR], "ab", closes=630), ask("cut", "colour")) == ["09:00 cut a, 09:30 colour b"]


def test_the_visit_lies_inside_working_hours_whole():
    snapshot = world([CUT, COLOUR], closes=720, busy={"a": [(600, 630)]})
    assert told(snapshot, ask("cut", "colour")) == ["10:30 cut a, 11:00 colour a"]


def test_a_visit_may_go_on_behind_the_end_of_the_range_and_past_midnight():
    snapshot = world([CUT, COLOUR], opens=1380, closes=1530)
    query = replace(ask("cut", "colour"), end=MIDNIGHT + timedelta(hours=23, minutes=31))
    assert told(snapshot, query) == ["23:00 cut a, 23:30 colour a", "23:30 cut a, 00:00 colour a"]


def test_sixty_two_days_are_searched_to_their_end():
    snapshot = world([CUT, COLOUR], days=80)
    visits = find_visits(snapshot, ask("cut", "colour", days=62), NOW)
    assert [f"{moment(s):%d.%m.}" for s in np.unique(visits.start // 1440 * 1440)] == [
        "02.03.", "09.03.", "16.03.", "23.03.", "30.03.", "06.04.", "13.04.", "20.04.", "27.04.",
    ]  # fmt: skip


def test_the_visit_over_first_is_chosen_then_the_first_staff_member():
    quick = [("cut", "a", None), ("cut", "b", 15), ("wash", "a", None), ("wash", "b", None)]
    snapshot = world([CUT, WASH], "ab", closes=600, allocations=quick)
    assert told(snapshot, ask("cut", "wash"))[0] == "09:00 cut b, 09:15 wash a"
    assert told(world([CUT, WASH], "ab", closes=600), ask("cut", "wash"))[0] == "09:00 cut a, 09:30 wash a"


def test_eight_services_in_any_order():
    services = [Service(f"s{i}", 15, slot_interval=15) for i in range(8)]
    # Only the order 7, 6, ... 0 fits: each is done by one staff member who is free for a quarter of an hour.
    staff = "abcdefgh"
    busy = {m: [(530, 540 + 15 * (7 - i)), (555 + 15 * (7 - i), 720)] for i, m in enumerate(staff)}
    snapshot = world(services, staff, busy=busy, allocations=[(f"s{i}", m, None) for i, m in enumerate(staff)])
    query = ask(*(f"s{i}" for i in range(8)), any_order=True)
    assert find_visits(snapshot, query, NOW).service.tolist() == [[7, 6, 5, 4, 3, 2, 1, 0]]
    assert told(snapshot, replace(query, any_order=False)) == []


def test_the_same_service_twice():
    assert told(world([CUT], closes=600), ask("cut", "cut", any_order=True)) == ["09:00 cut a, 09:30 cut a"]
    assert told(world([CUT], closes=599), ask("cut", "cut", any_order=True)) == []


def test_one_item_is_the_slots_of_its_service():
    snapshot = world([CUT], "ab", busy={"a": [(540, 600)]})
    slots = find_slots(snapshot, SlotQuery("cut", MIDNIGHT, MIDNIGHT + timedelta(days=1)), NOW)
    visits = find_visits(snapshot, ask("cut"), NOW)
    assert visits.start.tolist() == sorted(set(slots.start.tolist()))
    assert visits.lane[0].tolist() == [1]


@pytest.mark.parametrize(("day", "expected"), [(date(2026, 3, 29), 1), (date(2026, 10, 25), 3)])
def test_a_visit_over_a_change_of_the_clocks_takes_its_real_time(day, expected):
    # A shift from 01:00 to 04:00 on the wall lasts two hours in spring and four in autumn.
    hours = Hours(overrides={day: ((60, 240),)})
    snapshot = Snapshot.build(
        zone="Europe/Berlin",
        first_day=day - timedelta(days=1),
        days=3,
        staff=["a"],
        hours={"a": hours},
        services=[replace(COLOUR, slot_interval=60)],
        allocations=[("colour", "a", None)],
        busy={},
    )
    start = moment(utc_day(day) - 120)
    query = VisitQuery([Item("colour"), Item("colour")], start, start + timedelta(days=1))
    visits = find_visits(snapshot, query, start)
    assert len(visits) == expected
    assert np.all(visits.end - visits.start == 120)


def test_visits_are_listed_and_counted_by_local_day():
    snapshot = world([CUT, COLOUR], opens=1290, closes=1500)
    visits = find_visits(snapshot, ask("cut", "colour"), NOW)
    days = {day: [f"{moment(s):%H:%M}" for s in of.start] for day, of in visits.by_day(ZoneInfo("Asia/Tokyo")).items()}
    assert days == {date(2026, 3, 3): ["21:30", "22:00", "22:30", "23:00", "23:30"]}
    month = count_days(visits, MONDAY, date(2026, 3, 3))
    assert (month.starts.tolist(), month.first.tolist()) == ([5, 0], [START + 1290, -1])
    assert len(visits.take(slice(0, 0)).by_day()) == 0


def test_visits_become_a_table():
    frame = find_visits(world([CUT, COLOUR], closes=630), ask("cut", "colour"), NOW).to_frame("Asia/Tokyo")
    assert frame[["visit", "position", "service", "staff"]].to_numpy().tolist() == [
        [0, 0, "cut", "a"],
        [0, 1, "colour", "a"],
    ]
    assert frame["starts_at"][1] == moment(START + 570)
    assert str(frame["starts_at"].dt.tz) == "Asia/Tokyo"


def test_no_two_items_of_one_visit_hold_a_lane_at_once():
    services = [replace(CUT, buffer_after=45, slot_interval=5), replace(WASH, buffer_before=10, slot_interval=5)]
    visits = find_visits(world(services, "ab", closes=900), ask("cut", "wash", "cut", "wash", maximum_wait=60), NOW)
    assert len(visits)
    for i, j in combinations(range(4), 2):
        same = visits.lane[:, i] == visits.lane[:, j]
        assert not np.any(same & (visits.claim_start[:, j] < visits.claim_end[:, i]))


def test_a_visit_is_rescheduled_over_its_own_time():
    snapshot = world([CUT, WASH], closes=585, busy={"a": [(540, 570), (570, 585)]})
    own = [
        Claimed("a", moment(START + 540), moment(START + 570)),
        Claimed("a", moment(START + 570), moment(START + 585)),
    ]
    assert told(snapshot, ask("cut", "wash")) == []
    assert told(snapshot, ask("cut", "wash", reschedule=own[:1])) == []
    assert told(snapshot, ask("cut", "wash", reschedule=own)) == ["09:00 cut a, 09:30 wash a"]


def test_a_booking_taken_in_equals_a_rebuild():
    service = replace(CUT, buffer_after=10, seats=2, requirements=ROOM)
    rules = {"resources": [("r", "room")], "closes": 660}
    slots = find_slots(world([service], **rules), SlotQuery("cut", MIDNIGHT, MIDNIGHT + timedelta(days=1)), NOW)
    busy = {"a": [(570, 610)], "r": [(570, 600)]}
    visit = (0, START + 570)
    begun = world([service], busy=busy, booked={"a": [visit]}, sessions={"a": [(*visit, 1)]}, **rules)
    assert with_slot(slots, 1).same_as(begun)
    joining = find_slots(begun, SlotQuery("cut", moment(START + 570), moment(START + 571)), NOW)
    full = world([service], busy=busy, booked={"a": [visit, visit]}, sessions={"a": [(*visit, 0)]}, **rules)
    assert with_slot(joining, 0).same_as(full)


@pytest.mark.parametrize(
    ("items", "more", "message"),
    [
        ([], {}, "1 to 8 services, not 0"),
        (["cut"] * 9, {}, "1 to 8 services, not 9"),
        (["cut", "cut"], {"maximum_wait": -1}, "waits 0 to 1440 minutes, not -1"),
        (["cut", "cut"], {"maximum_wait": 1441}, "waits 0 to 1440 minutes, not 1441"),
        (["cut", "z"], {}, "no service 'z'"),
        (["cut", Item("cut", ["z"])], {}, "no staff member 'z'"),
        (["cut"], {"days": 0}, "ends after it starts"),
        (["cut"], {"days": 63}, "at most 62 days"),
    ],
)
def test_bad_input_gets_one_clear_error(items, more, message):
    with pytest.raises(InvalidProblem, match=message):
        find_visits(world([CUT]), ask(*items, **more), NOW)


def test_naive_times_are_refused():
    with pytest.raises(InvalidProblem, match="offset"):
        VisitQuery([Item("cut")], datetime(2026, 3, 2), datetime(2026, 3, 3))  # noqa: DTZ001 - the mistake itself
