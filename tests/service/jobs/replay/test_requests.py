"""Reading requests: what is right comes back, what is wrong is named by row and column."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from service.jobs.replay.requests import COLUMNS, ZONE, Request, read, write

HEADER = ",".join(COLUMNS)
GOOD = "2016-04-29T18:38:08Z,2016-05-02,MARIA ORTIZ,12,62,0,1"


def file_of(folder: Path, *lines: str, end: str = "\n") -> Path:
    path = folder / "requests.csv"
    path.write_text("\n".join((HEADER, *lines)) + end, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(path)
    assert "\n" not in caught.value.detail
    return caught.value.detail.removeprefix(f"{path}, ").removeprefix(f"{path}: ")


def test_a_row_is_read_with_the_clinics_wall_clock(tmp_path):
    (request,) = read(file_of(tmp_path, GOOD)).requests

    instant = datetime(2016, 4, 29, 21, 38, 8, tzinfo=UTC)
    assert request == Request(2, instant, date(2016, 5, 2), "MARIA ORTIZ", 12, 62, sms_received=False, no_show=True)


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (GOOD.replace("18:38", "18:60"), "requested_at", "minute must be in 0..59"),
        (GOOD.replace("18:38:08Z", "18:38:60Z"), "requested_at", "second must be in 0..59"),
        (GOOD.replace("18:38:08Z", "18:38:08"), "requested_at", "not a time like"),
        (GOOD.replace("18:38:08Z", "18:38:08+99:00"), "requested_at", "not a time like"),
        (GOOD.replace("2016-04-29T", "0001-04-29T"), "requested_at", "not between 1970 and 2100"),
        (GOOD.replace("2016-05-02", "2016-02-30"), "appointment_day", "day"),
        (GOOD.replace("2016-05-02", ""), "appointment_day", "not a day like"),
        (GOOD.replace("2016-05-02", "infinity"), "appointment_day", "not a day like"),
        (GOOD.replace("2016-05-02", "2016-04-28"), "appointment_day", "before the day it was requested"),
        (GOOD.replace("2016-05-02", "2018-05-02"), "appointment_day", "over a year after"),
        (GOOD.replace("MARIA ORTIZ", "  "), "clinic", "not a name"),
        (GOOD.replace("MARIA ORTIZ", "A\x00B"), "clinic", "not a name"),
        (GOOD.replace("MARIA ORTIZ", "A" * 201), "clinic", "not a name"),
        (GOOD.replace(",12,", ",1_2,"), "client", "not a whole number"),
        (GOOD.replace(",12,", ",١٢,"), "client", "not a whole number"),
        (GOOD.replace(",12,", f",{'9' * 5000},"), "client", "not a whole number"),
        (GOOD.replace(",62,", ",-1,"), "age", "not a whole number from 0 to 130"),
        (GOOD.replace(",62,", ",true,"), "age", "not a whole number"),
        (GOOD.replace(",0,1", ",2,1"), "sms_received", "not 0 or 1"),
        (GOOD.replace(",0,1", ",0,No"), "no_show", "not 0 or 1"),
        (GOOD.replace(",0,1", ""), "sms_received", "5 fields instead of 7"),
        (GOOD + ",9", "no_show", "8 fields instead of 7"),
    ],
)
def test_a_bad_row_is_listed_and_the_others_are_kept(tmp_path, row, column, reason):
    read_file = read(file_of(tmp_path, GOOD, row, GOOD))

    assert [request.row for request in read_file.requests] == [2, 4]
    (bad,) = read_file.bad_rows
    assert (bad.row, bad.column) == (3, column)
    assert reason in bad.reason
    assert len(bad.reason) < 150


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_ends_the_reading(tmp_path, column):
    path = tmp_path / "requests.csv"
    path.write_text(HEADER.replace(column, "other") + "\n" + GOOD + "\n")

    assert refusal(path).startswith(f"row 1, column {column}: missing; the header has ")


def test_columns_may_stand_in_any_order_beside_others(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(f"note,{','.join(reversed(COLUMNS))}\nx,{','.join(reversed(GOOD.split(',')))}\n")

    assert read(path).requests == read(file_of(tmp_path, GOOD)).requests


def test_a_truncated_gzip_is_told_with_its_row(tmp_path):
    whole = gzip.compress((HEADER + "\n" + f"{GOOD}\n" * 5000).encode())
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])

    told = refusal(path)
    assert "truncated" in told
    assert 2 <= int(told.removeprefix("row ").partition(",")[0]) <= 5001


def test_a_damaged_gzip_is_told_with_its_row(tmp_path):
    whole = bytearray(gzip.compress((HEADER + "\n" + f"{GOOD}\n" * 5000).encode()))
    whole[-6] ^= 0xFF
    path = tmp_path / "damaged.csv.gz"
    path.write_bytes(whole)

    assert "damaged" in refusal(path)


@pytest.mark.parametrize(("kept", "column"), [(10, "appointment_day"), (25, "clinic"), (36, "client")])
def test_a_plain_file_that_ends_inside_a_row_is_cut_off(tmp_path, kept, column):
    path = file_of(tmp_path, GOOD, GOOD[:kept], end="")

    assert refusal(path).startswith(f"row 3, column {column}: the file is cut off here")


def test_a_last_row_without_a_newline_is_whole(tmp_path):
    assert len(read(file_of(tmp_path, GOOD, GOOD, end="")).requests) == 2


def test_an_unclosed_quote_is_told(tmp_path):
    path = file_of(tmp_path, GOOD, GOOD.replace("MARIA", '"MARIA'), GOOD)

    assert "not CSV" in refusal(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "no header"), (HEADER.encode(), "no usable row"), (HEADER.encode() + b"\n\xff\xfe", "not UTF-8")],
)
def test_a_file_without_content_is_refused(tmp_path, content, words):
    path = tmp_path / "requests.csv"
    path.write_bytes(content)

    assert words in refusal(path)


def test_a_missing_file_is_one_line(tmp_path):
    assert refusal(tmp_path / "absent.csv") == "No such file or directory"


def test_requests_come_in_the_order_of_their_clock(tmp_path):
    later = GOOD.replace("18:38", "19:00")
    rows = [request.row for request in read(file_of(tmp_path, later, GOOD, later)).requests]

    assert rows == [3, 2, 4]


def test_a_byte_order_mark_and_decomposed_accents_are_no_matter(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text("\ufeff" + HEADER + "\n" + GOOD.replace("MARIA ORTIZ", "MARUI\u0301PE") + "\n")

    assert list(read(path).by_clinic()) == ["MARUÍPE"]


FLAGS = st.tuples(st.booleans(), st.booleans())
instants = st.integers(631_152_000, 3_471_292_800).map(lambda second: datetime.fromtimestamp(second, UTC))


@st.composite
def some_requests(draw: st.DrawFn) -> Request:
    # The wall clock names an instant of a repeated hour only once, so go through it.
    wall = draw(instants).astimezone(ZONE).replace(fold=0)
    instant = wall.astimezone(UTC)
    day = date.fromordinal(wall.date().toordinal() + draw(st.integers(0, 366)))
    printable = st.characters(exclude_categories=["C", "Z"], codec="utf-8")
    name = draw(st.text(printable, min_size=1, max_size=30).filter(lambda text: text.isprintable()))
    return Request(0, instant, day, name, draw(st.integers(0, 10**12)), draw(st.integers(0, 130)), *draw(FLAGS))


@given(st.lists(some_requests(), min_size=1, max_size=5), st.sampled_from(["csv", "csv.gz"]))
def test_what_is_written_reads_back(tmp_path_factory, requests, ending):
    path = tmp_path_factory.mktemp("requests") / f"requests.{ending}"
    write(path, requests)
    back = read(path)

    assert back.bad_rows == []
    assert len(back.requests) == len(requests)
    days = {(r.requested_at, r.day, r.client, r.age) for r in requests}
    assert {(r.requested_at, r.day, r.client, r.age) for r in back.requests} == days
