"""A hold at its last moment: it is confirmed, or its time is sold to someone else, never both."""

import asyncio
import contextlib
import random
import statistics
import time
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from models.errors import HoldExpired, SlotTaken, Unavailable
from service.commands import availability, bookings, displacement
from service.db import claims
from service.db.views import Views
from tests.races.conftest import sized
from tests.races.races import all_connected, assert_invariants, at_once, count, owner_does
from tests.races.times import TIMES
from tests.service.worlds import ANA, CUT, NOW, client, salon

pytestmark = pytest.mark.anyio

GROUP = 80
"""Holds that run out one after the other, every four milliseconds."""
RUN_OUT = """
WITH due AS (
    SELECT id, clock_timestamp() + interval '100 ms' + interval '4 ms' * row_number() OVER (ORDER BY id) AS expires_at
    FROM appointment WHERE id = ANY(%s)
), appointments AS (
    UPDATE appointment a SET expires_at = due.expires_at FROM due WHERE a.id = due.id
), claims AS (
    UPDATE claim c SET expires_at = due.expires_at
    FROM due JOIN appointment_item i ON i.appointment_id = due.id WHERE c.item_id = i.id
)
SELECT id, extract(epoch FROM expires_at)::float8 FROM due
"""


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
ENDED = (
    "UPDATE appointment SET expires_at = clock_timestamp() WHERE status = 'hold'",
    "UPDATE claim SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL AND released_at IS NULL",
)


def run_out(owner_url: str, holds: list[UUID]) -> dict[UUID, float]:
    """Give each hold its last moment, by the database's clock, and return them in seconds since 1970."""
    with psycopg.connect(owner_url) as connection:
        return dict(connection.execute(RUN_OUT, [holds]).fetchall())


async def about(moment: float, rng: random.Random) -> None:
    """Sleep until within 10 ms of a moment."""
    await asyncio.sleep(max(moment + rng.uniform(-0.01, 0.01) - time.time(), 0))


async def confirmed_or_sold(db, owner_url: str, rng: random.Random, rounds: int, confirm) -> Counter[str]:
    """Confirm holds within 10 ms of their end, while another books the same time.

    On a busy machine a confirmation takes longer: each group asks as much earlier as the last one's took.
    """
    scope = await salon(db)
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    await all_connected(db, scope.business_id, 16)
    winners: Counter[str] = Counter()
    took = [0.0]

    async def attempt(name: str, moment: float, command) -> tuple[str, UUID] | None:
        await about(moment, rng)
        began = time.monotonic()
        try:
            return name, (await command()).id
        except (SlotTaken, HoldExpired):
            return None
        finally:
            if name == "confirmed":
                took.append(time.monotonic() - began)

    async def contest(held: bookings.Hold, staff: UUID, start: datetime, moment: float, lead: float) -> UUID | None:
        confirmation = bookings.Confirmation(held.id, held.token, who)
        request = bookings.BookRequest(CUT, staff, start, who)
        ends = await asyncio.gather(
            attempt("confirmed", moment - lead, lambda: confirm(scope, confirmation)),
            attempt("sold", moment, lambda: bookings.book(scope, request, view=view, now=NOW)),
        )
        won = [end for end in ends if end is not None]
        assert len(won) <= 1, f"both had it: {won}"
        winners[won[0][0] if won else "nobody"] += 1
        return won[0][1] if won else None

    while winners.total() < rounds or (winners["confirmed"] == 0 and winners.total() < 10 * rounds):
        times, lead = TIMES[:GROUP], statistics.median(took)
        took.clear()
        requests = [bookings.HoldRequest(CUT, staff, start, minutes=1) for staff, start in times]
        holds = await asyncio.gather(*(bookings.hold(scope, r, view=view, now=NOW) for r in requests))
        ends = await asyncio.to_thread(run_out, owner_url, [held.id for held in holds])
        contests = (contest(held, *at, ends[held.id], lead) for held, at in zip(holds, times, strict=True))
        left = await asyncio.gather(*contests)
        assert_invariants(owner_url)
        await asyncio.gather(*(bookings.cancel(scope, bookings.Cancellation(id_), now=NOW) for id_ in left if id_))
    return winners


