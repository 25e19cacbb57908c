"""`interlock optimise`, `allow` and `rules` as they are typed, on a book that only a rebalance makes room in."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from service.commands import bookings, waitlist
from service.db.views import Views
from tests.service.api.conftest import row_counts
from tests.service.worlds import ANA, COLOUR, CUT, client, salon

pytestmark = pytest.mark.anyio

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
MONDAY = TODAY + timedelta(days=14 - TODAY.weekday())
"""At least a week from now; in summer Lisbon is an hour ahead, and the salon open all the same."""


@pytest.fixture
async def booking(db):
    """A salon in UTC whose cut at 09:45 stands in the way of the colour that a client waits for; the cut's id."""
    scope = await salon(db, zone="UTC")
    now = datetime.now(UTC)
    at = bookings.BookRequest(CUT, ANA, MONDAY.replace(hour=9, minute=45), await client(scope), source="test")
    view = await Views(db).current(scope.business_id, now)
    made = await bookings.book(scope, at, view=view, now=now)
    window = (MONDAY.replace(hour=9), MONDAY.replace(hour=11))
    await waitlist.join(scope, waitlist.Joining(await client(scope, "Rui Dias"), COLOUR, (window,), None, 5), now=now)
    return made.id


@pytest.fixture
def environment(app_url, owner_url):
    return {
        **os.environ,
        "DATABASE_URL": app_url,
        "DATABASE_OWNER_URL": owner_url,
        "INTERLOCK_BUSINESS": "salon",
        "COLUMNS": "200",
    }


@pytest.fixture
def interlock(environment):
    """A way to type commands."""

    def typed(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "service.cli", *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    return typed


REBALANCE = ("optimise", "--kind", "rebalance", "--from", str(MONDAY.date()), "--days", "1")


async def test_a_plan_is_shown_drawn_and_accepted(interlock, booking, tmp_path, owner_url):
    picture = tmp_path / "plan.svg"
    shown = interlock(*REBALANCE, "--alternatives", "--picture", str(picture))
    assert shown.returncode == 0, shown.stderr
    for words in (
        "Plan for Salon (rebalance, balanced)",
        "Maria Costa",
        "Makes room for Rui Dias",
        "Account",
        "gentle",
    ):
        assert words in shown.stdout
    assert "proven best" in shown.stdout
    drawn = picture.read_text()
    assert drawn.startswith("<?xml")
    run = shown.stdout.split("--run ")[1].split(" ")[0]
    part = interlock("optimise", "--run", run, "--accept", "2")
    assert (part.returncode, part.stdout) == (1, "")
    assert "Accept 1 as well, or none of them." in part.stderr
    assert interlock("optimise", "--run", run, "--accept", "3").stderr == (
        "interlock: '3' is no move of the plan; they are numbered 1 to 2.\n"
    )
    done = interlock("optimise", "--run", run, "--accept", "1,2")
    assert "applied 2, refused as stale 0" in done.stdout
    with psycopg.connect(owner_url) as connection:
        assert connection.execute("SELECT version FROM appointment WHERE id = %s", [booking]).fetchone() == (2,)


async def test_a_plan_is_discarded(interlock, booking):
    run = json.loads(interlock(*REBALANCE, "--json").stdout)["run"]
    discarded = json.loads(interlock("optimise", "--run", run["id"], "--discard", "--json").stdout)["run"]
    assert discarded["status"] == "discarded"
    again = interlock("optimise", "--run", run["id"], "--apply")
    assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)


async def test_what_a_client_allows_and_the_rules_bind_the_next_plan(interlock, booking):
    assert "version 2" in interlock("allow", str(booking), "--lock").stdout
    assert json.loads(interlock(*REBALANCE, "--json").stdout)["run"]["moves"] == []
    day = MONDAY.date()
    assert interlock("allow", str(booking), "--window", f"{day}T14:00/{day}T15:00", "--staff", "same").returncode == 0
    moves = json.loads(interlock(*REBALANCE, "--json").stdout)["run"]["moves"]
    assert [m["starts_at"][:13] for m in moves if m["kind"] == "move"] == [f"{day}T14"]
    interlock("allow", str(booking))
    rules = json.loads(interlock("rules", "--minutes", "0", "--moves-a-day", "2", "--json").stdout)
    assert (rules["minutes"], rules["moves_a_day"], rules["frozen_hours"]) == (0, 2, 24)
    assert json.loads(interlock(*REBALANCE, "--json").stdout)["run"]["moves"] == []
    assert "moves a day" in interlock("rules", "--moves-a-day", "-1").stdout


SLOWLY = f"""
import sys
import service.jobs.optimise as o
search = o.solve
def solve(problem, effort):
    found = search(problem, effort)
    print("searching", file=sys.stderr, flush=True)
    while not effort.stopped:
        pass
    return found
o.solve = solve
from service.cli import main
sys.argv = ["interlock", *{REBALANCE!r}, "--json"]
main()
"""


def interrupted(environment) -> tuple[int, str, str]:
    """Type it, press Ctrl-C while it searches, and return what it ends with."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    run = subprocess.Popen([sys.executable, "-c", SLOWLY], env=environment, **pipes)
    while "searching" not in run.stderr.readline():
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    out, error = run.communicate(timeout=60)
    return run.returncode, out, error


async def test_ctrl_c_keeps_the_best_plan_so_far(environment, booking):
    code, out, error = await asyncio.to_thread(interrupted, environment)
    assert code == 0, error
    plan = json.loads(out)["run"]
    assert (plan["status"], len(plan["moves"])) == ("planned", 2)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((*REBALANCE, "--policy", "ruthless"), 1, "There is no policy 'ruthless'"),
        ((*REBALANCE, "--kind", "guess"), 2, "guess"),
        ((*REBALANCE, "--seconds", "0"), 2, "--seconds"),
        ((*REBALANCE, "--apply", "--discard"), 2, "choose one of"),
        ((*REBALANCE, "--picture", "/nowhere/plan.png"), 1, "/nowhere/plan.png"),
        (("optimise", "--from", "2025-01-01", "--days", "2"), 1, "Those days are over"),
        (("optimise", "--run", "00000000-0000-0000-0000-000000000001"), 1, "no such optimisation run"),
        (("allow", "00000000-0000-0000-0000-000000000001"), 1, "There is no such booking"),
        (("allow", "BOOKING", "--window", "soon"), 1, "'soon' is no window"),
        (("allow", "BOOKING", "--window", "2026-03-02T10:00/2026-03-02T10:00"), 1, "is empty"),
        (("allow", "BOOKING", "--staff", "Zoe"), 1, "There is no staff member 'Zoe'"),
        (("rules", "--minutes", "1441"), 2, "--minutes"),
        (("rules", "--staff", "some"), 1, "staff is same or any"),
    ],
)
async def test_bad_input_is_one_line_and_writes_nothing(interlock, booking, owner_url, words, code, said):
    before = row_counts(owner_url)
    done = interlock(*(str(booking) if word == "BOOKING" else word for word in words))
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    if "--picture" not in words:
        assert row_counts(owner_url) == before
