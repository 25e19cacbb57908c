"""Placing who waits by hand: booked and off the list, both or neither; and what they would take as well."""

from datetime import timedelta

import pytest

from models.errors import InvalidInput, NotAllocated, NotAllowed, Past, SlotTaken, StaleVersion
from service.commands import waitlist
from service.commands.bookings import BookRequest, book
from service.commands.placing import Placing, Widening, place, widen
from service.db.views import Views
from service.queries.waitlist import waiting
from tests.service.worlds import ANA, BEN, COLOUR, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)


@pytest.fixture
async def scope(db):
    """A salon."""
    return await salon(db)


async def joined(scope, staff=None, service=CUT) -> waitlist.Entry:
    """Return an entry of somebody who waits for an hour of Monday."""
    joining = waitlist.Joining(await client(scope, "Wim"), service, ((MONDAY_10, MONDAY_10 + HOUR),), staff)
    return await waitlist.join(scope, joining, now=NOW)


async def status(db, scope, entry):
    """Return an entry's status and what it has become."""
    async with db.transaction(scope.business_id) as tx:
        row = await tx.row("SELECT status, appointment_id FROM waitlist_entry WHERE id = %s", [entry.id])
    return row["status"], row["appointment_id"]


async def test_who_waits_is_booked_and_counts_as_placed(db, scope):
    entry, view = await joined(scope), await Views(db).current(scope.business_id, NOW)
    wanted = Placing(entry.id, entry.version, BEN, MONDAY_10 + 4 * HOUR)
    booked = await place(scope, wanted, view=view, now=NOW)
    assert await status(db, scope, entry) == ("placed", booked.id)
    with pytest.raises(NotAllowed, match="waits no longer"):
        await place(scope, wanted, view=view, now=NOW)


async def test_a_time_that_is_taken_leaves_them_waiting(db, scope):
    entry, view = await joined(scope), await Views(db).current(scope.business_id, NOW)
    await book(scope, BookRequest(CUT, BEN, MONDAY_10, await client(scope, "Fast Fred")), view=view, now=NOW)
    with pytest.raises(SlotTaken):
        await place(scope, Placing(entry.id, entry.version, BEN, MONDAY_10), view=view, now=NOW)
    assert await status(db, scope, entry) == ("waiting", None)


async def test_an_entry_that_has_changed_is_not_placed_and_nothing_is_booked(db, scope):
    entry, view = await joined(scope), await Views(db).current(scope.business_id, NOW)
    await widen(scope, Widening(entry.id, entry.version, MONDAY_10 + HOUR, MONDAY_10 + 2 * HOUR), now=NOW)
    with pytest.raises(StaleVersion):
        await place(scope, Placing(entry.id, entry.version, BEN, MONDAY_10), view=view, now=NOW)
    async with db.transaction(scope.business_id) as tx:
        assert await tx.rows("SELECT id FROM appointment") == []


async def test_what_they_would_take_as_well_joins_what_they_wait_for(db, scope):
    entry, day = await joined(scope, (ANA,)), timedelta(days=1)
    touching = await widen(scope, Widening(entry.id, 1, MONDAY_10 + HOUR, MONDAY_10 + 2 * HOUR, ANA), now=NOW)
    await widen(scope, Widening(entry.id, touching.version, MONDAY_10 + day, MONDAY_10 + day + HOUR, BEN), now=NOW)
    [now] = await waiting(db, scope.business_id)
    assert now.windows == ((MONDAY_10, MONDAY_10 + 2 * HOUR), (MONDAY_10 + day, MONDAY_10 + day + HOUR))
    assert (set(now.staff_ids), now.version) == ({ANA, BEN}, 3)


async def test_who_would_come_to_anybody_still_does(db, scope):
    entry = await joined(scope)
    await widen(scope, Widening(entry.id, 1, MONDAY_10 + HOUR, MONDAY_10 + 2 * HOUR, BEN), now=NOW)
    [now] = await waiting(db, scope.business_id)
    assert now.staff_ids is None


async def test_a_window_that_cannot_be_is_refused(db, scope):
    entry = await joined(scope, (ANA,), COLOUR)
    with pytest.raises(InvalidInput, match="before it starts"):
        Widening(entry.id, 1, MONDAY_10, MONDAY_10)
    with pytest.raises(InvalidInput, match="offset"):
        Widening(entry.id, 1, MONDAY_10.replace(tzinfo=None), MONDAY_10)
    with pytest.raises(Past):
        await widen(scope, Widening(entry.id, 1, NOW - HOUR, NOW), now=NOW)
    with pytest.raises(StaleVersion):
        await widen(scope, Widening(entry.id, 7, MONDAY_10, MONDAY_10 + HOUR), now=NOW)
    async with db.transaction(scope.business_id) as tx:
        await tx.execute("DELETE FROM allocation WHERE service_id = %s AND staff_id = %s", [COLOUR, BEN])
    with pytest.raises(NotAllocated):
        await widen(scope, Widening(entry.id, 1, MONDAY_10, MONDAY_10 + HOUR, BEN), now=NOW)


async def test_an_entry_has_so_many_windows(db, scope):
    entry = await joined(scope)
    apart = tuple((MONDAY_10 + n * HOUR, MONDAY_10 + n * HOUR + HOUR / 2) for n in range(waitlist.MOST_WINDOWS))
    full = await waitlist.join(scope, waitlist.Joining(await client(scope, "Max"), CUT, apart), now=NOW)
    after = MONDAY_10 + 100 * HOUR
    with pytest.raises(InvalidInput, match="62 windows"):
        await widen(scope, Widening(full.id, 1, after, after + HOUR), now=NOW)
    await widen(scope, Widening(entry.id, 1, after, after + HOUR), now=NOW)