async def test_a_hold_at_its_end_is_confirmed_or_sold_never_both(crowd, owner_url, rng, conflicts):
    winners = await confirmed_or_sold(crowd, owner_url, rng, sized(10_000, 240), bookings.confirm)
    assert winners["confirmed"], winners
    assert winners["sold"], winners
    assert not conflicts, conflicts


async def confirmed_after_it_was_sold(db, owner_url: str, confirm) -> None:
    """A hold is still good when its holder asks; it runs out and is sold before it is confirmed."""
    scope = await salon(db)
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    staff, start = TIMES[0]
    held = await bookings.hold(scope, bookings.HoldRequest(CUT, staff, start), view=view, now=NOW)

    async def sell() -> None:
        await asyncio.to_thread(owner_does, owner_url, *ENDED)
        await bookings.book(scope, bookings.BookRequest(CUT, staff, start, who), view=view, now=NOW)

    with contextlib.suppress(HoldExpired):
        await confirm(scope, bookings.Confirmation(held.id, held.token, who), sell)
    sold = count(owner_url, "SELECT count(*) FROM appointment WHERE status = 'confirmed'")
    assert sold == 1, "both had it"
    assert_invariants(owner_url)


async def sold_and_confirmed(scope, confirmation, sell) -> None:
    await sell()
    await bookings.confirm(scope, confirmation)


async def test_a_hold_that_was_sold_is_confirmed_no_more(crowd, owner_url):
    await confirmed_after_it_was_sold(crowd, owner_url, sold_and_confirmed)


async def test_checking_before_confirming_sells_twice(crowd, owner_url, monkeypatch):
    unconditional = (
        claims.CHANGE_ONE.replace("AND status = ANY(%(sources)s::text[])", "AND %(sources)s::text[] IS NOT NULL")
        .replace("AND (%(holder)s::text IS NULL OR holder = %(holder)s)", "AND %(holder)s::text IS NOT NULL")
        .replace("AND (expires_at IS NULL OR expires_at > clock_timestamp())", "")
    )

    async def checked_first(scope, confirmation, sell) -> None:
        async with scope.db.transaction(scope.business_id) as tx:
            live = "SELECT id FROM appointment WHERE id = %s AND expires_at > clock_timestamp()"
            if await tx.row(live, [confirmation.appointment_id]) is None:
                raise HoldExpired("The hold has run out.")
        await sell()
        monkeypatch.setattr(claims, "CHANGE_ONE", unconditional)
        await bookings.confirm(scope, confirmation)

    with pytest.raises(AssertionError, match="both had it"):
        await confirmed_after_it_was_sold(crowd, owner_url, checked_first)


async def an_expired_hold_blocks_nobody(db, owner_url: str) -> None:
    """Nobody swept: expired holds that overlap a time give way to one of many takers, to time off too."""
    scope = await salon(db)
    view = await Views(db).current(scope.business_id, NOW)
    who = await client(scope)
    for staff, start in TIMES[:8]:
        held = await bookings.hold(scope, bookings.HoldRequest(CUT, staff, start), view=view, now=NOW)
        await asyncio.to_thread(run_out, owner_url, [held.id])
        await asyncio.sleep(0.12)
        request = bookings.BookRequest(CUT, staff, start + timedelta(minutes=15), who)
        ends = await at_once(*(bookings.book(scope, request, view=view, now=NOW) for _ in range(16)))
        assert ends == {"done": 1, "slot-taken": 15}, ends
    held = await bookings.hold(scope, bookings.HoldRequest(CUT, ANA, TIMES[40][1]), view=view, now=NOW)
    await asyncio.to_thread(run_out, owner_url, [held.id])
    await asyncio.sleep(0.12)
    await availability.take_time_off(
        scope, availability.TimeOff(ANA, *(TIMES[40][1] + timedelta(hours=h) for h in (0, 1)))
    )
    assert_invariants(owner_url)
    assert count(owner_url, "SELECT count(*) FROM appointment WHERE status = 'expired'") == 9


