"""Snapshots in a process under load: never more than 50 ms behind, nothing missed after a lost connection."""

import asyncio
import contextlib
import time

import numpy as np
import pytest

from models.errors import SlotTaken, Unavailable
from service.commands import bookings
from service.db.database import Database
from service.db.views import Views, load
from solver.clock import epoch_minute
from tests.faults.proxy import Proxy
from tests.races.conftest import sized
from tests.races.times import TIMES
from tests.service.worlds import CUT, NOW, client, salon

pytestmark = pytest.mark.anyio


def shows(view, staff, start) -> bool:
    """Whether a view shows a booking of a time."""
    busy = view.snapshot.lanes[view.snapshot.staff_index[staff]].busy
    return bool((busy[:, 0] == epoch_minute(start)).any())


def same(one, other) -> bool:
    return all(np.array_equal(a.busy, b.busy) for a, b in zip(one.snapshot.lanes, other.snapshot.lanes, strict=True))


async def read_while_written(writing: Database, reading: Views, rounds: int) -> list[float]:
    """Book and cancel in one process, look in another; returns how old, in seconds, each view was when it was given.

    A view is as old as the oldest commit that it lacks: none may lack one from before it was asked for.
    """
    scope = await salon(writing)
    who, ages = await client(scope), []
    start_view = await Views(writing).current(scope.business_id, NOW)
    booked: dict[int, object] = {}
    done = asyncio.Event()

    async def write(lane: int) -> None:
        for turn in range(rounds):
            at = TIMES[lane * 8 + turn % 8]
            request = bookings.BookRequest(CUT, *at, who)
            booking = await bookings.book(scope, request, view=start_view, now=NOW)
            booked[lane] = at
            await asyncio.sleep(0.002)
            del booked[lane]
            await bookings.cancel(scope, bookings.Cancellation(booking.id), now=NOW)

    async def read() -> None:
        while not done.is_set():
            before, asked = dict(booked), time.perf_counter()
            view = await reading.current(scope.business_id, NOW)
            ages.append(time.perf_counter() - asked)
            for lane, at in before.items():
                assert booked.get(lane) != at or shows(view, *at), "a booking from before the question is missing"
            await asyncio.sleep(0.001)

    readers = [asyncio.create_task(read()) for _ in range(4)]
    await asyncio.gather(*(write(lane) for lane in range(8)))
    done.set()
    await asyncio.gather(*readers)
    assert same(await reading.current(scope.business_id, NOW), await load(writing, scope.business_id, NOW.date()))
    return sorted(ages)


async def test_a_view_is_never_older_than_the_question(app_url):
    async with Database(app_url, 8) as writing, Database(app_url, 4) as reading:
        ages = await read_while_written(writing, Views(reading), sized(200, 12))
    half, late = ages[len(ages) // 2], ages[int(len(ages) * 0.99)]
    print(f"behind by {half * 1e3:.1f} ms at the median, {late * 1e3:.1f} ms at the 99th hundredth")  # noqa: T201


async def test_a_view_that_is_kept_lacks_bookings(app_url, monkeypatch):
    """It is read before the first booking, and given again at once: whoever looks while a time is booked misses it."""
    current, kept = Views.current, {}

    async def stale(self, business_id, now):
        if business_id not in kept:
            kept[business_id] = await current(self, business_id, now)
        return kept[business_id]

    monkeypatch.setattr(Views, "current", stale)
    async with Database(app_url, 8) as writing, Database(app_url, 4) as reading:
        with pytest.raises(AssertionError, match="is missing"):
            await read_while_written(writing, Views(reading), 1)


async def test_after_lost_connections_nothing_is_missed(app_url):
    async with Database(app_url) as writing, Proxy(app_url) as proxy, Database(proxy.url, 2) as broken:
        scope, views = await salon(writing), Views(broken)
        who, start_view = await client(scope), await Views(writing).current(scope.business_id, NOW)
        for at in TIMES[: sized(80, 12)]:
            looking = asyncio.create_task(views.current(scope.business_id, NOW))
            await asyncio.sleep(0.001)
            await proxy.vanish()
            await proxy.listen()
            with contextlib.suppress(Unavailable):
                await looking
            await bookings.book(scope, bookings.BookRequest(CUT, *at, who), view=start_view, now=NOW)
            async with asyncio.timeout(10):
                while (view := await seen(views, scope.business_id)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert shows(view, *at)


async def seen(views: Views, business_id):
    """A view, or None where the connection was lost."""
    try:
        return await views.current(business_id, NOW)
    except Unavailable:
        return None


async def test_a_caller_reads_its_own_writes(crowd):
    scope, views = await salon(crowd), Views(crowd)
    who = await client(scope)
    for at in TIMES[: sized(200, 20)]:
        view = await views.current(scope.business_id, NOW)
        await bookings.book(scope, bookings.BookRequest(CUT, *at, who), view=view, now=NOW)
        after = await views.current(scope.business_id, NOW)
        assert shows(after, *at)
        with pytest.raises(SlotTaken):
            await bookings.book(scope, bookings.BookRequest(CUT, *at, who), view=after, now=NOW)
