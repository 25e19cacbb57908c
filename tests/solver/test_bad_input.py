"""Bad input to the slot finder, and its rules from tables: one clear error each, raised at the public constructor."""

from dataclasses import replace
from datetime import date, time, timedelta

import numpy as np
import pandas as pd
import pytest

from solver.cells import wall_minute
from solver.errors import InvalidProblem
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Hours, Requirement, Service, Snapshot
from tests.solver.test_rules import HOUR, MIDNIGHT, MONDAY, MORNING, NOW, business, found, moving


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"zones": {"a": "Mars/Olympus"}}, "no time zone"),
        ({"zones": {"nobody": "UTC"}}, "zones: there is no staff member 'nobody'"),
        ({"limits": {"r": (1, 1)}}, "limits: there is no staff member 'r'"),
        ({"booked": {"nobody": []}}, "booked: there is no staff member"),
        ({"booked": {"a": [(7, 600)]}}, "names a service that there is not"),
        ({"sessions": {"a": [(0, 600, -1)]}}, "seats left"),
        ({"resources": [("a", "room")]}, "stands twice"),
        ({"hours": {"a": Hours(((0, 720, 540, None, None),))}}, "ends before it starts"),
        ({"hours": {"a": Hours(((0, 540, 720, None, None), (0, 700, 800, None, None)))}}, "overlaps"),
        ({"hours": {"ghost": MORNING}}, "hours: there is no staff member or resource 'ghost'"),
        ({"busy": {"a": [(600, 600)]}}, "ends before it starts"),
    ],
)
def test_bad_tables_are_one_clear_error(change, message):
    with pytest.raises(InvalidProblem, match=message):
        business(**{"resources": [("r", "room")], **change})


def test_ten_thousand_services_are_refused():
    with pytest.raises(InvalidProblem, match="at most 5000 services, not 10000"):
        Snapshot.build(
            zone="UTC",
            first_day=MONDAY,
            days=1,
            staff=["a"],
            hours={},
            services=[replace(HOUR, id=i) for i in range(10_000)],
            allocations=[],
            busy={},
        )


def test_ten_years_are_refused():
    with pytest.raises(InvalidProblem, match="at most 62 days"):
        SlotQuery("x", NOW, NOW + timedelta(days=3653))
    with pytest.raises(InvalidProblem, match="1 to 400 days"):
        Snapshot.build(
            zone="UTC", first_day=MONDAY, days=3653, staff=[], hours={}, services=[], allocations=[], busy={}
        )


@pytest.mark.parametrize(
    "bad",
    [
        {"slot_interval": 4},
        {"slot_interval": 121},
        {"slot_offset": 60},
        {"slot_offset": -1},
        {"anchor": "moon"},
        {"first_date": MONDAY, "last_date": MONDAY - timedelta(days=1)},
        {"windows": ((7, 0, 60),)},
        {"windows": ((0, 60, 60),)},
        {"windows": ((0, 0, 1441),)},
        {"daily_limit": 0},
        {"client_weekly_limit": 0},
        {"seats": 0},
        {"buffer_after": 1441},
    ],
)
def test_a_rule_that_cannot_be_is_refused(bad):
    with pytest.raises(InvalidProblem, match="'x'"):
        replace(HOUR, **bad)


@pytest.mark.parametrize("bad", [("room", -1, None), ("room", 0, 0), ("room", 1441, None)])
def test_a_requirement_that_cannot_be_is_refused(bad):
    with pytest.raises(InvalidProblem, match="room"):
        Requirement(*bad)


def test_a_block_that_ends_before_it_starts_is_refused():
    with pytest.raises(InvalidProblem, match="no span of a day"):
        Hours(appointment_only={MONDAY: ((700, 600),)})


def test_an_unknown_name_in_a_question_is_refused():
    for asked, message in (({"staff": ["b"]}, "'b'"), ({"reschedule": [moving("z", 1, 2)]}, "'z'")):
        with pytest.raises(InvalidProblem, match=message):
            found(business(), **asked)


