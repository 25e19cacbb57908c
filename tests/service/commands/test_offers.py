"""Offers: freed time is held for the first in line, accepted, declined or passed on; nobody's turn is lost."""

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from models.errors import HoldExpired, LimitReached, NotAllowed, NotFound
from models.states import Party
from service import bootstrap
from service.bootstrap import Interlock
from service.commands import bookings, offers, waitlist
from service.commands.reschedule import Reschedule, reschedule
from service.db.views import Views
from service.jobs import worker
from tests.races.races import assert_invariants
from tests.service.commands.test_bookings import book, view_of
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

HOUR, MINUTES_40 = timedelta(hours=1), timedelta(minutes=40)
MORNING = ((MONDAY_10, MONDAY_10 + HOUR),)
FREED = offers.Freed(ANA, MONDAY_10, MONDAY_10 + MINUTES_40)


async def waits(scope, windows=MORNING, since=NOW, **more):
    joining = waitlist.Joining(await client(scope), CUT, windows, **more)
    return (await waitlist.join(scope, joining, now=since)).id


async def pass_on(scope, freed=FREED):
    return await offers.pass_on(scope, freed, view=await view_of(scope), now=NOW)


def run_out(owner_url):
    with psycopg.connect(owner_url) as connection:
        for table in ("appointment", "claim"):
            connection.execute(f"UPDATE {table} SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL")


def entries(owner_url):
    with psycopg.connect(owner_url) as connection:
        return dict(connection.execute("SELECT id, status FROM waitlist_entry").fetchall())


async def test_the_first_in_line_is_offered_the_time_and_accepts(db, owner_url):
    scope = await salon(db)
    late = await waits(scope, since=NOW + HOUR)
    first, urgent = await waits(scope), await waits(scope, since=NOW + HOUR, priority=9)
    [offer] = await pass_on(scope)
    assert (offer.entry_id, offer.staff_id, offer.starts_at) == (urgent, ANA, MONDAY_10)
    assert entries(owner_url) == {late: "waiting", first: "waiting", urgent: "offered"}
    assert await pass_on(scope) == [], "what is held is not offered again"
    booked = await offers.accept(scope, offers.Acceptance(offer.id))
    assert (booked.id, booked.status) == (offer.appointment_id, "confirmed")
    assert entries(owner_url)[urgent] == "placed"
    with pytest.raises(NotAllowed, match="accepted already"):
        await offers.accept(scope, offers.Acceptance(offer.id))
    with pytest.raises(NotFound):
        await offers.accept(scope, offers.Acceptance(uuid4()))
    assert_invariants(owner_url)


async def test_what_a_service_approves_is_asked_for_by_an_offer_too(db, owner_url):
    scope = await salon(db)
    with psycopg.connect(owner_url) as connection:
        connection.execute("UPDATE service SET needs_approval = true")
    for by, status in ((Party.CLIENT, "pending"), (Party.MANAGER, "confirmed")):
        entry = await waits(scope)
        [offer] = await pass_on(scope)
        booked = await offers.accept(scope, offers.Acceptance(offer.id, by))
        assert (booked.status, entries(owner_url)[entry]) == (status, "placed")
        await bookings.cancel(scope, bookings.Cancellation(booked.id), now=NOW)
    assert_invariants(owner_url)


async def test_who_did_not_come_too_often_owes_a_deposit_for_an_offer_too(db, owner_url):
    scope = await salon(db)
    settings = {"no_show_threshold": 0, "no_show_deposit_cents": 700}
    with psycopg.connect(owner_url) as connection:
        connection.execute("UPDATE business SET settings = settings || %s", [Jsonb(settings)])
    await waits(scope)
    [offer] = await pass_on(scope)
    booked = await offers.accept(scope, offers.Acceptance(offer.id))
    assert (booked.status, booked.deposit_cents) == ("pending", 700)


async def test_those_whom_freed_time_is_nothing_for_starve_nobody(db):
    scope = await salon(db)
    for ahead in range(offers.MOST + 1):
        await waits(scope, since=NOW - timedelta(hours=ahead), staff_ids=(BEN,))
    anyone = await waits(scope)
    [offer] = await pass_on(scope)
    assert (offer.entry_id, offer.staff_id) == (anyone, ANA)


