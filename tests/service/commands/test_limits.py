"""Limits a day and a week: the last that fits, the first that does not, and two who book at once."""

import asyncio
from datetime import timedelta

import pytest

from models.errors import LimitReached
from service.commands import bookings, limits, offers, series, series_changes, waitlist
from service.commands.attendance import Step
from service.commands.changes import Change, change_service, change_staff
from service.commands.reschedule import Reschedule, Swap, reschedule, swap
from service.commands.series import SeriesRequest
from service.commands.series_changes import SeriesMove
from service.queries.slots import SlotsWanted, find
from tests.races.races import at_once
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


SERVICE_ONE = Change(CUT, {"daily_limit": 1})
CLIENT_ONE = Change(CUT, {"client_daily_limit": 1})


class Paths:
    """Every way to a visit on Monday, on a view from before the last one was taken."""

    def __init__(self, scope, view, maria, elsewhere) -> None:
        self.scope, self.maria, self.elsewhere = scope, maria, elsewhere
        self.start = MONDAY_10
        self.given = {"view": view, "now": NOW}

    def book(self):
        return bookings.book(self.scope, bookings.BookRequest(CUT, BEN, self.start, self.maria), **self.given)

    def hold(self):
        return bookings.hold(self.scope, bookings.HoldRequest(CUT, BEN, self.start), **self.given)

    def reschedule(self):
        wanted = Reschedule(self.elsewhere[0], starts_at=self.start, staff_id=BEN)
        return reschedule(self.scope, wanted, **self.given)

    def swap(self):
        return swap(self.scope, Swap(Step(self.elsewhere[0]), Step(self.elsewhere[1])), **self.given)

    def series(self):
        request = SeriesRequest(CUT, BEN, self.start, "FREQ=WEEKLY;COUNT=1", self.maria)
        return series.book_series(self.scope, request, **self.given)

    def series_move(self):
        wanted = SeriesMove(self.elsewhere[2], starts_at=self.start, staff_id=BEN)
        return series_changes.move_series(self.scope, wanted, **self.given)

    async def offer(self):
        freed = offers.Freed(BEN, self.start, self.start + HOUR)
        if not await offers.pass_on(self.scope, freed, **self.given):
            raise LimitReached("Nobody was offered it.")


WAYS = ("book", "reschedule", "swap", "series", "series_move", "offer")


async def opened(db, limit, wanted) -> Paths:
    """A salon in which one more visit fits on Monday, bookings of Maria on other days, and Maria on the waitlist.

    Swapping brings Maria's Tuesday to another client's Monday.
    """
    scope = await salon(db)
    maria, other = await client(scope), await client(scope)
    tuesday = await book(scope, MONDAY_10 + DAY, who=maria)
    monday = await book(scope, MONDAY_10 + 6 * HOUR, who=other) if wanted == "swap" else tuesday
    request = SeriesRequest(CUT, ANA, MONDAY_10 + 3 * DAY, "FREQ=WEEKLY;COUNT=1", maria)
    made = await series.book_series(scope, request, view=await view_of(scope), now=NOW)
    windows = ((MONDAY_10, MONDAY_10 + HOUR),)
    await waitlist.join(scope, waitlist.Joining(maria, CUT, windows), now=NOW)
    await change_service(scope, limit)
    elsewhere = (tuesday.id, monday.id, made.occurrences[0].appointment_id)
    return Paths(scope, await view_of(scope), maria, elsewhere)


@pytest.mark.parametrize("way", WAYS)
async def test_no_way_leads_past_the_limit_on_a_client(db, way):
    paths = await opened(db, CLIENT_ONE, way)
    await book(paths.scope, MONDAY_10 + HOUR, who=paths.maria, view=paths.given["view"])
    with pytest.raises(LimitReached):
        await getattr(paths, way)()


@pytest.mark.parametrize("way", ["hold", *(way for way in WAYS if way != "swap")])
async def test_no_way_leads_past_the_limit_on_a_service(db, way):
    paths = await opened(db, SERVICE_ONE, way)
    await book(paths.scope, MONDAY_10 + HOUR, view=paths.given["view"])
    with pytest.raises(LimitReached):
        await getattr(paths, way)()


async def test_a_swap_between_days_adds_no_visit_to_either(db):
    paths = await opened(db, SERVICE_ONE, "swap")
    one, other = await paths.swap()
    assert (one.version, other.version) == (2, 2)


async def test_a_series_counts_its_own_visits(db):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"weekly_limit": 2}))
    request = SeriesRequest(CUT, ANA, MONDAY_10, "FREQ=DAILY;COUNT=4", await client(scope))
    made = await series.book_series(scope, request, view=await view_of(scope), now=NOW)
    assert [o.code for o in made.occurrences] == [None, None, "limit-reached", "limit-reached"]


async def test_of_many_ways_at_once_to_the_last_visit_one_leads_there(db):
    """All have looked at a day on which one more fits; they lock before they count, whichever way they came."""
    paths = await opened(db, SERVICE_ONE, "book")
    tries = []
    for minutes, way in ((60, "book"), (120, "hold"), (240, "reschedule"), (300, "series"), (0, "offer")):
        paths.start = MONDAY_10 + timedelta(minutes=minutes)
        tries.append(getattr(paths, way)())
    ends = await at_once(*tries)
    assert ends == {"done": 1, "limit-reached": 4}


class Meeting:
    """Lets two go on only once both have counted: what a lock keeps from happening."""

    def __init__(self, monkeypatch) -> None:
        self.both, self.counted = asyncio.Barrier(2), limits._counted
        monkeypatch.setattr(limits, "_counted", self)

    async def __call__(self, *args: object) -> object:
        found = await self.counted(*args)
        await self.both.wait()
        return found


@pytest.mark.parametrize("way", ["hold", "reschedule", "series", "offer"])
async def test_without_the_lock_two_would_be_the_last(db, monkeypatch, way):
    async def no_lock(*_: object) -> None:
        return None

    paths = await opened(db, SERVICE_ONE, way)
    monkeypatch.setattr(limits, "_lock", no_lock)
    Meeting(monkeypatch)
    view = paths.given["view"]
    ends = await at_once(book(paths.scope, MONDAY_10 + HOUR, who=paths.maria, view=view), getattr(paths, way)())
    assert ends == {"done": 2}, "the broken variant oversells"


async def test_moving_a_booking_within_its_day_is_no_further_visit(db):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"daily_limit": 1}))
    booked = await book(scope)
    moved = await reschedule(
        scope, Reschedule(booked.id, starts_at=MONDAY_10 + 4 * HOUR), view=await view_of(scope), now=NOW
    )
    assert moved.version == 2
