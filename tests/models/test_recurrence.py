"""Rules are read strictly, and end."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.recurrence import MOST, REACH, occurrences

THURSDAY = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("rule", "first", "expected"),
    [
        ("FREQ=DAILY;COUNT=3", THURSDAY, ["2026-01-01", "2026-01-02", "2026-01-03"]),
        ("RRULE:FREQ=DAILY;INTERVAL=2;UNTIL=20260105", THURSDAY, ["2026-01-01", "2026-01-03", "2026-01-05"]),
        ("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=3", THURSDAY, ["2026-01-01", "2026-01-05", "2026-01-08"]),
        ("FREQ=WEEKLY;UNTIL=20260115T235959Z", THURSDAY, ["2026-01-01", "2026-01-08", "2026-01-15"]),
        ("FREQ=MONTHLY;COUNT=3", date(2026, 1, 31), ["2026-01-31", "2026-03-31", "2026-05-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", date(2026, 1, 31), ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", date(2026, 1, 30), ["2026-01-30", "2026-02-27"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1;COUNT=2", THURSDAY, ["2026-01-01", "2026-02-02"]),
    ],
)
def test_dates_of_a_rule(rule, first, expected):
    assert [str(day) for day in occurrences(rule, first)] == expected


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "FREQ=SECONDLY;COUNT=3",
        "FREQ=HOURLY;COUNT=3",
        "FREQ=YEARLY;COUNT=3",
        "freq=daily;count=3",
        "FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=0;COUNT=3",
        "FREQ=DAILY;INTERVAL=-1;COUNT=3",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=367",
        "FREQ=DAILY;COUNT=1_0",
        "FREQ=DAILY;COUNT=\u0663",
        "FREQ=DAILY;COUNT=" + "9" * 400,
        "FREQ=DAILY;UNTIL=99991231",
        "FREQ=DAILY;UNTIL=20360101",
        "FREQ=DAILY;UNTIL=20260230",
        "FREQ=DAILY;UNTIL=20251231",
        "FREQ=DAILY;UNTIL=tomorrow",
        "FREQ=DAILY;COUNT=3;UNTIL=20260105",
        "FREQ=DAILY;COUNT=3;COUNT=4",
        "FREQ=DAILY;COUNT=3;BYHOUR=10",
        "FREQ=DAILY;COUNT=3;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;COUNT=366",
        "FREQ=WEEKLY;BYDAY=XX;COUNT=3",
        "FREQ=WEEKLY;BYDAY=1MO;COUNT=3",
        "FREQ=WEEKLY;BYDAY=FR;COUNT=3",
        "FREQ=MONTHLY;BYMONTHDAY=32;COUNT=3",
        "FREQ=MONTHLY;BYMONTHDAY=0;COUNT=3",
        "FREQ=MONTHLY;BYSETPOS=1;COUNT=3",
        "FREQ=MONTHLY;BYDAY=" + ",".join(["MO"] * 100) + ";COUNT=3",
        "FREQ=DAILY;COUNT=3\nDTSTART:20200101",
        "FREQ=DAILY;COUNT=3;" + "X" * 1000,
    ],
)
def test_what_is_no_such_rule_is_refused(rule):
    with pytest.raises(InvalidInput):
        occurrences(rule, THURSDAY)


@given(
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]),
    st.integers(1, 30),
    st.integers(1, 40),
    st.dates(date(2020, 1, 1), date(2040, 1, 1)),
)
def test_every_rule_ends_within_bounds_and_comes_in_order(frequency, interval, count, first):
    try:
        dates = occurrences(f"FREQ={frequency};INTERVAL={interval};COUNT={count}", first)
    except InvalidInput:
        assert interval * count * {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 28}[frequency] > 200
        return
    assert dates == sorted(set(dates))
    assert (dates[0], len(dates)) == (first, count)
    assert dates[-1] - first <= REACH
    assert len(dates) <= MOST
    if frequency != "MONTHLY":
        step = timedelta(days=interval * (7 if frequency == "WEEKLY" else 1))
        assert all(b - a == step for a, b in pairwise(dates))
