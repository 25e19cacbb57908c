"""Moves and swaps at once: nothing overlaps, nothing is lost, nobody waits in a circle."""

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from service.commands import bookings, reschedule
from service.commands.attendance import Step
from service.commands.reschedule import Reschedule, Swap
from service.db import guard
from service.db import rescheduling as moves
from service.db.command import Scope
from service.db.database import Database, Transaction
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
from tests.races.test_one_slot import WITHOUT_CONSTRAINT
from tests.races.times import TIMES
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

DAYS = [MONDAY_10 + timedelta(days=day) for day in range(5)]


async def opened(db: Database) -> tuple[Scope, UUID, View]:
    scope = await salon(db)
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    await all_connected(db, scope.business_id, 16)
    return scope, who, view


async def booked(scope: Scope, who: UUID, view: View, staff: UUID, start) -> UUID:
    request = bookings.BookRequest(CUT, staff, start, who)
    return (await bookings.book(scope, request, view=view, now=NOW)).id


async def moved_to_one_time(db: Database, owner_url: str, rounds: int, before: tuple[str, ...] = ()) -> None:
    """Move many bookings to the same time at once; all look at a view in which it is free."""
    scope, who, view = await opened(db)
    starts = [(staff, day.replace(hour=hour)) for day in DAYS[1:] for hour in (14, 16) for staff in (ANA, BEN)]
    ids = [await booked(scope, who, view, *place) for place in starts]
    owner_does(owner_url, *before)
    for staff, start in TIMES[40 : 40 + rounds]:
        ends = await at_once(
            *(
                reschedule.reschedule(scope, Reschedule(i, starts_at=start, staff_id=staff), view=view, now=NOW)
                for i in ids
            )
        )
        assert ends == {"done": 1, "slot-taken": len(ids) - 1}, ends
        assert_invariants(owner_url)


async def test_of_many_moves_to_one_time_one_stands(crowd, owner_url, conflicts):
    await moved_to_one_time(crowd, owner_url, sized(150, 10))
    assert not conflicts, conflicts


async def test_with_neither_constraint_nor_locks_many_move_to_one_time(crowd, owner_url, monkeypatch):
    monkeypatch.setattr(Transaction, "lock_lane_days", lambda *_: None)
    bookings_do_not_meet = "ALTER TABLE claim DISABLE TRIGGER meet"
    owner_does(owner_url, WITHOUT_CONSTRAINT, *MEET_BEFORE_COMMIT, bookings_do_not_meet)
    with pytest.raises(AssertionError):
        await moved_to_one_time(crowd, owner_url, 1, before=("ALTER TABLE claim ENABLE TRIGGER meet",))


async def one_booking_moved_by_many(db: Database, owner_url: str, rounds: int) -> None:
    """Move one booking to many times at once, without a version: each that stood was told so, and none is lost."""
    scope, who, view = await opened(db)
    id_ = await booked(scope, who, view, ANA, MONDAY_10)
    versions: list[int] = []

    async def move(staff: UUID, start: datetime) -> None:
        request = Reschedule(id_, starts_at=start, staff_id=staff)
        versions.append((await reschedule.reschedule(scope, request, view=view, now=NOW)).version)

    for _ in range(rounds):
        targets = [(staff, start) for start in DAYS[1:] for staff in (ANA, BEN)]
        ends = await at_once(*(move(staff, start) for staff, start in targets))
        assert ends["done"] >= 1, ends
        assert ends.total() == ends["done"] + ends["stale-version"] + ends["slot-taken"], ends
        assert sorted(versions) == list(range(2, 2 + len(versions))), "each move that stood had a version of its own"
        assert count(owner_url, "SELECT version FROM appointment WHERE id = %s", [id_]) == 1 + len(versions)
        assert_invariants(owner_url)


async def test_a_booking_moved_by_many_is_in_one_place(crowd, owner_url, conflicts):
    await one_booking_moved_by_many(crowd, owner_url, sized(200, 10))
    assert not conflicts, conflicts


