"""`interlock db`, as it is typed: what it prints, and exit codes that a script can trust."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from service.cli.app import COMMANDS, OnDemand
from service.db import embedded


@pytest.fixture
def home():
    with tempfile.TemporaryDirectory(prefix="interlock-cli-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        embedded.remove(Path(folder))


def typed(*words: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "INTERLOCK_"))}
    command = [sys.executable, "-m", "service.cli", "db", *words]
    environment |= variables
    return subprocess.run(command, capture_output=True, text=True, env=environment, input=stdin, check=False)


def test_a_servers_life_from_the_command_line(home):
    def said(*words: str, code: int = 0, stdin: str = "") -> str:
        done = typed(*words, stdin=stdin, INTERLOCK_HOME=str(home))
        assert done.returncode == code, done.stderr
        return done.stdout.strip()

    assert said("status", code=3) == "not running"
    assert json.loads(said("status", "--json", code=3)) == {"running": False, "embedded": True}
    server = said("start")
    assert server.startswith("running on 127.0.0.1:")
    assert said("status") == said("start") == server
    known = json.loads(said("status", "--json"))
    assert known["running"] is True
    assert str(known["port"]) in server
    assert Path(known["folder"]).is_dir()
    for words, role in ((["url"], "interlock_app"), (["url", "--owner"], "interlock")):
        with psycopg.connect(said(*words)) as connection:
            assert connection.info.user == role
            assert connection.execute("SELECT to_regclass('claim')::text").fetchone() == ("claim",)
    assert said("migrate") == "the schema is up to date"
    assert said("reset", stdin="n\n", code=1).startswith("Delete every business and booking below")
    assert said("status") == server
    assert said("stop") == "stopped"
    assert said("stop") == "was not running"
    assert said("status", code=3) == "not running"
    assert said("reset", "--yes") == "deleted"
    assert list(home.iterdir()) == []


def test_an_external_server_is_asked_but_never_touched(app_url, home):
    here = {"DATABASE_URL": app_url, "INTERLOCK_HOME": str(home)}
    asked = typed("status", **here)
    assert (asked.returncode, asked.stdout) == (0, "the server of DATABASE_URL answers\n")
    for words in (["start"], ["stop"], ["reset", "--yes"]):
        refused = typed(*words, **here)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("interlock: DATABASE_URL is set: that server is not Interlock's")
    assert typed("url", **here).stdout.strip() == app_url
    silent = typed("status", "--json", DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert (silent.returncode, json.loads(silent.stdout)) == (3, {"running": False, "embedded": False})
    assert list(home.iterdir()) == []


def test_what_is_in_the_way_is_one_line(home):
    (home / "file").write_text("")
    done = typed("start", INTERLOCK_HOME=str(home / "file"))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert "cannot be written" in done.stderr
    wrong = typed("status", INTERLOCK_PORT="x")
    assert wrong.returncode == 3
    assert wrong.stderr.startswith("interlock: INTERLOCK_PORT: ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_list_says_and_explains_itself(name):
    command = OnDemand(COMMANDS)[name]
    assert command.help


def test_asking_for_the_status_does_not_wait_for_arrays_or_the_web():
    heavy = "numpy|pandas|ortools|sqlalchemy|alembic|fastapi|psycopg"
    code = f"import re, sys; import service.cli.database; print([m for m in sys.modules if re.fullmatch('{heavy}', m)])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
