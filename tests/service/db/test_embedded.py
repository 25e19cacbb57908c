"""The embedded server: shared, guarded by passwords, back after a crash, gone after a stop."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from models.errors import NotConfigured
from service.db import embedded
from service.db.binaries import ServerUser, find_binaries, server_user

ROOT = Path(__file__).parents[3]
START = "import sys; from pathlib import Path; from service.db import embedded; "
START += "print(embedded.ensure_running(Path(sys.argv[1]), durable=False).pid)"


@pytest.fixture
def home():
    with tempfile.TemporaryDirectory(prefix="interlock düne ") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        embedded.remove(Path(folder))


def start(home: Path, **options) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", START, home], stdout=subprocess.PIPE, text=True, cwd=ROOT, **options)


def test_processes_that_start_at_once_share_one_server(home):
    pids = [int(process.communicate(timeout=60)[0]) for process in [start(home) for _ in range(3)]]
    assert len(set(pids)) == 1
    assert embedded.running(home).pid == pids[0]


def test_committed_rows_survive_a_killed_postmaster(home):
    server = embedded.ensure_running(home)
    with psycopg.connect(server.owner_url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server.pid, signal.SIGKILL)
    since = time.monotonic()
    again = embedded.ensure_running(home)
    assert time.monotonic() - since < 10
    assert again.pid != server.pid
    with psycopg.connect(again.owner_url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_a_pid_file_that_names_another_process_is_not_believed(home):
    server = embedded.ensure_running(home, durable=False)
    pid_file = server.folder / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    embedded.stop(home)
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert embedded.running(home) is None
    assert embedded.stop(home) is False
    assert embedded.ensure_running(home, durable=False).pid != os.getpid()


def test_stopping_is_clean_and_says_whether_anything_ran(home):
    server = embedded.ensure_running(home, durable=False)
    assert embedded.stop(home) is True
    assert embedded.stop(home) is False
    assert not embedded._is_postmaster(server.pid, server.folder)
    assert not (server.folder / "data" / "postmaster.pid").exists()


def test_a_wrong_password_is_refused(home):
    server = embedded.ensure_running(home, durable=False)
    url = server.app_url()
    password = url.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guess"))
    assert (server.folder / "credentials.json").stat().st_mode & 0o077 == 0


def test_an_interrupted_first_start_is_made_again(home):
    server = embedded.ensure_running(home, durable=False)
    embedded.stop(home)
    (server.folder / "data").rename(server.folder / "data.new")
    assert embedded.ensure_running(home, durable=False).port


def test_data_of_another_version_is_left_alone(home):
    server = embedded.ensure_running(home, durable=False)
    embedded.stop(home)
    (server.folder / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(NotConfigured, match="made by PostgreSQL 9"):
        embedded.ensure_running(home)


def test_a_file_in_the_folders_place_is_one_clear_line(home):
    (home / "file").write_text("")
    with pytest.raises(NotConfigured, match="cannot be written"):
        embedded.ensure_running(home / "file")


@pytest.mark.parametrize("closed", [False, True])
def test_root_never_runs_the_server_itself(home, closed):
    home.chmod(0o700 if closed else 0o755)
    server = embedded.ensure_running(home, durable=False)
    owner = Path(f"/proc/{server.pid}").stat().st_uid
    assert owner == (server_user().uid if os.geteuid() == 0 else os.geteuid())
    assert owner != 0
    assert home.stat().st_mode & 0o777 == (0o700 if closed else 0o755)


def test_an_ordinary_user_runs_it_as_themselves(home):
    if os.geteuid() != 0:
        assert server_user() == ServerUser(None, None)
        return
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    interpreter = find_binaries(server_user()).folder / "initdb"
    assert interpreter.exists()
    # As that user, from the binaries that root's own server user would run: the wheel may lie behind a closed door.
    script = (
        "import os, sys; from pathlib import Path; from service.db import binaries, embedded; "
        f"os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid}); "
        f"embedded.find_binaries = lambda user: binaries.Binaries(Path({str(interpreter.parent)!r}), "
        f"{find_binaries(server_user()).major!r}); "
        "print(embedded.ensure_running(Path(sys.argv[1]), durable=False).pid); embedded.stop(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", script, home], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
