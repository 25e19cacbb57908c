"""Why not: the counts add up, and each relaxation named does open the slot it names."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from solver.clock import moment, utc_day
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Hours, Requirement, Service, Snapshot
from solver.whynot import Change, Ruled, ruled_out, sentence, why_not
from tests.solver.businesses import query_of, random_world, snapshot_of, span_of
from tests.solver.oracle import answers, minute_of, on_grid, rescheduled, shown

MONDAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
NINE_TO_TEN = Hours(tuple((day, 540, 600, None, None) for day in range(5)))
HALF_HOUR = Service("x", 30, buffer_after=10, slot_interval=30)


def snapshot(busy=None, hours=NINE_TO_TEN, service=HALF_HOUR, blocks=None, resources=(), booked=None, **rules):
    """Three staff members, two of whom perform the service; claims, blocks and bookings are minutes of Monday."""
    midnight = utc_day(MONDAY)
    lanes = {m: replace(hours, appointment_only={MONDAY: tuple((blocks or {}).get(m, ()))}) for m in "abc"}
    return Snapshot.build(
        zone="UTC",
        first_day=date(2026, 3, 1),
        days=14,
        staff=["a", "b", "c"],
        hours=lanes,
        services=[service],
        allocations=[("x", "a", None), ("x", "b", None)],
        busy={m: [(midnight + s, midnight + e) for s, e in spans] for m, spans in (busy or {}).items()},
        resources=resources,
        booked={m: [(k, midnight + s) for k, s in rows] for m, rows in (booked or {}).items()},
        **rules,
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


def random_question(seed):
    """A random business, the question put to it, and the world behind both."""
    world = random_world(Random(seed))
    return snapshot_of(world), query_of(world, *span_of(world)), moment(world.now), world


@pytest.mark.parametrize("block", range(8))
def test_every_candidate_of_the_oracle_is_free_or_ruled_out_once(block):
    for seed in range(block * 25, block * 25 + 25):
        snapshot, query, now, world = random_question(seed)
        told = why_not(snapshot, query, now)
        assert told.free == len(answers(world, *span_of(world))), seed
        if world.anchor == "clock":
            assert told.free + sum(told.ruled_out.values()) == told.candidates == candidates(world), seed


def candidates(world):
    """Each minute on the grid of each staff member asked, and each start of a group that is not on it."""
    number, moved = 0, rescheduled(world)
    for member, duration in world.durations.items():
        if world.asked is None or member in world.asked:
            shows = shown(world, world.zones.get(member, world.zone))
            starts = {m for m in range(*span_of(world)) if on_grid(world, m, 0, shows[m])}
            if world.seats > 1 and duration is not None:
                groups = {s for service, s, _ in moved.sessions.get(member, []) if service == 0}
                first = minute_of(world.first_day)
                starts |= groups & set(range(first, first + world.days * 1440))
            number += len(starts)
    return number


@pytest.mark.parametrize("block", range(8))
def test_each_relaxation_opens_the_slot_that_it_names(block):
    for seed in range(block * 100, block * 100 + 100):
        snapshot, query, now = narrow_question(seed)
        for relaxation in why_not(snapshot, query, now).relaxations:
            relaxed, asked = apply(snapshot, query, relaxation)
            found = find_slots(relaxed, asked, now)
            pairs = {(snapshot.staff[lane], int(s)) for lane, s in zip(found.lane, found.start, strict=True)}
            assert (relaxation.staff, relaxation.start) in pairs, (seed, relaxation)
            assert sentence(relaxation, snapshot)


def narrow_question(seed):
    """A random question about four hours: most have no answer."""
    snapshot, query, now, _ = random_question(seed)
    start = query.start + timedelta(minutes=Random(seed).randrange(4000))
    return snapshot, replace(query, start=start, end=start + timedelta(hours=4)), now


def test_random_questions_bring_every_rule():
    questions = [random_question(seed)[:3] for seed in range(200)]
    assert {rule for question in questions for rule in ruled_out(*question)} == set(Ruled)


ROOM = replace(HALF_HOUR, requirements=(Requirement("room"),))
EARLY = moment(utc_day(MONDAY) + 520)
CASES = {
    Change.STAFF: (HALF_HOUR, {"busy": {"a": FULL}}, {"staff": ["a"]}),
    Change.BUFFER: (replace(HALF_HOUR, buffer_after=40), {"busy": {"a": [(600, 615)], "b": FULL}}, {}),
    Change.RESOURCE: (ROOM, {"resources": [("r", "room")], "busy": {"r": FULL}}, {}),
    Change.LATER: (HALF_HOUR, {"busy": {"a": FULL, "b": FULL}}, {}),
    Change.EARLIER: (HALF_HOUR, {}, {"start": EARLY + timedelta(hours=2), "end": EARLY + timedelta(hours=3)}),
    Change.NOTICE: (replace(HALF_HOUR, minimum_notice=2880), {}, {}),
    Change.ADVANCE: (replace(HALF_HOUR, maximum_advance=1), {}, {}),
    Change.WINDOW: (replace(HALF_HOUR, windows=((1, 0, 1440),)), {}, {}),
    Change.SERVICE_LIMIT: (replace(HALF_HOUR, daily_limit=1), {"booked": {"a": [(0, 1000)]}}, {}),
    Change.STAFF_LIMIT: (
        HALF_HOUR,
        {"booked": {"a": [(0, 1000)]}, "limits": {"a": (1, None)}, "busy": {"b": FULL}},
        {},
    ),
    Change.CLIENT_LIMIT: (replace(HALF_HOUR, client_weekly_limit=1), {}, {"client_booked": [EARLY]}),
    Change.APPOINTMENT_ONLY: (HALF_HOUR, {"blocks": {"a": FULL, "b": FULL}}, {}),
}


@pytest.mark.parametrize("change", CASES)
def test_each_change_is_named_where_it_opens_a_slot_and_not_where_one_is_open(change):
    service, rules, asked = CASES[change]
    world, query = snapshot(service=service, **rules), replace(monday(), **asked)
    told = why_not(world, query, NOW)
    assert told.free == 0
    named = next(r for r in told.relaxations if r.change is change)
    relaxed, wider = apply(world, query, named)
    found = find_slots(relaxed, wider, NOW)
    assert (named.staff, named.start) in {(world.staff[i], s) for i, s in zip(found.lane, found.start, strict=True)}
    assert sentence(named, world).endswith(f"with {named.staff}.")
    assert change not in {r.change for r in why_not(snapshot(), monday(), NOW).relaxations}


def apply(snapshot, query, relaxation):
    """The world and the query as the relaxation would have them."""
    service, minutes = snapshot.services[0], relaxation.minutes
    after = max(service.buffer_after - minutes, 0)
    before = service.buffer_before - max(minutes - service.buffer_after, 0)
    others = tuple(r for r in service.requirements if r.kind != relaxation.kind)
    of_service = {
        Change.NOTICE: {"minimum_notice": service.minimum_notice - minutes},
        Change.ADVANCE: {"maximum_advance": service.maximum_advance + minutes // 1440},
        Change.BUFFER: {"buffer_before": before, "buffer_after": after},
        Change.RESOURCE: {"requirements": others},
        Change.WINDOW: {"windows": (), "first_date": None, "last_date": None},
        Change.SERVICE_LIMIT: {"daily_limit": None, "weekly_limit": None},
    }
    of_query = {
        Change.LATER: {"start": query.end, "end": query.end + timedelta(days=62)},
        Change.EARLIER: {"start": query.start - timedelta(days=62), "end": query.start},
        Change.STAFF: {"staff": None},
        Change.CLIENT_LIMIT: {"client_booked": ()},
        Change.APPOINTMENT_ONLY: {"by_staff": True},
    }
    if relaxation.change is Change.STAFF_LIMIT:
        return replace(snapshot, limits={}), query
    services = (replace(service, **of_service.get(relaxation.change, {})), *snapshot.services[1:])
    return replace(snapshot, services=services), replace(query, **of_query.get(relaxation.change, {}))


def test_an_unknown_service_is_refused():
    with pytest.raises(ValueError, match="no service"):
        why_not(snapshot({}), replace(monday(), service="y"), NOW)
