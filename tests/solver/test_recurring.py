"""Series: agreement with asking for each date by itself, and the smallest case of each rule."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.clock import epoch_minute, moment, utc_day
from solver.errors import InvalidProblem
from solver.recurring import SeriesQuery, Skipped, find_series
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Hours, Service, Snapshot
from solver.whynot import Ruled

MONDAY = date(2026, 3, 2)
START = utc_day(MONDAY)
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
WEEK = 7 * 1440
HOUR = Service("x", 60, slot_interval=30)
ALL_WEEK = tuple((day, 540, 1080, None, None) for day in range(7))


def world(
    staff="a",
    service=HOUR,
    busy=None,
    overrides=None,
    zone="UTC",
    days=100,
    weekly=ALL_WEEK,
    allocations=None,
    first_day=MONDAY,
    **rules,
):
    return Snapshot.build(
        zone=zone,
        first_day=first_day,
        days=days,
        staff=list(staff),
        hours={m: Hours(weekly, (overrides or {}).get(m, {})) for m in staff},
        services=[service],
        allocations=[("x", m, None) for m in staff] if allocations is None else allocations,
        busy={m: [(START + s, START + e) for s, e in spans] for m, spans in (busy or {}).items()},
        **rules,
    )


def told(series):
    """Each date as words: "02.03. 10:00 a"."""
    return [
        f"{moment(s).astimezone(series.zone):%d.%m. %H:%M} {series.snapshot.staff[lane]}"
        for s, lane in zip(series.start, series.lane, strict=True)
    ]


def missed(series):
    return [(f"{e.day:%d.%m.}", str(e.cause)) for e in series.exceptions]


# The oracle: minute by minute through the dates, each asked for by itself.


def dates_one_by_one(snapshot, query, now, staff):
    """(start, free lanes) of every date tried, where the finder and the clock on the wall agree."""
    zone = query.zone or snapshot.zone
    wanted = query.first.astimezone(zone)
    day, minutes = wanted.date(), {}
    for minute in range(epoch_minute(query.first), snapshot.end + 15 * 1440, 15):  # the quarters that zones shift by
        shown = moment(minute).astimezone(zone)
        if (shown.hour, shown.minute) == (wanted.hour, wanted.minute):
            minutes.setdefault(shown.date(), []).append(minute)
    while query.until is None or day <= query.until:
        starts = minutes.get(day, [])
        start = starts[wanted.fold if len(starts) > 1 else 0] if starts else None
        # What the clocks skip lies where its wall time would have come.
        if (epoch_minute(datetime.combine(day, wanted.time(), zone)) if start is None else start) >= snapshot.end:
            return
        if start is None:
            yield day, []
        else:
            found = find_slots(snapshot, SlotQuery(query.service, moment(start), moment(start + 1), staff), now)
            yield day, found.lane.tolist()
        day += timedelta(days=query.every)


def expected(snapshot, query, now, staff):
    taken, left = [], []
    for day, lanes in dates_one_by_one(snapshot, query, now, staff):
        if len(taken) == query.count:
            break
        if not lanes:
            left.append(day)
        else:
            before = taken[-1][1] if taken else None
            taken.append((day, before if before in lanes else lanes[0]))
    return taken, left


@st.composite
def worlds(draw):
    zone, first_day = draw(
        st.sampled_from([
            ("UTC", MONDAY), ("Europe/Berlin", date(2026, 3, 20)), ("Europe/Berlin", date(2026, 10, 18)),
            ("Australia/Lord_Howe", date(2026, 9, 28)), ("America/St_Johns", date(2026, 10, 27)),
        ])
    )  # fmt: skip
    days = draw(st.integers(5, 30))
    weekly = tuple((day, 0, 1440, None, None) for day in draw(st.sets(st.integers(0, 6), min_size=4)))
    spans = st.lists(st.tuples(st.integers(0, days * 1440), st.integers(60, 2000)), max_size=6)
    busy = {
        m: [(s - START + utc_day(first_day), s - START + utc_day(first_day) + n) for s, n in draw(spans)] for m in "ab"
    }
    snapshot = world("ab", replace(HOUR, duration=30), busy, None, zone, days, weekly, first_day=first_day)
    hour = draw(st.sampled_from([0, 1, 2, 9]))
    first = datetime(first_day.year, first_day.month, first_day.day, hour, 30, tzinfo=ZoneInfo(zone)) + timedelta(
        days=1
    )
    return snapshot, SeriesQuery(
        "x",
        first,
        draw(st.integers(1, 12)),
        draw(st.sampled_from([1, 2, 7, 14])),
        draw(st.sampled_from([None, "a", "ba"])),
        zone=draw(st.sampled_from([None, ZoneInfo("Asia/Kathmandu")])),
        until=draw(st.none() | st.just(first_day + timedelta(days=12))),
    )


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_a_series_takes_the_first_dates_that_are_free(case):
    snapshot, query = case
    now = query.first - timedelta(days=10)
    series = find_series(snapshot, query, now)
    taken, left = expected(snapshot, query, now, query.staff)
    local = [moment(s).astimezone(series.zone) for s in series.start]
    assert list(zip([at.date() for at in local], series.lane.tolist(), strict=True)) == taken
    wall = query.first.astimezone(series.zone)
    assert {(at.hour, at.minute) for at in local} <= {(wall.hour, wall.minute)}
    assert [e.day for e in series.exceptions] == left
    assert series.complete == (len(taken) == query.count)


@settings(max_examples=30, deadline=None)
@given(worlds())
def test_one_staff_member_is_who_completes_first(case):
    snapshot, query = case
    now = query.first - timedelta(days=10)
    series = find_series(snapshot, replace(query, same_staff=True), now)
    runs = []
    for place, member in enumerate(query.staff or snapshot.staff):
        taken, left = expected(snapshot, query, now, (member,))
        runs.append((-len(taken), taken[-1][0] if taken else date.min, place, taken, left))
    _, _, _, taken, left = min(runs)
    local = [moment(s).astimezone(series.zone).date() for s in series.start]
    assert list(zip(local, series.lane.tolist(), strict=True)) == taken
    assert [e.day for e in series.exceptions] == left or not taken


# The smallest case of each rule.


def test_weekly_and_fortnightly():
    assert told(find_series(world(), SeriesQuery("x", TEN, 3), NOW)) == [
        "02.03. 10:00 a",
        "09.03. 10:00 a",
        "16.03. 10:00 a",
    ]
    assert told(find_series(world(), SeriesQuery("x", TEN, 2, every=14), NOW)) == ["02.03. 10:00 a", "16.03. 10:00 a"]


def test_an_exception_is_named_with_its_cause_and_made_up_for():
    snapshot = world(busy={"a": [(WEEK + 630, WEEK + 660)]}, overrides={"a": {MONDAY + timedelta(days=14): ()}})
    series = find_series(snapshot, SeriesQuery("x", TEN, 2), NOW)
    assert told(series) == ["02.03. 10:00 a", "23.03. 10:00 a"]
    assert missed(series) == [("09.03.", "booked"), ("16.03.", "closed")]
    assert series.exceptions[0].ruled_out == {Ruled.BOOKED: 1}
    assert series.complete


def test_the_cause_is_that_of_the_nearest_candidate():
    snapshot = world(
        "abc",
        replace(HOUR, buffer_after=30),
        busy={"c": [(660, 720)]},
        overrides={"b": {MONDAY: ()}},
        allocations=[("x", "b", None), ("x", "c", None)],
    )
    (exception,) = find_series(snapshot, SeriesQuery("x", TEN, 1, until=MONDAY), NOW).exceptions
    assert exception.cause == Ruled.BUFFER
    assert exception.ruled_out == {Ruled.NOT_ALLOCATED: 1, Ruled.CLOSED: 1, Ruled.BUFFER: 1}


def test_notice_and_advance_are_causes():
    service = replace(HOUR, minimum_notice=2 * 1440, maximum_advance=10)
    series = find_series(world(service=service), SeriesQuery("x", TEN, 3, until=date(2026, 3, 16)), NOW)
    assert told(series) == ["09.03. 10:00 a"]
    assert missed(series) == [("02.03.", "notice"), ("16.03.", "advance")]
    assert not series.complete


def test_a_time_off_the_grid_is_a_cause():
    series = find_series(world(), SeriesQuery("x", TEN + timedelta(minutes=10), 1, until=MONDAY), NOW)
    assert missed(series) == [("02.03.", "off_grid")]


def test_the_staff_member_of_the_date_before_is_kept_where_free():
    snapshot = world("ab", busy={"a": [(600, 660)], "b": [(2 * WEEK + 600, 2 * WEEK + 660)]})
    assert told(find_series(snapshot, SeriesQuery("x", TEN, 4), NOW)) == [
        "02.03. 10:00 b",
        "09.03. 10:00 b",
        "16.03. 10:00 a",
        "23.03. 10:00 a",
    ]


def test_one_staff_member_for_the_whole_series():
    snapshot = world("ab", busy={"a": [(600, 660), (WEEK + 600, WEEK + 660)], "b": [(2 * WEEK + 600, 2 * WEEK + 660)]})
    series = find_series(snapshot, SeriesQuery("x", TEN, 3, same_staff=True), NOW)
    assert told(series) == ["02.03. 10:00 b", "09.03. 10:00 b", "23.03. 10:00 b"]
    assert missed(series) == [("16.03.", "booked")]


def test_nobody_allocated_is_told_for_each_date():
    for same_staff in (False, True):
        query = SeriesQuery("x", TEN, 3, until=date(2026, 3, 9), same_staff=same_staff)
        assert missed(find_series(world(allocations=[]), query, NOW)) == [
            ("02.03.", "not_allocated"),
            ("09.03.", "not_allocated"),
        ]


def test_local_time_is_kept_when_the_clocks_change():
    first = datetime(2026, 3, 23, 10, tzinfo=ZoneInfo("Europe/Berlin"))
    series = find_series(world(zone="Europe/Berlin"), SeriesQuery("x", first, 2), NOW)
    assert told(series) == ["23.03. 10:00 a", "30.03. 10:00 a"]
    assert series.start[1] - series.start[0] == WEEK - 60


def test_a_time_that_the_clocks_skip_is_an_exception():
    berlin = ZoneInfo("Europe/Berlin")
    snapshot = world(zone="Europe/Berlin", weekly=tuple((day, 0, 1440, None, None) for day in range(7)))
    series = find_series(snapshot, SeriesQuery("x", datetime(2026, 3, 22, 2, 30, tzinfo=berlin), 2), NOW)
    assert told(series) == ["22.03. 02:30 a", "05.04. 02:30 a"]
    assert missed(series) == [("29.03.", Skipped.NO_SUCH_TIME)]


@pytest.mark.parametrize("fold", [0, 1])
def test_a_time_that_comes_twice_is_the_one_that_was_meant(fold):
    berlin = ZoneInfo("Europe/Berlin")
    weekly = tuple((day, 0, 1440, None, None) for day in range(7))
    snapshot = world(zone="Europe/Berlin", weekly=weekly, first_day=date(2026, 10, 20), days=20)
    twice = datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold)
    series = find_series(snapshot, SeriesQuery("x", twice, 2), NOW)
    assert series.start.tolist() == [epoch_minute(twice), epoch_minute(twice) - fold * 60 + WEEK + 60]


def test_a_date_that_a_zone_skipped_is_an_exception():
    apia = ZoneInfo("Pacific/Apia")
    snapshot = world(zone="Pacific/Apia", first_day=date(2011, 12, 20), days=30)
    first = datetime(2011, 12, 23, 10, tzinfo=apia)
    series = find_series(snapshot, SeriesQuery("x", first, 2), datetime(2011, 12, 1, tzinfo=UTC))
    assert missed(series) == [("30.12.", Skipped.NO_SUCH_TIME)]
    assert told(series) == ["23.12. 10:00 a", "06.01. 10:00 a"]


def test_a_series_does_not_overlap_itself():
    service = Service("x", 1440, buffer_after=60, slot_interval=60)
    weekly = tuple((day, 0, 1440, None, None) for day in range(7))
    series = find_series(world(service=service, weekly=weekly), SeriesQuery("x", TEN, 2, every=1), NOW)
    assert told(series) == ["02.03. 10:00 a", "04.03. 10:00 a"]
    assert missed(series) == [("03.03.", "booked")]


@pytest.mark.parametrize(
    ("service", "rules", "cause"),
    [
        (replace(HOUR, weekly_limit=2), {}, "service_limit"),
        (replace(HOUR, client_weekly_limit=2), {}, "client_limit"),
        (HOUR, {"limits": {"a": (None, 2)}}, "staff_limit"),
    ],
)
def test_the_dates_of_a_series_count_together_against_a_weeks_limit(service, rules, cause):
    series = find_series(world(service=service, **rules), SeriesQuery("x", TEN, 3, every=2), NOW)
    assert told(series) == ["02.03. 10:00 a", "04.03. 10:00 a", "10.03. 10:00 a"]
    assert missed(series) == [("06.03.", cause), ("08.03.", cause)]
    assert len(find_series(world(service=service, **rules), SeriesQuery("x", TEN, 3), NOW).exceptions) == 0


def test_what_the_client_has_booked_counts():
    snapshot = world(service=replace(HOUR, client_daily_limit=1))
    series = find_series(snapshot, SeriesQuery("x", TEN, 2, client_booked=[TEN + timedelta(days=7, hours=3)]), NOW)
    assert told(series) == ["02.03. 10:00 a", "16.03. 10:00 a"]


def test_the_horizon_ends_a_series():
    series = find_series(world(days=10), SeriesQuery("x", TEN, 5), NOW)
    assert (len(series), series.complete, series.exceptions) == (2, False, ())


def test_a_series_becomes_a_table():
    snapshot = world(busy={"a": [(WEEK + 600, WEEK + 660)]})
    frame = find_series(snapshot, SeriesQuery("x", TEN, 2, zone=ZoneInfo("Asia/Tokyo")), NOW).to_frame()
    assert frame["day"].tolist() == [date(2026, 3, 2), date(2026, 3, 9), date(2026, 3, 16)]
    assert frame["cause"].fillna("").tolist() == ["", "booked", ""]
    assert frame["starts_at"][0] == TEN
    assert frame["starts_at"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "1 to 366 dates, not 0"),
        ({"count": 367}, "1 to 366 dates, not 367"),
        ({"every": 0}, "every 1 to 366 days, not 0"),
        ({"first": datetime(2026, 3, 2, 10)}, "needs an offset"),  # noqa: DTZ001 - the mistake itself
        ({"first": TEN + timedelta(seconds=1)}, "whole minute"),
        ({"service": "z"}, "no service 'z'"),
        ({"staff": ["z"]}, "no staff member 'z'"),
    ],
)
def test_bad_input_gets_one_clear_error(change, message):
    with pytest.raises(InvalidProblem, match=message):
        find_series(world(), replace(SeriesQuery("x", TEN, 2), **change), NOW)
