"""The smallest case of each rule of the slot finder: where it holds, and where it does not."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from solver.clock import moment, utc_day
from solver.slots import Claimed, SlotQuery, find_slots, legal_starts
from solver.snapshot import Hours, Requirement, Service, Snapshot

MONDAY = date(2026, 3, 2)
MIDNIGHT = utc_day(MONDAY)
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
MORNING = Hours(((0, 540, 720, None, None),))
HOUR = Service("x", 60, slot_interval=60)


def business(service=HOUR, *, staff=("a",), hours=None, busy=None, zone="UTC", other=None, **rules) -> Snapshot:
    """Staff who work Monday from nine to noon; claims, bookings and groups in minutes of that Monday."""
    for name in ("booked", "sessions"):
        if name in rules:
            rules[name] = {m: [(k, MIDNIGHT + s, *left) for k, s, *left in rows] for m, rows in rules[name].items()}
    return Snapshot.build(
        zone=zone,
        first_day=date(2026, 3, 1),
        days=30,
        staff=list(staff),
        hours={**dict.fromkeys(staff, MORNING), **(hours or {})},
        services=[service, *([other] if other else [])],
        allocations=[("x", m, None) for m in staff],
        busy={m: [(MIDNIGHT + s, MIDNIGHT + e) for s, e in spans] for m, spans in (busy or {}).items()},
        **rules,
    )


def found(snapshot: Snapshot, zone="UTC", days=1, **asked):
    start = datetime(2026, 3, 2, tzinfo=ZoneInfo(zone))
    return find_slots(snapshot, SlotQuery("x", start, start + timedelta(days=days), **asked), NOW)


def starts(snapshot: Snapshot, zone="UTC", days=1, **asked) -> list[str]:
    return [f"{moment(s).astimezone(ZoneInfo(zone)):%H:%M}" for s in found(snapshot, zone, days, **asked).start]


ALL = ["09:00", "10:00", "11:00"]


def test_a_grid_may_be_offset():
    assert starts(business(replace(HOUR, slot_offset=15))) == ["09:15", "10:15"]
    assert starts(business(replace(HOUR, slot_offset=0))) == ALL


def test_a_grid_that_divides_no_day_begins_anew_at_midnight():
    # 05:50 * 100 minutes: 08:20, 10:00, 11:40 would end after noon.
    assert starts(business(replace(HOUR, slot_interval=100))) == ["10:00"]
    night = Hours(((0, 1380, 1600, None, None),))
    late = starts(business(replace(HOUR, slot_interval=100, slot_offset=10), hours={"a": night}), days=2)
    assert late == ["23:30", "00:10"]


def test_a_grid_may_begin_with_the_shift():
    quarter_past = Hours(((0, 555, 735, None, None),))
    assert starts(business(replace(HOUR, anchor="shift"), hours={"a": quarter_past})) == ["09:15", "10:15", "11:15"]
    assert starts(business(replace(HOUR, anchor="clock"), hours={"a": quarter_past})) == ["10:00", "11:00"]
    assert starts(business(replace(HOUR, anchor="shift", slot_offset=20), hours={"a": quarter_past})) == [
        "09:35",
        "10:35",
    ]


def test_every_span_of_a_day_is_a_shift_of_its_own():
    two = Hours(((0, 545, 610, None, None), (0, 615, 680, None, None)))
    assert starts(business(replace(HOUR, anchor="shift"), hours={"a": two})) == ["09:05", "10:15"]


def test_first_and_last_date_are_both_included():
    assert starts(business(replace(HOUR, first_date=MONDAY, last_date=MONDAY))) == ALL
    assert starts(business(replace(HOUR, first_date=MONDAY + timedelta(days=1)))) == []
    assert starts(business(replace(HOUR, last_date=MONDAY - timedelta(days=1)))) == []


def test_dates_are_the_businesss():
    kathmandu = business(replace(HOUR, last_date=MONDAY), zone="Asia/Kathmandu")
    assert starts(kathmandu, zone="Asia/Kathmandu") == ALL
    night = {"a": Hours(((0, 1380, 1500, None, None),))}
    assert starts(business(replace(HOUR, last_date=MONDAY), hours=night), days=2) == ["23:00"]


def test_a_visit_starts_inside_a_window():
    assert starts(business(replace(HOUR, windows=((0, 600, 660),)))) == ["10:00"]
    assert starts(business(replace(HOUR, windows=((1, 0, 1440),)))) == []
    overlapping = ((0, 500, 601), (0, 600, 630), (0, 660, 661))
    assert starts(business(replace(HOUR, windows=overlapping))) == ALL


def test_a_service_has_so_many_visits_a_day():
    limited = replace(HOUR, daily_limit=2)
    assert starts(business(limited, booked={"a": [(0, 500)]})) == ALL
    assert starts(business(limited, booked={"a": [(0, 500), (0, 900)]})) == []
    assert starts(business(limited, booked={"a": [(0, 500), (0, 900 + 1440)]})) == ALL


def test_another_service_counts_for_nothing():
    other = Service("y", 30)
    assert starts(business(replace(HOUR, daily_limit=1), booked={"a": [(1, 500)]}, other=other)) == ALL


def test_a_service_has_so_many_visits_from_monday_to_sunday():
    limited = replace(HOUR, weekly_limit=1)
    assert starts(business(limited, booked={"a": [(0, 6 * 1440 + 1439)]})) == []
    assert starts(business(limited, booked={"a": [(0, -1)]})) == ALL
    assert starts(business(limited, booked={"a": [(0, 7 * 1440)]})) == ALL


def test_a_staff_member_has_so_many_appointments():
    booked = {"a": [(0, 500), (1, 700)]}
    both = {"staff": ("a", "b"), "booked": booked, "other": Service("y", 30)}
    assert set(found(business(**both, limits={"a": (2, None)})).lane.tolist()) == {1}
    assert set(found(business(**both, limits={"a": (None, 2)})).lane.tolist()) == {1}
    assert set(found(business(**both, limits={"a": (3, 3), "b": (1, 1)})).lane.tolist()) == {0, 1}


def test_a_client_has_so_many_visits():
    at = moment(MIDNIGHT + 1000)
    assert starts(business(replace(HOUR, client_daily_limit=1)), client_booked=[at]) == []
    assert starts(business(replace(HOUR, client_daily_limit=1)), client_booked=[at + timedelta(days=1)]) == ALL
    assert starts(business(replace(HOUR, client_weekly_limit=1)), client_booked=[at + timedelta(days=6)]) == []
    assert starts(business(replace(HOUR, client_weekly_limit=2)), client_booked=[at]) == ALL


def test_hours_are_wall_time_in_the_staff_members_zone():
    kathmandu = business(zones={"a": "Asia/Kathmandu"})
    assert starts(kathmandu) == ["03:15", "04:15", "05:15"]
    assert starts(business(zones={})) == ALL


def test_a_holiday_closes_but_for_staff_with_hours_of_their_own():
    own = replace(MORNING, overrides={MONDAY: ((600, 660),)})
    assert starts(business(holidays=[MONDAY])) == []
    assert starts(business(holidays=[MONDAY], hours={"a": own})) == ["10:00"]
    assert starts(business(holidays=[MONDAY + timedelta(days=7)])) == ALL


def test_a_shift_past_midnight_into_a_holiday_stays_open():
    night = {"a": Hours(((0, 1380, 1560, None, None),))}
    assert starts(business(hours=night, holidays=[MONDAY + timedelta(days=1)]), days=2) == ["23:00", "00:00", "01:00"]


def test_time_for_appointments_only_is_for_staff_to_book():
    kept = {"a": replace(MORNING, appointment_only={MONDAY: ((630, 720),)})}
    assert starts(business(hours=kept)) == ["09:00"]
    assert starts(business(hours=kept), by_staff=True) == ALL
    assert starts(business(replace(HOUR, buffer_after=120), hours=kept)) == ["09:00"]


def test_a_group_has_seats_left_at_its_start_alone():
    group = replace(HOUR, seats=8)
    claim = {"a": [(600, 660)]}
    begun = found(business(group, busy=claim, sessions={"a": [(0, 600, 3)]}))
    assert list(zip((begun.start - MIDNIGHT).tolist(), begun.seats.tolist(), strict=True)) == [
        (540, 8),
        (600, 3),
        (660, 8),
    ]
    assert [begun.claims(i) for i in range(3)] == [
        [(0, MIDNIGHT + 540, MIDNIGHT + 600)],
        [],
        [(0, MIDNIGHT + 660, MIDNIGHT + 720)],
    ]
    full = business(group, busy=claim, sessions={"a": [(0, 600, 0)]})
    assert starts(full) == ["09:00", "11:00"]
    assert (
        starts(business(replace(group, minimum_notice=26 * 60), busy=claim, sessions={"a": [(0, 600, 3)]})) == ALL[1:]
    )


def test_waiting_clients_are_placed_in_free_time_alone():
    begun = business(replace(HOUR, seats=8), busy={"a": [(600, 660)]}, sessions={"a": [(0, 600, 3)]})
    placed = legal_starts(begun, "x", [(moment(MIDNIGHT), moment(MIDNIGHT + 1440))], NOW)
    assert (placed.start - MIDNIGHT).tolist() == [540, 660]


ROOMS = [("r", "room"), ("s", "room"), ("laser", "laser")]


def resources_of(slots) -> list[tuple[str, ...]]:
    return slots.to_frame()["resources"].tolist()


def test_a_free_room_of_the_kind_must_exist_and_is_named():
    needs = replace(HOUR, requirements=(Requirement("room"),))
    one_taken = found(business(needs, resources=ROOMS, busy={"r": [(600, 620)]}))
    assert resources_of(one_taken) == [("r",), ("s",), ("r",)]
    both_taken = business(needs, resources=ROOMS, busy={"r": [(600, 620)], "s": [(640, 660)]})
    assert starts(both_taken) == ["09:00", "11:00"]
    assert starts(business(needs)) == []


def test_a_room_may_be_needed_for_part_of_the_visit():
    end = replace(HOUR, requirements=(Requirement("room", after=30),))
    begin = replace(HOUR, requirements=(Requirement("room", 0, 30),))
    taken = {"resources": ROOMS[:1], "busy": {"r": [(600, 630)]}}
    assert starts(business(end, **taken)) == ALL
    assert starts(business(begin, **taken)) == ["09:00", "11:00"]


def test_two_rooms_are_two_rooms_unless_their_times_are_apart():
    together = replace(HOUR, requirements=(Requirement("room"), Requirement("room")))
    apart = replace(HOUR, requirements=(Requirement("room", 0, 30), Requirement("room", 30)))
    assert resources_of(found(business(together, resources=ROOMS))) == [("r", "s")] * 3
    assert starts(business(together, resources=ROOMS[:1])) == []
    assert resources_of(found(business(apart, resources=ROOMS[:1]))) == [("r", "r")] * 3


def test_rooms_are_dealt_out_so_that_all_fit():
    # The first may take either room, the second the first alone: it must not be given away.
    needs = replace(HOUR, requirements=(Requirement("room", 0, 30), Requirement("room")))
    assert resources_of(found(business(needs, resources=ROOMS, busy={"s": [(570, 600), (630, 720)]}))) == [
        ("s", "r"),
        ("s", "r"),
    ]


def test_a_room_has_hours_and_no_holidays():
    needs = replace(HOUR, requirements=(Requirement("room"),))
    closed = {"r": Hours(((0, 600, 720, None, None),))}
    assert starts(business(needs, resources=ROOMS[:1], hours=closed)) == ["10:00", "11:00"]
    own = {"a": replace(MORNING, overrides={MONDAY: ((540, 720),)})}
    assert starts(business(needs, resources=ROOMS[:1], hours=own, holidays=[MONDAY])) == ALL


def test_a_slot_says_what_it_would_claim():
    needs = replace(HOUR, buffer_after=10, requirements=(Requirement("laser", 15, 30), Requirement("room", 20)))
    first = found(business(needs, resources=ROOMS))
    nine = MIDNIGHT + 540
    assert first.claims(0) == [(0, nine, nine + 70), (3, nine + 15, nine + 45), (1, nine + 20, nine + 60)]


def moving(lane, start, end, service=None, visit=None) -> Claimed:
    at = None if visit is None else moment(MIDNIGHT + visit)
    return Claimed(lane, moment(MIDNIGHT + start), moment(MIDNIGHT + end), service, at)


def test_an_appointment_that_moves_is_not_in_its_own_way():
    taken = business(busy={"a": [(600, 660)]})
    assert starts(taken) == ["09:00", "11:00"]
    assert starts(taken, reschedule=[moving("a", 600, 660)]) == ALL
    assert starts(taken, reschedule=[moving("a", 600, 661)]) == ["09:00", "11:00"]
    assert starts(taken) == ["09:00", "11:00"]


def test_only_one_of_two_equal_claims_moves():
    assert starts(business(busy={"a": [(600, 660)] * 2}), reschedule=[moving("a", 600, 660)]) == ["09:00", "11:00"]


def test_an_appointment_that_moves_takes_its_room_along():
    needs = replace(HOUR, requirements=(Requirement("room"),))
    taken = business(needs, resources=ROOMS[:1], busy={"a": [(600, 660)], "r": [(600, 660)]})
    assert starts(taken, reschedule=[moving("a", 600, 660)]) == ["09:00", "11:00"]
    assert starts(taken, reschedule=[moving("a", 600, 660), moving("r", 600, 660)]) == ALL


def test_an_appointment_that_moves_counts_against_no_limit():
    once = business(
        replace(HOUR, daily_limit=1, client_daily_limit=1), busy={"a": [(600, 660)]}, booked={"a": [(0, 600)]}
    )
    at = [moment(MIDNIGHT + 600)]
    assert starts(once, client_booked=at) == []
    assert starts(once, client_booked=at, reschedule=[moving("a", 600, 660, "x", 600)]) == ALL


def test_a_seat_that_moves_leaves_the_group_where_others_are_in_it():
    group = replace(HOUR, seats=3)
    three = business(group, busy={"a": [(600, 660)]}, sessions={"a": [(0, 600, 0)]})
    alone = business(group, busy={"a": [(600, 660)]}, sessions={"a": [(0, 600, 2)]})
    moved = [moving("a", 600, 660, "x", 600)]
    assert found(three, reschedule=moved).seats.tolist() == [3, 1, 3]
    assert found(alone, reschedule=moved).seats.tolist() == [3, 3, 3]
