"""The rules of services and staff, from rows through the view to slots and bookings."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from models.errors import InterlockError, OutsidePolicy, SlotTaken
from models.states import Party
from service.commands import availability, bookings
from service.commands.catalogue import NewResource, Requirement, Window, add_resource
from service.commands.changes import Change, change_resource, change_service, change_staff
from service.queries.slots import Slot, SlotsWanted, find
from tests.service.commands.test_bookings import book, view_of
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def at(scope, moment=MONDAY_10, **asked) -> list[Slot]:
    wanted = SlotsWanted(CUT, moment, moment + timedelta(minutes=1), **asked)
    return find(await view_of(scope), wanted, NOW, limit=10)


async def first_of_day(scope, member=ANA):
    midnight = MONDAY_10.replace(hour=0)
    return find(await view_of(scope), SlotsWanted(CUT, midnight, midnight + DAY, (member,)), NOW, limit=1)[0].starts_at


async def test_one_chair_serves_one_at_a_time(db, owner_url):
    scope = await salon(db)
    chair = await add_resource(scope, NewResource("Chair 1", "chair"))
    await change_service(scope, Change(CUT, {"requirements": (Requirement("chair"),)}))
    assert [(slot.staff, slot.resources) for slot in await at(scope)] == [("Ana", ("Chair 1",)), ("Ben", ("Chair 1",))]
    stale = await view_of(scope)
    await book(scope)
    assert await at(scope) == []
    with pytest.raises(SlotTaken):
        await book(scope, staff=BEN, view=stale)
    second = await add_resource(scope, NewResource("Chair 2", "chair"))
    assert [slot.resources for slot in await at(scope, staff_ids=(BEN,))] == [("Chair 2",)]
    await change_resource(scope, Change(second.id, {"active": False}))
    assert await at(scope) == []
    assert chair.version == 1


async def test_a_group_fills_seat_by_seat_and_empties_again(db):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"seats": 2}))
    assert [slot.seats_left for slot in await at(scope, staff_ids=(ANA,))] == [2]
    first = await book(scope)
    assert [slot.seats_left for slot in await at(scope, staff_ids=(ANA,))] == [1]
    await book(scope)
    assert await at(scope, staff_ids=(ANA,)) == []
    await bookings.cancel(scope, bookings.Cancellation(first.id, by=Party.MANAGER), now=NOW)
    assert [slot.seats_left for slot in await at(scope, staff_ids=(ANA,))] == [1]


async def test_a_block_for_appointments_only_is_hidden_from_clients(db):
    scope = await salon(db)
    only = availability.DayHours(ANA, MONDAY_10.date(), ((540, 750),), appointment_only=((600, 660),))
    await availability.set_day(scope, only)
    assert await at(scope, staff_ids=(ANA,)) == []
    assert len(await at(scope, staff_ids=(ANA,), by_staff=True)) == 1
    request = bookings.BookRequest(CUT, ANA, MONDAY_10, await client(scope))
    with pytest.raises(InterlockError):
        await bookings.book(scope, request, view=await view_of(scope), now=NOW)
    await bookings.book(scope, replace(request, by=Party.STAFF), view=await view_of(scope), now=NOW)


async def test_a_zone_of_their_own_moves_their_day(db):
    scope = await salon(db)
    before = await first_of_day(scope)
    await change_staff(scope, Change(ANA, {"zone": "Europe/Athens"}))
    assert await first_of_day(scope) == before - 2 * HOUR


async def test_windows_dates_grid_and_offset(db):
    scope = await salon(db)
    await change_service(
        scope, Change(CUT, {"windows": (Window(0, 600, 660),), "slot_interval": 20, "slot_offset": 10})
    )
    assert await first_of_day(scope) == MONDAY_10 + timedelta(minutes=10)
    assert await at(scope, MONDAY_10 + DAY + timedelta(minutes=10)) == []
    await change_service(scope, Change(CUT, {"windows": (), "first_date": date(2026, 3, 3)}))
    assert await at(scope, MONDAY_10 + timedelta(minutes=10)) == []
    assert len(await at(scope, MONDAY_10 + DAY + timedelta(minutes=10))) == 2
    with pytest.raises(OutsidePolicy):
        await book(scope, MONDAY_10 + timedelta(minutes=10))


async def test_an_anchor_at_the_shift_counts_from_its_opening(db):
    scope = await salon(db)
    await availability.set_day(scope, availability.DayHours(ANA, MONDAY_10.date(), ((547, 750),)))
    await change_service(scope, Change(CUT, {"anchor": "shift", "slot_interval": 45}))
    assert await first_of_day(scope) == MONDAY_10 - timedelta(minutes=53)