def test_tables_bring_every_rule():
    at = pd.Timestamp("2026-03-02 10:00", tz="UTC")
    snapshot = Snapshot.from_frames(
        staff=pd.DataFrame({"staff": ["a", "b"], "zone": [None, "Asia/Kathmandu"], "daily_limit": [2, None]}),
        hours=pd.DataFrame({"staff": ["a", "b"], "weekday": [0, 0], "opens": ["09:00"] * 2, "closes": ["12:00"] * 2}),
        services=pd.DataFrame(
            {
                "service": ["x", "y"],
                "duration": [60, 30],
                "slot_interval": [60, 15],
                "seats": [4, 1],
                "anchor": ["shift", None],
                "first_date": [MONDAY, None],
            }
        ),
        allocations=pd.DataFrame({"service": ["x", "x"], "staff": ["a", "b"]}),
        appointments=pd.DataFrame(
            {
                "staff": ["a", "a", "r"],
                "service": ["x", "x", None],
                "starts_at": [at, at, at],
                "ends_at": [at + pd.Timedelta(hours=1)] * 3,
            }
        ),
        appointment_only=pd.DataFrame({"staff": ["a"], "day": [MONDAY], "opens": ["11:00"], "closes": ["12:00"]}),
        holidays=pd.DataFrame({"day": [date(2026, 3, 9)]}),
        resources=pd.DataFrame({"resource": ["r", "s"], "kind": ["room", "room"]}),
        windows=pd.DataFrame({"service": ["x"], "weekday": [0], "opens": ["00:00"], "closes": ["24:00"]}),
        requirements=pd.DataFrame({"service": ["x"], "kind": ["room"], "after": [0], "length": [None]}),
        zone="UTC",
        first_day=date(2026, 3, 1),
        days=14,
    )
    service = snapshot.services[0]
    assert (service.seats, service.anchor, service.first_date, service.windows) == (4, "shift", MONDAY, ((0, 0, 1440),))
    assert service.requirements == (Requirement("room"),)
    assert snapshot.services[1] == Service("y", 30)
    assert snapshot.limits == {0: (2, None)}
    assert snapshot.lanes[0].sessions.tolist() == [[0, MIDNIGHT + 600, 2]]
    assert np.array_equal(snapshot.lanes[2].busy, [[MIDNIGHT + 600, MIDNIGHT + 660]])
    answer = found(snapshot, days=14).to_frame()
    assert answer["starts_at"].dt.strftime("%d %H:%M").tolist() == [
        "02 03:15",
        "02 04:15",
        "02 05:15",
        "02 09:00",
        "02 10:00",
    ]
    assert answer["seats"].tolist() == [4, 4, 4, 4, 2]
    assert answer["resources"].tolist() == [("r",)] * 4 + [()]


CELLS = [
    ("services", {"duration": [30.7]}, "services: 30.7 is no whole number"),
    ("services", {"duration": [True]}, "services: True is no whole number"),
    ("services", {"duration": ["thirty"]}, "services: 'thirty' is no whole number"),
    ("services", {"duration": [float("inf")]}, "services: inf is no whole number"),
    ("services", {"duration": [30], "buffer_afer": [10]}, "no column 'buffer_afer'; 'buffer_after' is one"),
    ("services", {"duration": [30], "buffer_after": [9.5]}, "9.5 is no whole number"),
    ("services", {"duration": [30], "first_date": ["soon"]}, "'soon' is no date"),
    ("services", {"duration": [30], "seats": [10**30]}, "seats"),
    ("services", {"service": [["x"]], "duration": [30]}, "an id must be"),
    ("hours", {"opens": ["09:75"]}, "'09:75' is no time of day"),
    ("hours", {"opens": ["9am"]}, "'9am' is no time of day"),
    ("hours", {"opens": [9.5]}, "9.5 is no whole number"),
    ("hours", {"weekday": ["Mon"]}, "'Mon' is no whole number"),
    ("hours", {"weekday": [0.5]}, "0.5 is no whole number"),
    ("allocations", {"service": ["x", "x"], "staff": ["a", "a"]}, "'x' by 'a' stands twice"),
    ("allocations", {"duration": [0]}, "takes 0 minutes"),
    ("allocations", {"duration": [30.5]}, "30.5 is no whole number"),
    ("appointments", {"starts_at": ["soon"]}, "'soon' is no time"),
    ("appointments", {"starts_at": [5]}, "5 is no time"),
    ("appointments", {"starts_at": ["2026-03-02 09:00"]}, "has no offset"),
    ("staff", {"staff": ["a"], "daily_limit": [0]}, "limits: 'a' has one below one"),
    ("staff", {"staff": ["a"], "daily_limit": [1.5]}, "1.5 is no whole number"),
    ("staff", {"staff": ["a"], "zone": [5]}, "no time zone 5"),
    ("holidays", {"day": ["x"]}, "'x' is no date"),
    ("holidays", {"day": [5]}, "5 is no date"),
    ("overrides", {"day": [pd.Timestamp("2026-03-02 15:00")]}, "is no date"),
    ("overrides", {"day": [pd.Timestamp("2026-03-02", tz="UTC")]}, "is no date"),
    ("hours", 5, "hours: int is no table"),
    ("first_day", "2026-03-01", "begins on a date"),
    ("first_day", pd.Timestamp("2026-03-01"), "begins on a date"),
    ("first_day", date.max, "begins on a date"),
    ("days", 1.5, "1 to 400 days"),
    ("zone", None, "no time zone None"),
]


