"""Every change of the clocks of every zone, 2024 to 2027, and the odd ones of history: finder against oracle."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest

from solver.clock import epoch_minute, moment, utc_day, wall_spans
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Hours, Service, Snapshot
from tests.solver.oracle import World, minute_of, slots

YEARS = range(2024, 2028)


@cache
def changes() -> dict[tuple[datetime, int, int], str]:
    """One zone for each distinct change (instant, offset before, offset after): the others behave the same."""
    found: dict[tuple[datetime, int, int], str] = {}
    for name in sorted(available_timezones() - {"localtime", "Factory"}):
        zone = ZoneInfo(name)
        day = datetime(YEARS[0], 1, 1, tzinfo=UTC)
        while day.year in YEARS:
            after = day + timedelta(days=1)
            if _offset(zone, day) != _offset(zone, after):
                instant = _instant(zone, day, after)
                found.setdefault((instant, _offset(zone, day), _offset(zone, after)), name)
            day = after
    return found


def _offset(zone: ZoneInfo, at: datetime) -> int:
    return int(at.astimezone(zone).utcoffset().total_seconds()) // 60


def _instant(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    while after - before > timedelta(minutes=1):
        middle = before + (after - before) // 2
        middle = middle.replace(second=0, microsecond=0)
        before, after = (middle, after) if _offset(zone, middle) == _offset(zone, before) else (before, middle)
    return after


def agree(zone: str, day: date, shift: tuple[int, int], interval: int) -> None:
    """The finder and the oracle find the same starts on the three local days around a change."""
    days = [day - timedelta(days=1), day, day + timedelta(days=1)]
    shifts = {"a": {d: [shift] for d in days}}
    world = World(zone, day - timedelta(days=2), 5, shifts, {"a": []}, {"a": 45}, interval=interval)
    snapshot = Snapshot.build(
        zone=zone,
        first_day=world.first_day,
        days=world.days,
        staff=["a"],
        hours={"a": Hours(overrides=dict.fromkeys(days, (shift,)))},
        services=[Service("x", 45, slot_interval=interval)],
        allocations=[("x", "a", None)],
        busy={},
    )
    lo, hi = minute_of(world.first_day), minute_of(world.first_day) + world.days * 1440
    world.now = lo
    found = find_slots(snapshot, SlotQuery("x", moment(lo), moment(hi)), moment(lo))
    assert {("a", int(s)) for s in found.start} == slots(world, lo, hi)


# A shift over the change, one that begins inside the gap, one past midnight, and the whole day.
SHIFTS = [(0, 480), (150, 600), (1320, 1800), (0, 1440)]


def test_every_change_of_every_zone():
    distinct = changes()
    assert len(distinct) > 60
    for number, ((instant, before, _), zone) in enumerate(sorted(distinct.items())):
        local_day = (instant + timedelta(minutes=before - 1)).date()
        agree(zone, local_day, SHIFTS[number % len(SHIFTS)], (15, 30, 60)[number % 3])


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Australia/Lord_Howe", date(2026, 4, 5)),
        ("Australia/Lord_Howe", date(2026, 10, 4)),
        ("Pacific/Apia", date(2011, 12, 29)),
        ("Pacific/Apia", date(2011, 12, 31)),
        ("Africa/Casablanca", date(2026, 2, 15)),
        ("Africa/Casablanca", date(2026, 3, 22)),
        ("America/St_Johns", date(2026, 3, 8)),
        ("Asia/Kathmandu", date(1985, 12, 31)),
    ],
)
def test_the_odd_ones(zone, day, shift):
    agree(zone, day, shift, 15)


def test_a_gap_hour_does_not_exist_and_a_repeated_hour_counts_twice():
    berlin = ZoneInfo("Europe/Berlin")
    spring = wall_spans(berlin, date(2026, 3, 29), 60, 240)
    autumn = wall_spans(berlin, date(2026, 10, 25), 60, 240)
    assert sum(end - start for start, end, _ in spring) == 120
    assert sum(end - start for start, end, _ in autumn) == 240
    assert wall_spans(berlin, date(2026, 3, 29), 125, 175) == []


def test_a_day_that_a_zone_skipped_has_no_hours():
    assert wall_spans(ZoneInfo("Pacific/Apia"), date(2011, 12, 30), 540, 1020) == []


def test_hours_that_begin_in_the_gap_begin_when_it_ends():
    spans = wall_spans(ZoneInfo("Europe/Berlin"), date(2026, 3, 29), 150, 300)
    assert spans[0][0] == epoch_minute(datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    assert utc_day(date(2026, 3, 29)) + 60 == spans[0][0]
