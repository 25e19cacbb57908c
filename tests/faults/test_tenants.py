"""Rows 21 and 31: a pool that many use in turn shows each its own rows; a crowd of one keeps nobody waiting."""

import asyncio
import contextlib
from collections import Counter
from uuid import UUID, uuid4

import pytest

from models.errors import TooManyRequests
from service.bootstrap import Interlock
from service.commands import clients
from service.db import database
from service.db.database import Database, Transaction
from service.db.limits import Limit, Limiter
from service.db.turns import Turns
from service.db.views import Views
from service.jobs import events, worker
from service.jobs.events import Consumer
from service.jobs.queue import queue_on
from tests.races.conftest import sized
from tests.service.api.conftest import app
from tests.service.people import caller
from tests.service.worlds import CUT, NOW, salon

__all__ = ["app"]
pytestmark = pytest.mark.anyio
SEEN = "SELECT business_id FROM client"
TIMES_50 = 50


@pytest.fixture
async def db(app_url):
    """Few connections, so that each is used again and again."""
    async with Database(app_url, 2) as few:
        yield few


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """However slow the machine is, nobody gives up."""
    monkeypatch.setattr(database, "LONGEST_WAIT_S", 600)
    monkeypatch.setattr(database, "seconds_left", lambda: 600.0)


class Broken(Exception):
    """What a use of the pool may end with."""


async def foreign_rows_seen(db, rng, uses: int) -> int:
    """Use the pool in every way, by turns: count rows of a business that the use was not about."""
    scopes = [await salon(db, slug=f"salon-{number}") for number in range(3)]
    for scope in scopes:
        await clients.register(scope, clients.NewClient("Mia"))
    foreign: Counter[UUID] = Counter()

    async def use(number: int) -> None:
        about = scopes[number % 3].business_id
        way = rng.choice(("reads", "breaks", "is cancelled", "asks for no business", "asks for nobody's"))
        if way == "asks for no business":
            foreign.update(row["business_id"] for row in await db.anywhere(SEEN))
            return
        wanted = uuid4() if way == "asks for nobody's" else about
        with contextlib.suppress(Broken, TimeoutError):
            async with asyncio.timeout(0 if way == "is cancelled" else None), db.transaction(wanted) as tx:
                foreign.update(row["business_id"] for row in await tx.rows(SEEN) if row["business_id"] != wanted)
                if way == "breaks":
                    raise Broken

    for first in range(0, uses, 8):
        await asyncio.gather(*(use(number) for number in range(first, min(first + 8, uses))))
    return sum(foreign.values())


async def test_a_pool_used_again_and_again_shows_no_foreign_row(db, rng):
    assert await foreign_rows_seen(db, rng, sized(10_000, 120)) == 0


async def test_a_tenant_that_outlives_its_transaction_would_show_them(db, rng, monkeypatch):
    prepare = Transaction.__post_init__

    def session_wide(tx) -> None:
        prepare(tx)
        tx._queued[1] = tx._queued[1].replace(", true)", ", false)")

    monkeypatch.setattr(Transaction, "__post_init__", session_wide)
    assert await foreign_rows_seen(db, rng, 120) > 0


async def served_before_the_quiet_one(db, monkeypatch) -> int:
    """Let fifty of a busy business wait for two connections, then one of another; count whose turn comes before it."""
    busy, quiet = uuid4(), uuid4()
    served: list[UUID] = []
    go_on, take = asyncio.Event(), db._turns.take

    async def noted(turns: Turns, business_id: UUID, seconds: float) -> None:
        await take(business_id, seconds)
        served.append(business_id)

    monkeypatch.setattr(Turns, "take", noted)

    async def work(business_id: UUID) -> None:
        async with db.transaction(business_id) as tx:
            await go_on.wait()
            await tx.execute("SELECT 1")

    crowd = [asyncio.create_task(work(busy)) for _ in range(TIMES_50)]
    while len(db._turns._waiting.get(busy, ())) < TIMES_50 - 2:  # noqa: ASYNC110 - the pool tells nobody
        await asyncio.sleep(0)
    one = asyncio.create_task(work(quiet))
    while quiet not in db._turns._waiting:  # noqa: ASYNC110
        await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(one, *crowd)
    return served.index(quiet)


async def test_one_business_at_fifty_times_keeps_no_other_waiting(db, monkeypatch):
    """Alone it would be the first; among fifty, it waits for those who were being served already."""
    assert await served_before_the_quiet_one(db, monkeypatch) <= 2


async def test_in_one_queue_for_all_the_quiet_one_would_be_the_last(db, monkeypatch):
    def in_one_queue(turns) -> None:
        business_id = next(iter(turns._waiting))
        turn = turns._waiting[business_id].popleft()
        if not turns._waiting[business_id]:
            del turns._waiting[business_id]
        turns._seat(business_id)
        turn.set_result(None)

    monkeypatch.setattr(Turns, "_call", in_one_queue)
    assert await served_before_the_quiet_one(db, monkeypatch) >= TIMES_50 - 2


