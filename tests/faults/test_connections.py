"""Rows 3, 4 and 8: connections cut around COMMIT, and ended by the server under load."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count as numbers
from uuid import UUID

import psycopg
import pytest

from models.errors import Unavailable
from service.commands import bookings, clients
from service.commands.bookings import BookRequest
from service.db.command import Scope
from service.db.database import Database, Transaction
from service.db.views import Views
from tests.faults.proxy import Proxy
from tests.races.conftest import sized
from tests.races.races import assert_invariants, count
from tests.races.times import TIMES
from tests.service.worlds import CUT, NOW, client, salon

pytestmark = pytest.mark.anyio

CONNECTIONS = 8
PATIENCE = 20
"""Tries of a client that asks again under the same key."""


async def insisting(send: Callable[[], Awaitable[object]]) -> object:
    """Send until there is an answer, as a client does that was told 503 or heard nothing."""
    for _ in range(PATIENCE):
        try:
            return await send()
        except Unavailable:
            await asyncio.sleep(0.001)
    raise AssertionError(f"no answer in {PATIENCE} tries")


async def cut_and_insisted(proxy: Proxy, scope: Scope, cuts: int, *, keyed: bool) -> dict[UUID, str]:
    """Register clients and book and cancel for them, until so many COMMITs were cut; returns who was registered."""
    registered: dict[UUID, str] = {}
    number = numbers()
    views = Views(scope.db)

    async def one_after_another(staff: UUID, mine: list) -> None:
        while proxy.cuts < cuts:
            n = next(number)

            def under(kind: str, n=n) -> Scope:
                return replace(scope, key=f"{kind}-{n}" if keyed else None)

            who = await insisting(lambda n=n: clients.register(under("register"), clients.NewClient(f"Client {n}")))
            registered[who] = f"Client {n}"
            request = BookRequest(CUT, staff, mine[n % len(mine)], who)
            view = await insisting(lambda: views.current(scope.business_id, NOW))
            booked = await insisting(lambda r=request, v=view: bookings.book(under("book"), r, view=v, now=NOW))
            again = await insisting(lambda r=request, v=view: bookings.book(under("book"), r, view=v, now=NOW))
            assert booked == again or not keyed, (booked, again)
            cancelled = await insisting(
                lambda b=booked: bookings.cancel(under("cancel"), bookings.Cancellation(b.id), now=NOW)
            )
            assert cancelled.version == 2

    by_staff: dict[UUID, list] = {}
    for staff, start in TIMES:
        by_staff.setdefault(staff, []).append(start)
    lanes = [(staff, starts[part::4]) for staff, starts in by_staff.items() for part in range(4)]
    async with asyncio.TaskGroup() as group:
        for staff, mine in lanes:
            group.create_task(one_after_another(staff, mine))
    return registered


async def cut_after_commit(app_url: str, owner_url: str, rng: random.Random, cuts: int, *, keyed: bool) -> None:
    async with Proxy(app_url, lambda: "after" if rng.random() < 0.02 else None) as proxy:
        async with Database(app_url) as direct:
            scope = await salon(direct)
        async with Database(proxy.url, CONNECTIONS) as db:
            registered = await cut_and_insisted(proxy, replace(scope, db=db), cuts, keyed=keyed)
        assert proxy.cuts >= cuts
    assert count(owner_url, "SELECT count(*) FROM client") == len(registered), "one was registered twice"
    assert_invariants(owner_url)


async def test_cut_after_commit_a_retry_under_the_key_gets_the_same_answer(app_url, owner_url, rng):
    await cut_after_commit(app_url, owner_url, rng, sized(1_000, 25), keyed=True)


async def test_cut_after_commit_without_keys_it_happens_twice(app_url, owner_url, rng):
    with pytest.raises((AssertionError, ExceptionGroup), match=r"twice|unhandled"):
        await cut_after_commit(app_url, owner_url, rng, 25, keyed=False)


async def cut_before_commit(app_url: str, owner_url: str, cuts: int) -> None:
    """Every COMMIT is cut before it reaches the server: nothing of what was done is there."""
    cutting = False
    async with Proxy(app_url, lambda: "before" if cutting else None) as proxy, Database(proxy.url, CONNECTIONS) as db:
        scope = await salon(db)
        who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
        before = tables(owner_url)
        cutting = True
        ends: Counter[str] = Counter()
        for first in range(0, cuts, CONNECTIONS):
            part = [TIMES[n % len(TIMES)] for n in range(first, first + CONNECTIONS)]
            scopes = (replace(scope, key=f"{first}-{n}" if n % 2 else None) for n in range(CONNECTIONS))
            books = (
                bookings.book(s, BookRequest(CUT, *at, who), view=view, now=NOW)
                for s, at in zip(scopes, part, strict=True)
            )
            answers = await asyncio.gather(*books, return_exceptions=True)
            ends.update(type(answer).__name__ for answer in answers)
        assert ends.keys() == {"Unavailable"}, ends
        assert proxy.cuts >= cuts
    assert tables(owner_url) == before, "something was persisted"


def tables(owner_url: str) -> list[int]:
    names = ("appointment", "appointment_item", "claim", "outbox_event", "audit_entry", "idempotency_key", "change_log")
    return [count(owner_url, f"SELECT count(*) FROM {name}") for name in names]


async def test_cut_before_commit_nothing_is_there(app_url, owner_url):
    await cut_before_commit(app_url, owner_url, sized(1_000, 40))


async def test_without_a_transaction_what_was_cut_is_there(app_url, owner_url, monkeypatch):
    begin = Transaction.__post_init__

    def autocommitted(tx: Transaction) -> None:
        begin(tx)
        # The proxy takes it for a transaction.
        tx._queued[0] = "BEGIN; COMMIT"
        tx._queued[1] = tx._queued[1].replace("true)", "false)")

    monkeypatch.setattr(Transaction, "__post_init__", autocommitted)
    # A booking that is one message would be cut whole.
    monkeypatch.setattr(Transaction, "last_row", Transaction.row)
    with pytest.raises(AssertionError):
        await cut_before_commit(app_url, owner_url, 40)


TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM (
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'interlock_app' AND state <> 'idle'
    ORDER BY random() LIMIT 1) AS chosen
"""
TERMINATE_WAITING = TERMINATE.replace("state <> 'idle'", "wait_event_type = 'Lock'")
BETWEEN = 20
"""Operations answered between two terminations: so much load there is, however fast the machine."""


