"""Ranking: the same as scoring everything one by one, and the smallest case of each part of a score."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solver.suggestions
from solver.clock import moment, utc_day
from solver.errors import InvalidProblem
from solver.preferences import Part, Preferences, Weights, Wishes
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Hours, Service, Snapshot
from solver.suggestions import Ranking, rank, suggest, unusable_minutes

MONDAY = date(2026, 3, 2)
START = utc_day(MONDAY)
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
DAY = ((0, 540, 1080, None, None),)
ALL_WEEK = tuple((day, 540, 1140, None, None) for day in range(7))
HOUR = Service("x", 60, slot_interval=60)


def world(*, services=(HOUR,), staff="a", hours=DAY, busy=None, days=7, zone="UTC"):
    return Snapshot.build(
        zone=zone,
        first_day=MONDAY,
        days=days,
        staff=list(staff),
        hours=dict.fromkeys(staff, Hours(hours)),
        services=list(services),
        allocations=[(s.id, member, None) for s in services for member in staff],
        busy={m: [(START + s, START + e) for s, e in spans] for m, spans in (busy or {}).items()},
    )


def found(snapshot, service="x", days=7, zone="UTC"):
    start = datetime(2026, 3, 2, tzinfo=ZoneInfo(zone))
    return find_slots(snapshot, SlotQuery(service, start, start + timedelta(days=days)), NOW)


def clock(ranking: Ranking) -> list[str]:
    return [f"{moment(s):%H:%M}" for s in ranking.slots.start]


# The oracle: every slot by itself, in plain Python.


@cache
def lost(gap: int, lengths: frozenset[int]) -> int:
    """Minutes of a gap that no sequence of lengths fills, by trying all of them."""
    if not 0 < gap < 1440:
        return 0
    filled, reached = {0}, [0]
    for total in reached:
        more = {total + length for length in lengths if total + length <= gap} - filled
        filled |= more
        reached += sorted(more)
    return gap - max(filled)


def scored_one_by_one(slots, preferences: Preferences) -> list[tuple[float, int, int]]:
    """(cost, start, lane) of every slot, the best first."""
    snapshot = slots.snapshot
    lengths = frozenset(
        int(d) + s.buffer_before + s.buffer_after
        for s, row in zip(snapshot.services, snapshot.durations, strict=True)
        for d in row
        if d
    )
    loads = [minutes(lane.busy) / minutes(lane.work) for lane in snapshot.lanes]
    if preferences.wanted is not None:
        wanted = int(preferences.wanted.timestamp()) // 60
    else:
        wanted = min(slots.start.tolist(), default=0)
    scores = []
    for i in range(len(slots)):
        start, lane = int(slots.start[i]), int(slots.lane[i])
        opens, closes = free_around(snapshot.lanes[lane], start)
        before, after = slots.claim_start[i] - opens, closes - slots.claim_end[i]
        # Added up in the order of the product, so that ties are ties in both.
        cost = preferences.weights.fragment * (lost(int(before), lengths) + lost(int(after), lengths))
        cost += preferences.weights.load * loads[lane]
        cost += abs(start - wanted) * (preferences.weights.wait / 60)
        scores.append((cost + unmet(snapshot, preferences, start, lane), start, lane))
    return sorted(scores)


def free_around(lane, start: int) -> tuple[int, int]:
    """The free working time that a minute lies in."""
    opens, closes = next((s, e) for s, e, _ in lane.work.tolist() if s <= start < e)
    opens = max([opens, *(e for _, e in lane.busy.tolist() if e <= start)])
    return opens, min([closes, *(s for s, _ in lane.busy.tolist() if s > start)])


def minutes(spans) -> int:
    return sum(span[1] - span[0] for span in spans.tolist())


def unmet(snapshot, preferences: Preferences, start: int, lane: int) -> float:
    local = moment(start).astimezone(preferences.zone or snapshot.zone)
    part = Part.MORNING if local.hour < 12 else Part.AFTERNOON if local.hour < 17 else Part.EVENING
    member, client = snapshot.staff[lane], preferences.client

    def times(wish: Wishes) -> int:
        wrong_day = bool(wish.weekdays) and local.weekday() not in wish.weekdays
        return wrong_day + (bool(wish.parts) and part not in wish.parts)

    cost = preferences.weights.client * times(client)
    cost += preferences.weights.client * (bool(client.staff) and member not in client.staff)
    return cost + preferences.weights.staff * times(preferences.staff.get(member, Wishes()))


def as_rows(ranking: Ranking) -> list[tuple[float, int, int]]:
    columns = (-ranking.score, ranking.slots.start, ranking.slots.lane)
    return [(float(c), int(s), int(lane)) for c, s, lane in zip(*columns, strict=True)]


wishes = st.builds(
    Wishes,
    st.frozensets(st.integers(0, 6), max_size=3),
    st.frozensets(st.sampled_from(Part), max_size=2),
)
preferences = st.builds(
    Preferences,
    st.none() | st.integers(-3000, 12000).map(lambda m: moment(START + m)),
    st.builds(replace, wishes, staff=st.frozensets(st.sampled_from("ab"), max_size=1)),
    st.dictionaries(st.sampled_from("ab"), wishes, max_size=2),
    st.none() | st.sampled_from(["Asia/Tokyo", "America/St_Johns"]).map(ZoneInfo),
    st.builds(Weights, *[st.sampled_from([0.0, 0.125, 1.0, 7.5, 60.0])] * 5),
)


@st.composite
def snapshots(draw):
    services = [
        Service(name, draw(st.sampled_from([20, 45, 60])), draw(st.sampled_from([0, 7])), slot_interval=interval)
        for name, interval in (("x", draw(st.sampled_from([5, 15, 60]))), ("y", 30))
    ]
    spans = st.lists(st.tuples(st.integers(500, 5000), st.integers(5, 240)), max_size=12)
    busy = {member: [(s, s + n) for s, n in draw(spans)] for member in "ab"}
    return world(services=services, staff="ab", hours=ALL_WEEK, busy=busy)


@settings(max_examples=100, deadline=None)
@given(snapshots(), preferences, st.integers(1, 40))
def test_the_first_of_a_ranking_are_the_best_of_all(snapshot, preferences, limit):
    slots = found(snapshot, days=4)
    expected = scored_one_by_one(slots, preferences)
    assert as_rows(rank(slots, limit, preferences)) == expected[:limit]
    assert as_rows(rank(slots, None, preferences)) == expected


@settings(max_examples=30, deadline=None)
@given(snapshots(), preferences, st.integers(1, 40))
def test_looking_near_the_wanted_time_first_misses_nothing(snapshot, preferences, limit):
    slots = found(snapshot, days=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solver.suggestions, "NEAR", 8)
        near = rank(slots, limit, preferences)
    assert as_rows(near) == as_rows(rank(slots, None, preferences))[:limit]


def test_a_ranking_that_never_looks_further_is_caught():
    # The wanted time stands in the middle of fragments; the snug start is a day away.
    services = [replace(HOUR, slot_interval=5), Service("y", 500)]
    slots = found(world(services=services, hours=ALL_WEEK))
    wanted = Preferences(wanted=moment(START + 720), weights=Weights(wait=0.125))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solver.suggestions, "NEAR", 8)
        honest = rank(slots, 2, wanted)
        patch.setattr(solver.suggestions._Scoring, "reach", lambda self, _: self.near(2))
        blind = rank(slots, 2, wanted)
    expected = scored_one_by_one(slots, wanted)[:2]
    assert as_rows(honest) == expected
    assert as_rows(blind) != expected


@settings(max_examples=60, deadline=None)
@given(snapshots())
def test_slots_know_the_free_time_around_them(snapshot):
    slots = found(snapshot, days=4)
    around = [free_around(snapshot.lanes[lane], start) for lane, start in zip(slots.lane, slots.start, strict=True)]
    assert list(zip(slots.gap_lo, slots.gap_hi, strict=True)) == around
    if len(slots):
        before, after = slots.beside()
        assert before.tolist() == (slots.claim_start - slots.gap_lo).tolist()
        assert after.tolist() == (slots.gap_hi - slots.claim_end).tolist()


# The smallest case of each part.


def test_a_snug_start_comes_first():
    snapshot = world(services=[replace(HOUR, slot_interval=30)], hours=((0, 540, 750, None, None),))
    snapshot = snapshot.with_day("a", MONDAY, [(START + 600, START + 630)])
    ranking = rank(found(snapshot))
    assert clock(ranking) == ["09:00", "10:30", "11:30", "11:00"]
    assert ranking.fragment.tolist() == [0, 0, 0, 60]


def test_a_gap_that_something_else_fills_costs_nothing():
    services = [replace(HOUR, slot_interval=30), Service("y", 20, buffer_after=10)]
    ranking = rank(found(world(services=services, hours=((0, 540, 750, None, None),))))
    assert ranking.fragment.tolist() == [0] * 6
    assert clock(ranking) == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]


def test_the_durations_sold_decide_what_is_unusable():
    assert unusable_minutes((30, 45)).tolist()[:76:15] == [0, 15, 0, 0, 0, 0]
    assert unusable_minutes((60,)).tolist()[90] == 30
    assert unusable_minutes(()).tolist()[10] == 10
    assert unusable_minutes((60,)).tolist()[1440] == 0


def test_the_lane_with_less_load_comes_first():
    snapshot = world(staff="ab", busy={"a": [(1020, 1080)]}, days=1)
    ranking = rank(found(snapshot), 3)
    assert list(zip(clock(ranking), ranking.slots.lane, strict=True)) == [("09:00", 1), ("10:00", 1), ("09:00", 0)]
    assert ranking.load.tolist() == pytest.approx([0, 0, 10 * 60 / 540])
    indifferent = rank(found(snapshot), 2, Preferences(weights=Weights(load=0)))
    assert indifferent.slots.lane.tolist() == [0, 1]


def test_a_load_follows_an_update():
    snapshot = world(staff="ab")
    rank(found(snapshot), 1)
    booked = snapshot.with_day("a", MONDAY, [(START + 540, START + 810)])
    ranking = rank(found(booked), 1)
    assert (ranking.slots.lane.tolist(), ranking.load.tolist()) == ([1], [0])
    busy = rank(found(booked).take(found(booked).lane == 0), 1)
    assert busy.load.tolist() == pytest.approx([10 * 270 / 540])


def test_closeness_to_the_wanted_time_counts_both_ways():
    wanted = Preferences(wanted=moment(START + 13 * 60 + 10))
    assert clock(rank(found(world()), 3, wanted)) == ["13:00", "14:00", "12:00"]
    assert rank(found(world()), 1, wanted).wait.tolist() == pytest.approx([10 / 60])


def test_a_client_who_prefers_the_afternoon_is_shown_it_first():
    wish = Preferences(client=Wishes(parts=frozenset([Part.AFTERNOON])))
    ranking = rank(found(world()), 6, wish)
    assert clock(ranking) == ["12:00", "13:00", "14:00", "15:00", "16:00", "09:00"]
    assert ranking.preference.tolist() == [0, 0, 0, 0, 0, 30]


def test_a_part_of_the_day_is_one_of_the_clients_zone():
    wish = Preferences(client=Wishes(parts=frozenset([Part.EVENING])), zone=ZoneInfo("Asia/Tokyo"))
    assert clock(rank(found(world()), 1, wish)) == ["09:00"]


def test_a_weekday_is_preferred():
    snapshot = world(hours=ALL_WEEK)
    wish = Preferences(client=Wishes(weekdays=frozenset([3])))
    best = rank(found(snapshot), 1, replace(wish, weights=Weights(client=100)))
    assert f"{moment(best.slots.start[0]):%a}" == "Thu"
    assert f"{moment(rank(found(snapshot), 1).slots.start[0]):%a}" == "Mon"


def test_a_staff_member_is_preferred():
    ranking = rank(found(world(staff="ab")), 2, Preferences(client=Wishes(staff=frozenset("b"))))
    assert ranking.slots.lane.tolist() == [1, 1]


def test_staff_who_like_the_morning_are_given_it():
    wish = Preferences(staff={"a": Wishes(parts=frozenset([Part.AFTERNOON]))})
    ranking = rank(found(world(staff="ab")), 4, wish)
    assert ranking.slots.lane.tolist() == [1, 1, 1, 0]
    assert clock(ranking) == ["09:00", "10:00", "11:00", "12:00"]


def test_an_empty_answer_ranks_to_an_empty_ranking():
    slots = found(world()).take(slice(0, 0))
    assert len(rank(slots, 3)) == len(suggest(slots)) == 0


def test_a_score_is_the_sum_of_its_parts():
    frame = rank(found(world(staff="ab")), 5, Preferences(client=Wishes(staff=frozenset("b")))).to_frame()
    assert np.allclose(frame["score"], -frame[["fragment", "load", "wait", "preference"]].sum(axis=1))
    assert list(frame["staff"]) == ["b"] * 5


# The best few differ.


def test_the_best_three_differ_in_day_or_part_of_day():
    best = suggest(found(world(hours=ALL_WEEK)))
    assert [f"{moment(s):%a %H:%M}" for s in best.slots.start] == ["Mon 09:00", "Mon 12:00", "Mon 17:00"]
    assert [f"{moment(s):%a %H:%M}" for s in rank(found(world(hours=ALL_WEEK)), 3).slots.start] == [
        "Mon 09:00",
        "Mon 10:00",
        "Mon 11:00",
    ]


@settings(max_examples=60, deadline=None)
@given(snapshots(), preferences, st.integers(1, 5))
def test_each_suggestion_is_the_best_of_its_part_of_the_day(snapshot, preferences, count):
    slots = found(snapshot, days=4)
    zone, expected, seen = preferences.zone or snapshot.zone, [], set()
    for row in scored_one_by_one(slots, preferences):
        local = moment(row[1]).astimezone(zone)
        place = local.date(), (local.hour >= 12) + (local.hour >= 17)
        if place not in seen:
            seen.add(place)
            expected.append(row)
    assert as_rows(suggest(slots, count, preferences)) == expected[:count]


def test_fewer_are_suggested_where_fewer_differ():
    assert clock(suggest(found(world(hours=((0, 540, 660, None, None),))))) == ["09:00"]


# Bad input.


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda slots: rank(slots, 0), "at least one suggestion"),
        (lambda slots: rank(slots, 1, Preferences(client=Wishes(staff=frozenset("z")))), "no staff member 'z'"),
        (lambda slots: rank(slots, 1, Preferences(staff={"z": Wishes()})), "no staff member 'z'"),
        (lambda _: Wishes(weekdays=frozenset([7])), "weekdays are 0 to 6"),
        (lambda _: Wishes(parts=frozenset([3])), "parts of the day are 0 to 2"),
        (lambda _: Weights(load=-1), "load is -1"),
        (lambda _: Weights(wait=float("nan")), "wait is nan"),
        (lambda _: Preferences(wanted=datetime(2026, 3, 2)), "needs an offset"),  # noqa: DTZ001 - the mistake itself
    ],
)
def test_bad_input_gets_one_clear_error(ask, message):
    with pytest.raises(InvalidProblem, match=message):
        ask(found(world()))
