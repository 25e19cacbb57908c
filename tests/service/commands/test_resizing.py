"""Another length for a booking: within the hours worked, never over somebody else's time."""

from datetime import timedelta

import pytest

from models.errors import Closed, InvalidInput, NotAllowed, SlotTaken, StaleVersion
from service.commands import bookings
from service.commands.bookings import BookRequest
from service.commands.resizing import Resize, resize
from service.db.views import Views
from tests.service.worlds import ANA, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scope(db):
    """An empty salon; a cut takes 30 minutes and 10 after."""
    return await salon(db)


async def view(scope):
    return await Views(scope.db).current(scope.business_id, NOW)


async def booked(scope, name: str, start=MONDAY_10):
    request = BookRequest(CUT, ANA, start, await client(scope, name))
    return await bookings.book(scope, request, view=await view(scope), now=NOW)


async def claimed(scope, booking) -> tuple[int, int]:
    """Return how many minutes a booking takes, and its lane's claim."""
    async with scope.db.transaction(scope.business_id) as tx:
        row = await tx.row(
            "SELECT i.ends_at - i.starts_at AS item, c.ends_at - c.starts_at AS claim FROM appointment_item i "
            "JOIN claim c ON c.item_id = i.id AND c.released_at IS NULL WHERE i.appointment_id = %s",
            [booking.id],
        )
    return tuple(int(row[name].total_seconds() // 60) for name in ("item", "claim"))


async def test_a_booking_grows_and_shrinks_and_keeps_its_buffer(scope):
    one = await booked(scope, "Bea")
    longer = await resize(scope, Resize(one.id, one.version, minutes=50), view=await view(scope))
    assert (longer.version, await claimed(scope, one)) == (one.version + 1, (50, 60))
    await resize(scope, Resize(one.id, longer.version, minutes=15), view=await view(scope))
    assert await claimed(scope, one) == (15, 25)


async def test_it_never_takes_what_somebody_else_has_even_where_the_view_is_stale(scope):
    one, stale = await booked(scope, "Bea"), await view(scope)
    await booked(scope, "Cem", MONDAY_10 + timedelta(minutes=45))
    for seen in (stale, await view(scope)):
        with pytest.raises(SlotTaken):
            await resize(scope, Resize(one.id, one.version, minutes=60), view=seen)
    assert await claimed(scope, one) == (30, 40)


async def test_it_stays_within_the_hours_worked(scope):
    last = await booked(scope, "Bea", MONDAY_10 + timedelta(hours=1, minutes=45))
    with pytest.raises(Closed):
        await resize(scope, Resize(last.id, last.version, minutes=120), view=await view(scope))


async def test_a_stale_version_and_what_is_over_are_refused(scope):
    one = await booked(scope, "Bea")
    with pytest.raises(StaleVersion):
        await resize(scope, Resize(one.id, one.version + 1, minutes=45), view=await view(scope))
    await bookings.cancel(scope, bookings.Cancellation(one.id, one.version), now=NOW)
    with pytest.raises(NotAllowed):
        await resize(scope, Resize(one.id, one.version + 1, minutes=45), view=await view(scope))
    with pytest.raises(InvalidInput):
        Resize(one.id, one.version, minutes=0)