async def test_a_client_waits_with_twenty_entries_and_no_more(db):
    scope = await salon(db)
    joining = waitlist.Joining(await client(scope), CUT, MORNING)
    first, *_ = [await waitlist.join(scope, joining, now=NOW) for _ in range(waitlist.MOST_LIVE)]
    with pytest.raises(LimitReached, match="20 entries already"):
        await waitlist.join(scope, joining, now=NOW)
    await waits(scope)
    await waitlist.leave(scope, first.id)
    await waitlist.join(scope, joining, now=NOW)


async def test_who_declines_goes_on_waiting_and_the_next_is_asked(db, owner_url):
    scope = await salon(db)
    first, second = await waits(scope), await waits(scope, since=NOW + HOUR)
    [offer] = await pass_on(scope)
    assert (await offers.decline(scope, offer.id)).status == "released"
    assert entries(owner_url) == {first: "waiting", second: "waiting"}
    [again] = await pass_on(scope)
    assert again.entry_id == second, "nobody is asked twice about the same time"
    with pytest.raises(NotAllowed, match="declined already"):
        await offers.accept(scope, offers.Acceptance(offer.id))
    assert_invariants(owner_url)


async def test_an_offer_that_ran_out_cannot_be_accepted_and_is_passed_on(db, owner_url):
    scope = await salon(db)
    first, second = await waits(scope), await waits(scope, since=NOW + HOUR)
    [offer] = await pass_on(scope)
    run_out(owner_url)
    with pytest.raises(HoldExpired, match="next in line"):
        await offers.accept(scope, offers.Acceptance(offer.id))
    assert await offers.close(scope, offer.appointment_id)
    assert not await offers.close(scope, offer.appointment_id)
    assert entries(owner_url) == {first: "waiting", second: "waiting"}
    [again] = await pass_on(scope)
    assert again.entry_id == second


async def test_only_who_can_come_then_and_to_them_is_offered_it(db, owner_url):
    scope = await salon(db)
    await waits(scope, ((MONDAY_10 + HOUR, MONDAY_10 + 2 * HOUR),))
    await waits(scope, staff_ids=(BEN,))
    await waits(scope, ((MONDAY_10, MONDAY_10 + HOUR / 3),))
    assert await pass_on(scope) == []
    with psycopg.connect(owner_url) as connection:
        connection.execute("""UPDATE business SET settings = '{"offer_minutes": 0}'""")
    await waits(scope)
    assert await pass_on(scope) == [], "the business makes no offers"


async def test_as_many_are_asked_as_fit(db, owner_url):
    scope = await salon(db)
    for _ in range(4):
        await waits(scope, ((MONDAY_10, MONDAY_10 + 2 * HOUR),))
    made = await pass_on(scope, offers.Freed(ANA, MONDAY_10, MONDAY_10 + 2 * HOUR))
    assert [o.starts_at - MONDAY_10 for o in made] == [n * HOUR * 0.75 for n in range(3)]
    assert_invariants(owner_url)


async def test_who_leaves_gives_the_offer_back(db, owner_url):
    scope = await salon(db)
    entry = await waits(scope)
    [offer] = await pass_on(scope)
    await waitlist.leave(scope, entry)
    assert entries(owner_url) == {entry: "left"}
    with pytest.raises(NotAllowed):
        await offers.accept(scope, offers.Acceptance(offer.id))
    assert (await book(scope)).status == "confirmed"
    assert_invariants(owner_url)


async def test_a_cancellation_triggers_an_offer_whatever_frees_the_time(db, app_url, owner_url):
    scope = await salon(db)
    interlock = Interlock(db, Views(db), lambda: NOW)
    booking = await book(scope)
    first, second = await waits(scope, staff_ids=(ANA,)), await waits(scope, since=NOW + HOUR, staff_ids=(ANA,))

    async def work():
        await worker.drain(interlock, app_url, bootstrap.consumers())

    await work()
    assert set(entries(owner_url).values()) == {"waiting"}
    await reschedule(scope, Reschedule(booking.id, starts_at=MONDAY_10 + 4 * HOUR), view=await view_of(scope), now=NOW)
    await work()
    assert entries(owner_url) == {first: "offered", second: "waiting"}
    run_out(owner_url)
    await work()
    assert entries(owner_url) == {first: "waiting", second: "offered"}
    third = await waits(scope, ((MONDAY_10 + 4 * HOUR, MONDAY_10 + 5 * HOUR),))
    await bookings.cancel(scope, bookings.Cancellation(booking.id), now=NOW)
    await work()
    assert entries(owner_url) == {first: "waiting", second: "offered", third: "offered"}
    assert_invariants(owner_url)
