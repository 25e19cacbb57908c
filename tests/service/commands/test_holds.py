"""Holds: three for a client, longer once, exchanged for a booking and a new client in one call; visits whole or not."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from models.errors import HoldExpired, InvalidInput, LimitReached, NotFound, SlotTaken
from service.commands import bookings
from service.commands.clients import NewClient
from service.commands.legality import Wanted
from service.db.views import Views
from tests.races.races import assert_invariants
from tests.service.commands.test_bookings import book, counts, view_of
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)


async def hold(scope, start=MONDAY_10, staff=ANA, **more):
    request = bookings.HoldRequest(CUT, staff, start, **more)
    return await bookings.hold(scope, request, view=await view_of(scope), now=NOW)


async def test_a_client_has_three_live_holds_and_others_have_theirs(db):
    scope = await salon(db)
    held = [await hold(scope, MONDAY_10 + n * HOUR, client_key="10.0.0.1") for n in range(2)]
    held.append(await hold(scope, staff=BEN, client_key="10.0.0.1"))
    with pytest.raises(LimitReached, match="3 live holds"):
        await hold(scope, MONDAY_10 + HOUR, BEN, client_key="10.0.0.1")
    await hold(scope, MONDAY_10 + HOUR, BEN, client_key="10.0.0.2")
    await bookings.release(scope, bookings.Release(held[0].id, held[0].token))
    assert (await hold(scope, client_key="10.0.0.1")).token


async def test_holds_at_once_are_counted_one_after_the_other(db):
    scope = await salon(db)
    view = await view_of(scope)
    wanted = [
        bookings.HoldRequest(CUT, staff, MONDAY_10 + n * HOUR, client_key="k") for n in range(5) for staff in (ANA, BEN)
    ]
    ends = await asyncio.gather(
        *(bookings.hold(scope, request, view=view, now=NOW) for request in wanted if request.starts_at.hour != 12),
        return_exceptions=True,
    )
    assert sum(isinstance(end, bookings.Hold) for end in ends) == 3, ends


async def test_an_expired_hold_counts_no_more(db, owner_url):
    scope = await salon(db)
    for n in range(3):
        await hold(scope, MONDAY_10 + n * HOUR if n < 2 else MONDAY_10, ANA if n < 2 else BEN, client_key="k")
    with psycopg.connect(owner_url) as connection:
        for table in ("appointment", "claim"):
            connection.execute(f"UPDATE {table} SET expires_at = clock_timestamp()")
    assert (await hold(scope, client_key="k")).token


async def test_a_hold_is_extended_once_by_its_holder(db, owner_url):
    scope = await salon(db)
    held = await hold(scope)
    longer = await bookings.extend(scope, bookings.Extension(held.id, held.token, 20))
    assert timedelta(minutes=14) < longer.expires_at - held.expires_at < timedelta(minutes=16)
    with psycopg.connect(owner_url) as connection:
        assert connection.execute("SELECT expires_at FROM claim").fetchall() == [(longer.expires_at,)]
    with pytest.raises(LimitReached, match="once"):
        await bookings.extend(scope, bookings.Extension(held.id, held.token, 20))
    with pytest.raises(HoldExpired):
        await bookings.extend(scope, bookings.Extension(held.id, "guess", 20))
    with pytest.raises(NotFound):
        await bookings.extend(scope, bookings.Extension(uuid4(), held.token, 20))
    confirmed = await bookings.confirm(scope, bookings.Confirmation(held.id, held.token, await client(scope)))
    assert confirmed.version == 3
    assert_invariants(owner_url)


async def test_a_hold_is_exchanged_for_a_booking_and_a_new_client_together(db, owner_url):
    scope = await salon(db)
    held = await hold(scope)
    request = bookings.Confirmation(held.id, held.token, client=NewClient("Nia", "nia@example.org"))
    assert (await bookings.confirm(scope, request)).status == "confirmed"
    with psycopg.connect(owner_url) as connection:
        before = connection.execute("SELECT count(*) FROM client").fetchone()
        with pytest.raises(HoldExpired):
            await bookings.confirm(scope, request)
        assert connection.execute("SELECT count(*) FROM client").fetchone() == before == (1,)
    with pytest.raises(InvalidInput):
        bookings.Confirmation(held.id, held.token)


def visit(who, *places):
    (first, *more) = [Wanted(CUT, staff, start) for staff, start in places]
    return bookings.BookRequest(first.service_id, first.staff_id, first.starts_at, who, more=tuple(more))


async def test_a_visit_of_several_items_is_booked_whole_or_not_at_all(db, owner_url):
    scope = await salon(db)
    who, stale = await client(scope), await view_of(scope)
    places = [(ANA, MONDAY_10), (BEN, MONDAY_10 + HOUR), (ANA, MONDAY_10 + 2 * HOUR)]
    await book(scope, MONDAY_10 + HOUR, BEN)
    before = counts(owner_url)
    for view in (stale, await view_of(scope)):
        with pytest.raises(SlotTaken):
            await bookings.book(scope, visit(who, *places), view=view, now=NOW)
        assert {t: n for t, n in counts(owner_url).items() if t != "client"} == before
    places[1] = (BEN, MONDAY_10 + 2 * HOUR)
    booked = await bookings.book(scope, visit(who, *places), view=await view_of(scope), now=NOW)
    with psycopg.connect(owner_url) as connection:
        items = connection.execute(
            "SELECT position, staff_id FROM appointment_item WHERE appointment_id = %s ORDER BY position", [booked.id]
        ).fetchall()
    assert items == [(1, ANA), (2, BEN), (3, ANA)]
    assert_invariants(owner_url)


async def test_items_of_one_visit_do_not_overlap_each_other(db):
    scope = await salon(db)
    who, view = await client(scope), await view_of(scope)
    with pytest.raises(SlotTaken):
        await bookings.book(scope, visit(who, (ANA, MONDAY_10), (ANA, MONDAY_10 + HOUR / 2)), view=view, now=NOW)
    with pytest.raises(InvalidInput, match="twice"):
        await bookings.book(scope, visit(who, (ANA, MONDAY_10), (ANA, MONDAY_10)), view=view, now=NOW)
    many = [(ANA, MONDAY_10 + n * HOUR) for n in range(11)]
    with pytest.raises(InvalidInput, match="1 to 10"):
        await bookings.book(scope, visit(who, *many), view=view, now=NOW)


async def test_visits_that_cross_at_once_do_not_deadlock(db, owner_url):
    scope = await salon(db)
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    for day in range(4):
        start = MONDAY_10 + timedelta(days=day)
        there, back = [(ANA, start), (BEN, start)], [(BEN, start), (ANA, start)]
        ends = await asyncio.gather(
            *(bookings.book(scope, visit(who, *places), view=view, now=NOW) for places in (there, back) * 4),
            return_exceptions=True,
        )
        assert sum(isinstance(end, SlotTaken) for end in ends) == 7, ends
    assert_invariants(owner_url)
