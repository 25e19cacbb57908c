"""Groups and rooms from rows to arrays to the guarded commit: what the finder offers can be booked, and no more."""

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from models.errors import OutsidePolicy, SlotTaken
from service.commands import bookings, offers, series, series_changes, waitlist
from service.commands.reschedule import Reschedule, reschedule
from service.commands.series import SeriesRequest
from service.commands.series_changes import Extent, SeriesMove
from service.db.views import Views
from service.queries.series import far_view
from tests.races.races import assert_invariants, owner_does
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


async def book(scope, start=MONDAY_10, staff=ANA, **more):
    view = await Views(scope.db).current(scope.business_id, NOW)
    request = bookings.BookRequest(CUT, staff, start, await client(scope), **more)
    return await bookings.book(scope, request, view=view, now=NOW)


async def move(scope, booking, start=None, staff=None):
    view = await Views(scope.db).current(scope.business_id, NOW)
    wanted = Reschedule(booking.id, starts_at=start, staff_id=staff)
    return await reschedule(scope, wanted, view=view, now=NOW)


async def test_seats_of_a_group_are_offered_and_booked_until_it_is_full(db, owner_url):
    scope = await salon(db)
    with psycopg.connect(owner_url) as connection:
        connection.execute("UPDATE service SET seats = 3 WHERE id = %s", [CUT])
    first = await book(scope)
    await book(scope, seats=2)
    with pytest.raises(SlotTaken):
        await book(scope)
    await move(scope, first, MONDAY_10 + HOUR)
    await book(scope, MONDAY_10 + HOUR, seats=2)
    with pytest.raises(SlotTaken):
        await book(scope, seats=2)
    await book(scope)
    assert_invariants(owner_url)


async def three_seats(db, owner_url):
    scope = await salon(db)
    owner_does(owner_url, "UPDATE service SET seats = 3 WHERE name = 'Cut'")
    return scope


def taken(owner_url):
    with psycopg.connect(owner_url) as connection:
        groups = "SELECT starts_at, taken FROM group_session WHERE closed_at IS NULL ORDER BY starts_at"
        return connection.execute(groups).fetchall()


async def test_a_series_takes_its_seats_in_each_group_and_names_the_full_one(db, owner_url):
    scope = await three_seats(db, owner_url)
    week = timedelta(days=7)
    await book(scope, MONDAY_10 + week, seats=2)
    view = await far_view(db, scope.business_id, NOW)
    request = SeriesRequest(CUT, ANA, MONDAY_10, "FREQ=WEEKLY;COUNT=3", await client(scope), seats=2)
    made = await series.book_series(scope, request, view=view, now=NOW)
    assert [o.code for o in made.occurrences] == [None, "slot-taken", None]
    assert made.occurrences[1].nearest is not None
    assert taken(owner_url) == [(MONDAY_10, 2), (MONDAY_10 + week, 2), (MONDAY_10 + 2 * week, 2)]
    await book(scope, MONDAY_10)
    move = SeriesMove(made.occurrences[0].appointment_id, starts_at=MONDAY_10 + HOUR, extent=Extent.ALL)
    moved = await series_changes.move_series(scope, move, view=await far_view(db, scope.business_id, NOW), now=NOW)
    assert [o.version for o in moved.occurrences] == [2, 2]
    assert taken(owner_url) == [
        (MONDAY_10, 1),
        (MONDAY_10 + HOUR, 2),
        (MONDAY_10 + week, 2),
        (MONDAY_10 + 2 * week + HOUR, 2),
    ]
    everywhere = SeriesRequest(CUT, ANA, MONDAY_10, "FREQ=WEEKLY;COUNT=1", await client(scope), seats=4)
    with pytest.raises(OutsidePolicy, match="3 seat"):
        await series.book_series(scope, everywhere, view=view, now=NOW)
    assert_invariants(owner_url)


async def test_seats_that_become_free_are_offered_to_as_many_as_wait(db, owner_url):
    scope = await three_seats(db, owner_url)
    await book(scope)
    leaving = await book(scope, seats=2)
    windows = ((MONDAY_10, MONDAY_10 + timedelta(minutes=30)),)
    for _ in range(3):
        await waitlist.join(scope, waitlist.Joining(await client(scope), CUT, windows, (ANA,)), now=NOW)
    freed = offers.Freed(ANA, MONDAY_10, MONDAY_10 + timedelta(minutes=30))

    async def pass_on():
        view = await Views(scope.db).current(scope.business_id, NOW)
        return await offers.pass_on(scope, freed, view=view, now=NOW)

    assert await pass_on() == [], "the group is full"
    await bookings.cancel(scope, bookings.Cancellation(leaving.id), now=NOW)
    made = await pass_on()
    assert [offer.starts_at for offer in made] == [MONDAY_10] * 2
    assert taken(owner_url) == [(MONDAY_10, 3)]
    assert (await offers.accept(scope, offers.Acceptance(made[0].id))).status == "confirmed"
    await offers.decline(scope, made[1].id)
    [third] = await pass_on()
    assert third.entry_id not in {offer.entry_id for offer in made}
    assert taken(owner_url) == [(MONDAY_10, 3)]
    assert_invariants(owner_url)


async def test_a_room_goes_to_one_of_two_and_moves_with_them(db, owner_url):
    scope = await salon(db)
    with psycopg.connect(owner_url) as connection:
        lane = connection.execute("INSERT INTO lane (business_id) VALUES (%s) RETURNING lane_no", [scope.business_id])
        resource = [scope.business_id, uuid4(), lane.fetchone()[0]]
        connection.execute(
            "INSERT INTO resource (business_id, id, lane_no, name, kind) VALUES (%s, %s, %s, 'Chair', 'chair')",
            resource,
        )
        needed = [scope.business_id, uuid4(), CUT]
        connection.execute(
            "INSERT INTO requirement (business_id, id, service_id, kind) VALUES (%s, %s, %s, 'chair')", needed
        )
    first = await book(scope)
    with pytest.raises(SlotTaken):
        await book(scope, staff=BEN)
    await move(scope, first, MONDAY_10 + timedelta(minutes=15))
    await move(scope, first, MONDAY_10 + HOUR)
    assert (await book(scope, staff=BEN)).status == "confirmed"
    with psycopg.connect(owner_url) as connection:
        claims = connection.execute("SELECT count(*) FROM claim WHERE released_at IS NULL").fetchone()
    assert claims == (4,)
    assert_invariants(owner_url)
