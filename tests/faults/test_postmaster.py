"""Row 7: the database server killed under load; what was answered is there, and service goes on by itself."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from dataclasses import replace
from itertools import count as numbers
from pathlib import Path

import psycopg
import pytest

from models.errors import NotFound, Unavailable
from service import bootstrap
from service.commands import clients
from service.db import embedded
from service.db.database import Database
from service.db.migrate import upgrade
from service.settings import Settings
from tests.races.conftest import sized
from tests.races.races import assert_invariants
from tests.service.worlds import salon

pytestmark = pytest.mark.anyio

WRITERS = 8


@pytest.fixture
def home():
    """An installation whose server flushes what it commits, as everybody's does."""
    home = Path(tempfile.mkdtemp(prefix="interlock-killed-"))
    home.chmod(0o755)
    yield home
    embedded.remove(home)
    shutil.rmtree(home, ignore_errors=True)


async def killed_under_load(home: Path, kills: int) -> tuple[set, int, float]:
    """Kill the postmaster while clients are registered; returns who was, how many are there, and the longest gap."""
    server = await asyncio.to_thread(embedded.ensure_running, home)
    await asyncio.to_thread(upgrade, server.owner_url())
    chosen = Settings.model_validate({"home": home})
    registered, done, longest, number = set(), asyncio.Event(), 0.0, numbers()

    async def register(scope) -> None:
        while not done.is_set():
            keyed = replace(scope, key=f"key-{next(number)}")
            while True:
                try:
                    registered.add(await clients.register(keyed, clients.NewClient("Ada")))
                    break
                except Unavailable:
                    await asyncio.sleep(0.01)

    async with Database(bootstrap._pool_url(chosen), WRITERS) as db:
        scope = await salon(db)
        async with asyncio.TaskGroup() as writers:
            for _ in range(WRITERS):
                writers.create_task(register(scope))
            for _ in range(kills):
                await more(registered, 20)
                running = await asyncio.to_thread(embedded.running, home)
                os.kill(running.pid, signal.SIGKILL)
                began = time.monotonic()
                await more(registered, WRITERS + 1)
                longest = max(longest, time.monotonic() - began)
            done.set()
    url = (await asyncio.to_thread(embedded.ensure_running, home)).owner_url()
    await asyncio.to_thread(assert_invariants, url)
    with psycopg.connect(url) as owner:
        there = {row[0] for row in owner.execute("SELECT id FROM client")}
    return registered - there, len(there) - len(registered), longest


async def more(registered: set, number: int) -> None:
    """Wait for so many more."""
    wanted = len(registered) + number
    while len(registered) < wanted:  # noqa: ASYNC110 - until they are there
        await asyncio.sleep(0.001)


async def test_a_killed_server_loses_nothing_that_was_answered(home):
    lost, beyond, longest = await killed_under_load(home, sized(20, 2))
    print(f"served again after at most {longest:.1f} s")  # noqa: T201 - shown with -s
    assert not lost
    assert beyond == 0
    assert longest <= 10


async def test_answered_before_it_is_flushed_it_is_lost(home, monkeypatch):
    monkeypatch.setattr("service.db.session.SESSION", "SET synchronous_commit = off; SET search_path = public, jobs")
    server = await asyncio.to_thread(embedded.ensure_running, home)
    with psycopg.connect(server.owner_url("postgres"), autocommit=True) as owner:
        for setting in ("wal_writer_delay = '10s'", "wal_writer_flush_after = '1GB'"):
            owner.execute(f"ALTER SYSTEM SET {setting}")
        owner.execute("SELECT pg_reload_conf()")
    try:
        lost, beyond, _ = await killed_under_load(home, 1)
    except BaseExceptionGroup as group:
        # The business itself was answered for, and is not there.
        assert group.subgroup(NotFound), group  # noqa: PT017 - a group may hold several
        return
    assert lost or beyond
