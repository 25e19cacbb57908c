"""Hours withdrawn while a booking commits: no live booking ever lies outside them."""

import asyncio
import random
from collections import Counter
from datetime import date, timedelta
from uuid import UUID

import numpy as np
import psycopg
import pytest

from models.errors import Displaces, InterlockError, StaleSnapshot
from models.tables.guarding import BOOK
from service.commands import availability, bookings
from service.db import views
from service.db.views import Views
from solver.clock import epoch_minute
from tests.races.conftest import sized
from tests.races.races import all_connected, assert_invariants, breaks_function, until_done_or_waiting
from tests.races.times import TIMES
from tests.service.worlds import ANA, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

LIVE = """
SELECT i.staff_id, i.starts_at, i.ends_at FROM appointment_item i JOIN claim c ON c.item_id = i.id
WHERE c.released_at IS NULL AND i.business_id = %s
"""


async def assert_inside_hours(db, owner_url: str, business: UUID) -> None:
    """Assert that each live item lies inside the working hours as they are now."""
    snapshot = (await views.load(db, business, NOW.date(), 90)).snapshot
    with psycopg.connect(owner_url) as connection:
        for staff, starts_at, ends_at in connection.execute(LIVE, [business]):
            work = snapshot.lanes[snapshot.staff_index[staff]].work
            start, end = epoch_minute(starts_at), epoch_minute(ends_at)
            worked = np.maximum(np.minimum(work[:, 1], end) - np.maximum(work[:, 0], start), 0).sum()
            assert worked == end - start, f"the booking at {starts_at} lies outside the hours"


async def hours_against_bookings(db, owner_url: str, rng: random.Random, rounds: int) -> Counter[str]:
    """Set a day's hours while its times are booked, day after day."""
    ends: Counter[str] = Counter()
    while rounds > 0:
        scope = await salon(db, slug=f"salon-{rounds}")
        view = await Views(db).current(scope.business_id, NOW)
        who = await client(scope)
        await all_connected(db, scope.business_id, 8)
        days: dict[tuple[UUID, date], list[bookings.BookRequest]] = {}
        for staff, start in TIMES:
            days.setdefault((staff, start.date()), []).append(bookings.BookRequest(CUT, staff, start, who))
        # A change of hours outdates the lane's other days, so each is met with a view of its own.
        for (staff, day), requests in list(days.items())[:rounds]:
            view = await views.refreshed(db, view)

            ends.update(await one_day(scope, view, rng, staff, day, requests))
        rounds -= len(days)
        await assert_inside_hours(db, owner_url, scope.business_id)
    assert_invariants(owner_url)
    return ends


async def one_day(scope, view, rng: random.Random, staff: UUID, day: date, requests) -> list[str]:
    async def book(request: bookings.BookRequest) -> str:
        await asyncio.sleep(rng.uniform(0, 0.004))
        return f"book {await ended(bookings.book(scope, request, view=view, now=NOW))}"

    async def withdraw() -> str:
        await asyncio.sleep(rng.uniform(0, 0.004))
        hours = availability.DayHours(staff, day, rng.choice(((), ((540, 600),))))
        return f"withdraw {await ended(availability.set_day(scope, hours))}"

    return await asyncio.gather(*map(book, requests), withdraw())


async def ended(command) -> str:
    try:
        await command
    except InterlockError as refusal:
        return refusal.code
    return "done"


async def test_a_live_booking_is_never_outside_the_hours(crowd, owner_url, rng, conflicts):
    ends = await hours_against_bookings(crowd, owner_url, rng, sized(2_000, 60))
    # Who comes first is chance here; the tests below force each order.
    assert ends.keys() <= {"book done", "book stale-snapshot", "withdraw done", "withdraw displaces-bookings"}, ends
    assert not conflicts, conflicts


async def hours_withdrawn_before_the_booking_commits(db, owner_url: str) -> str:
    """A booking has claimed its time and not yet committed when somebody closes the day; returns how that ends."""
    scope = await salon(db)
    view, who = await Views(db).current(scope.business_id, NOW), await client(scope)
    request = bookings.BookRequest(CUT, ANA, MONDAY_10, who)
    closing = availability.DayHours(ANA, MONDAY_10.date(), ())
    async with db.transaction(scope.business_id) as tx:
        await bookings.book.__wrapped__(tx, request, view=view, now=NOW)
        withdrawn = asyncio.create_task(ended(availability.set_day(scope, closing)))
        await until_done_or_waiting(withdrawn, owner_url)
    end = await withdrawn
    await assert_inside_hours(db, owner_url, scope.business_id)
    return end


async def test_withdrawing_hours_waits_for_a_booking_and_sees_it(crowd, owner_url):
    assert await hours_withdrawn_before_the_booking_commits(crowd, owner_url) == Displaces.code


async def test_without_the_share_lock_the_booking_ends_up_outside(crowd, owner_url):
    breaks_function(owner_url, BOOK, "FOR SHARE OF l")
    with pytest.raises(AssertionError, match="outside the hours"):
        await hours_withdrawn_before_the_booking_commits(crowd, owner_url)


async def booked_before_the_withdrawal_commits(db, owner_url: str) -> str:
    """The hours are withdrawn and that has not yet committed when somebody books; returns how that ends."""
    scope = await salon(db)
    view, who = await Views(db).current(scope.business_id, NOW), await client(scope)
    request = bookings.BookRequest(CUT, ANA, MONDAY_10, who)
    closing = availability.DayHours(ANA, MONDAY_10.date(), ())
    async with db.transaction(scope.business_id) as tx:
        await availability.set_day.__wrapped__(tx, closing)
        booked = asyncio.create_task(ended(bookings.book(scope, request, view=view, now=NOW)))
        await until_done_or_waiting(booked, owner_url)
    end = await booked
    await assert_inside_hours(db, owner_url, scope.business_id)
    return end


async def test_a_booking_waits_for_a_withdrawal_and_sees_it(crowd, owner_url):
    assert await booked_before_the_withdrawal_commits(crowd, owner_url) == StaleSnapshot.code


async def test_without_the_version_the_booking_does_not_see_it(crowd, owner_url):
    breaks_function(owner_url, BOOK, "AND l.availability_version = item.availability_version")
    with pytest.raises(AssertionError, match="outside the hours"):
        await booked_before_the_withdrawal_commits(crowd, owner_url)


async def test_a_shift_past_midnight_is_withdrawn_with_the_day_it_began_on(crowd, owner_url):
    """00:30 on Tuesday belongs to Monday's night shift: closing Monday would displace it, closing Tuesday would not."""
    scope = await salon(crowd)
    monday, tuesday = MONDAY_10.date(), MONDAY_10.date() + timedelta(days=1)
    await availability.set_day(scope, availability.DayHours(ANA, monday, ((1320, 1560),)))
    half_past = MONDAY_10.replace(hour=0, minute=30) + timedelta(days=1)
    request = bookings.BookRequest(CUT, ANA, half_past, await client(scope))
    await bookings.book(scope, request, view=await Views(crowd).current(scope.business_id, NOW), now=NOW)
    for spans in ((), ((1320, 1440),), None):
        with pytest.raises(Displaces):
            await availability.set_day(scope, availability.DayHours(ANA, monday, spans))
    await availability.set_day(scope, availability.DayHours(ANA, tuesday, ()))
    await assert_inside_hours(crowd, owner_url, scope.business_id)
