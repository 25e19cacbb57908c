"""A backup brings everything back but who was erased since."""

import psycopg
import pytest

from models.errors import InvalidInput
from models.tables import metadata
from service.commands import bookings, clients
from service.db import audit, backup
from service.db.database import Database
from service.db.views import Views
from service.queries import audit as audit_queries
from tests.service.worlds import ANA, CUT, MONDAY_10, NOW, salon

pytestmark = pytest.mark.anyio


@pytest.fixture
async def booked(db):
    """A salon with two clients and a booking, its audit sealed."""
    scope = await salon(db)
    mia = await clients.register(scope, clients.NewClient("Mia", "mia@example.com"))
    await clients.register(scope, clients.NewClient("Noa", "noa@example.com"))
    view = await Views(db).current(scope.business_id, NOW)
    await bookings.book(scope, bookings.BookRequest(CUT, ANA, MONDAY_10, mia), view=view, now=NOW)
    await db.transact(scope.business_id, audit.seal)
    return scope, mia


def counts(url: str) -> dict[str, int]:
    with psycopg.connect(url) as owner:
        names = [table.name for table in metadata.sorted_tables if table.name not in backup.PASSING]
        return {name: owner.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def test_nothing_but_what_is_named_is_left_out():
    assert {"claim", "audit_entry", "client_key"}.isdisjoint(backup.PASSING)


async def names(db, scope) -> list[str]:
    async with db.transaction(scope.business_id) as tx:
        return sorted(row["name"] for row in await tx.rows("SELECT name FROM client"))


async def test_the_same_rows_come_back_and_the_chain_holds(booked, owner_url, own_database, server, tmp_path):
    scope, _ = booked
    copied = backup.backup(owner_url, tmp_path / "b.zip")
    new = server.owner_url(own_database)
    assert backup.restore(new, tmp_path / "b.zip") == copied.rows
    assert counts(new) == counts(owner_url)
    async with Database(server.app_url(own_database)) as db:
        assert await names(db, scope) == ["Mia", "Noa"]
        chain = await audit_queries.verify(db, scope.business_id)
        assert (chain.broken, chain.unsealed, chain.sealed > 0) == (None, 0, True)
        there = type(scope)(db, scope.business_id)
        await clients.register(there, clients.NewClient("Lia"))
        await db.transact(scope.business_id, audit.seal)
        assert (await audit_queries.verify(db, scope.business_id)).broken is None
    with pytest.raises(InvalidInput, match="not empty"):
        backup.restore(new, tmp_path / "b.zip")


async def test_who_was_erased_since_stays_so(booked, owner_url, own_database, server, tmp_path):
    scope, mia = booked
    backup.backup(owner_url, tmp_path / "old.zip")
    await clients.erase(scope, mia)
    backup.backup(owner_url, tmp_path / "new.zip")
    backup.restore(server.owner_url(own_database), tmp_path / "old.zip")
    async with Database(server.app_url(own_database)) as db:
        assert await names(db, scope) == ["(erased)", "Noa"]


async def test_with_the_old_keys_they_would_be_read(booked, owner_url, own_database, server, tmp_path):
    scope, mia = booked
    copied = backup.backup(owner_url, tmp_path / "old.zip")
    copied.keys.rename(tmp_path / "kept.zip")
    await clients.erase(scope, mia)
    backup.restore(server.owner_url(own_database), tmp_path / "old.zip", tmp_path / "kept.zip")
    async with Database(server.app_url(own_database)) as db:
        assert await names(db, scope) == ["Mia", "Noa"]


def test_what_is_no_backup(own_database, server, tmp_path):
    (tmp_path / "b.zip").write_text("no zip")
    for path in (tmp_path / "b.zip", tmp_path / "absent.zip"):
        with pytest.raises(InvalidInput, match="cannot be read as a backup"):
            backup.restore(server.owner_url(own_database), path)
