"""Events carry their aggregate's version: its own, or the number of its changes."""

import asyncio
from datetime import date, timedelta

import psycopg
import pytest

from service.commands import availability, catalogue, changes, clients
from service.commands.availability import DayHours, Holidays, TimeOff, WeeklyHours
from service.db.database import Transaction
from service.db.ledger import record
from tests.races.races import count
from tests.service.worlds import ANA, CUT, MONDAY_10, WEEK, client, salon

pytestmark = pytest.mark.anyio

VERSIONS = """
SELECT aggregate_id, array_agg(aggregate_version ORDER BY id) FROM outbox_event GROUP BY aggregate_id
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_whatever_happens_to_one_aggregate_is_numbered_in_order(db, owner_url):
    scope = await salon(db)
    tuesday = MONDAY_10 + timedelta(days=1)
    off = await availability.take_time_off(scope, TimeOff(ANA, tuesday, tuesday + timedelta(hours=1)))
    await availability.end_time_off(scope, off.claim_id)
    await availability.set_day(scope, DayHours(ANA, date(2026, 3, 3), ()))
    await availability.set_day(scope, DayHours(ANA, date(2026, 3, 4), ()))
    await availability.set_weekly_hours(scope, WeeklyHours(ANA, WEEK, date(2026, 6, 1)))
    await changes.change_staff(scope, changes.Change(ANA, {"name": "Anna"}))
    await availability.add_holidays(scope, Holidays(((date(2026, 4, 25), "Freedom Day"),)))
    await availability.remove_holiday(scope, date(2026, 4, 25))
    await catalogue.withdraw_allocation(scope, catalogue.Allocation(CUT, ANA))
    who = await client(scope)
    for command in (clients.delete, clients.restore, clients.erase):
        await command(scope, who)
    with psycopg.connect(owner_url) as owner:
        versions = dict(owner.execute(VERSIONS).fetchall())
    assert {id_: len(of) for id_, of in versions.items()} == {ANA: 6, scope.business_id: 3, CUT: 1, who: 4}
    assert all(of == list(range(1, len(of) + 1)) for of in versions.values()), versions


async def recorded_at_once(db, owner_url: str) -> list[int]:
    """Record a second change of an aggregate while the first has not been committed; returns their versions."""
    scope = await salon(db)

    async def second() -> None:
        async with db.transaction(scope.business_id) as tx:
            await record(tx, "thing.changed", CUT, None, after={})

    async with db.transaction(scope.business_id) as tx:
        await record(tx, "thing.changed", CUT, None, after={})
        other = asyncio.create_task(second())
        async with asyncio.timeout(10):
            while not (other.done() or await asyncio.to_thread(count, owner_url, WAITING)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await other
    with psycopg.connect(owner_url) as owner:
        return dict(owner.execute(VERSIONS).fetchall())[CUT]


async def test_two_at_once_are_numbered_one_after_the_other(db, owner_url):
    assert await recorded_at_once(db, owner_url) == [1, 2]


async def test_without_the_lock_two_have_one_number(db, owner_url, monkeypatch):
    monkeypatch.setattr(Transaction, "lock_name", lambda *_: None)
    assert await recorded_at_once(db, owner_url) == [1, 1]
