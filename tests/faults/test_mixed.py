"""Rows 2 and 16: everybody does everything at once; and rings of bookings that change places."""

import asyncio
import contextlib
import random
from collections import Counter
from datetime import timedelta
from itertools import count as numbers

import pytest

from models.errors import InterlockError
from service.commands import availability, bookings, reschedule, waitlist
from service.commands.attendance import Step
from service.commands.reschedule import Reschedule, Swap
from service.db import audit
from service.db.database import Database, Transaction
from service.db.views import Views
from service.queries.audit import verify
from tests.races.conftest import sized
from tests.races.races import MEET_BEFORE_COMMIT, MEETING, all_connected, assert_invariants, at_once, owner_does
from tests.races.test_hours import assert_inside_hours
from tests.races.test_one_slot import WITHOUT_CONSTRAINT
from tests.races.times import TIMES
from tests.service.worlds import CUT, NOW, client, salon

pytestmark = pytest.mark.anyio

WRITERS = 16
CROWDED = TIMES[:48]
"""Few enough times that the writers get into each other's way."""
EXPECTED = {
    "done", "slot-taken", "stale-snapshot", "stale-version", "not-allowed", "hold-expired", "displaces-bookings",
    "closed", "not-found", "limit-reached", "outside-policy",
}  # fmt: skip


class Writer:
    """One of many who hold, book, confirm, move, swap, cancel, wait, and withdraw and give back hours."""

    def __init__(self, scope, views: Views, who, rng: random.Random) -> None:
        self.scope, self.views, self.who, self.rng = scope, views, who, rng
        self.holds: list[bookings.Hold] = []
        self.booked: list = []
        self.entries: list = []

    async def step(self) -> str:
        """Do something; returns what, and how it ended."""
        act = self.rng.choices((self.book, self.hold, self.confirm, self.release, self.cancel, self.move, self.swap,
                                self.wait, self.leave, self.close_or_open, self.rest),
                               (20, 12, 8, 3, 12, 8, 4, 3, 2, 1, 1))[0]  # fmt: skip
        try:
            await act()
        except InterlockError as refusal:
            return f"{act.__name__} {refusal.code}"
        return f"{act.__name__} done"

    async def book(self) -> None:
        request = bookings.BookRequest(CUT, *self.somewhere(), self.who)
        self.booked.append((await bookings.book(self.scope, request, view=await self.view(), now=NOW)).id)

    async def hold(self) -> None:
        request = bookings.HoldRequest(CUT, *self.somewhere(), minutes=1)
        self.holds.append(await bookings.hold(self.scope, request, view=await self.view(), now=NOW))

    async def confirm(self) -> None:
        if self.holds:
            held = self.holds.pop()
            await bookings.confirm(self.scope, bookings.Confirmation(held.id, held.token, self.who))
            self.booked.append(held.id)

    async def release(self) -> None:
        if self.holds:
            held = self.holds.pop()
            await bookings.release(self.scope, bookings.Release(held.id, held.token))

    async def cancel(self) -> None:
        if self.booked:
            cancellation = bookings.Cancellation(self.booked.pop(self.rng.randrange(len(self.booked))))
            await bookings.cancel(self.scope, cancellation, now=NOW)

    async def move(self) -> None:
        if self.booked:
            staff, start = self.somewhere()
            wanted = Reschedule(self.rng.choice(self.booked), starts_at=start, staff_id=staff)
            await reschedule.reschedule(self.scope, wanted, view=await self.view(), now=NOW)

    async def swap(self) -> None:
        if len(self.booked) > 1:
            one, other = self.rng.sample(self.booked, 2)
            await reschedule.swap(self.scope, Swap(Step(one), Step(other)), view=await self.view(), now=NOW)

    async def wait(self) -> None:
        _, start = self.somewhere()
        wish = waitlist.Joining(self.who, CUT, ((start, start + timedelta(hours=2)),))
        self.entries.append((await waitlist.join(self.scope, wish, now=NOW)).id)

    async def leave(self) -> None:
        if self.entries:
            await waitlist.leave(self.scope, self.entries.pop())

    async def close_or_open(self) -> None:
        staff, start = self.somewhere()
        hours = availability.DayHours(staff, start.date(), self.rng.choice(((), None, None)))
        await availability.set_day(self.scope, hours)

    async def rest(self) -> None:
        staff, start = self.somewhere()
        until = start + timedelta(minutes=30)
        taken = await availability.take_time_off(self.scope, availability.TimeOff(staff, start, until))
        await availability.end_time_off(self.scope, taken.claim_id)

    def somewhere(self) -> tuple:
        return self.rng.choice(CROWDED)

    async def view(self):
        return await self.views.current(self.scope.business_id, NOW)


