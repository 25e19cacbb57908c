"""A chair, a seat or the last visit of a day, wanted by a plan that commits and by a client who books."""

import asyncio

import pytest

from service.commands import bookings, components, limits, waitlist
from service.commands.catalogue import NewResource, Requirement, add_resource
from service.commands.changes import Change, change_service
from service.commands.optimisation import apply
from service.db import claims, database
from service.db.views import Views
from tests.races.races import assert_invariants, count, owner_does
from tests.races.test_components import WAITING
from tests.races.test_hours import ended
from tests.service.nights import booked, monday, planned
from tests.service.worlds import ANA, BEN, CUT, NOW, client, salon

pytestmark = pytest.mark.anyio

VISITS = "SELECT count(*) FROM appointment WHERE status = 'confirmed'"
RIVALS = {"chair": (BEN, monday(9)), "seat": (ANA, monday(9)), "limit": (BEN, monday(15))}
"""Who books when, while the plan gives Ana's nine o'clock to somebody who waits."""


async def with_one_left(db, what: str):
    """A salon in which one chair, one seat or one visit of the day is left."""
    scope = await salon(db)
    if what == "chair":
        await add_resource(scope, NewResource("Red", "chair"))
        await change_service(scope, Change(CUT, {"requirements": (Requirement("chair"),)}))
    elif what == "seat":
        await change_service(scope, Change(CUT, {"seats": 2}))
        await booked(scope, monday(9))
    else:
        await change_service(scope, Change(CUT, {"daily_limit": 1}))
    return scope


async def raced(db, owner_url: str, monkeypatch, what: str) -> None:
    """A client books what the plan takes, when the plan is written and not committed yet: one of them has it."""
    scope = await with_one_left(db, what)
    await waitlist.join(
        scope, waitlist.Joining(await client(scope), CUT, ((monday(9), monday(9, 30)),), (ANA,)), now=NOW
    )
    run = await planned(scope, days=(monday(9).date(),) * 2)
    view, (staff, start) = await Views(db).current(scope.business_id, NOW), RIVALS[what]
    order = bookings.BookRequest(CUT, staff, start, await client(scope, "Noa Reis"))
    written, whole = asyncio.Event(), components._apply

    async def book() -> str:
        await written.wait()
        return await ended(bookings.book(scope, order, view=view, now=NOW))

    booking = asyncio.create_task(book())

    async def apply_and_wait(*given) -> None:
        await whole(*given)
        written.set()
        while not (booking.done() or count(owner_url, WAITING)):  # noqa: ASYNC110 - another process may wait
            await asyncio.sleep(0.01)

    monkeypatch.setattr(components, "_apply", apply_and_wait)
    outcome = await apply(scope, run.id, now=NOW)
    assert (outcome.applied, await booking != "done") == (1, True)
    assert_invariants(owner_url)


@pytest.mark.parametrize("what", RIVALS)
async def test_what_a_plan_takes_nobody_else_books(crowd, owner_url, monkeypatch, what):
    await raced(crowd, owner_url, monkeypatch, what)


async def test_without_locks_and_constraint_the_chair_is_sold_twice(crowd, owner_url, monkeypatch):
    monkeypatch.setattr(database.Transaction, "lock_lane_days", lambda *_: None)
    owner_does(owner_url, "ALTER TABLE claim DROP CONSTRAINT ex_claim_no_overlap")
    with pytest.raises(AssertionError):
        await raced(crowd, owner_url, monkeypatch, "chair")


async def test_without_the_compare_and_set_the_seat_is_sold_twice(crowd, owner_url, monkeypatch):
    unconditional = claims.JOIN_SESSIONS.replace("AND s.taken + w.seats <= s.seats", "")
    monkeypatch.setattr(claims, "JOIN_SESSIONS", unconditional)
    owner_does(owner_url, "ALTER TABLE group_session DROP CONSTRAINT ck_group_session_seats")
    with pytest.raises(AssertionError):
        await raced(crowd, owner_url, monkeypatch, "seat")


async def test_without_the_limits_lock_there_is_one_visit_too_many(crowd, owner_url, monkeypatch):
    async def no_lock(*_: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(limits, "_lock", no_lock)
    with pytest.raises(AssertionError):
        await raced(crowd, owner_url, monkeypatch, "limit")
