"""The embedded server: shared, guarded by passwords, back after a crash, gone after a stop."""

import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from models.errors import NotConfigured
from service.db import embedded
from service.db.home import SHARED, server_folder, server_user

ROOT = Path(__file__).parents[3]
IMPORTS = "import os, resource, sys; from pathlib import Path; from service.db import binaries, embedded\n"
IMPORTS += "home = Path(sys.argv[1])\n"
START = "print(embedded.ensure_running(home, durable=False).pid)"


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that others may enter, with a name that is not plain; no server is left in it."""
    with tempfile.TemporaryDirectory(prefix="interlock düne ") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        embedded.remove(folder)


@pytest.fixture
def home():
    """A folder with nothing in it."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def pristine():
    """The files of a server after its first start; copying them is quicker than making them."""
    with open_folder() as folder:
        made = embedded.ensure_running(folder, durable=False).folder
        embedded.stop(folder)
        yield made


@pytest.fixture
def used_home(home, pristine):
    """A folder with the files of a server that has been stopped."""
    return copied(pristine, home)


@pytest.fixture(scope="module")
def server(pristine):
    """A running server that tests look at and leave as it is."""
    with open_folder() as folder:
        yield embedded.ensure_running(copied(pristine, folder), durable=False)


def copied(files: Path, home: Path) -> Path:
    subprocess.run(["/bin/cp", "-a", "--reflink=auto", files, home], check=True)
    return home


def script(home: Path, text: str) -> subprocess.Popen[str]:
    """Run a few lines in a process of their own."""
    command = [sys.executable, "-c", IMPORTS + text, home]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def said(home: Path, text: str) -> str:
    """Return the last line that a few lines of Python print, or fail with their error."""
    process = script(home, text)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out.splitlines()[-1]


def as_ordinary_user(home: Path, text: str) -> str:
    """The same as somebody who is not root; the wheel may lie where they cannot look, so its copy is used."""
    if os.geteuid() != 0:
        return said(home, text)
    user = next(entry for entry in pwd.getpwall() if entry.pw_uid not in (0, server_user().uid))
    os.chown(home, user.pw_uid, user.pw_gid)
    become = (
        "from service.db.home import server_user; found = binaries.find_binaries(server_user())\n"
        "binaries.find_binaries.cache_clear(); binaries._in_wheel = lambda: [found.folder]\n"
        f"os.setgroups([]); os.setgid({user.pw_gid}); os.setuid({user.pw_uid})\n"
    )
    return said(home, become + text)


def test_processes_that_start_at_once_share_one_server(home):
    pids = [int(process.communicate(timeout=60)[0]) for process in [script(home, START) for _ in range(3)]]
    assert len(set(pids)) == 1
    assert embedded.running(home).pid == pids[0]


