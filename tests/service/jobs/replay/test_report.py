"""The report: counts that add up, one JSON object, tables that name every bad row, a picture that is one."""

import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from rich.console import Console

from models.errors import InvalidInput
from service.jobs.replay.picture import draw_picture
from service.jobs.replay.report import LISTED, tables
from service.jobs.replay.requests import BadRow
from service.jobs.replay.result import COMMANDS, ClinicResult, Replay

DAYS = tuple(date(2016, 5, 2) + timedelta(days=i) for i in range(8))


def clinic(name: str = "MARIA ORTIZ", *, overlaps: int = 0, adrift: bool = False) -> ClinicResult:
    daily = np.tile(np.array([700, 600, 400, 50], dtype=np.int64), (len(DAYS), 1))
    daily[-1, 1:] = 0
    times = {command: np.linspace(0.001, 0.101, 101, dtype=np.float32) for command in COMMANDS}
    return ClinicResult(
        clinic=name,
        staff=3,
        requests=100,
        booked=80,
        waitlisted=20,
        placed=13,
        unplaced={"taken": 4, "window_closed": 3},
        cancelled=6,
        stale=1,
        evenings=5,
        capacity=(920, 1000),
        daily=daily,
        seconds=times,
        overlaps=overlaps,
        adrift=adrift,
        digest="ab" * 32,
    )


def replay(*clinics: ClinicResult, bad: int = 0, kept: str | None = None) -> Replay:
    bad_rows = tuple(BadRow(row, "age", "'-1': not a whole number") for row in range(2, 2 + bad))
    return Replay("requests.csv", 1, 2, clinics, DAYS, bad_rows, 4.0, 512.0, kept)


def printed(outcome: Replay) -> str:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123 - a sink
    console.print(tables(outcome))
    console.file.close()
    return console.export_text()


def test_the_json_adds_up_and_is_json():
    outcome = replay(clinic("A"), clinic("B"), bad=2).to_json()

    assert json.loads(json.dumps(outcome)) == outcome
    assert outcome["requests"] == outcome["booked_at_once"] + outcome["waitlisted"] == 200
    assert outcome["waitlisted"] == outcome["placed"] + outcome["unplaced"]["count"]
    assert outcome["unplaced"]["reasons"] == {"taken": 8, "window_closed": 6}
    assert outcome["overlaps"] == 0
    assert outcome["requests_per_second"] == 50
    assert outcome["utilisation"] == 0.75
    assert outcome["idle_minutes"] == 2 * 7 * 150
    assert outcome["capacity_on_busiest_days"] == 0.92
    assert outcome["bad_rows"]["count"] == 2
    assert outcome["bad_rows"]["rows"][0] == {"row": 2, "column": "age", "reason": "'-1': not a whole number"}


def test_percentiles_are_over_the_calls_of_all_clinics():
    commands = replay(clinic("A"), clinic("B")).commands()

    assert tuple(commands) == COMMANDS
    assert commands["book"] == {"count": 202, "p50_ms": pytest.approx(51), "p99_ms": pytest.approx(100, abs=0.1)}


def test_the_digest_knows_the_books_but_not_their_order():
    a, b = clinic("A"), clinic("B")

    assert replay(a, b).digest() == replay(b, a).digest()
    assert replay(a, b).digest() != replay(a, replace(b, digest="cd" * 32)).digest()


def test_the_frame_has_a_row_a_clinic():
    frame = replay(clinic("A"), clinic("B")).to_frame()

    assert frame["clinic"].tolist() == ["A", "B"]
    assert frame["requests"].sum() == 200


def test_the_tables_say_what_came_of_it():
    text = printed(replay(clinic("A"), clinic("B"), bad=LISTED + 5))

    assert "200" in text
    assert "joined the waitlist" in text
    assert "window_closed" in text
    assert f"{LISTED + 5} bad rows left out" in text
    assert "… and 5 more" in text


def test_overlaps_and_a_kept_database_are_told():
    outcome = replay(clinic("A", overlaps=1), clinic("B", overlaps=2, adrift=True), kept="interlock_kept_1")

    assert "3   overlapping live claims" in printed(outcome)
    assert "database interlock_kept_1" in printed(outcome)
    assert outcome.to_json()["overlaps"] == 3
    assert outcome.to_json()["snapshots_adrift"] == 1


@pytest.mark.parametrize("names", [["A"], ["A", "B", "C"]])
@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_picture_is_written(tmp_path, names, ending):
    path = tmp_path / f"replay.{ending}"
    draw_picture(replay(*map(clinic, names)), path)

    start = path.read_bytes()[:200]
    assert start.startswith((b"\x89PNG", b"<?xml"))
    assert path.stat().st_size > 10_000


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(InvalidInput, match="absent"):
        draw_picture(replay(clinic()), tmp_path / "absent" / "replay.png")
    with pytest.raises(InvalidInput, match="not supported"):
        draw_picture(replay(clinic()), tmp_path / "replay.docx")
