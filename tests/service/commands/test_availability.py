"""Hours against live bookings: refused, or accepted with the names of whom they displace."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from models.errors import Displaces, InvalidInput, NotFound, SlotTaken
from service.commands import availability
from service.commands.availability import DayHours, Holidays, TimeOff, WeeklyHours
from service.commands.catalogue import Span
from service.db.views import Views
from service.queries import catalogue
from service.queries.slots import SlotsWanted, find
from tests.service.commands.test_bookings import book
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, WEEK, salon

pytestmark = pytest.mark.anyio

MONDAY = date(2026, 3, 2)
WEEK_LATER = timedelta(days=7)
AFTERNOONS = tuple(Span(day, 810, 1050) for day in range(5))


async def starts(scope, day=MONDAY, staff=ANA):
    view = await Views(scope.db).current(scope.business_id, NOW)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    slots = find(view, SlotsWanted(CUT, start, start + timedelta(days=1), (staff,)), NOW, limit=100)
    return [slot.starts_at for slot in slots]


async def test_weekly_hours_hold_from_their_date_on(db):
    scope = await salon(db)
    before = await starts(scope)
    done = await availability.set_weekly_hours(scope, WeeklyHours(ANA, AFTERNOONS, MONDAY + WEEK_LATER))
    assert done.displaced == ()
    assert await starts(scope) == before
    later = await starts(scope, MONDAY + WEEK_LATER)
    assert later[0] == datetime(2026, 3, 9, 13, 30, tzinfo=UTC)
    # Set again from an earlier date: what would have begun later is replaced.
    await availability.set_weekly_hours(scope, WeeklyHours(ANA, WEEK, MONDAY + timedelta(days=3)))
    assert [s - WEEK_LATER for s in await starts(scope, MONDAY + WEEK_LATER)] == before


async def test_weekly_hours_from_ever_replace_all(db):
    scope = await salon(db)
    await availability.set_weekly_hours(scope, WeeklyHours(ANA, AFTERNOONS))
    assert (await starts(scope))[0] == MONDAY_10.replace(hour=13, minute=30)
    await availability.set_weekly_hours(scope, WeeklyHours(ANA, ()))
    assert await starts(scope) == []


async def test_weekly_hours_that_displace_are_refused_or_named(db):
    scope = await salon(db)
    this_week = await book(scope)
    next_week = await book(scope, MONDAY_10 + WEEK_LATER)
    wanted = WeeklyHours(ANA, AFTERNOONS, MONDAY + WEEK_LATER)
    with pytest.raises(Displaces) as caught:
        await availability.set_weekly_hours(scope, wanted)
    assert caught.value.fields == {"appointments": [str(next_week.id)]}
    done = await availability.set_weekly_hours(
        scope, WeeklyHours(ANA, AFTERNOONS, MONDAY - timedelta(days=7), displace=True)
    )
    assert done.displaced == (this_week.id, next_week.id)


async def test_weekly_hours_that_overlap_over_midnight_are_refused(db):
    scope = await salon(db)
    with pytest.raises(InvalidInput):
        await availability.set_weekly_hours(scope, WeeklyHours(ANA, (Span(0, 1200, 2000), Span(1, 500, 600))))
    assert len(await starts(scope)) > 0


async def test_a_day_may_displace_when_accepted(db):
    scope = await salon(db)
    booked = await book(scope)
    with pytest.raises(Displaces):
        await availability.set_day(scope, DayHours(ANA, MONDAY, ()))
    done = await availability.set_day(scope, DayHours(ANA, MONDAY, (), displace=True))
    assert (done.displaced, await starts(scope)) == ((booked.id,), [])


async def test_time_off_over_a_booking_withdraws_the_hours_around_it(db):
    scope = await salon(db)
    booked = await book(scope)
    absence = (MONDAY_10 - timedelta(minutes=30), MONDAY_10 + timedelta(hours=1))
    with pytest.raises(SlotTaken):
        await availability.take_time_off(scope, TimeOff(ANA, *absence))
    done = await availability.take_time_off(scope, TimeOff(ANA, *absence, displace=True))
    assert done == availability.HoursSet(None, (booked.id,))
    free = await starts(scope)
    assert free[0] == MONDAY_10 - timedelta(hours=1)
    assert not [s for s in free if absence[0] - timedelta(minutes=30) < s < absence[1]]


async def test_time_off_is_given_back(db):
    scope = await salon(db)
    before = await starts(scope)
    done = await availability.take_time_off(scope, TimeOff(ANA, MONDAY_10, MONDAY_10 + timedelta(hours=1)))
    assert len(await starts(scope)) < len(before)
    await availability.end_time_off(scope, done.claim_id)
    assert await starts(scope) == before
    with pytest.raises(NotFound):
        await availability.end_time_off(scope, done.claim_id)


async def test_a_holiday_closes_all_but_those_with_a_day_of_their_own(db):
    scope = await salon(db)
    await availability.set_day(scope, DayHours(BEN, MONDAY, ((600, 660),)))
    await availability.add_holidays(scope, Holidays(((MONDAY, "Founders' Day"),)))
    assert await starts(scope) == []
    assert await starts(scope, staff=BEN) == [
        MONDAY_10,
        MONDAY_10 + timedelta(minutes=15),
        MONDAY_10 + timedelta(minutes=30),
    ]
    await availability.remove_holiday(scope, MONDAY)
    assert len(await starts(scope)) > 0
    with pytest.raises(NotFound):
        await availability.remove_holiday(scope, MONDAY)


async def test_a_holiday_over_bookings_is_refused_or_names_them(db):
    scope = await salon(db)
    booked = await book(scope)
    with pytest.raises(Displaces):
        await availability.add_holidays(scope, Holidays(((MONDAY, "Flood"),)))
    done = await availability.add_holidays(scope, Holidays(((MONDAY, "Flood"),), displace=True))
    assert done.displaced == (booked.id,)


def test_the_holidays_of_a_country():
    days = availability.public_holidays("PT", None, [2026])
    assert (date(2026, 4, 25), "Freedom Day") in days
    with pytest.raises(InvalidInput, match="known for XX"):
        availability.public_holidays("XX", None, [2026])
    with pytest.raises(InvalidInput, match="All holidays of IN are known from 2001 to 2035"):
        availability.public_holidays("IN", None, [2040])


async def test_a_holiday_that_stands_twice_is_added_once(db):
    scope = await salon(db)
    await availability.add_holidays(scope, Holidays(((MONDAY, "Founders' Day"), (MONDAY, "Flood"))))
    [holiday] = await catalogue.holidays(db, scope.business_id)
    assert (holiday.day, holiday.name) == (MONDAY, "Founders' Day")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: WeeklyHours(ANA, (Span(7, 540, 600),)),
        lambda: WeeklyHours(ANA, (Span(0, 600, 540),)),
        lambda: DayHours(ANA, MONDAY, None, appointment_only=((600, 3000),)),
        lambda: Holidays(()),
        lambda: TimeOff(ANA, MONDAY_10, MONDAY_10),
        lambda: TimeOff(ANA, MONDAY_10.replace(tzinfo=None), MONDAY_10),
    ],
)
def test_what_is_not_valid_is_refused_at_once(wrong):
    with pytest.raises(InvalidInput):
        wrong()


async def test_nobodys_hours_cannot_be_set(db):
    scope = await salon(db)
    with pytest.raises(NotFound):
        await availability.set_weekly_hours(scope, WeeklyHours(uuid4(), ()))
