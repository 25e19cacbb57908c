"""Who comes with company waits for as many seats of one group: joined, offered, planned and booked together."""

from datetime import timedelta

import psycopg
import pytest

from models.errors import InvalidInput, OutsidePolicy
from models.optimisation import RunKind
from service.commands import bookings, offers, waitlist
from service.queries import waitlist as queries
from tests.races.races import assert_invariants, count
from tests.service.commands.test_bookings import view_of
from tests.service.commands.test_groups import book, taken, three_seats
from tests.service.nights import accepted, monday, planned
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

HALF = timedelta(minutes=30)
SEATS = "SELECT seats FROM appointment_item i JOIN appointment a ON a.id = i.appointment_id WHERE a.id = %s"


async def waits(scope, seats, since=NOW, windows=((MONDAY_10, MONDAY_10 + HALF),), staff=(ANA,)):
    joining = waitlist.Joining(await client(scope), CUT, windows, staff, seats=seats)
    return (await waitlist.join(scope, joining, now=since)).id


async def pass_on(scope):
    freed = offers.Freed(ANA, MONDAY_10, MONDAY_10 + HALF)
    return await offers.pass_on(scope, freed, view=await view_of(scope), now=NOW)


async def test_a_party_no_larger_than_the_group_may_wait(db, owner_url):
    scope = await three_seats(db, owner_url)
    entry = await waits(scope, 3)
    [waiting] = await queries.waiting(db, scope.business_id)
    assert (waiting.id, waiting.seats) == (entry, 3)
    with pytest.raises(OutsidePolicy, match=r"3 seat\(s\) at a time"):
        await waits(scope, 4)
    for broken in (0, 1001, -1):
        with pytest.raises(InvalidInput):
            await waits(scope, broken)


async def test_an_offer_holds_all_the_seats_and_passes_over_who_does_not_fit(db, owner_url):
    scope = await three_seats(db, owner_url)
    staying, leaving = await book(scope), await book(scope, seats=2)
    await waits(scope, 3)
    pair = await waits(scope, 2, since=NOW + HALF)
    await waits(scope, 1, since=NOW + 2 * HALF)
    assert await pass_on(scope) == [], "the group is full"
    await bookings.cancel(scope, bookings.Cancellation(leaving.id), now=NOW)
    [offer] = await pass_on(scope)
    assert offer.entry_id == pair, "three do not fit beside the one who stays, and then it is full"
    assert taken(owner_url) == [(MONDAY_10, 3)]
    await offers.accept(scope, offers.Acceptance(offer.id))
    assert count(owner_url, SEATS, [offer.appointment_id]) == 2
    await bookings.cancel(scope, bookings.Cancellation(offer.appointment_id), now=NOW)
    await bookings.cancel(scope, bookings.Cancellation(staying.id), now=NOW)
    [whole] = await pass_on(scope)
    assert taken(owner_url) == [(MONDAY_10, 3)]
    await offers.decline(scope, whole.id)
    assert taken(owner_url) == []
    assert_invariants(owner_url)


async def test_a_plan_keeps_parties_together_and_says_whom_no_group_has_room_for(db, owner_url):
    scope = await three_seats(db, owner_url)
    await book(scope)
    three, pair = await waits(scope, 3), await waits(scope, 2)
    run = await planned(scope, RunKind.WAITLIST)
    assert {move.entry_id for move in run.moves} == {pair}
    [left] = run.unplaced
    assert (left.entry_id, left.code) == (three, "limit")
    assert "the group has fewer seats left than they need" in left.reason
    assert (await accepted(scope, run)).applied == 1
    assert taken(owner_url) == [(MONDAY_10, 3)]
    assert_invariants(owner_url)


async def test_parties_share_a_group_that_a_plan_opens(db, owner_url):
    scope = await three_seats(db, owner_url)
    windows = ((monday(10), monday(10, 30)),)
    fitting = [await waits(scope, seats, windows=windows, staff=(BEN,)) for seats in (2, 1)]
    await waits(scope, 2, since=NOW + HALF, windows=windows, staff=(BEN,))
    run = await planned(scope, RunKind.REBALANCE)
    assert len(run.moves) == 2
    assert fitting[1] in {move.entry_id for move in run.moves}
    assert (await accepted(scope, run)).applied == 2
    assert taken(owner_url) == [(monday(10), 3)]
    assert_invariants(owner_url)


async def test_a_service_that_has_fewer_seats_now_says_so(db, owner_url):
    scope = await three_seats(db, owner_url)
    entry = await waits(scope, 3)
    with psycopg.connect(owner_url) as connection:
        connection.execute("UPDATE service SET seats = 2 WHERE id = %s", [CUT])
    assert await pass_on(scope) == []
    run = await planned(scope, RunKind.WAITLIST)
    assert run.moves == ()
    [left] = run.unplaced
    assert (left.entry_id, left.code) == (entry, "limit")


async def test_alone_one_waits_for_one(db):
    scope = await salon(db)
    await waits(scope, 1)
    with pytest.raises(OutsidePolicy, match=r"1 seat\(s\)"):
        await waits(scope, 2)
