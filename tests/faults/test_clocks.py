"""Rows 10 and 12: the app's clock is wrong, the sweeper has been off for a day; only the database's clock counts."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from models.errors import InterlockError
from service.commands import bookings
from service.db import claims
from service.db.database import Database
from service.db.views import Views
from tests.races.conftest import sized
from tests.races.races import assert_invariants, count, owner_does
from tests.races.times import TIMES
from tests.service.worlds import CUT, NOW, client, salon

pytestmark = pytest.mark.anyio

WRONG_BY = (timedelta(hours=-1), timedelta(0), timedelta(hours=1))
RUN_OUT = (
    "UPDATE appointment SET expires_at = clock_timestamp() - interval '{ago}' WHERE status = 'hold'",
    "UPDATE claim SET expires_at = clock_timestamp() - interval '{ago}' WHERE expires_at IS NOT NULL",
)


async def lives_of_holds(db: Database, owner_url: str, wrong_by: timedelta, holds: int) -> list[str]:
    """Hold, confirm, let run out, confirm too late, take over; by a clock that is wrong; returns how each ended."""
    scope = await salon(db, slug=f"salon-{int(wrong_by.total_seconds())}".replace("--", "-minus-"))
    now, views, who = NOW + wrong_by, Views(db), await client(scope)

    async def end_of(command) -> str:
        try:
            await command
        except InterlockError as refusal:
            return refusal.code
        return "done"

    times = TIMES[: holds * 2]
    view = await views.current(scope.business_id, now)
    held = [await bookings.hold(scope, bookings.HoldRequest(CUT, *at, minutes=1), view=view, now=now) for at in times]
    confirmations = [bookings.Confirmation(hold.id, hold.token, who) for hold in held]
    ends = [await end_of(bookings.confirm(scope, confirmation)) for confirmation in confirmations[:holds]]
    await asyncio.to_thread(owner_does, owner_url, *(sql.format(ago="1 ms") for sql in RUN_OUT))
    for confirmation, at in zip(confirmations[holds:], times[holds:], strict=True):
        ends.append(await end_of(bookings.confirm(scope, confirmation)))
        view = await views.current(scope.business_id, now)
        ends.append(await end_of(bookings.book(scope, bookings.BookRequest(CUT, *at, who), view=view, now=now)))
    return ends


async def outcomes_by_clock(db: Database, owner_url: str) -> None:
    """The same lives by three clocks end the same."""
    ends = [await lives_of_holds(db, owner_url, wrong_by, sized(40, 4)) for wrong_by in WRONG_BY]
    assert ends[0] == ends[1] == ends[2]
    assert Counter(ends[1]).keys() == {"done", "hold-expired"}
    assert_invariants(owner_url)


async def test_an_hour_on_the_apps_clock_changes_no_holds_end(crowd, owner_url):
    await outcomes_by_clock(crowd, owner_url)


async def test_by_the_apps_clock_holds_would_end_otherwise(crowd, owner_url, monkeypatch):
    by_the_database, correct = claims.CHANGE_ONE, lives_of_holds

    async def by_the_app(db, owner_url, wrong_by, holds):
        wrong = f"clock_timestamp() + interval '{wrong_by.total_seconds()} seconds'"
        monkeypatch.setattr(claims, "CHANGE_ONE", by_the_database.replace("clock_timestamp()", wrong))
        return await correct(db, owner_url, wrong_by, holds)

    monkeypatch.setattr(f"{__name__}.lives_of_holds", by_the_app)
    with pytest.raises(AssertionError):
        await outcomes_by_clock(crowd, owner_url)


async def all_sold_again(db: Database, owner_url: str, slots: int) -> None:
    """Nobody swept since holds ran out a day ago: every one of their times is on offer, and sold."""
    scope, views = await salon(db), Views(db)
    who, times = await client(scope), TIMES[:slots]
    view = await views.current(scope.business_id, NOW)
    for at in times:
        await bookings.hold(scope, bookings.HoldRequest(CUT, *at), view=view, now=NOW)
    await asyncio.to_thread(owner_does, owner_url, *(sql.format(ago="1 day") for sql in RUN_OUT))
    view = await Views(db).current(scope.business_id, NOW)
    for at in times:
        booked = await bookings.book(scope, bookings.BookRequest(CUT, *at, who), view=view, now=NOW)
        assert booked.version == 1
    assert count(owner_url, "SELECT count(*) FROM appointment WHERE status = 'confirmed'") == len(times)
    assert count(owner_url, "SELECT count(*) FROM appointment WHERE status = 'expired'") == len(times)
    assert_invariants(owner_url)


async def test_after_a_day_without_a_sweeper_every_slot_is_sold(crowd, owner_url):
    await all_sold_again(crowd, owner_url, sized(80, 10))


async def test_without_giving_way_slots_stay_blocked(crowd, owner_url, monkeypatch):
    async def nothing(*_) -> int:
        return 0

    monkeypatch.setattr(claims, "expire_holds", nothing)
    with pytest.raises(InterlockError):
        await all_sold_again(crowd, owner_url, 4)


async def test_the_databases_clock_says_when_a_hold_ends(crowd):
    scope, views = await salon(crowd), Views(crowd)
    wrong = NOW + timedelta(hours=1)
    view = await views.current(scope.business_id, wrong)
    held = await bookings.hold(scope, bookings.HoldRequest(CUT, *TIMES[0], minutes=5), view=view, now=wrong)
    left = held.expires_at - datetime.now(UTC)
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)
