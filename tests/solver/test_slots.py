"""The slot finder: agreement with the oracle on random worlds, and the smallest case of each rule."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.clock import epoch_minute, moment, utc_day
from solver.errors import InvalidProblem
from solver.slots import SlotQuery, find_slots, legal_starts
from solver.snapshot import Hours, Service, Snapshot
from tests.solver.oracle import World, minute_of, slots

# Zones and dates around which the clocks change: by an hour, by half an hour, by a whole day, at midnight, and not.
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 28)),
    ("Europe/Berlin", date(2026, 10, 24)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 4)),
    ("Australia/Lord_Howe", date(2026, 10, 3)),
    ("Pacific/Apia", date(2011, 12, 29)),
    ("Africa/Casablanca", date(2026, 2, 14)),
    ("America/Havana", date(2026, 3, 7)),
    ("Asia/Kathmandu", date(2026, 5, 1)),
    ("America/Sao_Paulo", date(2026, 5, 1)),
]


@st.composite
def spans(draw):
    points = sorted(draw(st.lists(st.integers(0, 1700), min_size=2, max_size=4, unique=True)))
    return [(a, b) for a, b in zip(points[::2], points[1::2], strict=False) if a < 1440]


@st.composite
def worlds(draw):
    zone, first_day = draw(st.sampled_from(CHANGES))
    days = draw(st.integers(1, 3))
    start = minute_of(first_day)
    shifts, busy, durations = {}, {}, {}
    for member in draw(st.sampled_from([["a"], ["a", "b"]])):
        # Every other date, so that a shift past midnight meets no other.
        dates = [first_day + timedelta(days=i) for i in range(draw(st.integers(-1, 0)), days + 1, 2)]
        shifts[member] = {day: draw(spans()) for day in dates}
        claims = draw(st.lists(st.tuples(st.integers(-200, days * 1440), st.integers(1, 300)), max_size=5))
        busy[member] = [(start + s, start + s + length) for s, length in claims]
        durations[member] = draw(st.sampled_from([None, 15, 37, 60, 240]))
    return World(
        zone,
        first_day,
        days,
        shifts,
        busy,
        durations,
        before=draw(st.sampled_from([0, 0, 7])),
        after=draw(st.sampled_from([0, 10])),
        interval=draw(st.sampled_from([5, 15, 30, 60])),
        notice=draw(st.sampled_from([0, 90])),
        advance=draw(st.sampled_from([1, 366])),
        now=start + draw(st.integers(-1500, 1500)),
    )


def snapshot_of(world: World) -> Snapshot:
    return Snapshot.build(
        zone=world.zone,
        first_day=world.first_day,
        days=world.days,
        staff=list(world.durations),
        hours={m: Hours(overrides={d: tuple(s) for d, s in by_day.items()}) for m, by_day in world.shifts.items()},
        services=[
            Service("x", 30, world.before, world.after, world.interval, world.notice, world.advance),
        ],
        allocations=[("x", m, d) for m, d in world.durations.items() if d is not None],
        busy=world.busy,
    )


def found_by_arrays(world: World, lo: int, hi: int) -> set[tuple[str, int]]:
    snapshot = snapshot_of(world)
    found = find_slots(snapshot, SlotQuery("x", moment(lo), moment(hi)), moment(world.now))
    pairs = [(snapshot.staff[i], int(s)) for i, s in zip(found.lane, found.start, strict=True)]
    assert len(pairs) == len(set(pairs))
    assert [p[1] for p in pairs] == sorted(p[1] for p in pairs)
    return set(pairs)


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_finder_and_oracle_agree(world):
    lo, hi = minute_of(world.first_day) - 60, minute_of(world.first_day) + world.days * 1440 + 60
    assert found_by_arrays(world, lo, hi) == slots(world, lo, hi)


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
    assert found_by_arrays(world, lo, hi) == slots(world, lo, hi)
    assert found_by_arrays(replace(world, after=0), lo, hi) != slots(world, lo, hi)


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


@settings(max_examples=50, deadline=None)
@given(worlds(), st.data())
def test_a_day_replaced_equals_a_rebuild(world, data):
    snapshot = snapshot_of(world)
    member = data.draw(st.sampled_from(sorted(world.durations)))
    day = world.first_day + timedelta(days=data.draw(st.integers(0, world.days - 1)))
    start = minute_of(day)
    kept = [(s, e) for s, e in world.busy[member] if not start <= s < start + 1440]
    new = [
        (start + s, start + s + n) for s, n in data.draw(st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 90))))
    ]
    rebuilt = snapshot_of(replace(world, busy={**world.busy, member: kept + new}))
    assert snapshot.with_day(member, day, new).same_as(rebuilt)


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
