"""`interlock replay` as a script sees it: JSON alone on stdout, one line on stderr for an error, codes to trust."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from service.jobs.replay.requests import write
from service.jobs.replay.twin import generate

INTERLOCK = Path(sys.executable).with_name("interlock")


@pytest.fixture
def environment(server, database_name) -> dict[str, str]:
    """What a user sets to work on the test's database."""
    urls = {"DATABASE_URL": server.app_url(database_name), "DATABASE_OWNER_URL": server.owner_url(database_name)}
    return {**os.environ, **urls, "COLUMNS": "120"}


@pytest.fixture
def interlock(environment):
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(INTERLOCK), *(str(argument) for argument in arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    return run


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "requests.csv"
    write(path, generate(120, 2, 4))
    return path


def test_json_is_all_that_stdout_gets(interlock, file, tmp_path):
    with file.open("a") as more:
        more.write("2016-05-02T08:00:00Z,2016-05-01,Clinic 01,1,30,0,0\n")
    done = interlock("replay", file, "--json", "--seed", 3, "--jobs", 1, "--picture", tmp_path / "replay.png")

    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["requests"], outcome["overlaps"], outcome["seed"], outcome["jobs"]) == (120, 0, 3, 1)
    assert outcome["requests_per_second"] > 0
    assert [row["row"] for row in outcome["bad_rows"]["rows"]] == [122]
    assert (tmp_path / "replay.png").read_bytes().startswith(b"\x89PNG")


def test_the_generated_twin_serves_where_there_is_no_file(interlock):
    done = interlock("replay", "--generated", "--clinic", "Clinic 80", "--limit", 40)

    assert done.returncode == 0, done.stderr
    assert "40   requests at one clinic" in done.stdout
    assert "overlapping live claims" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["replay"], 2, "--generated"),
        (["replay", "file.csv", "--generated"], 2, "--generated"),
        (["replay", "--generated", "--limit", "0"], 2, "--limit"),
        (["replay", "/no/such/file.csv"], 1, "No such file"),
        (["replay", "--generated", "--clinic", "Nowhere"], 1, "no clinic 'Nowhere'"),
    ],
)
def test_wrong_usage_and_refusals_have_their_codes(interlock, arguments, code, words):
    done = interlock(*arguments)

    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_column_is_one_line(interlock, file):
    text = file.read_text().replace("client", "patient", 1)
    file.write_text(text)
    done = interlock("replay", file, "--json")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "row 1, column client: missing" in done.stderr


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_end_from_outside_leaves_no_traceback_and_no_processes(environment, file, sent, code):
    write(file, generate(20_000, 2, 20))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # What is started in the background of a script ignores SIGINT, and hands that down.
    command = ["env", "--default-signal=INT", str(INTERLOCK), "replay", str(file), "--json"]
    with subprocess.Popen(command, env=environment, **pipes) as running:
        _wait_for_database_of(running.pid, environment["DATABASE_OWNER_URL"])
        tasks = Path(f"/proc/{running.pid}/task").glob("*/children")
        children = [child for task in tasks for child in task.read_text().split()]
        running.send_signal(sent)
        out, err = running.communicate(timeout=180)

    assert (running.returncode, out) == (code, "")
    assert "Traceback" not in err
    assert len(children) >= 2
    _wait_until(lambda: not any(map(_lives, children)), "processes remain")


def _lives(pid: str) -> bool:
    try:
        # After the name in brackets comes the state; Z has ended and only waits to be fetched.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait_for_database_of(pid: int, url: str) -> None:
    # The processes connect as the app's role; the owner, who migrates first, speaks of claims too.
    named = (
        "SELECT FROM pg_stat_activity WHERE datname LIKE %s AND usename = 'interlock_app' AND query ILIKE '%%claim%%'"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        _wait_until(
            lambda: connection.execute(named, [f"interlock_replay_{pid}_%"]).fetchone() is not None,
            "the replay has not begun",
        )


def _wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail(f"{otherwise} after a minute")


def test_a_comparison_is_one_json_document_and_touches_no_database(interlock, file, tmp_path):
    picture = tmp_path / "comparison.png"
    done = interlock("replay", file, "--compare", "--jobs", 1, "--json", "--picture", picture)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["requests"] == 120
    assert outcome["strategies"].keys() == {"first come", "greedy", "jointly"}
    assert all(tally["overlaps"] == 0 for tally in outcome["strategies"].values())
    assert picture.stat().st_size > 10_000
    wrong = interlock("replay", file, "--compare", "--clinic", "nowhere")
    assert (wrong.returncode, wrong.stdout, len(wrong.stderr.splitlines())) == (1, "", 1)