@pytest.mark.parametrize(("table", "cells", "message"), CELLS)
def test_a_cell_is_refused_before_it_is_rounded_or_guessed(table, cells, message):
    at = pd.Timestamp("2026-03-02 10:00", tz="UTC")
    span = {"staff": ["a"], "opens": ["09:00"], "closes": ["12:00"]}
    good = {
        "staff": {"staff": ["a"]},
        "hours": {**span, "weekday": [0]},
        "overrides": {**span, "day": [MONDAY]},
        "services": {"service": ["x"], "duration": [60]},
        "allocations": {"service": ["x"], "staff": ["a"]},
        "appointments": {"staff": ["a"], "starts_at": [at], "ends_at": [at + pd.Timedelta(hours=1)]},
        "zone": "UTC",
        "first_day": MONDAY,
        "days": np.int64(7),
    }
    Snapshot.from_frames(**good)
    bad = {**good.get(table, {}), **cells} if isinstance(cells, dict) else cells
    with pytest.raises(InvalidProblem, match=message):
        Snapshot.from_frames(**{**good, table: bad})


def test_a_time_of_day_may_be_a_time():
    assert wall_minute("hours", time(9, 30)) == wall_minute("hours", "09:30") == wall_minute("hours", 570) == 570
    with pytest.raises(InvalidProblem, match="is no time of day"):
        wall_minute("hours", time(9, 30, 1))


@pytest.mark.parametrize(
    "asked",
    [
        {"start": "2026-03-02"},
        {"start": MONDAY},
        {"staff": "ab"},
        {"staff": 5},
        {"client_booked": [NOW.replace(tzinfo=None)]},
        {"client_booked": [5]},
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(asked):
    with pytest.raises(InvalidProblem, match="a query"):
        SlotQuery(**{"service": "x", "start": NOW, "end": NOW + timedelta(days=1), **asked})
    with pytest.raises(InvalidProblem, match="is no time"):
        find_slots(business(), SlotQuery("x", NOW, NOW + timedelta(days=1)), None)


@pytest.mark.parametrize(
    ("table", "columns", "message"),
    [
        ("appointments", {"staff": ["a"], "service": ["z"], "starts_at": [NOW], "ends_at": [NOW]}, "no service 'z'"),
        ("requirements", {"service": ["z"], "kind": ["room"]}, "requirements: there is no service 'z'"),
        ("windows", {"service": ["x"], "weekday": [0], "opens": ["soon"], "closes": ["12:00"]}, "no time of day"),
        ("appointment_only", {"staff": ["a"], "day": [MONDAY], "opens": [5]}, "column 'closes' is missing"),
        ("holidays", {"day": [None]}, "holidays: a value is missing"),
    ],
)
def test_tables_name_what_is_wrong(table, columns, message):
    tables = {
        "staff": {"staff": ["a"]},
        "hours": {},
        "services": {"service": ["x"], "duration": [60]},
        "allocations": {},
        "appointments": {},
    }
    with pytest.raises(InvalidProblem, match=message):
        Snapshot.from_frames(**{**tables, table: columns}, zone="UTC", first_day=MONDAY, days=1)
