"""Row 27: a migration while everybody books: no request fails, and none waits long behind it."""

import asyncio
import shutil
import time

import psycopg
import pytest

from service.commands import bookings
from service.db import migrate
from service.db.database import Database
from service.db.views import Views
from tests.races.races import assert_invariants, count
from tests.races.times import TIMES
from tests.service.worlds import CUT, NOW, client, salon

pytestmark = pytest.mark.anyio

EXPAND = """
\"\"\"Expand what is written most.\"\"\"
from alembic import op
revision, down_revision, branch_labels, depends_on = "{name}", "{after}", None, None

def upgrade():
    op.execute("ALTER TABLE claim ADD COLUMN note text")
    op.execute("ALTER TABLE appointment ADD COLUMN note text")
"""
READ_S = 2.5
"""For which somebody goes on reading the tables once the migration waits for them."""
WAITS = """
SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
               WHERE c.relname IN ('claim', 'appointment') AND l.mode = 'AccessExclusiveLock' AND NOT l.granted)
"""


async def migrated_under_load(app_url: str, owner_url: str) -> float:
    """Migrate behind a reader while all book; returns the longest wait of a booking with its cancellation."""
    done, waits = asyncio.Event(), []
    async with Database(app_url, 8) as db:
        scope = await salon(db)
        who, view = await client(scope), await Views(db).current(scope.business_id, NOW)

        async def book(at) -> None:
            while not done.is_set():
                began = time.monotonic()
                booked = await bookings.book(scope, bookings.BookRequest(CUT, *at, who), view=view, now=NOW)
                await bookings.cancel(scope, bookings.Cancellation(booked.id), now=NOW)
                waits.append(time.monotonic() - began)

        async def migrate_behind_a_reader() -> None:
            async with await psycopg.AsyncConnection.connect(owner_url) as reader:
                await reader.execute("SELECT FROM claim, appointment LIMIT 1")
                migrating = asyncio.create_task(asyncio.to_thread(migrate.upgrade, owner_url))
                while not (await (await reader.execute(WAITS)).fetchone())[0]:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
                await asyncio.sleep(READ_S)
            await migrating
            done.set()

        async with asyncio.TaskGroup() as group:
            for work in (migrate_behind_a_reader(), *(book(at) for at in TIMES[:8])):
                group.create_task(work)
    assert_invariants(owner_url)
    return max(waits)


@pytest.fixture
def one_more(tmp_path, monkeypatch):
    """The migrations, and one that is new."""
    shutil.copytree(migrate.MIGRATIONS, tmp_path / "migrations")
    after, name = migrate.newest(), "29991231_01_more"
    (tmp_path / "migrations" / "versions" / f"{name}.py").write_text(EXPAND.format(name=name, after=after))
    monkeypatch.setattr(migrate, "MIGRATIONS", tmp_path / "migrations")


async def test_a_migration_under_load_fails_no_request_and_holds_none_up(app_url, owner_url, one_more):
    longest = await migrated_under_load(app_url, owner_url)
    print(f"the longest wait of a booking and its cancellation: {longest:.1f} s")  # noqa: T201 - shown with -s
    assert longest <= 2 * 2
    assert count(owner_url, "SELECT count(*) FROM information_schema.columns WHERE column_name = 'note'") == 2


async def test_without_a_limit_on_its_lock_a_migration_fails_requests(app_url, owner_url, one_more, monkeypatch):
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", "1min")
    monkeypatch.setattr(f"{__name__}.READ_S", 4)
    monkeypatch.setattr("service.db.database.ATTEMPTS", 1)
    with pytest.raises(ExceptionGroup):
        await migrated_under_load(app_url, owner_url)
