"""Following the change log: nothing that commits is missed, in whatever order, through whatever lost connection."""

import asyncio
from datetime import timedelta
from math import inf

import pytest

from models.errors import Unavailable
from service.commands import bookings
from service.db import following
from service.db import views as views_of
from service.db.command import Scope
from service.db.database import Database
from service.db.following import Follower
from service.db.views import MOST_KEPT, Views
from tests.faults.proxy import Proxy
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio


async def one_that_commits_late_is_told(db, app_url) -> None:
    """A transaction that began before a look, and one after it, commit behind it: the next look tells of both."""
    scope, told = await salon(db), []
    follower = Follower(db, told.append)
    await follower.look()
    assert told == [None], "of all: what was before, nobody knows"
    told.clear()
    log = "INSERT INTO change_log (business_id, lane_no) VALUES (%s, 1)"
    async with Database(app_url) as elsewhere, elsewhere.transaction(scope.business_id) as early:
        await early.execute(log, [scope.business_id])
        async with db.transaction(scope.business_id) as late:
            await late.execute(log, [scope.business_id])
        await follower.look()
        assert told == [scope.business_id]
        told.clear()
        await follower.look()
        assert told == [], "once"
    await follower.look()
    assert told == [scope.business_id]


async def test_a_transaction_that_commits_late_is_told(db, app_url):
    await one_that_commits_late_is_told(db, app_url)


async def test_after_the_highest_number_seen_it_would_be_missed(db, app_url, monkeypatch):
    careless = (
        "SELECT pg_current_snapshot()::text AS horizon, clock_timestamp() AS looked_at, "
        "changed, transactions FROM changes_since("
        "CASE WHEN pg_snapshot_xmax(pg_current_snapshot()) = pg_snapshot_xmax(%s::pg_snapshot) "
        "THEN pg_current_snapshot() ELSE '1:1:' END)"
    )
    monkeypatch.setattr(following, "LOOK", careless)
    with pytest.raises(AssertionError):
        await one_that_commits_late_is_told(db, app_url)


async def a_lost_connection_loses_nothing(db, app_url) -> None:
    """The follower's connection is lost, a booking commits, the connection is there again."""
    scope = await salon(db)
    views, who = Views(db), await client(scope)
    view = await views.current(scope.business_id, NOW)
    async with Proxy(app_url) as proxy, Database(proxy.url, 1) as own:
        follower = Follower(own, views._changed)
        views._follower = follower
        await follower.look()
        await views.current(scope.business_id, NOW)
        assert views.at_hand(scope.business_id, NOW) is not None
        await proxy.vanish()
        # As another process would: this one is not told.
        db.when_changed.clear()
        await bookings.book(scope, bookings.BookRequest(CUT, ANA, MONDAY_10, who), view=view, now=NOW)
        with pytest.raises(Unavailable):
            await follower.look()
        await proxy.listen()
        for _ in range(20):
            try:
                await follower.look()
                break
            except Unavailable:
                continue
        assert views.at_hand(scope.business_id, NOW) is None, "the booking's change was told"
        assert (await views.recent(scope.business_id, NOW)).snapshot.lanes[0].busy.size


async def test_after_a_lost_connection_nothing_is_missed(db, app_url, monkeypatch):
    monkeypatch.setattr("service.db.views.STALEST_S", 600.0)
    await a_lost_connection_loses_nothing(db, app_url)


async def test_a_follower_that_begins_anew_where_it_is_would_miss_it(db, app_url, monkeypatch):
    monkeypatch.setattr("service.db.views.STALEST_S", 600.0)
    look = Follower.look

    async def forgetful(self):
        self._horizon = None
        told, self.told = self.told, (lambda _: None) if self.at else self.told
        try:
            await look(self)
        finally:
            self.told = told

    monkeypatch.setattr(Follower, "look", forgetful)
    with pytest.raises(AssertionError, match="told"):
        await a_lost_connection_loses_nothing(db, app_url)


async def test_after_a_long_silence_all_views_are_read_again(db, monkeypatch):
    told = []
    follower = Follower(db, told.append)
    await follower.look()
    follower.at -= following.LONGEST_GAP + timedelta(seconds=1)
    await follower.look()
    assert told == [None, None]


async def looks_again_after_a_booking_of_its_own(db, lacks) -> bool:
    """A process books, reads its view again, and is then told of what it did itself."""
    scope, views = await salon(db), Views(db)
    view = await views.current(scope.business_id, NOW)
    follower = views._follower = Follower(db, views._changed, lacks or views._lacks)
    await follower.look()
    who = await client(scope)
    await bookings.book(scope, bookings.BookRequest(CUT, ANA, MONDAY_10, who), view=view, now=NOW)
    await views.current(scope.business_id, NOW)
    await follower.look()
    looks_again = views.at_hand(scope.business_id, NOW) is None
    async with Database(db.url) as elsewhere:
        there = Scope(elsewhere, scope.business_id)
        await bookings.book(there, bookings.BookRequest(CUT, BEN, MONDAY_10, who), view=view, now=NOW)
    await follower.look()
    assert views.at_hand(scope.business_id, NOW) is None, "what others did is told"
    return looks_again


