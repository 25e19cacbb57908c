"""Limits a day and a week: the last that fits, the first that does not, and two who book at once."""

import asyncio
from datetime import timedelta

import pytest

from models.errors import LimitReached
from service.commands import bookings, limits
from service.commands.catalogue import Change, change_service, change_staff
from service.commands.reschedule import Reschedule, reschedule
from service.queries.slots import SlotsWanted, find
from tests.service.commands.test_bookings import book, view_of
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def free_on(scope, day: int = 0, **asked) -> int:
    start = MONDAY_10.replace(hour=0) + day * DAY
    return len(find(await view_of(scope), SlotsWanted(CUT, start, start + DAY, **asked), NOW, limit=1000))


@pytest.mark.parametrize(
    ("change", "row"),
    [(change_service, Change(CUT, {"daily_limit": 2})), (change_staff, Change(ANA, {"daily_limit": 2}))],
    ids=["service", "staff"],
)
async def test_a_day_takes_as_many_as_its_limit(db, change, row):
    scope = await salon(db)
    await change(scope, row)
    stale = await view_of(scope)
    await book(scope)
    await book(scope, MONDAY_10 + HOUR)
    assert await free_on(scope, staff_ids=(ANA,)) == 0
    assert await free_on(scope, 1, staff_ids=(ANA,)) > 0
    with pytest.raises(LimitReached):
        await book(scope, MONDAY_10 + 4 * HOUR, view=stale)
    await book(scope, MONDAY_10 + DAY)


async def test_a_week_ends_on_sunday(db):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"weekly_limit": 1}))
    await book(scope, MONDAY_10 + DAY)
    assert [await free_on(scope, day) > 0 for day in (0, 4, 7)] == [False, False, True]


async def test_a_client_comes_so_often_and_no_more(db):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"client_daily_limit": 1}))
    maria = await client(scope)
    first = await book(scope, who=maria)
    with pytest.raises(LimitReached):
        await book(scope, MONDAY_10 + HOUR, staff=BEN, who=maria)
    await book(scope, MONDAY_10 + HOUR, staff=BEN)
    view = await view_of(scope)
    held = await bookings.hold(scope, bookings.HoldRequest(CUT, ANA, MONDAY_10 + 4 * HOUR), view=view, now=NOW)
    confirmation = bookings.Confirmation(held.id, held.token, maria)
    with pytest.raises(LimitReached):
        await bookings.confirm(scope, confirmation)
    await bookings.cancel(scope, bookings.Cancellation(first.id), now=NOW)
    await bookings.confirm(scope, confirmation)
    assert await free_on(scope, client_booked=(MONDAY_10 + 4 * HOUR,)) == 0


async def at_once(scope) -> list[object]:
    """Let eight book the one visit that is left, on one view, at different times."""
    await change_service(scope, Change(CUT, {"daily_limit": 1}))
    view = await view_of(scope)
    wanted = [(ANA, BEN)[i % 2] for i in range(8)]
    tries = (
        book(scope, MONDAY_10 + (i // 2) * timedelta(minutes=45), staff=staff, view=view)
        for i, staff in enumerate(wanted)
    )
    return await asyncio.gather(*tries, return_exceptions=True)


async def test_two_who_book_at_once_are_not_both_the_last(db):
    outcomes = await at_once(await salon(db))
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1


async def test_without_the_lock_both_would_be(db, monkeypatch):
    async def no_lock(*_: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(limits, "_lock", no_lock)
    outcomes = await at_once(await salon(db))
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) > 1


async def test_moving_a_booking_within_its_day_is_no_further_visit(db):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"daily_limit": 1}))
    booked = await book(scope)
    moved = await reschedule(
        scope, Reschedule(booked.id, starts_at=MONDAY_10 + 4 * HOUR), view=await view_of(scope), now=NOW
    )
    assert moved.version == 2