def test_committed_rows_survive_a_killed_postmaster_on_the_same_port(used_home):
    server = embedded.ensure_running(used_home)
    with psycopg.connect(server.owner_url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server.pid, signal.SIGKILL)
    since = time.monotonic()
    again = embedded.ensure_running(used_home)
    assert time.monotonic() - since < 10
    assert again.pid != server.pid
    assert again.port == server.port
    with psycopg.connect(server.owner_url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_a_query_that_outlives_its_postmaster_does_not_keep_the_next_one_waiting(used_home):
    server = embedded.ensure_running(used_home, durable=False)
    with psycopg.connect(server.owner_url()) as busy:
        busy.execute("SET statement_timeout = '40s'")
        # Sent and not awaited: the backend counts on and looks at nothing else.
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b")
        with psycopg.connect(server.owner_url()) as other:
            activity = "SELECT state FROM pg_stat_activity WHERE pid = %s"
            while other.execute(activity, [busy.info.backend_pid]).fetchone() != ("active",):
                time.sleep(0.01)
                other.rollback()
        os.kill(server.pid, signal.SIGKILL)
        since = time.monotonic()
        embedded.ensure_running(used_home, durable=False)
        assert time.monotonic() - since < 10
        busy.close()


def test_a_pid_file_that_names_another_process_is_not_believed(used_home):
    folder = server_folder(used_home)
    user = server_user(folder)
    stranger = subprocess.Popen(["/bin/sleep", "600"], **user.credentials())
    try:
        pid_file = folder / "data" / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{folder / 'data'}\n1\n5432\n\n127.0.0.1\n   1 1\nready   \n")
        user.own(pid_file)
        assert embedded.running(used_home) is None
        assert embedded.stop(used_home) is False
        assert embedded.ensure_running(used_home, durable=False).pid != stranger.pid
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_stopping_is_clean_and_says_whether_anything_ran(used_home):
    server = embedded.ensure_running(used_home, durable=False)
    assert embedded.stop(used_home) is True
    assert embedded.stop(used_home) is False
    assert embedded.running(used_home) is None
    assert not (server.folder / "data" / "postmaster.pid").exists()
    log = (server.folder / "postgresql.log").read_text()
    assert "database system is shut down" in log
    embedded.ensure_running(used_home, durable=False)
    assert "was shut down at" in (server.folder / "postgresql.log").read_text()


def test_nothing_runs_and_nothing_is_made_by_asking(home):
    assert embedded.running(home) is None
    assert embedded.stop(home) is False
    embedded.remove(home)
    assert list(home.iterdir()) == []


def test_removing_leaves_nothing_and_the_next_start_begins_anew(used_home):
    first = embedded.ensure_running(used_home, durable=False)
    with psycopg.connect(first.owner_url()) as connection:
        connection.execute("CREATE TABLE gone ()")
    url = first.owner_url()
    embedded.remove(used_home)
    assert not first.folder.exists()
    second = embedded.ensure_running(used_home, durable=False)
    assert second.owner_url() != url
    with psycopg.connect(second.owner_url()) as connection:
        assert connection.execute("SELECT to_regclass('gone')").fetchone() == (None,)


def test_a_port_that_someone_else_has_taken_meanwhile_is_not_insisted_on(used_home):
    first = embedded.ensure_running(used_home, durable=False)
    embedded.stop(used_home)
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", first.port))
        squatter.listen()
        assert embedded.ensure_running(used_home, durable=False).port != first.port


def test_a_wrong_password_is_refused_and_the_right_one_is_private(server):
    url = server.app_url()
    password = url.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guess"))
    for name in ("credentials.json", "postgresql.log"):
        assert (server.folder / name).stat().st_mode & 0o077 == 0
    assert not (server.folder / "password").exists()
    assert password not in (server.folder / "postgresql.log").read_text()


def test_the_apps_role_is_nobody_in_particular(server):
    rights = "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
    owned = "SELECT count(*) FROM pg_database d JOIN pg_roles r ON r.oid = datdba WHERE rolname = current_user"
    with psycopg.connect(server.app_url()) as connection:
        assert connection.execute(rights).fetchone() == (False, False, False, False)
        assert connection.execute(owned).fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine ()")


def test_text_is_the_same_on_every_machine(server):
    with psycopg.connect(server.owner_url()) as connection:
        found = connection.execute("SELECT upper('é'), current_setting('server_encoding'), current_setting('TimeZone')")
        assert found.fetchone() == ("É", "UTF8", "UTC")


def test_an_interrupted_first_start_is_made_again(home):
    (home / "postgresql" / "data.new" / "base").mkdir(parents=True)
    with psycopg.connect(embedded.ensure_running(home, durable=False).app_url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_any_folder_name_will_do(home):
    folder = home / 'it\'s "quoted"' / "$HOME `id` \\n" / ("long" * 30)
    server = embedded.ensure_running(folder, durable=False)
    assert server.folder == folder / "postgresql"
    assert embedded.running(folder) == server


def test_a_symbolic_link_leads_to_the_same_server(server, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(server.folder.parent)
    assert embedded.ensure_running(link) == server


def test_data_of_another_version_is_left_alone(used_home):
    server = embedded.ensure_running(used_home, durable=False)
    embedded.stop(used_home)
    version = server.folder / "data" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("9\n")
    with pytest.raises(NotConfigured, match="was made by PostgreSQL 9, and here is 18: dump it"):
        embedded.ensure_running(used_home)
    version.write_text(ours)
    assert embedded.ensure_running(used_home, durable=False)


def test_data_of_an_older_version_in_the_wheel_is_served_by_that_version(home, monkeypatch):
    older = embedded.cluster_binaries.__globals__["find_binaries"](server_user(), 16)
    monkeypatch.setattr("service.db.cluster.find_binaries", lambda *_: older)
    embedded.ensure_running(home, durable=False)
    monkeypatch.undo()
    embedded.stop(home)
    with psycopg.connect(embedded.ensure_running(home, durable=False).owner_url()) as connection:
        assert connection.info.server_version // 10_000 == 16


def test_lost_passwords_are_one_clear_line(used_home):
    server = embedded.ensure_running(used_home, durable=False)
    (server.folder / "credentials.json").unlink()
    with pytest.raises(NotConfigured, match=r"credentials\.json cannot be read"):
        server.app_url()


def test_a_file_in_the_folders_place_is_one_clear_line(home):
    (home / "file").write_text("")
    with pytest.raises(NotConfigured, match="cannot be written"):
        embedded.ensure_running(home / "file")


def test_a_read_only_folder_is_one_clear_line(home):
    attempt = "home.chmod(0o500)\ntry: embedded.ensure_running(home)\nexcept Exception as error: print(repr(error))"
    expected = f"NotConfigured('{home}/postgresql cannot be written (Permission denied); set INTERLOCK_HOME.')"
    assert as_ordinary_user(home, attempt) == expected
    home.chmod(0o755)


def test_a_full_disk_is_one_clear_line(home):
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n"
    attempt = "try: embedded.ensure_running(home)\nexcept Exception as error: print(repr(error))"
    answer = said(home, limit + attempt)
    assert re.fullmatch(r"NotConfigured\('initdb failed: could not write to file .* File too large'\)", answer)


def test_root_never_runs_the_server_itself(server):
    owner = Path(f"/proc/{server.pid}").stat().st_uid
    assert owner == (server_user().uid if os.geteuid() == 0 else os.geteuid())
    assert owner != 0


def test_a_closed_home_stays_closed(home):
    home.chmod(0o700)
    server = embedded.ensure_running(home, durable=False)
    assert home.stat().st_mode & 0o777 == 0o700
    assert (SHARED in server.folder.parents) == (os.geteuid() == 0)
    # What is there already must not be lost from sight by opening the folder.
    home.chmod(0o755)
    assert embedded.ensure_running(home) == server


def test_a_home_that_is_closed_later_is_still_the_same(used_home):
    server = embedded.ensure_running(used_home, durable=False)
    used_home.chmod(0o700)
    assert embedded.running(used_home) == server
    used_home.chmod(0o755)


def test_a_strict_umask_closes_nobody_out(home):
    assert int(said(home / "new", "os.umask(0o077)\n" + START)) == embedded.running(home / "new").pid
    embedded.remove(home / "new")


def test_nobody_but_root_can_lead_root_astray(server):
    assert server.folder.stat().st_uid == os.geteuid()
    assert server.folder.stat().st_mode & 0o022 == 0


def test_an_ordinary_user_runs_it_as_themselves_and_root_keeps_out(home):
    pid = int(as_ordinary_user(home, START))
    assert Path(f"/proc/{pid}").stat().st_uid == server_folder(home).stat().st_uid != 0
    assert embedded.running(home).pid == pid
    if os.geteuid() == 0:
        for act in (embedded.stop, embedded.remove):
            with pytest.raises(NotConfigured, match=r"belongs to .*: run this as that user"):
                act(home)
    assert as_ordinary_user(home, "print(embedded.stop(home))") == "True"
    if os.geteuid() == 0:
        with pytest.raises(NotConfigured, match=r"belongs to .*: run this as that user"):
            embedded.ensure_running(home)
    as_ordinary_user(home, "print(embedded.remove(home))")


def test_data_stays_with_the_user_that_it_was_made_for(used_home, monkeypatch):
    owner = (used_home / "postgresql" / "data").stat().st_uid
    # As if a user `postgres` had come or gone since.
    monkeypatch.setattr("service.db.home.pwd.getpwnam", pwd.getpwnam if os.geteuid() else lambda _: pwd.getpwuid(1))
    server = embedded.ensure_running(used_home, durable=False)
    assert Path(f"/proc/{server.pid}").stat().st_uid == owner
