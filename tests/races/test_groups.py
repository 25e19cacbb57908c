"""Seats of a group and offers to who waits, wanted by many at once: none is sold twice, none is lost."""

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from service.commands import bookings, offers, waitlist
from service.db import claims
from service.db.claims import Appointment, Item
from service.db.command import Scope
from service.db.database import Database
from service.db.views import View, Views
from tests.races.conftest import sized
from tests.races.races import (
    MEET_BEFORE_COMMIT,
    Together,
    all_connected,
    assert_invariants,
    at_once,
    count,
    owner_does,
)
from tests.races.times import TIMES
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

SEATS = 5
LANES = "SELECT s.id, lane_no, availability_version AS version FROM staff s JOIN lane USING (business_id, lane_no)"


async def seats_for_many(db: Database, owner_url: str, rounds: int) -> None:
    """Let 16 ask for a seat of five at once; some then leave and others come, all at once again."""
    scope = await salon(db)
    owner_does(owner_url, f"UPDATE service SET seats = {SEATS}")
    who = await client(scope)
    async with db.transaction(scope.business_id) as tx:
        lanes = {row["id"]: (row["lane_no"], row["version"]) for row in await tx.rows(LANES)}
    await all_connected(db, scope.business_id, 16)

    async def seat(staff: UUID, start: datetime) -> UUID:
        end = start + timedelta(minutes=30)
        item = Item(uuid7(), CUT, staff, *lanes[staff], start, end, start, end + timedelta(minutes=10), capacity=SEATS)
        appointment = Appointment(uuid4(), "confirmed", "race", client_id=who)
        # As a command does: another try after a deadlock or a lock that did not come.
        await db.transact(scope.business_id, lambda tx: claims.take(tx, appointment, [item]))
        taken.append(appointment.id)
        return appointment.id

    for staff, start in TIMES[:rounds]:
        taken: list[UUID] = []
        ends = await at_once(*(seat(staff, start) for _ in range(16)))
        assert ends == {"done": SEATS, "slot-taken": 16 - SEATS}, ends
        leaving = list(taken)
        ends = await at_once(
            *(bookings.cancel(scope, bookings.Cancellation(one), now=NOW) for one in leaving),
            *(seat(staff, start) for _ in range(8)),
        )
        left = count(
            owner_url,
            "SELECT coalesce(sum(taken), 0) FROM group_session "
            "WHERE closed_at IS NULL AND starts_at = %s AND staff_id = %s",
            [start, staff],
        )
        assert left == ends["done"] - len(leaving), ends
    assert_invariants(owner_url)


async def test_of_a_group_as_many_seats_are_sold_as_there_are(crowd, owner_url, conflicts):
    await seats_for_many(crowd, owner_url, sized(200, 8))
    assert not conflicts, conflicts


async def test_without_the_compare_and_set_seats_are_oversold(crowd, owner_url, monkeypatch):
    unconditional = claims.JOIN_SESSIONS.replace("AND s.taken + w.seats <= s.seats", "")
    monkeypatch.setattr(claims, "JOIN_SESSIONS", unconditional)
    owner_does(owner_url, "ALTER TABLE group_session DROP CONSTRAINT ck_group_session_seats")
    with pytest.raises(AssertionError):
        await seats_for_many(crowd, owner_url, 2)


async def test_without_the_constraint_a_group_is_opened_twice(crowd, owner_url):
    owner_does(
        owner_url,
        "ALTER TABLE claim DROP CONSTRAINT ex_claim_no_overlap",
        "DROP INDEX uq_group_session_open",
        *MEET_BEFORE_COMMIT,
    )
    with pytest.raises(AssertionError):
        await seats_for_many(crowd, owner_url, 1)


async def waiting(scope: Scope, number: int) -> None:
    windows = ((MONDAY_10, MONDAY_10 + timedelta(minutes=30)),)
    for _ in range(number):
        await waitlist.join(scope, waitlist.Joining(await client(scope), CUT, windows), now=NOW)


async def offers_for_many(db: Database, owner_url: str, rounds: int) -> Counter[str]:
    """Tell of one freed time many times at once, as events that come again do, while others book it."""
    scope = await salon(db)
    await waiting(scope, 8)
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    await all_connected(db, scope.business_id, 16)
    made: list[offers.Offer] = []

    async def tell(staff: UUID) -> None:
        freed = offers.Freed(staff, MONDAY_10, MONDAY_10 + timedelta(minutes=40))
        made.extend(await offers.pass_on(scope, freed, view=view, now=NOW))

    async def answer(offer: offers.Offer, how: int) -> None:
        if how % 2:
            await offers.decline(scope, offer.id)
        else:
            await offers.accept(scope, offers.Acceptance(offer.id))

    ends: Counter[str] = Counter()
    for _ in range(rounds):
        made.clear()
        book = bookings.BookRequest(CUT, ANA, MONDAY_10, who)
        await at_once(*(tell(staff) for staff in (ANA, BEN) * 4), bookings.book(scope, book, view=view, now=NOW))
        live = count(owner_url, "SELECT count(*) FROM claim WHERE released_at IS NULL")
        assert live <= 2, "at most one for each of the two"
        assert len({offer.entry_id for offer in made}) == len(made), "nobody is offered two times at once"
        for offer in made:
            ended = await at_once(*(answer(offer, how) for how in range(6)))
            assert ended["done"] == 1, ended
            ends += ended
        assert_invariants(owner_url)
        await _clear(db, scope, view)
    open_left = count(owner_url, "SELECT count(*) FROM offer WHERE status = 'open'")
    assert open_left == 0
    offered = count(owner_url, "SELECT count(*) FROM waitlist_entry WHERE status = 'offered'")
    assert offered == 0, "whose offer is answered waits or is placed"
    return ends


async def _clear(db: Database, scope: Scope, _: View) -> None:
    async with db.transaction(scope.business_id) as tx:
        booked = await tx.rows("SELECT id FROM appointment WHERE status = 'confirmed' ORDER BY id")
    for row in booked:
        await bookings.cancel(scope, bookings.Cancellation(row["id"]), now=NOW)


async def test_a_freed_time_is_offered_once_and_answered_once(crowd, owner_url, conflicts):
    await offers_for_many(crowd, owner_url, sized(100, 4))
    assert not conflicts, conflicts


async def test_with_neither_lock_nor_look_at_the_hold_an_offer_is_answered_twice(crowd, owner_url, monkeypatch):
    unconditional = claims.CHANGE_ONE.replace(
        "AND status = ANY(%(sources)s::text[])", "AND %(sources)s::text[] IS NOT NULL"
    )
    look, six = offers._open_offer, Together(6)

    async def look_together(tx, offer_id):
        found = await look(tx, offer_id)
        await six.wait()
        return found

    monkeypatch.setattr(offers, "_open_offer", look_together)
    monkeypatch.setattr(offers, "READ", offers.READ.replace("FOR UPDATE", ""))
    monkeypatch.setattr(claims, "CHANGE_ONE", unconditional)
    with pytest.raises(AssertionError):
        await offers_for_many(crowd, owner_url, 1)
