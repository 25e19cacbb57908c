"""Answers by day, counted, paged, the first and the next: each equal to looking at every slot."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.clock import by_local_day, epoch_minute, local_minutes, moment, utc_day
from solver.errors import InvalidProblem
from solver.listing import Cursor, count_days, first_available, next_after, page
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Hours, Service, Snapshot

MONDAY = date(2026, 3, 2)
START = utc_day(MONDAY)
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu")]


def world(hours=((0, 540, 660, None, None),), staff="ab", days=62, busy=None, first_day=MONDAY):
    return Snapshot.build(
        zone="UTC",
        first_day=first_day,
        days=days,
        staff=list(staff),
        hours=dict.fromkeys(staff, Hours(hours)),
        services=[Service("x", 60, slot_interval=30)],
        allocations=[("x", member, None) for member in staff],
        busy=busy or {},
    )


def query(days=62, start=MONDAY):
    at = datetime.combine(start, datetime.min.time(), UTC)
    return SlotQuery("x", at, at + timedelta(days=days))


def pairs(slots):
    return list(zip(slots.start.tolist(), slots.lane.tolist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.dates(date(2026, 1, 1), date(2026, 11, 1)), st.integers(0, 61), st.integers(-5, 5))
def test_a_month_counts_what_each_day_has(zone, day, length, shift):
    weekly = tuple((weekday, 0, 1440, None, None) for weekday in range(0, 7, 2))
    snapshot = world(weekly, days=70, first_day=day, busy={"b": [(utc_day(day), utc_day(day) + 3000)]})
    slots = find_slots(snapshot, query(62, day), datetime.combine(day, datetime.min.time(), UTC))
    first, last = day + timedelta(days=shift), day + timedelta(days=shift + length)
    month = count_days(slots, first, last, zone)
    shown: dict[date, list[int]] = {}
    for start in slots.start.tolist():
        shown.setdefault(moment(start).astimezone(zone).date(), []).append(start)
    for i in range(length + 1):
        here = shown.get(first + timedelta(days=i), [])
        row = int(month.starts[i]), int(month.slots[i]), int(month.first[i])
        assert row == (len(set(here)), len(here), min(here, default=-1))
    assert len(month.starts) == length + 1


def test_a_month_becomes_a_table():
    slots = find_slots(world(), query(), NOW)
    frame = count_days(slots, MONDAY, MONDAY + timedelta(days=1)).to_frame()
    assert frame["starts"].tolist() == [3, 0]
    assert frame["slots"].tolist() == [6, 0]
    assert frame["first"][0] == moment(START + 540)
    assert frame["first"].isna().tolist() == [False, True]


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_local_minutes_are_what_the_clock_shows(zone):
    changes = [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 4, 4, 15, tzinfo=UTC)]
    minutes = sorted(epoch_minute(at) + m for at in changes for m in range(-2000, 2000, 7))
    shown = local_minutes(zone, np.array(minutes))
    for minute, local in zip(minutes, shown.tolist(), strict=True):
        assert moment(local).replace(tzinfo=None) == moment(minute).astimezone(zone).replace(tzinfo=None)


def test_rows_by_local_day_are_in_order():
    slots = find_slots(world(), query(), NOW)
    days = by_local_day(slots.start, ZoneInfo("Asia/Tokyo"))
    assert [day.weekday() for day in days] == [0] * 9
    assert [row for rows in days.values() for row in rows.tolist()] == list(range(len(slots)))
    assert by_local_day(slots.start[:0], ZoneInfo("UTC")) == {}


# Pages.


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70))
def test_pages_one_after_another_are_the_answer(size):
    slots = find_slots(world(), query(), NOW)
    seen, after = [], None
    while True:
        part = page(slots, size, after)
        assert len(part.slots) <= size
        seen += pairs(part.slots)
        after = part.following
        if after is None:
            break
    assert seen == pairs(slots)


def test_a_cursor_stands_while_others_book():
    before = find_slots(world(), query(), NOW)
    first = page(before, 4)
    assert first.following == Cursor(START + 570, "b")
    booked = world(busy={"a": [(START + 540, START + 600)], "b": [(START + 540, START + 630)]})
    rest = page(find_slots(booked, query(), NOW), 1000, first.following)
    assert pairs(rest.slots)[0] == (START + 600, 0)
    assert set(pairs(rest.slots)) == {p for p in pairs(before) if p > (START + 570, 1)} - {(START + 600, 1)}


def test_a_cursor_whose_staff_member_left_repeats_that_start():
    rest = page(find_slots(world(staff="ac"), query(), NOW), 2, Cursor(START + 570, "b"))
    assert pairs(rest.slots) == [(START + 570, 0), (START + 570, 1)]


def test_the_last_page_has_no_cursor():
    slots = find_slots(world(), query(), NOW)
    assert page(slots, len(slots)).following is None
    assert page(slots.take(slice(0, 0)), 5).following is None
    assert len(page(slots, 5, Cursor(2**40, "a")).slots) == 0


# First and next.


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 61), st.integers(1, 62), st.integers(-100, 90_000))
def test_the_first_and_the_next_are_those_of_the_whole_answer(skipped, days, after):
    snapshot = world(((2, 540, 660, None, None), (4, 1380, 1500, None, None)))
    asked = query(days, MONDAY + timedelta(days=skipped))
    all_slots = pairs(find_slots(snapshot, asked, NOW))
    assert pairs(first_available(snapshot, asked, NOW)) == all_slots[:1]
    later = [p for p in all_slots if p[0] > START + after]
    assert pairs(next_after(snapshot, asked, moment(START + after), NOW)) == later[:1]


def test_nothing_comes_after_the_end_of_the_range():
    assert len(next_after(world(), query(3), moment(START + 5000), NOW)) == 0


def test_a_moment_within_a_minute_does_not_return_that_minute():
    nine = moment(START + 540)
    found = next_after(world(), query(), nine + timedelta(seconds=30), NOW)
    assert found.start.tolist() == [START + 570]
    assert next_after(world(), query(), nine - timedelta(seconds=30), NOW).start.tolist() == [START + 540]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda slots: page(slots, 0), "1 to 1000 slots, not 0"),
        (lambda slots: page(slots, 1001), "1 to 1000 slots, not 1001"),
        (lambda slots: count_days(slots, MONDAY, MONDAY - timedelta(days=1)), "1 to 62 days, not 0"),
        (lambda slots: count_days(slots, MONDAY, MONDAY + timedelta(days=62)), "1 to 62 days, not 63"),
        (lambda slots: next_after(slots.snapshot, query(), datetime(2026, 3, 2), NOW), "no offset"),  # noqa: DTZ001
        (lambda slots: first_available(slots.snapshot, replace(query(), service="z"), NOW), "no service 'z'"),
    ],
)
def test_bad_input_gets_one_clear_error(ask, message):
    with pytest.raises(InvalidProblem, match=message):
        ask(find_slots(world(), query(), NOW))
