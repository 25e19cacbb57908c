"""Groups and rooms from rows to arrays to the guarded commit: what the finder offers can be booked, and no more."""

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from models.errors import SlotTaken
from service.commands import bookings
from service.commands.reschedule import Reschedule, reschedule
from service.db.views import Views
from tests.races.races import assert_invariants
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
