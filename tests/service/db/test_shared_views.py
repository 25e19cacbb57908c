"""The views that a process's requests share: few looks at the database, none of them too old."""

import asyncio

import pytest

from service.commands import bookings
from service.db import views
from service.db.views import Views
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio


async def test_callers_at_the_same_time_share_looks(db, monkeypatch):
    scope = await salon(db)
    shared, looks, refreshed = Views(db), [], views.refreshed

    async def counted(db_, view):
        looks.append(view)
        return await refreshed(db_, view)

    monkeypatch.setattr(views, "refreshed", counted)
    await shared.current(scope.business_id, NOW)
    await asyncio.gather(*(shared.current(scope.business_id, NOW) for _ in range(50)))
    assert len(looks) == 2, "one for the first, who found nothing under way, and one for all who came after"


async def one_who_calls_after_a_commit_sees_it(shared: Views, scope, db, monkeypatch) -> None:
    """A look is under way, its snapshot already taken, when a booking commits; who asks then must see it."""
    view = await shared.current(scope.business_id, NOW)
    taken, go_on, refreshed = asyncio.Event(), asyncio.Event(), views.refreshed

    async def slow(db_, known):
        seen = await refreshed(db_, known)
        taken.set()
        await go_on.wait()
        return seen

    monkeypatch.setattr(views, "refreshed", slow)
    early = asyncio.create_task(shared.current(scope.business_id, NOW))
    await taken.wait()
    await bookings.book(scope, bookings.BookRequest(CUT, ANA, MONDAY_10, await client(scope)), view=view, now=NOW)
    late = asyncio.create_task(shared.current(scope.business_id, NOW))
    await asyncio.sleep(0)
    go_on.set()
    await early
    seen, known = await late, view.snapshot
    assert seen.snapshot.same_as((await views.load(db, scope.business_id, known.first_day, known.days)).snapshot)


async def test_one_who_calls_after_a_commit_sees_it(db, monkeypatch):
    await one_who_calls_after_a_commit_sees_it(Views(db), await salon(db), db, monkeypatch)


async def test_sharing_a_look_that_had_begun_would_miss_it(db, monkeypatch):
    class Careless(Views):
        under_way: asyncio.Future | None = None

        async def current(self, business_id, now):
            if self.under_way is None or self.under_way.done():
                self.under_way = asyncio.ensure_future(super().current(business_id, now))
            return await self.under_way

    with pytest.raises(AssertionError):
        await one_who_calls_after_a_commit_sees_it(Careless(db), await salon(db), db, monkeypatch)


async def test_a_look_that_failed_is_made_again(db, monkeypatch):
    scope = await salon(db)
    shared, load = Views(db), views.load

    async def broken(*_):
        monkeypatch.setattr(views, "load", load)
        await asyncio.sleep(0.01)
        raise ConnectionError

    monkeypatch.setattr(views, "load", broken)
    ends = await asyncio.gather(*(shared.current(scope.business_id, NOW) for _ in range(3)), return_exceptions=True)
    assert isinstance(ends[0], ConnectionError)
    assert isinstance(ends[1], views.View)
    assert ends[1] is ends[2]


async def test_lanes_that_changed_on_one_day_are_read_in_one_statement(db, monkeypatch):
    scope = await salon(db)
    shared, who, reads, busy_of = Views(db), await client(scope), [], views.busy_of
    view = await shared.current(scope.business_id, NOW)

    async def counted(tx, lanes, *args, **kwargs):
        reads.append(len(lanes))
        return await busy_of(tx, lanes, *args, **kwargs)

    monkeypatch.setattr(views, "busy_of", counted)
    for member in (ANA, BEN):
        await bookings.book(scope, bookings.BookRequest(CUT, member, MONDAY_10, who), view=view, now=NOW)
    seen = await shared.current(scope.business_id, NOW)
    assert reads == [2]
    assert [lane.busy.size for lane in seen.snapshot.lanes][:2] == [2, 2]
