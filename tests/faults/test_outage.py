"""Rows 9 and 25: no database, no connection to spare, no room on its disk: a fast 503, and recovery unaided."""

import asyncio
import time

import pytest

from models.errors import Unavailable
from service.commands import bookings
from service.db.database import Database
from service.db.views import Views
from tests.faults.proxy import Proxy
from tests.races.conftest import sized
from tests.races.races import assert_invariants, count, owner_does
from tests.races.times import TIMES
from tests.service.api.conftest import BASE
from tests.service.worlds import ANA, CUT, MONDAY_10, NOW, client

pytestmark = pytest.mark.anyio

CROWD = 12
"""Requests at once, over a pool of four."""
DAY = {"service_id": str(CUT), "from": "2026-03-02T09:00:00Z", "to": "2026-03-02T12:30:00Z"}


@pytest.fixture
async def proxy(app_url):
    async with Proxy(app_url) as proxy:
        yield proxy


@pytest.fixture
async def db(proxy):
    """The service reaches its database through the proxy."""
    async with Database(proxy.url, 4) as database:
        yield database


async def asked(api) -> tuple[int, float, str | None]:
    began = time.monotonic()
    answer = await api.get(f"{BASE}/slots", params=DAY)
    return answer.status_code, time.monotonic() - began, answer.headers.get("Retry-After")


async def refused_fast_for(api, seconds: float) -> None:
    """Ask all the time: everybody is told within six seconds to come back."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answers = await asyncio.gather(*(asked(api) for _ in range(CROWD)))
        assert {status for status, _, _ in answers} == {503}, answers
        assert all(retry == "1" for _, _, retry in answers)
        assert max(took for _, took, _ in answers) <= 6, answers
        await asyncio.sleep(0.05)


async def served_again_within(api, seconds: float) -> None:
    began = time.monotonic()
    while (await asked(api))[0] != 200:
        assert time.monotonic() - began < seconds, "not served again"
        await asyncio.sleep(0.05)
    assert time.monotonic() - began <= seconds
    assert {status for status, _, _ in await asyncio.gather(*(asked(api) for _ in range(CROWD)))} == {200}


async def test_an_unreachable_database_is_a_fast_503_and_found_again(api, proxy):
    await served_again_within(api, 5)
    await proxy.vanish()
    await refused_fast_for(api, sized(30, 1))
    await proxy.listen()
    await served_again_within(api, 5)


async def test_a_database_that_answers_nothing_is_a_fast_503_and_found_again(api, proxy):
    await served_again_within(api, 5)
    proxy.swallow()
    await refused_fast_for(api, sized(30, 1))
    proxy.flow()
    await served_again_within(api, 5)


async def test_without_hanging_up_a_request_waits_for_ever(api, proxy, monkeypatch):
    await served_again_within(api, 5)
    monkeypatch.setattr("service.db.database.hang_up", lambda _: None)
    proxy.swallow()
    waiting = asyncio.create_task(refused_fast_for(api, 0.1))
    done, _ = await asyncio.wait({waiting}, timeout=6.5)
    proxy.flow()
    with pytest.raises(AssertionError):
        await waiting
    assert not done


async def exhausted(api, db: Database, scope) -> None:
    """Every connection is taken for longer than anybody waits: a 503 in time, then all is well again."""
    gone, taken = asyncio.Event(), []

    async def occupy() -> None:
        async with db.transaction(scope.business_id) as tx:
            await tx.begin()
            taken.append(tx)
            await gone.wait()

    occupiers = [asyncio.create_task(occupy()) for _ in range(4)]
    while len(taken) < 4:  # noqa: ASYNC110 - until all are taken
        await asyncio.sleep(0.01)
    await refused_fast_for(api, 0.1)
    gone.set()
    await asyncio.gather(*occupiers, return_exceptions=True)
    await served_again_within(api, 5)


async def test_an_exhausted_pool_is_a_fast_503(api, db, scope):
    await exhausted(api, db, scope)


async def test_without_a_limit_on_waiting_an_exhausted_pool_hangs(api, db, scope, monkeypatch):
    monkeypatch.setattr("service.db.database.LONGEST_WAIT_S", 60)
    monkeypatch.setattr("service.db.database.seconds_left", lambda: 60)
    monkeypatch.setattr("service.db.views.seconds_left", lambda: 60)
    with pytest.raises((AssertionError, TimeoutError)):
        async with asyncio.timeout(8):
            await exhausted(api, db, scope)


FULL = """
CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""


async def test_with_a_full_disk_reads_are_served_and_writes_refused(api, scope, client_id, owner_url):
    """Simulated: PostgreSQL's own error, raised where the first row would be written."""
    slot = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat(), "minutes": 5}
    owner_does(owner_url, FULL, "CREATE TRIGGER no_room BEFORE INSERT ON claim EXECUTE FUNCTION disk_full()")
    answer = await api.post(f"{BASE}/holds", json=slot)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert (await asked(api))[0] == 200
    assert count(owner_url, "SELECT count(*) FROM appointment") == 0
    owner_does(owner_url, "DROP TRIGGER no_room ON claim")
    assert (await api.post(f"{BASE}/holds", json=slot)).status_code == 201
    assert_invariants(owner_url)


async def test_writers_wait_out_a_short_outage_or_are_told(db, scope, proxy, owner_url):
    """What was answered is there, what was not may be asked for again."""
    view, who = await Views(db).current(scope.business_id, NOW), await client(scope)
    booked = []

    async def book(at) -> None:
        try:
            booked.append(await bookings.book(scope, bookings.BookRequest(CUT, *at, who), view=view, now=NOW))
        except Unavailable:
            return

    for part in range(0, 60, 12):
        books = asyncio.gather(*(book(at) for at in TIMES[part : part + 12]))
        await asyncio.sleep(0.02)
        await proxy.vanish()
        await proxy.listen()
        await books
    assert booked
    there = count(owner_url, "SELECT count(*) FROM appointment WHERE id = ANY(%s)", [[b.id for b in booked]])
    assert there == len(booked)
    assert_invariants(owner_url)