async def test_whoever_gives_up_leaves_no_seat_taken():
    turns, one, other = Turns(1), uuid4(), uuid4()
    await turns.take(one, 1)
    waiting = [asyncio.create_task(turns.take(other, 60)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    turns.give(one)
    # Called already, and cancelled before it hears of it.
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert waiting[2].exception() is None
    turns.give(other)
    assert (turns.seats, turns._held, turns._waiting) == (1, Counter(), {})
    await turns.take(one, 1)
    with pytest.raises(TimeoutError):
        await turns.take(other, 0)


async def refused_of(limiter: Limiter, limit: Limit, busy_times: int) -> tuple[int, int]:
    """Ask as a busy business so many times for each time that a quiet one asks; count who is refused."""
    refused: Counter[str] = Counter()
    for _ in range(5):
        for who in ["busy"] * busy_times + ["quiet"]:
            try:
                await limiter.take(limit, who)
            except TooManyRequests:
                refused[who] += 1
    return refused["busy"], refused["quiet"]


async def test_what_is_over_a_businesses_limit_is_refused_before_it_costs_anything(db):
    limit = Limit("business", 20, 6000)
    assert await refused_of(Limiter(db), limit, TIMES_50) == (5 * TIMES_50 - 20, 0)


async def test_a_limit_that_all_share_would_refuse_the_quiet_one(db, monkeypatch):
    monkeypatch.setattr(Limiter, "take", lambda self, limit, _, take=Limiter.take: take(self, limit, "everybody"))
    assert (await refused_of(Limiter(db), Limit("business", 20, 6000), TIMES_50))[1] > 0


async def answered(app, db) -> Counter[tuple[str, int]]:
    """Ask over HTTP for slots of a busy business fifty times for each time of a quiet one; count statuses."""
    for slug in ("busy", "quiet"):
        await salon(db, slug=slug)
    told: Counter[tuple[str, int]] = Counter()
    asked = {"service_id": str(CUT), "from": "2026-03-02T09:00:00Z", "to": "2026-03-04T12:30:00Z"}
    async with caller(app) as anybody:
        for _ in range(5):
            for slug in ["busy"] * TIMES_50 + ["quiet"]:
                answer = await anybody.get(f"/api/v1/businesses/{slug}/slots", params=asked)
                told[slug, answer.status_code] += 1
    return told


@pytest.fixture
def of_twenty(app, monkeypatch):
    """The application with its limits on: a business may ask for twenty things in a long while."""
    limit = Limit("business", 20, 6000)
    monkeypatch.setattr("service.api.slots.BUSINESS", limit)
    monkeypatch.setattr("service.db.limits.BUSINESS", limit)
    app.state.limiter.is_on = True
    return app


async def test_over_http_a_busy_business_is_refused_and_a_quiet_one_answered(of_twenty, db):
    busy = {("busy", 200): 20, ("busy", 429): 5 * TIMES_50 - 20}
    assert await answered(of_twenty, db) == {**busy, ("quiet", 200): 5}


async def test_without_limits_all_of_the_busy_ones_requests_stand_before_the_quiet_ones(of_twenty, db):
    of_twenty.state.limiter.is_on = False
    assert (await answered(of_twenty, db))["busy", 200] == 5 * TIMES_50


async def heard_before_the_quiet_one(db, app_url) -> int:
    """Give a busy business fifty times the events of a quiet one, and count what is handled before the quiet one's."""
    busy, quiet = await salon(db, slug="busy"), await salon(db, slug="quiet")
    for scope, times in ((busy, TIMES_50), (quiet, 1)):
        for _ in range(times):
            await clients.register(scope, clients.NewClient("Mia"))
    heard: list[UUID] = []

    async def hear(_, event) -> None:
        heard.append(event.business_id)

    installation, hearing = Interlock(db, Views(db), lambda: NOW), {"hearing": Consumer(frozenset({"client"}), hear)}
    await events.publish(installation, queue_on(app_url, *worker.TASKS), hearing, busy.business_id)
    await worker.drain(installation, app_url, hearing)
    return heard.index(quiet.business_id)


async def test_a_business_with_many_events_keeps_no_others_waiting(db, app_url, monkeypatch):
    monkeypatch.setattr(events, "MOST_READY", 5)
    assert await heard_before_the_quiet_one(db, app_url) <= 5 + worker.CONCURRENCY


async def test_without_a_bound_on_what_is_ready_all_of_them_come_first(db, app_url, monkeypatch):
    monkeypatch.setattr(events, "MOST_READY", 10_000)
    assert await heard_before_the_quiet_one(db, app_url) >= TIMES_50 - worker.CONCURRENCY
