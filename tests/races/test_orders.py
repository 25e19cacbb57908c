"""One order of locks for all: entries, limits, lanes' days, lanes, appointments, claims; each cross is forced."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable
from datetime import timedelta

import pytest

from models.errors import SlotTaken, Unavailable
from service.commands import availability, bookings, components, displacement, offers, optimisation, waitlist
from service.commands.reschedule import Reschedule, reschedule
from service.db.database import Database, Transaction
from service.db.views import Views
from tests.races.races import assert_invariants, at_once, count, owner_does
from tests.races.test_components import comes
from tests.races.test_expiry import ENDED, WAITING
from tests.races.test_plans import recorded
from tests.races.times import TIMES
from tests.service.worlds import CUT, NOW, client, salon

pytestmark = pytest.mark.anyio

STAFF, START = TIMES[0]
OFF = availability.TimeOff(STAFF, START, START + timedelta(minutes=30))


@contextlib.asynccontextmanager
async def meanwhile(owner_url: str, command: Awaitable[object]):
    """Start a command and go on once it waits for a lock; yields its outcome, to be awaited."""
    running = asyncio.create_task(at_once(command))
    async with asyncio.timeout(20):
        while not (running.done() or count(owner_url, WAITING)):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)
    yield running
    await running


async def rested_where_a_booking_moves_away(db: Database, owner_url: str) -> Counter[str]:
    """Somebody who takes time off has locked the lane when what is booked there is moved; the first goes on."""
    scope = await salon(db)
    view = await Views(db).current(scope.business_id, NOW)
    request = bookings.BookRequest(CUT, STAFF, START, await client(scope))
    booked = await bookings.book(scope, request, view=view, now=NOW)
    move = Reschedule(booked.id, starts_at=START + timedelta(days=1))
    async with contextlib.AsyncExitStack() as stack:
        async with db.transaction(scope.business_id) as resting:
            await displacement.lock_lanes(resting, STAFF)
            moving = await stack.enter_async_context(meanwhile(owner_url, reschedule(scope, move, view=view, now=NOW)))
            with contextlib.suppress(SlotTaken, Unavailable):
                await availability.take_time_off.__wrapped__(resting, OFF)
        ends = await moving
    assert_invariants(owner_url)
    return ends


async def rested_where_a_group_fills(db: Database, owner_url: str) -> Counter[str]:
    """Somebody who takes time off over a group's expired hold has locked the lane when a seat in it is taken."""
    scope = await salon(db)
    owner_does(owner_url, "UPDATE service SET seats = 5")
    view = await Views(db).current(scope.business_id, NOW)
    await bookings.hold(scope, bookings.HoldRequest(CUT, STAFF, START), view=view, now=NOW)
    owner_does(owner_url, *ENDED)
    joining = bookings.book(scope, bookings.BookRequest(CUT, STAFF, START, await client(scope)), view=view, now=NOW)
    async with contextlib.AsyncExitStack() as stack:
        async with db.transaction(scope.business_id) as resting:
            await displacement.lock_lanes(resting, STAFF)
            joined = await stack.enter_async_context(meanwhile(owner_url, joining))
            with contextlib.suppress(SlotTaken, Unavailable):
                await availability.take_time_off.__wrapped__(resting, OFF)
        ends = await joined
    assert_invariants(owner_url)
    return ends


