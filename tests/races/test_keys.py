"""One idempotency key, many requests at once: one effect."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import orjson
import pytest

from models.errors import KeyReused
from service.commands import bookings, clients
from service.db import command
from service.db.views import Views
from tests.races.conftest import sized
from tests.races.races import all_connected, assert_invariants, count
from tests.races.times import TIMES
from tests.service.worlds import CUT, NOW, client, salon

pytestmark = pytest.mark.anyio


async def one_effect(db, owner_url: str, rounds: int) -> None:
    """Send the same request 100 times at once under one key, each kind of it."""
    scope = await salon(db)
    view, who = await Views(db).current(scope.business_id, NOW), await client(scope)
    await all_connected(db, scope.business_id, 16)
    for number in range(rounds):
        keyed = replace(scope, key=f"key-{number}")
        staff, start = TIMES[number * 2]
        hold = bookings.HoldRequest(CUT, TIMES[number * 2 + 1][0], start)
        book = bookings.BookRequest(CUT, staff, start, who)
        new = clients.NewClient(f"Client {number}")
        sends: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: bookings.book(keyed, book, view=view, now=NOW),  # noqa: B023 - called before the next round
            lambda: bookings.hold(keyed, hold, view=view, now=NOW),  # noqa: B023 - the same
            lambda: clients.register(keyed, new),  # noqa: B023 - the same
        )
        for send in sends:
            answers = await asyncio.gather(*(send() for _ in range(100)), return_exceptions=True)
            bodies = {repr(a) if isinstance(a, BaseException) else orjson.dumps(a) for a in answers}
            assert len(bodies) == 1, bodies
            assert not isinstance(answers[0], BaseException), answers[0]
    assert count(owner_url, "SELECT count(*) FROM appointment") == rounds * 2
    assert count(owner_url, "SELECT count(*) FROM client") == rounds + 1
    assert_invariants(owner_url)


async def test_the_same_key_at_once_has_one_effect_and_one_answer(crowd, owner_url, conflicts):
    await one_effect(crowd, owner_url, sized(100, 2))
    assert conflicts.keys() <= {"UniqueViolation"}, "the key's own"


async def test_without_keeping_the_key_answers_differ(crowd, owner_url, monkeypatch):
    monkeypatch.setattr(command, "KEEP", "SELECT {key}")
    with pytest.raises(AssertionError):
        await one_effect(crowd, owner_url, 1)


async def test_of_two_requests_under_one_key_one_is_refused(crowd, owner_url, conflicts):
    """Fifty of each at once: whichever came first has its effect, every one of the other kind gets 422."""
    scope = replace(await salon(crowd), key="shared")
    await all_connected(crowd, scope.business_id, 16)
    new = [clients.NewClient(name) for name in ("Ada", "Bea")]
    answers = await asyncio.gather(
        *(clients.register(scope, new[number % 2]) for number in range(100)), return_exceptions=True
    )
    refused = [isinstance(answer, KeyReused) for answer in answers]
    assert sorted((refused[0::2].count(True), refused[1::2].count(True))) == [0, 50]
    assert len({answer for answer in answers if not isinstance(answer, BaseException)}) == 1
    assert count(owner_url, "SELECT count(*) FROM client") == 1
    assert conflicts.keys() <= {"UniqueViolation"}, "the key's own"
