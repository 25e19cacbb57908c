"""Another length for a booking: within the hours worked, never over somebody else's time."""

from datetime import datetime, timedelta

import pytest

from models.errors import Closed, InvalidInput, NotAllowed, SlotTaken, StaleVersion
from models.optimisation import RunKind
from service.commands import bookings
from service.commands.attendance import Step
from service.commands.bookings import BookRequest
from service.commands.catalogue import Allocation, allocate
from service.commands.changes import Change, change_service
from service.commands.reschedule import Reschedule, Swap, reschedule, swap
from service.commands.resizing import Resize, resize
from service.commands.series import SeriesRequest, book_series
from service.commands.series_changes import Extent, SeriesMove, move_series
from service.db.views import Views
from tests.service.nights import accepted, fragmented, planned
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)


@pytest.fixture
async def scope(db):
    """An empty salon; a cut takes 30 minutes and 10 after."""
    return await salon(db)


async def view(scope):
    return await Views(scope.db).current(scope.business_id, NOW)


async def booked(scope, name: str, start=MONDAY_10):
    request = BookRequest(CUT, ANA, start, await client(scope, name))
    return await bookings.book(scope, request, view=await view(scope), now=NOW)


async def claimed(scope, id_) -> tuple[int, int]:
    """Return how many minutes a booking takes, and its lane's claim."""
    async with scope.db.transaction(scope.business_id) as tx:
        row = await tx.row(
            "SELECT i.ends_at - i.starts_at AS item, c.ends_at - c.starts_at AS claim FROM appointment_item i "
            "JOIN claim c ON c.item_id = i.id AND c.released_at IS NULL WHERE i.appointment_id = %s",
            [id_],
        )
    return tuple(int(row[name].total_seconds() // 60) for name in ("item", "claim"))


async def test_a_booking_grows_and_shrinks_and_keeps_its_buffer(scope):
    one = await booked(scope, "Bea")
    longer = await resize(scope, Resize(one.id, one.version, minutes=50), view=await view(scope))
    assert (longer.version, await claimed(scope, one.id)) == (one.version + 1, (50, 60))
    await resize(scope, Resize(one.id, longer.version, minutes=15), view=await view(scope))
    assert await claimed(scope, one.id) == (15, 25)


async def test_it_never_takes_what_somebody_else_has_even_where_the_view_is_stale(scope):
    one, stale = await booked(scope, "Bea"), await view(scope)
    await booked(scope, "Cem", MONDAY_10 + timedelta(minutes=45))
    for seen in (stale, await view(scope)):
        with pytest.raises(SlotTaken):
            await resize(scope, Resize(one.id, one.version, minutes=60), view=seen)
    assert await claimed(scope, one.id) == (30, 40)


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


async def test_moved_it_keeps_its_length_and_its_buffer(scope):
    one = await booked(scope, "Bea")
    longer = await resize(scope, Resize(one.id, one.version, minutes=50), view=await view(scope))
    moved = await reschedule(
        scope, Reschedule(one.id, longer.version, starts_at=MONDAY_10 + DAY), view=await view(scope), now=NOW
    )
    assert await claimed(scope, one.id) == (50, 60)
    await reschedule(scope, Reschedule(one.id, moved.version, staff_id=BEN), view=await view(scope), now=NOW)
    assert await claimed(scope, one.id) == (50, 60)


async def test_its_buffer_stays_where_its_service_has_another_since(scope):
    one = await booked(scope, "Bea")
    await change_service(scope, Change(CUT, {"duration": 20, "buffer_after": 0}))
    await reschedule(scope, Reschedule(one.id, starts_at=MONDAY_10 + DAY), view=await view(scope), now=NOW)
    assert await claimed(scope, one.id) == (30, 40)


async def test_one_of_the_usual_length_takes_what_the_new_person_takes(scope):
    await allocate(scope, Allocation(CUT, BEN, duration=45))
    one = await booked(scope, "Bea")
    await reschedule(scope, Reschedule(one.id, staff_id=BEN), view=await view(scope), now=NOW)
    assert await claimed(scope, one.id) == (45, 55)


async def test_a_longer_one_is_refused_where_only_the_usual_length_fits_and_offered_what_holds_it(scope):
    one = await booked(scope, "Bea")
    await resize(scope, Resize(one.id, one.version, minutes=75), view=await view(scope))
    await booked(scope, "Cem", MONDAY_10 + DAY + timedelta(hours=1))
    with pytest.raises(SlotTaken) as refused:
        await reschedule(scope, Reschedule(one.id, starts_at=MONDAY_10 + DAY), view=await view(scope), now=NOW)
    assert await claimed(scope, one.id) == (75, 85)
    [first, *_] = [near for near in refused.value.fields["nearest"] if near["staff_id"] == str(ANA)]
    starts_at = datetime.fromisoformat(first["starts_at"])
    await reschedule(scope, Reschedule(one.id, starts_at=starts_at), view=await view(scope), now=NOW)
    assert await claimed(scope, one.id) == (75, 85)


async def test_two_that_change_places_keep_their_lengths(scope):
    one = await booked(scope, "Bea")
    other = await booked(scope, "Cem", MONDAY_10 + DAY)
    longer = await resize(scope, Resize(one.id, one.version, minutes=50), view=await view(scope))
    await swap(
        scope, Swap(Step(one.id, longer.version), Step(other.id, other.version)), view=await view(scope), now=NOW
    )
    assert (await claimed(scope, one.id), await claimed(scope, other.id)) == ((50, 60), (30, 40))


async def test_a_series_that_moves_keeps_the_length_of_each(scope):
    rule = SeriesRequest(CUT, ANA, MONDAY_10, "FREQ=DAILY;COUNT=3", await client(scope))
    ids = [o.appointment_id for o in (await book_series(scope, rule, view=await view(scope), now=NOW)).occurrences]
    await resize(scope, Resize(ids[1], 1, minutes=50), view=await view(scope))
    request = SeriesMove(ids[0], starts_at=MONDAY_10 + timedelta(hours=1), extent=Extent.ALL)
    moved = await move_series(scope, request, view=await view(scope), now=NOW)
    assert [o.conflict for o in moved.occurrences] == [None] * 3
    assert [await claimed(scope, id_) for id_ in ids] == [(30, 40), (50, 60), (30, 40)]


async def test_a_plan_moves_it_with_its_length(scope):
    appointment, _ = await fragmented(scope)
    await resize(scope, Resize(appointment, 1, minutes=40), view=await view(scope))
    run = await planned(scope, RunKind.REBALANCE)
    [move] = [m for m in run.moves if m.kind == "move"]
    assert move.ends_at - move.starts_at == timedelta(minutes=40)
    assert (await accepted(scope, run)).applied == 2
    assert await claimed(scope, appointment) == (40, 50)
