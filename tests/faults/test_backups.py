"""Rows 26 and 30: a backup is of one moment and brings all back; who was erased since stays unreadable in it."""

import zipfile
from pathlib import Path

import psycopg
import pytest

from models.errors import NotConfigured
from models.tables import metadata
from service import bootstrap
from service.cli import backup as cli
from service.commands import bookings, clients, waitlist
from service.db import audit, backup
from service.db.database import Database
from service.db.views import Views
from service.queries import audit as audit_queries
from service.queries import clients as client_queries
from service.security.vault import Vault
from tests.races.races import owner_does
from tests.service.worlds import ANA, CUT, MONDAY_10, NOW, salon

pytestmark = pytest.mark.anyio
PERSONAL = ("Quirina", "quirina@example.com", "+351912345678", "912345678")


@pytest.fixture
def database_name(worker_database, own_database):
    return own_database


@pytest.fixture
def restored_name(server, database_name):
    """Another database, empty and migrated."""
    name = f"{database_name}r"
    with psycopg.connect(server.owner_url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template STRATEGY file_copy")
        yield name
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def lived_in(db):
    """A salon in which a client has done what clients do, twice over where a key was sent."""
    scope = await salon(db)
    keyed = type(scope)(db, scope.business_id, actor="desk", key="registration-1")
    who = clients.NewClient("Quirina Costa", "quirina@example.com", "+351 912 345 678")
    await clients.register(keyed, who)
    quirina = await clients.register(keyed, who)
    await clients.register(scope, clients.NewClient("Noa", "noa@example.com"))
    view = await Views(db).current(scope.business_id, NOW)
    booked = await bookings.book(scope, bookings.BookRequest(CUT, ANA, MONDAY_10, quirina), view=view, now=NOW)
    await bookings.cancel(scope, bookings.Cancellation(booked.id), now=NOW)
    wish = waitlist.Joining(quirina, CUT, ((MONDAY_10, MONDAY_10.replace(hour=15)),))
    await waitlist.join(scope, wish, now=NOW)
    await db.transact(scope.business_id, audit.seal)
    return scope, quirina


def in_file(path: Path) -> list[str]:
    """Return what of the client can be read in a file."""
    with zipfile.ZipFile(path) as archive:
        text = "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    return [word for word in PERSONAL if word in text]


def in_rows(url: str) -> list[str]:
    """Return what of the client stands in any column of any table, job queue included."""
    with psycopg.connect(url) as owner:
        tables = owner.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        text = "\n".join(str(owner.execute(f"SELECT t::text FROM {table} t").fetchall()) for (table,) in tables)
    return [word for word in PERSONAL if word in text]


async def as_read(url: str, scope, client_id) -> list[str]:
    """Return what the service shows of the client: their export, with everything that is kept about them."""
    async with Database(url) as db:
        known = str(await client_queries.everything(db, scope.business_id, client_id))
    return [word for word in PERSONAL if word in known]


async def hits_after_an_old_backup(
    db, server, owner_url, restored_name, tmp_path, keys: Path | None = None
) -> list[str]:
    """Back up, erase, back up again, restore the old one: return where the client can still be read."""
    scope, quirina = await lived_in(db)
    backup.backup(owner_url, tmp_path / "old.zip")
    if keys is not None:
        backup.keys_of(tmp_path / "old.zip").rename(keys)
    assert await as_read(server.app_url(owner_url.rpartition("/")[2]), scope, quirina)
    await clients.erase(scope, quirina)
    backup.backup(owner_url, tmp_path / "new.zip")
    backup.restore(server.owner_url(restored_name), tmp_path / "old.zip", keys)
    found = {
        "the old backup": in_file(tmp_path / "old.zip"),
        "the new backup": in_file(tmp_path / "new.zip"),
        "its keys": in_file(backup.keys_of(tmp_path / "new.zip")),
        "the rows as they are": in_rows(owner_url),
        "the rows restored": in_rows(server.owner_url(restored_name)),
        "what the service shows": await as_read(server.app_url(restored_name), scope, quirina),
    }
    return [place for place, words in found.items() if words]


async def test_who_was_erased_is_nowhere_even_from_an_old_backup(db, server, owner_url, restored_name, tmp_path):
    assert await hits_after_an_old_backup(db, server, owner_url, restored_name, tmp_path) == []


async def test_keys_that_outlive_their_backup_bring_them_back(db, server, owner_url, restored_name, tmp_path):
    keys = tmp_path / "kept-keys.zip"
    found = await hits_after_an_old_backup(db, server, owner_url, restored_name, tmp_path, keys)
    assert found == ["what the service shows"]


async def test_unsealed_they_would_be_everywhere(db, server, owner_url, restored_name, tmp_path, monkeypatch):
    monkeypatch.setattr(Vault, "seal", lambda _, __, ___, text: text)
    found = await hits_after_an_old_backup(db, server, owner_url, restored_name, tmp_path)
    assert {"the old backup", "the rows restored"} <= set(found)


def rows_of(url: str) -> dict[str, int]:
    with psycopg.connect(url) as owner:
        names = [table.name for table in metadata.sorted_tables if table.name not in backup.PASSING]
        return {name: owner.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def one_command(monkeypatch, url: str, command, file: Path) -> None:
    monkeypatch.setattr(bootstrap, "database_urls", lambda _: (url, url))
    command(file)


async def test_one_command_each_way_brings_the_same_rows_and_a_whole_chain(
    db, server, owner_url, restored_name, tmp_path, monkeypatch, capsys
):
    scope, _ = await lived_in(db)
    one_command(monkeypatch, owner_url, cli.backup, tmp_path / "b.zip")
    one_command(monkeypatch, server.owner_url(restored_name), cli.restore, tmp_path / "b.zip")
    assert "rows restored" in capsys.readouterr().out
    assert rows_of(server.owner_url(restored_name)) == rows_of(owner_url)
    async with Database(server.app_url(restored_name)) as there:
        chain = await audit_queries.verify(there, scope.business_id)
        assert (chain.broken, chain.sealed > 0) == (None, True)
        # Sequences go on where they were: what is written now does not collide.
        await clients.register(type(scope)(there, scope.business_id), clients.NewClient("Lia"))


async def test_where_sequences_begin_anew_the_next_write_collides(
    db, server, owner_url, restored_name, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(backup, "_go_on_counting", lambda *_: None)
    with pytest.raises(Exception, match="exists already"):
        await test_one_command_each_way_brings_the_same_rows_and_a_whole_chain(
            db, server, owner_url, restored_name, tmp_path, monkeypatch, capsys
        )


async def orphans(db, server, owner_url, restored_name, tmp_path, monkeypatch) -> int:
    """Give a booking to a new client between the copies of the two tables; count bookings of nobody once restored."""
    await lived_in(db)
    columns, late = backup._columns, []

    def meanwhile(table):
        if table.name == "appointment" and not late:
            late.append(table)
            owner_does(
                owner_url,
                "INSERT INTO client (business_id, id, name) SELECT id, gen_random_uuid(), 'late' FROM business",
                "UPDATE appointment SET client_id = (SELECT id FROM client WHERE name = 'late')",
            )
        return columns(table)

    monkeypatch.setattr(backup, "_columns", meanwhile)
    backup.backup(owner_url, tmp_path / "b.zip")
    backup.restore(server.owner_url(restored_name), tmp_path / "b.zip")
    assert late
    with psycopg.connect(server.owner_url(restored_name)) as owner:
        lost = "SELECT count(*) FROM appointment a WHERE NOT EXISTS (SELECT FROM client c WHERE c.id = a.client_id)"
        return owner.execute(lost).fetchone()[0]


async def test_a_backup_is_of_one_moment(db, server, owner_url, restored_name, tmp_path, monkeypatch):
    assert await orphans(db, server, owner_url, restored_name, tmp_path, monkeypatch) == 0


async def test_table_after_table_it_would_tear_them_apart(db, server, owner_url, restored_name, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "ONE_MOMENT", "SELECT 1")
    assert await orphans(db, server, owner_url, restored_name, tmp_path, monkeypatch) == 1


def test_what_cannot_be_backed_up_is_one_line(owner_url, tmp_path):
    with pytest.raises(NotConfigured, match="cannot be copied"):
        backup.backup("postgresql://nobody@127.0.0.1:1/none", tmp_path / "b.zip")
    with pytest.raises(NotConfigured, match="cannot be written"):
        backup.backup(owner_url, tmp_path / "absent" / "b.zip")
