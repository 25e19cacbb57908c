"""The slot finder: agreement with the oracle on random worlds, and the smallest case of each rule."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from solver.clock import epoch_minute, moment, utc_day
from solver.errors import InvalidProblem
from solver.slots import SlotQuery, find_slots, legal_starts
from solver.snapshot import Hours, Service, Snapshot
from tests.solver.businesses import found_by_arrays, random_world, snapshot_of, span_of
from tests.solver.oracle import World, minute_of, slots


def test_the_oracle_catches_a_finder_that_forgets_the_buffer():
    world = World(
        "UTC",
        date(2026, 3, 2),
        1,
        {"a": {date(2026, 3, 2): [(540, 720)]}},
        {"a": [(minute_of(date(2026, 3, 2)) + 600, minute_of(date(2026, 3, 2)) + 630)]},
        {"a": 30},
        after=10,
        now=minute_of(date(2026, 3, 1)),
    )
    lo, hi = minute_of(date(2026, 3, 2)), minute_of(date(2026, 3, 3))
    assert set(found_by_arrays(world, lo, hi)) == slots(world, lo, hi)
    assert set(found_by_arrays(replace(world, after=0), lo, hi)) != slots(world, lo, hi)


MONDAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
NINE_TO_TWELVE = Hours(((0, 540, 720, None, None),))


def starts(service: Service, hours=NINE_TO_TWELVE, busy=(), zone="UTC", now=NOW, own=None) -> list[str]:
    snapshot = Snapshot.build(
        zone=zone,
        first_day=date(2026, 3, 1),
        days=30,
        staff=["a"],
        hours={"a": hours},
        services=[service],
        allocations=[("x", "a", own)],
        busy={"a": [(utc_day(MONDAY) + s, utc_day(MONDAY) + e) for s, e in busy]},
    )
    query = SlotQuery("x", datetime(2026, 3, 2, tzinfo=ZoneInfo(zone)), datetime(2026, 3, 3, tzinfo=ZoneInfo(zone)))
    found = find_slots(snapshot, query, now)
    return [f"{moment(s).astimezone(ZoneInfo(zone)):%H:%M}" for s in found.start]


HOUR = Service("x", 60, slot_interval=60)


def test_a_visit_lies_inside_working_hours():
    assert starts(HOUR) == ["09:00", "10:00", "11:00"]


def test_an_own_duration_replaces_the_services():
    assert starts(HOUR, own=90) == ["09:00", "10:00"]


def test_buffers_clear_claims_but_may_pass_opening_and_closing():
    buffered = replace(HOUR, buffer_before=15, buffer_after=15)
    assert starts(buffered) == ["09:00", "10:00", "11:00"]
    assert starts(buffered, busy=[(600, 660)]) == []
    assert starts(HOUR, busy=[(600, 660)]) == ["09:00", "11:00"]


def test_a_claim_beyond_closing_still_stops_the_buffer():
    assert starts(replace(HOUR, buffer_after=15), busy=[(725, 735)]) == ["09:00", "10:00"]
    assert starts(replace(HOUR, buffer_after=15), busy=[(735, 745)]) == ["09:00", "10:00", "11:00"]


def test_the_grid_follows_the_local_clock():
    assert starts(HOUR, zone="Asia/Kathmandu") == ["09:00", "10:00", "11:00"]
    half_past = Hours(((0, 555, 720, None, None),))
    assert starts(HOUR, half_past) == ["10:00", "11:00"]


def test_notice_and_advance_are_counted_from_now():
    at_ten = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert starts(replace(HOUR, minimum_notice=30), now=at_ten) == ["10:00", "11:00"]
    assert starts(replace(HOUR, minimum_notice=31), now=at_ten) == ["11:00"]
    assert starts(replace(HOUR, maximum_advance=1), now=NOW.replace(hour=10)) == ["09:00", "10:00"]


def test_an_override_replaces_the_day_and_weekly_hours_have_a_validity():
    assert starts(HOUR, replace(NINE_TO_TWELVE, overrides={MONDAY: ((600, 660),)})) == ["10:00"]
    assert starts(HOUR, replace(NINE_TO_TWELVE, overrides={MONDAY: ()})) == []
    ended = Hours(((0, 540, 720, None, MONDAY),))
    begun = Hours(((0, 540, 720, MONDAY, None),))
    assert (starts(HOUR, ended), starts(HOUR, begun)) == ([], ["09:00", "10:00", "11:00"])


def test_a_shift_past_midnight_belongs_to_the_date_it_starts_on():
    sunday_night = Hours(((6, 1380, 1560, None, None),))
    assert starts(HOUR, sunday_night) == ["00:00", "01:00"]


def test_only_who_is_allocated_and_asked_for():
    snapshot = Snapshot.build(
        zone="UTC",
        first_day=MONDAY,
        days=1,
        staff=["a", "b", "c"],
        hours=dict.fromkeys("abc", NINE_TO_TWELVE),
        services=[HOUR],
        allocations=[("x", "a", None), ("x", "b", None)],
        busy={},
    )
    window = moment(utc_day(MONDAY)), moment(utc_day(MONDAY) + 1440)
    everyone = find_slots(snapshot, SlotQuery("x", *window), NOW)
    one = find_slots(snapshot, SlotQuery("x", *window, ["b", "c"]), NOW)
    assert set(everyone.lane.tolist()) == {0, 1}
    assert set(one.lane.tolist()) == {1}


def test_a_visit_lies_wholly_inside_a_window():
    snapshot = Snapshot.build(
        zone="UTC",
        first_day=MONDAY,
        days=1,
        staff=["a"],
        hours={"a": NINE_TO_TWELVE},
        services=[replace(HOUR, slot_interval=30)],
        allocations=[("x", "a", None)],
        busy={},
    )
    nine = utc_day(MONDAY) + 540
    found = legal_starts(snapshot, "x", [(moment(nine + 15), moment(nine + 105))], NOW)
    assert (found.start - nine).tolist() == [30]


def test_arrays_are_closed_to_writing():
    snapshot = snapshot_of(World("UTC", MONDAY, 1, {"a": {MONDAY: [(540, 720)]}}, {"a": []}, {"a": 30}))
    with pytest.raises(ValueError, match="read-only"):
        snapshot.lanes[0].gaps[0, 0] = 1


@pytest.mark.parametrize("seed", range(60))
def test_a_day_replaced_equals_a_rebuild(seed):
    rng = Random(seed)
    world = random_world(rng)
    snapshot, member = snapshot_of(world), rng.choice(sorted(world.durations))
    day = world.first_day + timedelta(days=rng.randrange(world.days))
    start = minute_of(day)
    kept = [(s, e) for s, e in world.busy[member] if not start <= s < start + 1440]
    new = [(s, s + rng.randint(1, 90)) for s in (start + rng.randrange(1440) for _ in range(rng.randrange(4)))]
    booked = [(0, s + world.before) for s, _ in new]
    others = [(k, s) for k, s in world.booked.get(member, []) if not start <= s - world.before < start + 1440]
    rebuilt = replace(world, busy={**world.busy, member: kept + new}, booked={**world.booked, member: others + booked})
    updated = snapshot.with_day(member, day, new, booked)
    assert updated.same_as(snapshot_of(rebuilt))
    assert not new or not updated.same_as(snapshot)
    lo, hi = span_of(world)
    for _ in range(3):
        assert found_by_arrays(rebuilt, lo, hi, updated) == found_by_arrays(rebuilt, lo, hi)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"zone": "Mars/Olympus"}, "no time zone"),
        ({"zone": "../../etc/passwd"}, "no time zone"),
        ({"days": 0}, "1 to 400"),
        ({"days": 4000}, "1 to 400"),
        ({"staff": ["a", "a"]}, "twice"),
        ({"allocations": [("x", "nobody", None)]}, "nobody"),
        ({"allocations": [("y", "a", None)]}, "'y'"),
        ({"busy": {"a": [(10, 10)]}}, "ends before it starts"),
        ({"busy": {"z": []}}, "'z'"),
        ({"hours": {"a": Hours(((0, 540, 720, None, None), (0, 700, 800, None, None)))}}, "overlap"),
    ],
)
def test_bad_input_is_one_clear_error(change, message):
    good = {
        "zone": "UTC",
        "first_day": MONDAY,
        "days": 1,
        "staff": ["a"],
        "hours": {},
        "services": [HOUR],
        "allocations": [],
        "busy": {},
    }
    with pytest.raises(InvalidProblem, match=message):
        Snapshot.build(**{**good, **change})


@pytest.mark.parametrize(
    "bad", [{"duration": 0}, {"duration": 1441}, {"buffer_after": -1}, {"slot_interval": 4}, {"maximum_advance": 0}]
)
def test_a_service_that_cannot_be_is_refused(bad):
    with pytest.raises(InvalidProblem):
        replace(HOUR, **bad)


def test_a_query_needs_offsets_order_and_measure():
    naive, aware = datetime(2026, 3, 2), datetime(2026, 3, 2, tzinfo=UTC)  # noqa: DTZ001 - that is the point
    for pair in ((naive, aware), (aware, aware), (aware, aware + timedelta(days=63))):
        with pytest.raises(InvalidProblem):
            SlotQuery("x", *pair)
    with pytest.raises(InvalidProblem, match="offset"):
        epoch_minute(naive)


def test_slots_by_local_day_follow_the_zone_asked_for():
    snapshot = Snapshot.build(
        zone="UTC",
        first_day=MONDAY,
        days=3,
        staff=["a"],
        hours={"a": Hours(overrides={MONDAY: ((1320, 1560),)})},
        services=[HOUR],
        allocations=[("x", "a", None)],
        busy={},
    )
    found = find_slots(snapshot, SlotQuery("x", NOW, NOW + timedelta(days=3)), NOW)
    here = {day: len(slots) for day, slots in found.by_day().items()}
    tokyo = {day: len(slots) for day, slots in found.by_day(ZoneInfo("Asia/Tokyo")).items()}
    assert here == {MONDAY: 2, MONDAY + timedelta(days=1): 2}
    assert tokyo == {MONDAY + timedelta(days=1): 4}
    assert found.take(slice(0, 0)).by_day() == {}


def test_starts_of_windows_that_overlap_come_once_in_order_of_start_and_lane():
    snapshot = Snapshot.build(
        zone="UTC",
        first_day=MONDAY,
        days=1,
        staff=["a", "b"],
        hours=dict.fromkeys("ab", NINE_TO_TWELVE),
        services=[HOUR],
        allocations=[("x", "a", None), ("x", "b", None)],
        busy={},
    )
    nine = utc_day(MONDAY) + 540
    found = legal_starts(snapshot, "x", [(moment(nine), moment(nine + 120)), (moment(nine), moment(nine + 180))], NOW)
    assert list(zip((found.start - nine).tolist(), found.lane.tolist(), strict=True)) == [
        (0, 0), (0, 1), (60, 0), (60, 1), (120, 0), (120, 1),
    ]  # fmt: skip
