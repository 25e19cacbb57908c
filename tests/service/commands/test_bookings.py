"""Holding, confirming, booking, cancelling: what must hold, on a real database."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from models.errors import (
    Closed,
    HoldExpired,
    KeyReused,
    NotAllocated,
    NotAllowed,
    NotFound,
    OutsidePolicy,
    Past,
    SlotTaken,
    StaleSnapshot,
    StaleVersion,
)
from service.commands import availability, bookings, clients
from service.db.views import Views
from tests.service.worlds import ANA, BEN, COLOUR, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio


async def view_of(scope):
    return await Views(scope.db).current(scope.business_id, NOW)


async def book(scope, starts_at=MONDAY_10, staff=ANA, service=CUT, who=None, view=None):
    request = bookings.BookRequest(service, staff, starts_at, who or await client(scope))
    return await bookings.book(scope, request, view=view or await view_of(scope), now=NOW)


def counts(url: str) -> dict[str, int]:
    tables = ("appointment", "appointment_item", "claim", "outbox_event", "audit_entry", "idempotency_key")
    with psycopg.connect(url) as connection:
        return {t: connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables}


async def test_what_is_too_far_ahead_is_not_said_to_be_closed(db, owner_url):
    scope = await salon(db)
    for ahead in (timedelta(days=62), timedelta(weeks=50)):
        with pytest.raises(OutsidePolicy, match="at most 60 days ahead"):
            await book(scope, MONDAY_10 + ahead)
    with psycopg.connect(owner_url) as connection:
        connection.execute("UPDATE service SET maximum_advance = 366")
    with pytest.raises(OutsidePolicy, match="on offer until 06 July 2026"):
        await book(scope, MONDAY_10 + timedelta(weeks=50))
    with pytest.raises(NotAllocated):
        await book(scope, MONDAY_10 + timedelta(weeks=50), BEN, COLOUR)


async def test_a_booking_leaves_claim_with_buffers_event_and_audit(db, owner_url):
    scope = await salon(db)
    booking = await book(scope)
    with psycopg.connect(owner_url) as connection:
        claim = connection.execute("SELECT starts_at, ends_at, expires_at FROM claim").fetchone()
        event = connection.execute(
            "SELECT topic, aggregate_version FROM outbox_event WHERE aggregate_id = %s", [booking.id]
        ).fetchall()
        audit = connection.execute(
            "SELECT actor, action FROM audit_entry WHERE aggregate_id = %s", [booking.id]
        ).fetchall()
    assert claim == (MONDAY_10, MONDAY_10 + timedelta(minutes=40), None)
    assert event == [("appointment.confirmed", 1)]
    assert audit == [("test", "appointment.confirmed")]


async def test_texts_arrive_as_they_are(db, owner_url):
    scope = await salon(db)
    who = await client(scope)
    for n, key in enumerate(("it's", "'); DROP TABLE claim; --", "back\\slash %s $1 $$", "línea\nnueva\t\u2028")):
        await book(replace(scope, key=key), MONDAY_10 + timedelta(days=n), who=who)
        with psycopg.connect(owner_url) as connection:
            kept = connection.execute("SELECT count(*) FROM idempotency_key WHERE key = %s", [key]).fetchone()
        assert kept == (1,)


@pytest.mark.parametrize("gone", [clients.delete, clients.erase])
async def test_nobody_books_for_a_client_who_is_gone(db, owner_url, gone):
    scope = await salon(db)
    who, view = await client(scope), await view_of(scope)
    held = await bookings.hold(scope, bookings.HoldRequest(CUT, BEN, MONDAY_10), view=view, now=NOW)
    await gone(scope, who)
    before = counts(owner_url)
    with pytest.raises(NotFound):
        await book(scope, who=who, view=view)
    with pytest.raises(NotFound, match="no such client"):
        await bookings.confirm(scope, bookings.Confirmation(held.id, held.token, who))
    assert counts(owner_url) == before
    if gone is clients.delete:
        await clients.restore(scope, who)
        assert (await book(scope, who=who, view=view)).version == 1


async def test_the_same_time_is_not_sold_twice_even_on_a_stale_view(db, owner_url):
    scope = await salon(db)
    stale = await view_of(scope)
    who = await client(scope)
    await book(scope, view=stale, who=who)
    before = counts(owner_url)
    with pytest.raises(SlotTaken):
        await book(scope, view=stale, who=who)
    assert counts(owner_url) == before


async def test_a_fresh_view_says_taken_before_the_database_does(db):
    scope = await salon(db)
    await book(scope)
    with pytest.raises(SlotTaken, match="taken"):
        await book(scope, MONDAY_10 + timedelta(minutes=30))
    with pytest.raises(SlotTaken, match="too close"):
        await book(scope, MONDAY_10 - timedelta(minutes=30))
    assert (await book(scope, MONDAY_10 + timedelta(minutes=45))).version == 1


@pytest.mark.parametrize(
    ("error", "change"),
    [
        (Closed, {"starts_at": MONDAY_10.replace(hour=12, minute=45)}),
        (Closed, {"starts_at": MONDAY_10 - timedelta(days=1)}),
        (Past, {"starts_at": NOW - timedelta(days=3)}),
        (OutsidePolicy, {"starts_at": MONDAY_10 + timedelta(minutes=5)}),
        (OutsidePolicy, {"starts_at": MONDAY_10 + timedelta(seconds=30)}),
        (OutsidePolicy, {"starts_at": MONDAY_10 + timedelta(days=70)}),
        (NotAllocated, {"service": COLOUR, "staff": BEN}),
        (NotFound, {"service": uuid4()}),
        (NotFound, {"staff": uuid4()}),
        (NotFound, {"who": uuid4()}),
    ],
)
async def test_what_is_not_on_offer_is_refused_and_leaves_nothing(db, owner_url, error, change):
    scope = await salon(db)
    who = await client(scope)
    before = counts(owner_url)
    with pytest.raises(error):
        await book(scope, **{"who": who, **change})
    assert counts(owner_url) == before


async def test_notice_is_counted_from_now(db):
    scope = await salon(db)
    with pytest.raises(Past, match="1440 minutes"):
        await book(scope, NOW + timedelta(days=1, minutes=-15), service=COLOUR)
    with pytest.raises(Closed):
        await book(scope, NOW + timedelta(days=1), service=COLOUR)


async def test_a_hold_keeps_the_time_and_becomes_a_booking(db):
    scope = await salon(db)
    held = await bookings.hold(scope, bookings.HoldRequest(CUT, ANA, MONDAY_10), view=await view_of(scope), now=NOW)
    with pytest.raises(SlotTaken):
        await book(scope)
    confirmed = await bookings.confirm(scope, bookings.Confirmation(held.id, held.token, await client(scope)))
    assert (confirmed.status, confirmed.version) == ("confirmed", 2)
    with pytest.raises(HoldExpired):
        await bookings.confirm(scope, bookings.Confirmation(held.id, held.token, await client(scope)))


async def test_nobody_confirms_or_releases_anothers_hold(db):
    scope = await salon(db)
    held = await bookings.hold(scope, bookings.HoldRequest(CUT, ANA, MONDAY_10), view=await view_of(scope), now=NOW)
    with pytest.raises(HoldExpired):
        await bookings.confirm(scope, bookings.Confirmation(held.id, "guess", await client(scope)))
    with pytest.raises(HoldExpired):
        await bookings.release(scope, bookings.Release(held.id, "guess"))
    released = await bookings.release(scope, bookings.Release(held.id, held.token))
    assert released.status == "released"
    assert (await book(scope)).status == "confirmed"


async def test_an_expired_hold_is_in_nobodys_way_and_cannot_be_confirmed(db, owner_url):
    scope = await salon(db)
    views = Views(db)
    view = await views.current(scope.business_id, NOW)
    held = await bookings.hold(scope, bookings.HoldRequest(CUT, ANA, MONDAY_10), view=view, now=NOW)
    await views.current(scope.business_id, NOW)
    with psycopg.connect(owner_url) as connection:
        past = "clock_timestamp() - interval '1 second'"
        connection.execute(f"UPDATE appointment SET expires_at = {past}")
        connection.execute("ALTER TABLE claim DISABLE TRIGGER USER")
        connection.execute(f"UPDATE claim SET expires_at = {past}")
        connection.execute("ALTER TABLE claim ENABLE TRIGGER USER")
    with pytest.raises(HoldExpired):
        await bookings.confirm(scope, bookings.Confirmation(held.id, held.token, await client(scope)))
    booking = await book(scope, view=view)
    assert booking.status == "confirmed"
    with psycopg.connect(owner_url) as connection:
        status = connection.execute("SELECT status FROM appointment WHERE id = %s", [held.id]).fetchone()
        live = connection.execute("SELECT count(*) FROM claim WHERE released_at IS NULL").fetchone()
    assert (status, live) == (("expired",), (1,))


async def test_cancelling_frees_the_time_once(db):
    scope = await salon(db)
    booking = await book(scope)
    with pytest.raises(StaleVersion):
        await bookings.cancel(scope, bookings.Cancellation(booking.id, version=7), now=NOW)
    cancelled = await bookings.cancel(scope, bookings.Cancellation(booking.id, version=1, reason="ill"), now=NOW)
    assert (cancelled.status, cancelled.version) == ("cancelled", 2)
    with pytest.raises(NotAllowed, match="cancelled"):
        await bookings.cancel(scope, bookings.Cancellation(booking.id), now=NOW)
    with pytest.raises(NotFound):
        await bookings.cancel(scope, bookings.Cancellation(uuid4()), now=NOW)
    assert (await book(scope)).version == 1


async def test_a_booking_found_on_old_hours_is_refused(db):
    scope = await salon(db)
    old = await view_of(scope)
    await availability.set_day(scope, availability.DayHours(ANA, MONDAY_10.date(), ((540, 750),)))
    with pytest.raises(StaleSnapshot):
        await book(scope, view=old)
    assert (await book(scope)).version == 1


async def test_the_same_key_has_one_effect_and_one_answer(db, owner_url):
    scope = replace(await salon(db), key="k1")
    who = await client(replace(scope, key=None))
    view = await view_of(scope)
    first, second = [await book(scope, who=who, view=view) for _ in range(2)]
    assert first == second
    assert counts(owner_url)["appointment"] == 1
    with pytest.raises(KeyReused):
        await book(scope, MONDAY_10 + timedelta(hours=1), who=who, view=view)


async def test_a_failed_request_leaves_its_key_free(db):
    scope = replace(await salon(db), key="k1")
    who = await client(replace(scope, key=None))
    with pytest.raises(NotFound):
        await book(scope, who=uuid4())
    assert (await book(scope, who=who)).version == 1


async def test_the_same_key_at_once_has_one_effect(db, owner_url):
    scope = replace(await salon(db), key="k1")
    who = await client(replace(scope, key=None))
    view = await view_of(scope)
    answers = await asyncio.gather(*(book(scope, who=who, view=view) for _ in range(20)))
    assert len({a.id for a in answers}) == 1
    assert counts(owner_url)["appointment"] == 1
