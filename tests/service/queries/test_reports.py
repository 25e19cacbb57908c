"""What a manager reads of a span of days is what was booked in it."""

from datetime import timedelta

import pytest

from service.commands import bookings
from service.db.views import Views
from service.queries import reports
from tests.races.races import owner_does
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

DAY = (MONDAY_10 - timedelta(hours=10), MONDAY_10 + timedelta(hours=14))


async def test_a_group_takes_its_time_once_and_is_paid_for_by_seat(db, owner_url):
    scope = await salon(db)
    owner_does(owner_url, "UPDATE service SET seats = 3, price_cents = 2000 WHERE name = 'Cut'")
    made = []
    for staff, seats in ((ANA, 1), (ANA, 1), (ANA, 1), (BEN, 3)):
        view = await Views(db).current(scope.business_id, NOW)
        request = bookings.BookRequest(CUT, staff, MONDAY_10, await client(scope), seats=seats)
        made.append(await bookings.book(scope, request, view=view, now=NOW))
    await bookings.cancel(scope, bookings.Cancellation(made[0].id), now=NOW)

    ana, ben = await reports.lines(db, scope.business_id, *DAY, "staff")
    assert (ana.booked, ana.cancelled, ana.revenue_cents) == (2, 1, 4000)
    assert (ben.booked, ben.cancelled, ben.revenue_cents) == (1, 0, 6000)
    assert ana.minutes == ben.minutes > 0
    (both,) = await reports.lines(db, scope.business_id, *DAY, "service")
    assert (both.booked, both.minutes, both.revenue_cents) == (3, 2 * ana.minutes, 10_000)
