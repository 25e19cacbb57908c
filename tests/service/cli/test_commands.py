"""The command line as it is typed: a table for people, JSON for scripts, one line and an exit code for errors."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.service.worlds import salon

pytestmark = pytest.mark.anyio


@pytest.fixture
async def interlock(db, app_url, owner_url):
    """A way to type commands against a salon with the test's database."""
    await salon(db)
    environment = {
        **os.environ,
        "DATABASE_URL": app_url,
        "DATABASE_OWNER_URL": owner_url,
        "INTERLOCK_BUSINESS": "salon",
        "COLUMNS": "160",
    }

    def typed(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "service.cli", *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    return typed


async def test_slots_book_cancel_in_a_row(interlock):
    found = json.loads(interlock("slots", "-s", "Cut", "--days", "7", "--limit", "1", "--json").stdout)
    at = found[0]["starts_at"]
    booked = json.loads(interlock("book", "-s", "Cut", "--at", at, "--name", "Maria Costa", "--json").stdout)
    assert booked["booking"]["status"] == "confirmed"
    assert booked["slot"]["starts_at"] == at
    cancelled = json.loads(interlock("cancel", booked["booking"]["id"], "--reason", "ill", "--json").stdout)
    assert (cancelled["status"], cancelled["version"]) == ("cancelled", 2)
    again = interlock("cancel", booked["booking"]["id"])
    assert (again.returncode, again.stdout) == (1, "")
    needed = "checked in or confirmed or pending"
    assert again.stderr == f"interlock: The booking is cancelled; cancel needs one that is {needed}.\n"


async def test_bookings_are_moved_and_swapped(interlock):
    found = json.loads(interlock("slots", "-s", "Cut", "--staff", "Ana", "--limit", "9", "--json").stdout)
    made = [
        json.loads(interlock("book", "-s", "Cut", "--at", at, "--name", "M", "--staff", "Ana", "--json").stdout)
        for at in (found[0]["starts_at"], found[4]["starts_at"])
    ]
    one, other = (booking["booking"]["id"] for booking in made)
    assert interlock("move", one, "--at", found[8]["starts_at"]).stdout == f"moved {one}\n"
    assert json.loads(interlock("move", one, "--staff", "Ben", "--json").stdout)["version"] == 3
    assert interlock("swap", one, other).stdout == f"swapped {one} and {other}\n"
    taken = interlock("move", one)
    assert (taken.returncode, taken.stderr) == (1, "interlock: Say when, or with whom.\n")


async def test_a_series_is_booked_and_the_schedule_shown(interlock):
    start = json.loads(interlock("slots", "-s", "Cut", "--staff", "Ana", "--limit", "1", "--json").stdout)[0][
        "starts_at"
    ]
    wanted = ("-s", "Cut", "--staff", "Ana", "--at", start, "--name", "Maria")
    made = json.loads(interlock("repeat", *wanted, "--rule", "FREQ=WEEKLY;COUNT=2", "--json").stdout)
    assert [o["version"] for o in made["occurrences"]] == [1, 1]
    table = interlock("repeat", *wanted, "--rule", "FREQ=WEEKLY;COUNT=3").stdout
    assert "nearest free" in table
    refused = interlock("repeat", *wanted, "--rule", "FREQ=SECONDLY;COUNT=3")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    day = json.loads(interlock("schedule", "--day", start[:10], "--json").stdout)
    assert [row["appointment_id"] for row in day] == [made["occurrences"][0]["appointment_id"]]
    assert "Maria" in interlock("schedule", "--day", start[:10]).stdout
    assert interlock("schedule", "--day", "soon").returncode == 1
    assert json.loads(interlock("offers", "--json").stdout) == {"offers": [], "done": None}
    assert interlock("offers", "--accept", made["id"]).stderr == "interlock: There is no such offer.\n"


async def test_a_booking_is_marked(interlock):
    start = json.loads(interlock("slots", "-s", "Cut", "--limit", "1", "--json").stdout)[0]["starts_at"]
    booked = json.loads(interlock("book", "-s", "Cut", "--at", start, "--name", "Maria", "--json").stdout)["booking"][
        "id"
    ]
    assert interlock("mark", booked, "checked-in").stdout == f"checked in: {booked}\n"
    early = interlock("mark", booked, "completed")
    assert (early.returncode, early.stderr) == (1, "interlock: The visit has not begun yet.\n")
    again = interlock("mark", booked, "no-show", "--json")
    assert (again.returncode, again.stderr) == (
        1,
        "interlock: The booking is checked in; no show needs one that is confirmed.\n",
    )


async def test_tables_for_people(interlock):
    shown = interlock("slots", "-s", "Cut", "--ranked", "--limit", "2")
    assert shown.returncode == 0
    assert "Cut at Salon (Europe/Lisbon)" in shown.stdout
    assert "Ana" in shown.stdout or "Ben" in shown.stdout
    assert "Waiting at Salon" in interlock("waitlist").stdout


async def test_the_optimiser_has_nothing_to_do_on_an_empty_waitlist(interlock):
    plan = json.loads(interlock("optimise", "--json").stdout)
    assert plan["run"]["solver_status"] == "nothing_to_do"
    assert plan["run"]["moves"] == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["slots", "-s", "Shave"], 1, "there are: Colour, Cut"),
        (["slots", "-b", "nobody", "-s", "Cut"], 1, "There is no business 'nobody'"),
        (["slots", "-s", "Cut", "--from", "tomorrow"], 1, "'tomorrow' is no time"),
        (["slots", "-s", "Cut", "--from", "2026-03-29T01:30"], 1, "does not exist in Europe/Lisbon"),
        (["slots", "-s", "Cut", "--days", "63"], 2, "--days"),
        (["book", "-s", "Cut", "--at", "2026-03-02T10:00", "--name", "M"], 1, "not free at 2026-03-02T10:00"),
        (["cancel", "no-id"], 2, "valid UUID"),
        (["optimise", "--from", "soon"], 2, "'soon' is no date"),
        (["db", "stop"], 1, "DATABASE_URL is set"),
        (["nonsense"], 2, "nonsense"),
    ],
)
async def test_an_error_is_one_line_and_a_code_to_trust(interlock, words, code, said):
    done = interlock(*words)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_database_that_does_not_answer_is_one_line():
    environment = {**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}
    command = [sys.executable, "-m", "service.cli", "waitlist", "-b", "salon"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be migrated" in done.stderr


def test_a_setting_that_cannot_be_is_one_line():
    environment = {**os.environ, "INTERLOCK_PORT": "many"}
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", "db", "status"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
    assert "PORT" in done.stderr


async def test_a_start_as_printed_can_be_booked(interlock):
    printed = interlock("slots", "-s", "Cut", "--limit", "1").stdout
    start = re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d \(\w{3}\)", printed).group()
    assert interlock("book", "-s", "Cut", "--at", start, "--name", "Maria Costa").stdout.startswith(f"booked {start}")