async def test_what_a_view_holds_already_is_not_looked_at_again(db, monkeypatch):
    monkeypatch.setattr("service.db.views.STALEST_S", 600.0)
    assert not await looks_again_after_a_booking_of_its_own(db, None)


async def test_told_of_everything_it_would_look_again(db, monkeypatch):
    monkeypatch.setattr("service.db.views.STALEST_S", 600.0)
    assert await looks_again_after_a_booking_of_its_own(db, lambda *_: True)


async def test_a_transaction_is_visible_as_the_database_says(db):
    snapshot = "100:105:101,103"
    known = [n for n in range(98, 107) if following.is_visible(n, snapshot)]
    told = await db.anywhere(
        "SELECT n FROM generate_series(98, 106) AS n WHERE pg_visible_in_snapshot(n::text::xid8, %s::pg_snapshot)"
        " ORDER BY n",
        [snapshot],
    )
    assert known == [row["n"] for row in told] == [98, 99, 100, 102, 104]


async def test_a_hold_that_has_run_out_is_looked_for(db, monkeypatch):
    monkeypatch.setattr("service.db.views.STALEST_S", 600.0)
    scope, views = await salon(db), Views(db)
    view = await views.current(scope.business_id, NOW)
    follower = views._follower = Follower(db, views._changed)
    await bookings.hold(scope, bookings.HoldRequest(CUT, ANA, MONDAY_10, minutes=1), view=view, now=NOW)
    await follower.look()
    await views.current(scope.business_id, NOW)
    assert views.at_hand(scope.business_id, NOW) is not None
    follower.at += timedelta(minutes=2)
    assert views.at_hand(scope.business_id, NOW) is None


async def who_comes_while_the_follower_is_late_shares_its_look(db, monkeypatch) -> None:
    """Ten ask for a view that was current too long ago: the follower's one look answers all of them."""
    monkeypatch.setattr("service.db.views.PATIENCE_S", 60.0)
    scope, views = await salon(db), Views(db)
    view = await views.current(scope.business_id, NOW)
    follower = views._follower = Follower(db, views._changed)
    await follower.look()
    await views.current(scope.business_id, NOW)
    looks, refreshed = [], views_of.refreshed

    async def counted(db_, known):
        looks.append(known)
        return await refreshed(db_, known)

    monkeypatch.setattr(views_of, "refreshed", counted)
    views._of(scope.business_id).since = follower.since = -inf
    asking = [asyncio.ensure_future(views.recent(scope.business_id, NOW)) for _ in range(10)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in asking), "nothing is told of a view so old before the next look"
    await follower.look()
    assert {id(seen.snapshot) for seen in await asyncio.gather(*asking)} == {id(view.snapshot)}
    assert looks == []


async def test_who_comes_while_the_follower_is_late_shares_its_look(db, monkeypatch):
    await who_comes_while_the_follower_is_late_shares_its_look(db, monkeypatch)


async def test_without_waiting_each_would_ask_for_itself(db, monkeypatch):
    async def at_once(*_):
        pass

    monkeypatch.setattr(Follower, "ended", at_once)
    with pytest.raises(AssertionError):
        await who_comes_while_the_follower_is_late_shares_its_look(db, monkeypatch)


async def test_a_follower_that_never_ends_is_waited_for_no_longer_than_that(db, monkeypatch):
    monkeypatch.setattr("service.db.views.PATIENCE_S", 0.01)
    scope, views = await salon(db), Views(db)
    view = await views.current(scope.business_id, NOW)
    views._follower = Follower(db, views._changed)
    views._of(scope.business_id).since = -inf
    assert (await views.recent(scope.business_id, NOW)).snapshot.same_as(view.snapshot)


async def test_the_views_last_asked_for_are_kept(db, monkeypatch):
    monkeypatch.setattr("service.db.views.MOST_KEPT", 1)
    assert MOST_KEPT > 1
    views, first = Views(db), await salon(db)
    kept = await views.current(first.business_id, NOW)
    assert (await views.current(first.business_id, NOW)).snapshot is kept.snapshot
    with pytest.raises(Exception, match="no such business"):
        await views.current(type(kept.business_id)(int=5), NOW)
    assert (await views.current(first.business_id, NOW)).snapshot is not kept.snapshot