async def offered_while_a_plan_is_applied(db: Database, owner_url: str, monkeypatch) -> Counter[str]:
    """Freed time is passed on to somebody whom a plan, applied meanwhile, places; both count the same limit."""
    scope = await salon(db)
    owner_does(owner_url, "UPDATE service SET daily_limit = 50")
    view = await Views(db).current(scope.business_id, NOW)
    run = await recorded(scope, [await comes(scope, view, 0, 0)])
    rows, applying = Transaction.rows, []

    async def applied_once_the_line_is_locked(tx, sql, params=None):
        found = await rows(tx, sql, params)
        if sql is offers.IN_LINE and not applying:
            plan = meanwhile(owner_url, optimisation.apply(scope, run, now=NOW))
            applying.append(await stack.enter_async_context(plan))
        return found

    monkeypatch.setattr(Transaction, "rows", applied_once_the_line_is_locked)
    freed = offers.Freed(STAFF, START, START + timedelta(minutes=40))
    async with contextlib.AsyncExitStack() as stack:
        ends = await at_once(offers.pass_on(scope, freed, view=view, now=NOW))
    assert_invariants(owner_url)
    return ends + await applying[0]


async def test_time_off_and_a_move_away_from_it_do_not_deadlock(crowd, owner_url, conflicts):
    await rested_where_a_booking_moves_away(crowd, owner_url)
    assert not conflicts["DeadlockDetected"], conflicts


async def test_time_off_and_a_seat_in_a_group_do_not_deadlock(crowd, owner_url, conflicts):
    await rested_where_a_group_fills(crowd, owner_url)
    assert not conflicts["DeadlockDetected"], conflicts


async def test_an_offer_and_a_plan_do_not_deadlock(crowd, owner_url, conflicts, monkeypatch):
    await offered_while_a_plan_is_applied(crowd, owner_url, monkeypatch)
    assert not conflicts["DeadlockDetected"], conflicts


@pytest.mark.parametrize("story", [rested_where_a_booking_moves_away, rested_where_a_group_fills])
async def test_without_the_lanes_first_they_deadlock(crowd, owner_url, conflicts, monkeypatch, story):
    monkeypatch.setattr(Transaction, "lock_lane_days", lambda *_: None)
    await story(crowd, owner_url)
    assert conflicts["DeadlockDetected"], conflicts


async def test_without_the_entries_first_an_offer_and_a_plan_deadlock(crowd, owner_url, conflicts, monkeypatch):
    monkeypatch.setattr(components, "LOCK_ENTRIES", components.LOCK_ENTRIES.replace("FOR UPDATE", ""))
    await offered_while_a_plan_is_applied(crowd, owner_url, monkeypatch)
    assert conflicts["DeadlockDetected"], conflicts


async def left_while_being_offered(db: Database, owner_url: str) -> None:
    """Somebody leaves the waitlist while the offer made to them is not committed yet: it goes with them."""
    scope = await salon(db)
    view = await Views(db).current(scope.business_id, NOW)
    joining = waitlist.Joining(await client(scope), CUT, ((START, START + timedelta(hours=1)),))
    entry = (await waitlist.join(scope, joining, now=NOW)).id
    freed = offers.Freed(STAFF, START, START + timedelta(minutes=40))
    async with contextlib.AsyncExitStack() as stack:
        async with db.transaction(scope.business_id) as offering:
            [_] = await offers.pass_on.__wrapped__(offering, freed, view=view, now=NOW)
            leaving = await stack.enter_async_context(meanwhile(owner_url, waitlist.leave(scope, entry)))
        assert await leaving == {"done": 1}
    assert count(owner_url, "SELECT count(*) FROM waitlist_entry WHERE status = 'left'") == 1
    assert count(owner_url, "SELECT count(*) FROM offer WHERE status = 'open'") == 0, "an offer to nobody"
    assert count(owner_url, "SELECT count(*) FROM claim WHERE released_at IS NULL") == 0


async def test_who_leaves_while_being_offered_a_time_gives_it_back(crowd, owner_url):
    await left_while_being_offered(crowd, owner_url)


async def test_without_the_entrys_lock_an_offer_outlives_it(crowd, owner_url, monkeypatch):
    monkeypatch.setattr(waitlist, "LOCK", waitlist.LOCK.replace("FOR UPDATE", ""))
    with pytest.raises(AssertionError, match="an offer to nobody"):
        await left_while_being_offered(crowd, owner_url)