async def test_an_expired_hold_blocks_nobody_though_nobody_swept(crowd, owner_url, conflicts):
    await an_expired_hold_blocks_nobody(crowd, owner_url)
    assert not conflicts, conflicts


async def test_without_giving_way_an_expired_hold_blocks_for_ever(crowd, owner_url, monkeypatch):
    async def nothing(*_) -> int:
        return 0

    monkeypatch.setattr(claims, "expire_holds", nothing)
    with pytest.raises(AssertionError, match="slot-taken"):
        await an_expired_hold_blocks_nobody(crowd, owner_url)


async def rested_over_an_expired_hold(db, owner_url: str) -> None:
    """Somebody has locked a lane to take time off, and another books where a hold on it ran out; the first goes on."""
    scope = await salon(db)
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    staff, start = TIMES[0]
    await bookings.hold(scope, bookings.HoldRequest(CUT, staff, start), view=view, now=NOW)
    owner_does(owner_url, *ENDED)
    off = availability.TimeOff(staff, start, start + timedelta(minutes=30))
    request = bookings.BookRequest(CUT, staff, start, who)
    async with db.transaction(scope.business_id) as resting:
        await displacement.lock_lanes(resting, staff)
        booking = asyncio.create_task(at_once(bookings.book(scope, request, view=view, now=NOW)))
        async with asyncio.timeout(5):
            while not await asyncio.to_thread(count, owner_url, WAITING):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(0.01)
        await availability.take_time_off.__wrapped__(resting, off)
    assert await booking in ({"slot-taken": 1}, {"stale-snapshot": 1})
    assert_invariants(owner_url)


async def test_time_off_over_an_expired_hold_does_not_deadlock_with_a_booking(crowd, owner_url, conflicts):
    await rested_over_an_expired_hold(crowd, owner_url)
    assert not conflicts, conflicts


async def test_holds_before_lanes_deadlock(crowd, owner_url, conflicts, monkeypatch):
    monkeypatch.setattr(claims, "SHARE_LANES", "SELECT %(business)s::uuid, %(lanes)s::int[]")
    with contextlib.suppress(Unavailable):
        await rested_over_an_expired_hold(crowd, owner_url)
    assert conflicts["DeadlockDetected"], conflicts


async def test_sweepers_and_takers_do_not_deadlock(crowd, owner_url, conflicts):
    """Several sweepers at once with takers of the same times: every hold ends once."""
    scope = await salon(crowd)
    view, who = await Views(crowd).current(scope.business_id, NOW), await client(scope)

    async def sweep() -> None:
        async with crowd.transaction(scope.business_id) as tx:
            await claims.expire_holds(tx)

    for _ in range(sized(50, 3)):
        requests = [bookings.HoldRequest(CUT, *at) for at in TIMES[:40]]
        await asyncio.gather(*(bookings.hold(scope, r, view=view, now=NOW) for r in requests))
        await asyncio.to_thread(owner_does, owner_url, *ENDED)
        booked = [bookings.BookRequest(CUT, *at, who) for at in TIMES[:40]]
        taken = (bookings.book(scope, request, view=view, now=NOW) for request in booked)
        ends = await at_once(*(sweep() for _ in range(4)), *taken)
        assert ends == {"done": 44}, ends
        assert_invariants(owner_url)
        ids = await asyncio.to_thread(confirmed, owner_url)
        await asyncio.gather(*(bookings.cancel(scope, bookings.Cancellation(id_), now=NOW) for id_ in ids))
    assert not conflicts, conflicts


def confirmed(owner_url: str) -> list[UUID]:
    with psycopg.connect(owner_url) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM appointment WHERE status = 'confirmed'")]