async def everybody_at_once(db: Database, owner_url: str, rng: random.Random, operations: int) -> Counter[str]:
    """Let the writers do so many operations, with a sealer beside them; the invariants hold all along and after."""
    scope, views = await salon(db), Views(db)
    writers = [Writer(scope, views, await client(scope), random.Random(rng.random())) for _ in range(WRITERS)]
    await all_connected(db, scope.business_id, WRITERS)
    ends: Counter[str] = Counter()
    left = iter(range(operations))

    async def work(writer: Writer) -> None:
        for number in left:
            ends[await writer.step()] += 1
            if number % max(operations // 5, 1) == 0:
                await asyncio.to_thread(assert_invariants, owner_url)

    await asyncio.gather(*(work(writer) for writer in writers))
    assert_invariants(owner_url)
    while await db.transact(scope.business_id, audit.seal):
        pass
    assert (await verify(db, scope.business_id)).broken is None
    await assert_inside_hours(db, owner_url, scope.business_id)
    return ends


async def test_everybody_does_everything_at_once(app_url, owner_url, rng, conflicts):
    async with Database(app_url, WRITERS) as db:
        ends = await everybody_at_once(db, owner_url, rng, sized(100_000, 1_500))
    print(ends.most_common())  # noqa: T201 - shown with -s
    assert {end.split()[1] for end in ends} <= EXPECTED, ends
    assert all(ends[f"{act} done"] for act in ("book", "hold", "confirm", "cancel", "move", "wait", "rest")), ends
    assert not conflicts["DeadlockDetected"], conflicts


async def test_without_the_constraint_everybody_at_once_sells_twice(app_url, owner_url, rng, monkeypatch):
    """All want one time and keep it; who takes it first waits with the COMMIT until another has taken it."""
    owner_does(owner_url, WITHOUT_CONSTRAINT, *MEET_BEFORE_COMMIT)
    monkeypatch.setattr(f"{__name__}.CROWDED", TIMES[:1])
    for act in ("release", "cancel", "move", "swap", "close_or_open", "rest"):
        monkeypatch.setattr(Writer, act, Writer.book)
    async with Database(app_url, WRITERS) as db:
        with pytest.raises(AssertionError, match="overlap"):
            await everybody_at_once(db, owner_url, rng, 64)


async def swapped_in_rings(db: Database, owner_url: str, rng: random.Random, rings: int) -> None:
    """Let rings of bookings swap with their neighbours, all pairs of a ring at once, in both directions."""
    scope, views = await salon(db), Views(db)
    who = await client(scope)
    await all_connected(db, scope.business_id, WRITERS)
    view = await views.current(scope.business_id, NOW)
    requests = [bookings.BookRequest(CUT, *at, who) for at in TIMES[:6]]
    ring = [(await bookings.book(scope, request, view=view, now=NOW)).id for request in requests]
    for _ in range(rings):
        view = await views.current(scope.business_id, NOW)
        pairs = [(ring[n], ring[(n + 1) % len(ring)]) for n in range(len(ring))]
        turned = [pair if rng.random() < 0.5 else pair[::-1] for pair in pairs]
        ends = await at_once(*(reschedule.swap(scope, Swap(Step(a), Step(b)), view=view, now=NOW) for a, b in turned))
        assert ends.keys() <= {"done", "stale-version", "slot-taken", "stale-snapshot", "not-allowed"}, ends
        assert ends["done"] >= 1, ends
        assert_invariants(owner_url)
    items = "SELECT staff_id, starts_at FROM appointment_item WHERE business_id = %s"
    async with db.transaction(scope.business_id) as tx:
        places = {(row["staff_id"], row["starts_at"]) for row in await tx.rows(items, [scope.business_id])}
    assert places == set(TIMES[:6])


async def test_rings_of_swaps_end_whole_and_without_a_deadlock(crowd, owner_url, rng, conflicts):
    await swapped_in_rings(crowd, owner_url, rng, sized(1_000, 20))
    assert not conflicts, conflicts


async def test_without_an_order_of_locks_rings_deadlock(crowd, owner_url, rng, conflicts, monkeypatch):
    turns = numbers()

    def in_turns_both_ways(tx: Transaction, lane_days) -> None:
        """The first two that have a lock each wait until both do, and then for the other's."""
        locks = [f"SELECT pg_advisory_xact_lock({lane}, {day})" for lane, day in sorted(set(lane_days))]
        first, *rest = locks[:: (1, -1)[next(turns) % 2]]
        tx._queued += [first, "SELECT met()" if rest else "SELECT 1", *rest]

    owner_does(owner_url, *MEETING)
    monkeypatch.setattr(Transaction, "lock_lane_days", in_turns_both_ways)
    with contextlib.suppress(AssertionError):
        await swapped_in_rings(crowd, owner_url, rng, 1)
    assert conflicts["DeadlockDetected"], conflicts