async def answered(ends: Counter[str], send: Callable[[], Awaitable[bookings.Booking]]) -> bookings.Booking:
    """Send until there is an answer; counts the tries by how they end."""
    while True:
        try:
            answer = await send()
        except Unavailable as error:
            ends[error.code] += 1
        else:
            ends["done"] += 1
            return answer


async def terminate_one(owner: psycopg.AsyncConnection, statement: str = TERMINATE) -> int:
    """End a backend that is at work, if one is; returns how many."""
    return (await (await owner.execute(statement)).fetchone())[0]


async def terminate_one_that_waits(owner: psycopg.AsyncConnection) -> int:
    """Keep everybody from claiming, and end a backend that waits for that: in the middle of a statement."""
    async with owner.transaction():
        await owner.execute("LOCK TABLE claim IN EXCLUSIVE MODE")
        while not (ended := await terminate_one(owner, TERMINATE_WAITING)):
            await owner.execute("SELECT pg_stat_clear_snapshot()")
    return ended


async def terminated_under_load(app_url: str, owner_url: str, terminations: int, end=terminate_one) -> Counter[str]:
    """End backends that are at work while all book and cancel, asking again; returns how the requests ended."""
    ends: Counter[str] = Counter()
    done = asyncio.Event()
    async with Database(app_url, 16) as db:
        scope = await salon(db)
        who, view = await client(scope), await Views(db).current(scope.business_id, NOW)

        async def book_and_cancel(at: tuple) -> None:
            for n in numbers():
                if done.is_set():
                    return
                keyed, request = replace(scope, key=f"{at}-{n}"), BookRequest(CUT, *at, who)
                booked = await answered(ends, lambda k=keyed, r=request: bookings.book(k, r, view=view, now=NOW))
                cancellation = bookings.Cancellation(booked.id)
                await answered(ends, lambda k=keyed, c=cancellation: bookings.cancel(k, c, now=NOW))

        async def terminate() -> None:
            ended = 0
            async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as owner:
                while ended < terminations:
                    if ends.total() >= ended * BETWEEN:
                        ended += await end(owner)
                    await asyncio.sleep(0.001)
            done.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(terminate())
            for at in TIMES[:16]:
                group.create_task(book_and_cancel(at))
    assert_invariants(owner_url)
    return ends


async def test_backends_terminated_under_load_are_hardly_noticed(app_url, owner_url):
    ends = await terminated_under_load(app_url, owner_url, sized(1_000, 20))
    print(ends)  # noqa: T201 - shown with -s
    assert ends["unavailable"] <= max(ends.total() * 0.01, 1), ends


async def test_without_retries_every_termination_is_noticed(app_url, owner_url, monkeypatch):
    monkeypatch.setattr("service.db.database.ATTEMPTS", 1)
    ends = await terminated_under_load(app_url, owner_url, 5, terminate_one_that_waits)
    assert ends["unavailable"] >= 5, ends