async def test_without_a_look_at_the_version_a_move_is_overwritten(crowd, owner_url, monkeypatch):
    read, two = moves.standing, Together(2)

    async def read_together(tx, appointments):
        found = await read(tx, appointments)
        await two.wait()
        return found

    monkeypatch.setattr(moves, "standing", read_together)
    monkeypatch.setattr(moves, "check", lambda *_: None)
    with pytest.raises(AssertionError):
        await one_booking_moved_by_many(crowd, owner_url, 1)


async def cyclic_swaps(db: Database, owner_url: str, rounds: int) -> Counter[str]:
    """Swap a with b, b with c, c with a, each way round and all at once."""
    scope, who, view = await opened(db)
    places = [(ANA, DAYS[0]), (BEN, DAYS[0]), (ANA, DAYS[1]), (BEN, DAYS[1])]
    ids = [await booked(scope, who, view, *place) for place in places]
    ends: Counter[str] = Counter()
    for _ in range(rounds):
        pairs = [(ids[i], ids[(i + 1) % 4]) for i in range(4)] + [(ids[(i + 1) % 4], ids[i]) for i in range(4)]
        ends += await at_once(*(reschedule.swap(scope, Swap(Step(a), Step(b)), view=view, now=NOW) for a, b in pairs))
        assert count(owner_url, "SELECT count(*) FROM claim WHERE released_at IS NULL") == 4
    assert ends.total() == ends["done"] + ends["stale-version"] + ends["slot-taken"], ends
    assert ends["done"] >= rounds
    assert_invariants(owner_url)
    return ends


async def test_cyclic_swaps_end_without_a_deadlock(crowd, owner_url, conflicts):
    await cyclic_swaps(crowd, owner_url, sized(1_000, 20))
    assert not conflicts, conflicts


async def test_with_locks_in_the_order_asked_for_swaps_deadlock(crowd, owner_url, conflicts, monkeypatch):
    all_four = Together(4)

    async def move(tx: Transaction, wanted: list[moves.Move]) -> list[int]:
        # Once all four are locked by somebody, everybody waits for one that somebody else has.
        for one in wanted:
            await tx.rows("SELECT id FROM appointment WHERE id = %s FOR UPDATE", [one.standing.id])
            await all_four.wait()
        return [0 for _ in wanted]

    monkeypatch.setattr(moves, "move", move)
    # They are tried again after each deadlock: on a slow machine some give up in the end.
    with contextlib.suppress(AssertionError):
        await cyclic_swaps(crowd, owner_url, 1)
    assert conflicts["DeadlockDetected"] > 0, conflicts


async def test_a_swap_that_releases_only_one_leaves_an_overlap_or_is_refused(crowd, owner_url, monkeypatch):
    """The release before the claims is what lets neighbours change places."""
    keeping = guard.RELEASE.replace(
        "item_id = ANY(%(items)s::uuid[]) AND", "item_id = ANY((%(items)s::uuid[])[:1]) AND"
    )
    assert keeping != guard.RELEASE
    monkeypatch.setattr(moves, "RELEASE", keeping)
    with pytest.raises(AssertionError):
        await cyclic_swaps(crowd, owner_url, 1)


async def test_moves_bookings_and_cancellations_mixed(crowd, owner_url, conflicts, rng):
    scope, who, view = await opened(crowd)
    ids: list[UUID] = []

    async def book() -> None:
        ids.append(await booked(scope, who, view, *rng.choice(TIMES[:40])))

    def mixed() -> Callable[[], Awaitable[object]]:
        staff, start = rng.choice(TIMES[:40])
        known = rng.sample(ids, 2) if len(ids) > 1 else [ANA, BEN]
        return rng.choice(
            [
                book,
                lambda: reschedule.reschedule(
                    scope, Reschedule(known[0], starts_at=start, staff_id=staff), view=view, now=NOW
                ),
                lambda: reschedule.swap(scope, Swap(Step(known[0]), Step(known[1])), view=view, now=NOW),
                lambda: bookings.cancel(scope, bookings.Cancellation(known[0]), now=NOW),
                lambda: bookings.hold(scope, bookings.HoldRequest(CUT, staff, start), view=view, now=NOW),
            ]
        )

    for _ in range(sized(500, 15)):
        ends = await at_once(*(mixed()() for _ in range(16)))
        assert ends["unavailable"] == 0, ends
    assert_invariants(owner_url)
    assert not conflicts, conflicts
