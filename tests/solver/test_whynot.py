"""Why not: the counts add up, and each relaxation named does open the slot it names."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings

from solver.clock import moment, utc_day
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Hours, Service, Snapshot
from solver.whynot import Change, Ruled, sentence, why_not
from tests.solver.oracle import minute_of
from tests.solver.test_slots import snapshot_of, worlds

MONDAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
NINE_TO_TEN = Hours(tuple((day, 540, 600, None, None) for day in range(5)))
HALF_HOUR = Service("x", 30, buffer_after=10, slot_interval=30)


def snapshot(busy, hours=NINE_TO_TEN, service=HALF_HOUR) -> Snapshot:
    return Snapshot.build(
        zone="UTC",
        first_day=date(2026, 3, 1),
        days=14,
        staff=["a", "b", "c"],
        hours={"a": hours, "b": hours, "c": hours},
        services=[service],
        allocations=[("x", "a", None), ("x", "b", None)],
        busy={m: [(utc_day(MONDAY) + s, utc_day(MONDAY) + e) for s, e in spans] for m, spans in busy.items()},
    )


def monday(staff=None) -> SlotQuery:
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    return SlotQuery("x", start, start + timedelta(hours=1), staff)


FULL = [(540, 600)]


def test_each_rule_is_counted_once_for_each_candidate():
    world = snapshot({"a": FULL, "b": [(580, 600)]})
    told = why_not(world, monday(), NOW)
    assert told.candidates == 6
    assert told.ruled_out == {Ruled.NOT_ALLOCATED: 2, Ruled.BOOKED: 3}
    assert told.free == 1
    closed = why_not(world, replace(monday(), start=monday().end, end=monday().end + timedelta(hours=1)), NOW)
    assert closed.ruled_out == {Ruled.NOT_ALLOCATED: 2, Ruled.CLOSED: 4}


def test_a_start_that_only_its_buffer_rules_out():
    told = why_not(snapshot({"a": [(570, 600)], "b": FULL}), monday(), NOW)
    assert told.ruled_out == {Ruled.NOT_ALLOCATED: 2, Ruled.BOOKED: 3, Ruled.BUFFER: 1}
    assert told.relaxations[0].change is Change.BUFFER
    assert told.relaxations[0].minutes == 10
    assert (told.relaxations[0].staff, told.relaxations[0].start) == ("a", utc_day(MONDAY) + 540)


def test_notice_and_advance_are_named():
    hasty = snapshot({}, service=replace(HALF_HOUR, minimum_notice=2880))
    told = why_not(hasty, monday(), NOW)
    assert told.ruled_out[Ruled.NOTICE] == 4
    notice = next(r for r in told.relaxations if r.change is Change.NOTICE)
    assert notice.minutes == 2880 - (25 * 60 + 30)
    near = snapshot({}, service=replace(HALF_HOUR, maximum_advance=1))
    assert why_not(near, monday(), NOW).ruled_out[Ruled.ADVANCE] == 4


def test_another_staff_member_comes_before_another_day():
    told = why_not(snapshot({"a": FULL}), monday(["a"]), NOW)
    assert [r.change for r in told.relaxations] == [Change.STAFF, Change.LATER]
    assert told.relaxations[0].staff == "b"
    assert sentence(told.relaxations[0], snapshot({}), {"b": "Ben"}) == (
        "With any staff member: Mon 02 Mar 09:00 with Ben."
    )
    assert sentence(told.relaxations[1], snapshot({})) == "From Tuesday 03 March on: Tue 03 Mar 09:00 with a."


def test_a_full_answer_needs_no_relaxation():
    assert why_not(snapshot({}), monday(), NOW).relaxations == ()


@settings(max_examples=80, deadline=None)
@given(worlds())
def test_candidates_are_free_or_ruled_out_and_relaxations_open_what_they_name(world):
    snapshot = snapshot_of(world)
    start = minute_of(world.first_day)
    query = SlotQuery("x", moment(start), moment(start + world.days * 1440))
    now = moment(world.now)
    told = why_not(snapshot, query, now)
    assert told.free == len(find_slots(snapshot, query, now))
    assert told.free + sum(told.ruled_out.values()) == told.candidates
    for relaxation in told.relaxations:
        relaxed, asked = apply(snapshot, query, relaxation)
        found = find_slots(relaxed, asked, now)
        pairs = {(snapshot.staff[lane], int(s)) for lane, s in zip(found.lane, found.start, strict=True)}
        assert (relaxation.staff, relaxation.start) in pairs


def apply(snapshot, query, relaxation):
    """The world and the query as the relaxation would have them."""
    service = snapshot.services[0]
    if relaxation.change is Change.LATER:
        return snapshot, replace(query, start=query.end, end=query.end + timedelta(days=62))
    if relaxation.change is Change.EARLIER:
        return snapshot, replace(query, start=query.start - timedelta(days=62), end=query.start)
    if relaxation.change is Change.NOTICE:
        less = replace(service, minimum_notice=service.minimum_notice - relaxation.minutes)
        return replace(snapshot, services=(less,)), query
    if relaxation.change is Change.BUFFER:
        after = max(service.buffer_after - relaxation.minutes, 0)
        before = service.buffer_before - max(relaxation.minutes - service.buffer_after, 0)
        return replace(snapshot, services=(replace(service, buffer_before=before, buffer_after=after),)), query
    return snapshot, replace(query, staff=None)


def test_an_unknown_service_is_refused():
    with pytest.raises(ValueError, match="no service"):
        why_not(snapshot({}), replace(monday(), service="y"), NOW)
