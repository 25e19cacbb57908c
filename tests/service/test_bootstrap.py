"""A wired installation: it finds its database, and finds it again."""

import os
import signal
import tempfile
import time
from pathlib import Path

import anyio
import pytest

from models.errors import NotConfigured, NotFound, Unavailable
from service.bootstrap import prepare, running
from service.db import embedded
from service.queries import businesses
from service.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def chosen(monkeypatch):
    """Settings of an installation in a folder of its own."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with tempfile.TemporaryDirectory(prefix="interlock-installation-") as folder:
        Path(folder).chmod(0o755)
        yield Settings(home=Path(folder))
        embedded.remove(Path(folder))


async def answers(interlock) -> bool:
    try:
        await businesses.by_slug(interlock.db, "nobody")
    except NotFound:
        return True
    except Unavailable:
        return False


async def test_a_killed_server_serves_again_within_ten_seconds_and_a_stopped_one_stays_down(chosen):
    async with running(chosen) as interlock:
        assert await answers(interlock)
        killed = embedded.running(chosen.home)
        os.kill(killed.pid, signal.SIGKILL)
        since = time.monotonic()
        while embedded.running(chosen.home) in (None, killed) or not await answers(interlock):
            assert time.monotonic() - since < 10
            await anyio.sleep(0.05)
            await answers(interlock)
        assert embedded.stop(chosen.home)
        assert not await answers(interlock)
        await anyio.sleep(2)
        assert not await answers(interlock)
        assert embedded.running(chosen.home) is None


def test_without_a_secret_production_starts_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("INTERLOCK_SECRET", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(NotConfigured, match="INTERLOCK_SECRET is not set"):
        prepare(Settings(environment="production", home=tmp_path / "home"))
    assert not (tmp_path / "home").exists()
