"""One time, many takers: it is sold once."""

import time
from datetime import timedelta

import pytest

from service.commands import bookings
from service.db import claims
from service.db.database import Database
from service.db.views import Views
from tests.races.conftest import sized
from tests.races.races import MEET_BEFORE_COMMIT, all_connected, assert_invariants, at_once, count, owner_does, rush
from tests.races.times import TIMES
from tests.service.worlds import ANA, CUT, MONDAY_10, NOW, client, salon

CONNECTIONS = 64
WITHOUT_CONSTRAINT = "ALTER TABLE claim DROP CONSTRAINT ex_claim_no_overlap"
pytestmark = pytest.mark.anyio


async def one_slot(app_url: str, owner_url: str, attempts: int, *, looking: bool) -> float:
    """Let 64 connections attempt the same slot; returns the seconds.

    Each attempt looks first, as a request does, or all stand on one view that keeps showing the slot free, so that
    nothing but the database decides.
    """
    async with Database(app_url, CONNECTIONS) as db:
        scope = await salon(db)
        views = Views(db)
        who, stale = await client(scope), await views.current(scope.business_id, NOW)
        await all_connected(db, scope.business_id, CONNECTIONS)
        request = bookings.BookRequest(CUT, ANA, MONDAY_10, who)

        async def attempt(_: int) -> None:
            view = await views.current(scope.business_id, NOW) if looking else stale
            await bookings.book(scope, request, view=view, now=NOW)

        began = time.perf_counter()
        ends = await rush(attempts, CONNECTIONS, attempt)
        seconds = time.perf_counter() - began
    assert ends == {"done": 1, "slot-taken": attempts - 1}, ends
    assert count(owner_url, "SELECT count(*) FROM appointment") == 1
    assert_invariants(owner_url)
    return seconds


@pytest.mark.parametrize("looking", [True, False], ids=["on shared views", "on a stale view"])
async def test_one_of_many_attempts_wins_and_all_others_hear_that_it_is_taken(
    app_url, owner_url, conflicts, record_property, looking
):
    attempts = sized(10_000, 1_000)
    seconds = await one_slot(app_url, owner_url, attempts, looking=looking)
    record_property("seconds", seconds)
    print(f"{attempts} attempts by {CONNECTIONS} connections: {seconds:.2f} s")  # noqa: T201 - shown with -s
    assert not conflicts, conflicts


async def test_without_the_constraint_it_is_sold_twice(app_url, owner_url):
    owner_does(owner_url, WITHOUT_CONSTRAINT, *MEET_BEFORE_COMMIT)
    with pytest.raises(AssertionError, match="slot-taken"):
        await one_slot(app_url, owner_url, 200, looking=False)


async def holds_and_bookings(db: Database, owner_url: str, slots: int) -> None:
    """Hold and book the same and half-overlapping times at once, slot after slot."""
    scope = await salon(db)
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    await all_connected(db, scope.business_id, 16)
    for staff, start in TIMES[:slots]:
        late = start + timedelta(minutes=15)
        hold = [bookings.HoldRequest(CUT, staff, at) for at in (start, late) * 4]
        book = [bookings.BookRequest(CUT, staff, at, who) for at in (late, start) * 4]
        ends = await at_once(
            *(bookings.hold(scope, request, view=view, now=NOW) for request in hold),
            *(bookings.book(scope, request, view=view, now=NOW) for request in book),
        )
        assert ends == {"done": 1, "slot-taken": 15}, (staff, start, ends)
    assert_invariants(owner_url)


async def test_of_holds_and_bookings_of_one_time_one_stands(crowd, owner_url, conflicts):
    await holds_and_bookings(crowd, owner_url, sized(300, 30))
    assert not conflicts, conflicts


async def test_without_the_constraint_a_hold_and_a_booking_both_stand(crowd, owner_url):
    owner_does(owner_url, WITHOUT_CONSTRAINT, *MEET_BEFORE_COMMIT)
    with pytest.raises(AssertionError):
        await holds_and_bookings(crowd, owner_url, 1)


async def cancelled_at_once(db: Database, owner_url: str, rounds: int) -> None:
    """Cancel one booking many times at once, with and without its version; then the time is sold again."""
    scope = await salon(db)
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    await all_connected(db, scope.business_id, 16)
    for _ in range(rounds):
        booking = await bookings.book(scope, bookings.BookRequest(CUT, ANA, MONDAY_10, who), view=view, now=NOW)
        ends = await at_once(
            *(bookings.cancel(scope, bookings.Cancellation(booking.id, version), now=NOW) for version in (None, 1) * 8)
        )
        assert ends["done"] == 1, ends
        assert ends.total() == ends["done"] + ends["not-allowed"] + ends["stale-version"], ends
        assert count(owner_url, "SELECT version FROM appointment WHERE id = %s", [booking.id]) == 2
    assert_invariants(owner_url)


async def test_a_booking_is_cancelled_once(crowd, owner_url, conflicts):
    await cancelled_at_once(crowd, owner_url, sized(500, 20))
    assert not conflicts, conflicts


async def test_without_its_conditions_a_booking_is_cancelled_twice(crowd, owner_url, monkeypatch):
    unconditional = claims.CHANGE_ONE.replace(
        "AND status = ANY(%(sources)s::text[])", "AND %(sources)s::text[] IS NOT NULL"
    )
    monkeypatch.setattr(claims, "CHANGE_ONE", unconditional)
    with pytest.raises(AssertionError):
        await cancelled_at_once(crowd, owner_url, 20)
