"""Moving a booking and swapping two: own time counts as free, every rule holds again, all or nothing."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from models.errors import (
    Closed,
    InvalidInput,
    NotAllocated,
    NotAllowed,
    NotFound,
    OutsidePolicy,
    Past,
    SlotTaken,
    StaleSnapshot,
    StaleVersion,
)
from models.states import Party
from service.commands import attendance, availability, bookings, reschedule
from service.commands.attendance import Step
from service.commands.reschedule import Reschedule, Swap
from service.db.views import Views
from tests.races.races import assert_invariants
from tests.service.worlds import ANA, BEN, COLOUR, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


async def view_of(scope):
    return await Views(scope.db).current(scope.business_id, NOW)


async def booked(scope, starts_at=MONDAY_10, staff=ANA, service=CUT):
    request = bookings.BookRequest(service, staff, starts_at, await client(scope))
    return await bookings.book(scope, request, view=await view_of(scope), now=NOW)


async def move(scope, booking, starts_at=None, staff=None, view=None, now=NOW, **step):
    request = Reschedule(booking.id, starts_at=starts_at, staff_id=staff, **step)
    return await reschedule.reschedule(scope, request, view=view or await view_of(scope), now=now)


def items(owner_url):
    with psycopg.connect(owner_url) as connection:
        return connection.execute(
            "SELECT i.staff_id, i.starts_at, c.starts_at, c.ends_at, a.version FROM appointment a "
            "JOIN appointment_item i ON i.appointment_id = a.id "
            "JOIN claim c ON c.item_id = i.id AND c.released_at IS NULL ORDER BY a.id"
        ).fetchall()


async def test_a_booking_moves_in_time_and_to_another_staff_member(db, owner_url):
    scope = await salon(db)
    booking = await booked(scope)
    later = MONDAY_10 + DAY
    moved = await move(scope, booking, later)
    assert (moved.id, moved.status, moved.version) == (booking.id, "confirmed", 2)
    assert items(owner_url) == [(ANA, later, later, later + 40 * MINUTE, 2)]
    moved = await move(scope, booking, staff=BEN, version=2)
    assert items(owner_url) == [(BEN, later, later, later + 40 * MINUTE, 3)]
    assert_invariants(owner_url)
    assert (await booked(scope)).status == "confirmed", "the old time is free again"


async def test_its_own_time_counts_as_free(db, owner_url):
    scope = await salon(db)
    booking = await booked(scope)
    assert (await move(scope, booking, MONDAY_10 + 15 * MINUTE)).version == 2
    assert (await move(scope, booking, MONDAY_10 - 15 * MINUTE)).version == 3
    assert (await move(scope, booking, MONDAY_10 - 15 * MINUTE)).version == 4
    assert_invariants(owner_url)


async def test_the_audit_tells_where_it_was(db, owner_url):
    scope = await salon(db)
    booking = await booked(scope)
    await move(scope, booking, MONDAY_10 + DAY, BEN)
    with psycopg.connect(owner_url) as connection:
        before, after = connection.execute(
            "SELECT before, after FROM audit_entry WHERE action = 'appointment.rescheduled'"
        ).fetchone()
        topic, payload = connection.execute(
            "SELECT topic, payload FROM outbox_event WHERE aggregate_version = 2"
        ).fetchone()
    assert [i["staff_id"] for i in (before["items"][0], after["items"][0])] == [str(ANA), str(BEN)]
    assert before["items"][0]["starts_at"] < after["items"][0]["starts_at"]
    assert (topic, payload["before"]) == ("appointment.rescheduled", before)


@pytest.mark.parametrize(
    ("error", "change"),
    [
        (SlotTaken, {"starts_at": MONDAY_10 + 2 * HOUR}),
        (Past, {"starts_at": NOW - DAY}),
        (Closed, {"starts_at": MONDAY_10.replace(hour=12, minute=45)}),
        (OutsidePolicy, {"starts_at": MONDAY_10 + 5 * MINUTE}),
        (OutsidePolicy, {"starts_at": MONDAY_10 + 70 * DAY}),
        (NotFound, {"staff": uuid4()}),
        (StaleVersion, {"starts_at": MONDAY_10 + HOUR, "version": 9}),
        (InvalidInput, {"starts_at": (MONDAY_10 + HOUR).replace(tzinfo=None)}),
        (InvalidInput, {}),
    ],
)
async def test_what_is_not_on_offer_is_refused_and_the_booking_stays(db, owner_url, error, change):
    scope = await salon(db)
    booking = await booked(scope)
    await booked(scope, MONDAY_10 + 2 * HOUR)
    before = items(owner_url)
    with pytest.raises(error):
        await move(scope, booking, **change)
    assert items(owner_url) == before
    assert_invariants(owner_url)


async def test_a_move_to_who_does_not_perform_the_service_is_refused(db):
    scope = await salon(db)
    booking = await booked(scope, MONDAY_10 + DAY, service=COLOUR)
    with pytest.raises(NotAllocated):
        await move(scope, booking, staff=BEN)


async def test_a_stale_view_sells_no_time_twice(db, owner_url):
    scope = await salon(db)
    booking, view = await booked(scope), await view_of(scope)
    await booked(scope, MONDAY_10 + HOUR)
    with pytest.raises(SlotTaken):
        await move(scope, booking, MONDAY_10 + HOUR, view=view)
    await availability.set_day(scope, availability.DayHours(ANA, MONDAY_10.date(), ((540, 720),)))
    with pytest.raises(StaleSnapshot):
        await move(scope, booking, MONDAY_10 + 15 * MINUTE, view=view)
    assert_invariants(owner_url)


async def test_an_expired_hold_is_in_nobodys_way(db, owner_url):
    scope = await salon(db)
    booking, view = await booked(scope), await view_of(scope)
    await bookings.hold(scope, bookings.HoldRequest(CUT, ANA, MONDAY_10 + HOUR), view=view, now=NOW)
    with pytest.raises(SlotTaken):
        await move(scope, booking, MONDAY_10 + HOUR, view=view)
    with psycopg.connect(owner_url) as connection:
        for table in ("appointment", "claim"):
            connection.execute(f"UPDATE {table} SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL")
    assert (await move(scope, booking, MONDAY_10 + HOUR, view=view)).version == 2
    assert_invariants(owner_url)


async def test_what_is_over_or_held_does_not_move(db):
    scope = await salon(db)
    booking = await booked(scope)
    held = await bookings.hold(scope, bookings.HoldRequest(CUT, BEN, MONDAY_10), view=await view_of(scope), now=NOW)
    with pytest.raises(NotAllowed, match="is hold"):
        await move(scope, held, MONDAY_10 + HOUR)
    await attendance.check_in(scope, Step(booking.id))
    with pytest.raises(NotAllowed, match="is checked in"):
        await move(scope, booking, MONDAY_10 + HOUR)
    with pytest.raises(NotFound):
        await move(scope, replace(booking, id=uuid4()), MONDAY_10 + HOUR)


async def test_a_client_moves_it_until_the_last_moment_and_staff_after_it(db, owner_url):
    scope = await salon(db)
    with psycopg.connect(owner_url) as connection:
        connection.execute("UPDATE service SET last_cancellation = 60")
    booking = await booked(scope)
    late = MONDAY_10 - HOUR
    with pytest.raises(OutsidePolicy, match="please call"):
        await move(scope, booking, MONDAY_10 + DAY, by=Party.CLIENT, now=late)
    assert (await move(scope, booking, MONDAY_10 + DAY, by=Party.CLIENT, now=late - MINUTE)).version == 2
    assert (await move(scope, booking, MONDAY_10 + 2 * DAY, now=MONDAY_10 + DAY - MINUTE)).version == 3


async def swap(scope, first, second, view=None):
    request = Swap(Step(first.id, first.version), Step(second.id, second.version))
    return await reschedule.swap(scope, request, view=view or await view_of(scope), now=NOW)


async def test_two_bookings_change_places(db, owner_url):
    scope = await salon(db)
    first, second = await booked(scope), await booked(scope, MONDAY_10 + HOUR, BEN)
    one, other = await swap(scope, first, second)
    assert [(one.id, one.version), (other.id, other.version)] == [(first.id, 2), (second.id, 2)]
    places = {(staff, start) for staff, start, *_ in items(owner_url)}
    assert places == {(ANA, MONDAY_10), (BEN, MONDAY_10 + HOUR)}
    with psycopg.connect(owner_url) as connection:
        staff = connection.execute("SELECT staff_id FROM appointment_item WHERE appointment_id = %s", [first.id])
        assert staff.fetchone() == (BEN,)
    assert_invariants(owner_url)


async def test_neighbours_on_one_lane_change_places(db, owner_url):
    scope = await salon(db)
    first, second = await booked(scope), await booked(scope, MONDAY_10 + 45 * MINUTE)
    assert [b.version for b in await swap(scope, first, second)] == [2, 2]
    assert_invariants(owner_url)


async def test_a_swap_that_does_not_fit_leaves_both(db, owner_url):
    scope = await salon(db)
    cut, colour = (
        await booked(scope, MONDAY_10 + DAY),
        await booked(scope, MONDAY_10 + DAY + 45 * MINUTE, service=COLOUR),
    )
    before = items(owner_url)
    with pytest.raises(SlotTaken):
        await swap(scope, cut, colour)
    with pytest.raises(StaleVersion):
        await swap(scope, cut, replace(colour, version=5))
    with pytest.raises(InvalidInput):
        await swap(scope, cut, cut)
    assert items(owner_url) == before
