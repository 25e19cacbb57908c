"""Rules that items of one visit share: agreement with booking them in turn, and the smallest case of each."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import solver.visits
from solver.booked import with_slot
from solver.clock import moment
from solver.services import Requirement
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Service
from solver.visits import Item, Staffing, find_visits
from tests.solver.visiting import CUT, MIDNIGHT, NOW, ROOM, START, WASH, ask, told, world


def booked_in_turn(snapshot, query):
    """The starts of every visit whose items can be booked one after the other."""
    found = set()

    def extend(book, order, chain):
        if len(chain) == len(order):
            found.add(chain[0][1])
            return
        item = query.items[order[len(chain)]]
        begin = moment(chain[-1][2]) if chain else query.start
        end = begin + timedelta(minutes=query.maximum_wait + 1) if chain else query.end
        client = [
            *query.client_booked.get(item.service, ()),
            *(moment(s) for name, s, _, _ in chain if name == item.service),
        ]
        slots = find_slots(book, SlotQuery(item.service, begin, end, item.staff, client_booked=client), NOW)
        for row in range(len(slots)):
            lane, start, until = int(slots.lane[row]), int(slots.start[row]), int(slots.end[row])
            if query.staffing is Staffing.SAME and chain and lane != chain[0][3]:
                continue
            extend(with_slot(slots, row), order, [*chain, (item.service, start, until, lane)])

    numbers = range(len(query.items))
    for order in permutations(numbers) if query.any_order else [tuple(numbers)]:
        extend(snapshot, order, [])
    return sorted(found)


limits = st.sampled_from([None, None, 1, 2])
requirements = st.lists(
    st.builds(
        Requirement, st.sampled_from(["room", "chair"]), st.sampled_from([0, 10]), st.sampled_from([None, 15, 60])
    ),
    max_size=2,
).map(tuple)


@st.composite
def ruled_worlds(draw):
    services = [
        Service(
            f"s{i}",
            draw(st.sampled_from([15, 30])),
            buffer_after=draw(st.sampled_from([0, 15])),
            slot_interval=15,
            daily_limit=draw(limits),
            client_daily_limit=draw(limits),
            seats=draw(st.sampled_from([1, 1, 2])),
            requirements=draw(requirements),
        )
        for i in range(2)
    ]
    starts = draw(st.sets(st.sampled_from([540, 570]), max_size=2))
    visited = [(draw(st.integers(0, 1)), START + start) for start in starts]
    snapshot = world(
        services,
        "ab",
        closes=540 + draw(st.integers(45, 105)),
        busy={"a": [(s, s + 30) for s in starts], "b": [(555, 570)], "r": [(585, 600)]},
        limits={"a": (draw(limits), draw(limits)), "b": (None, None)},
        resources=[("r", "room"), ("q", "room"), ("c", "chair")],
        booked={"a": visited},
        sessions={"a": [(i, start, 1) for i, start in visited if services[i].seats > 1]},
    )
    query = ask(
        *(draw(st.sampled_from([Item("s0"), Item("s1"), Item("s1", "b")])) for _ in range(draw(st.integers(1, 3)))),
        any_order=draw(st.booleans()),
        staffing=draw(st.sampled_from(Staffing)),
        maximum_wait=draw(st.sampled_from([0, 15])),
        client_booked={"s0": [MIDNIGHT] * draw(st.integers(0, 1))},
    )
    return snapshot, query


@settings(max_examples=250, deadline=None)
@given(ruled_worlds())
def test_visits_keep_the_rules_that_their_items_share(case):
    snapshot, query = case
    visits = find_visits(snapshot, query, NOW)
    assert visits.start.tolist() == booked_in_turn(snapshot, query)
    for row in range(len(visits)):
        book, claims = snapshot, []
        for i, service in enumerate(visits.service[row].tolist()):
            start, lane = int(visits.item_start[row, i]), int(visits.lane[row, i])
            name, before = snapshot.services[service].id, visits.item_start[row, :i][visits.service[row, :i] == service]
            client = [*query.client_booked.get(name, ()), *map(moment, before.tolist())]
            asked = SlotQuery(name, moment(start), moment(start + 1), [snapshot.staff[lane]], client_booked=client)
            slots = find_slots(book, asked, NOW)
            assert slots.end.tolist() == [visits.item_end[row, i]]
            claims += slots.claims(0)
            book = with_slot(slots, 0)
        assert visits.claims(row) == claims


def test_the_oracle_catches_visits_whose_items_are_counted_apart(monkeypatch):
    snapshot = world([CUT, WASH], closes=585, limits={"a": (1, None)})
    query = ask("cut", "wash")
    assert find_visits(snapshot, query, NOW).start.tolist() == booked_in_turn(snapshot, query)
    monkeypatch.setattr(solver.visits, "doubtful", lambda snapshot, items, lane, start: np.zeros(len(lane), bool))
    assert find_visits(snapshot, query, NOW).start.tolist() != booked_in_turn(snapshot, query)


# The smallest case of each rule.


def test_each_item_takes_its_resource():
    roomy = [replace(CUT, requirements=ROOM), replace(WASH, requirements=(*ROOM, Requirement("chair", 5, 5)))]
    resources = [("r", "room"), ("c", "chair")]
    visits = find_visits(world(roomy, closes=585, resources=resources), ask("cut", "wash"), NOW)
    assert visits.resources.tolist() == [[[1, -1], [1, 2]]]
    assert visits.claims(0) == [
        (0, START + 540, START + 570),
        (1, START + 540, START + 570),
        (0, START + 570, START + 585),
        (1, START + 570, START + 585),
        (2, START + 575, START + 580),
    ]
    assert visits.to_frame()["resources"].tolist() == [("r",), ("r", "c")]
    assert told(world(roomy, closes=585, resources=[("r", "room")]), ask("cut", "wash")) == []


def test_a_resource_held_beyond_an_item_is_not_there_for_the_next():
    drying = replace(CUT, requirements=(Requirement("room", 0, 45),))
    needing = replace(WASH, requirements=ROOM)
    one, two = [("r", "room")], [("r", "room"), ("q", "room")]
    assert told(world([drying, needing], closes=585, resources=one), ask("cut", "wash")) == []
    visits = find_visits(world([drying, needing], closes=585, resources=two), ask("cut", "wash"), NOW)
    assert visits.resources[0].tolist() == [[1], [2]]


def test_items_of_one_visit_count_together_against_a_staff_members_limit():
    services = [CUT, WASH]
    assert told(world(services, closes=585, limits={"a": (1, None)}), ask("cut", "wash")) == []
    assert told(world(services, closes=585, limits={"a": (2, None)}), ask("cut", "wash")) == [
        "09:00 cut a, 09:30 wash a"
    ]
    assert told(world(services, closes=585, limits={"a": (None, 1)}), ask("cut", "wash")) == []
    limited = world(services, "ab", closes=585, limits={"a": (1, None)})
    assert told(limited, ask("cut", "wash")) == ["09:00 cut a, 09:30 wash b"]


def test_a_service_twice_counts_twice_against_its_limits():
    for limit in ("daily_limit", "weekly_limit", "client_daily_limit", "client_weekly_limit"):
        for most, expected in ((1, 0), (2, 1)):
            snapshot = world([replace(CUT, **{limit: most})], closes=600)
            assert len(find_visits(snapshot, ask("cut", "cut"), NOW)) == expected
    once = ask("cut", client_booked={"cut": [MIDNIGHT]})
    assert told(world([replace(CUT, client_daily_limit=1)], closes=570), once) == []
    assert told(world([replace(CUT, client_daily_limit=2)], closes=570), once) == ["09:00 cut a"]


def test_an_item_may_join_a_group():
    group = replace(CUT, seats=3)
    busy, sessions = {"a": [(540, 570)]}, {"a": [(0, START + 540, 1)]}
    visits = find_visits(world([group, WASH], closes=600, busy=busy, sessions=sessions), ask("cut", "wash"), NOW)
    assert visits.seats.tolist() == [[1, 1]]
    assert visits.claims(0) == [(0, START + 570, START + 585)]
    full = {"a": [(0, START + 540, 0)]}
    assert told(world([group, WASH], closes=600, busy=busy, sessions=full), ask("cut", "wash")) == []


def test_a_group_that_was_opened_with_a_shorter_buffer_keeps_its_claim():
    group = replace(CUT, seats=3, buffer_after=15)
    busy, sessions = {"a": [(540, 570)]}, {"a": [(0, START + 540, 1)]}
    snapshot = world([group, WASH], closes=585, busy=busy, sessions=sessions)
    assert told(snapshot, ask("cut", "wash")) == ["09:00 cut a, 09:30 wash a"]
    assert told(world([group, WASH], closes=585), ask("cut", "wash")) == []
