"""Row 29: an audit row tampered with or deleted, behind the service's back, is found."""

import random

import psycopg
import pytest

from service.db import audit
from service.db.database import Transaction
from service.queries import audit as queries
from tests.races.conftest import sized
from tests.service.worlds import client, salon

pytestmark = pytest.mark.anyio

ENTRIES = 60
COLUMNS = {
    "created_at": "created_at + interval '1 microsecond'",
    "actor": "actor || ' '",
    "action": "upper(action)",
    "aggregate_id": "gen_random_uuid()",
    "before": "jsonb_build_object('was', 'nothing')",
    "after": "coalesce(after, '{}') || '{\"x\": null}'",
    "address": "'192.0.2.1'",
    "request_id": "'forged'",
}


def an_entry_changed(rng: random.Random) -> list[str]:
    column, value = rng.choice(list(COLUMNS.items()))
    return [f"UPDATE audit_entry SET {column} = {value} WHERE position = {rng.randint(1, ENTRIES)}"]


def an_entry_deleted(rng: random.Random) -> list[str]:
    return [f"DELETE FROM audit_entry WHERE position = {rng.randint(1, ENTRIES)}"]


def the_last_deleted(rng: random.Random) -> list[str]:
    return [f"DELETE FROM audit_entry WHERE position > {ENTRIES - rng.randint(1, ENTRIES)}"]


def one_deleted_and_the_rest_moved_up(rng: random.Random) -> list[str]:
    gone = rng.randint(1, ENTRIES)
    return [
        f"DELETE FROM audit_entry WHERE position = {gone}",
        f"UPDATE audit_entry SET position = -position WHERE position > {gone}",
        "UPDATE audit_entry SET position = -position - 1 WHERE position < 0",
    ]


def two_swapped(rng: random.Random) -> list[str]:
    one, other = rng.sample(range(1, ENTRIES + 1), 2)
    return [
        f"UPDATE audit_entry SET position = -{one} WHERE position = {one}",
        f"UPDATE audit_entry SET position = {one} WHERE position = {other}",
        f"UPDATE audit_entry SET position = {other} WHERE position = -{one}",
    ]


def one_slipped_in(rng: random.Random) -> list[str]:
    after = rng.randint(0, ENTRIES)
    return [
        f"UPDATE audit_entry SET position = -position WHERE position > {after}",
        "UPDATE audit_entry SET position = -position + 1 WHERE position < 0",
        f"""INSERT INTO audit_entry (business_id, actor, action, aggregate_id, position, hash)
            SELECT business_id, 'x', 'forged', business_id, {after + 1}, hash FROM audit_head""",
    ]


def one_taken_out_of_the_chain(rng: random.Random) -> list[str]:
    return [f"UPDATE audit_entry SET position = NULL, hash = NULL WHERE position = {rng.randint(1, ENTRIES)}"]


def a_hash_changed(rng: random.Random) -> list[str]:
    return [f"UPDATE audit_entry SET hash = sha256(hash) WHERE position = {rng.randint(1, ENTRIES)}"]


def one_changed_with_its_hash(rng: random.Random) -> list[str]:
    """The forger recomputes the entry's own hash, but not all that follow."""
    at = rng.randint(1, ENTRIES)
    return [
        f"UPDATE audit_entry SET actor = 'forger' WHERE position = {at}",
        f"UPDATE audit_entry e SET hash = sha256((SELECT hash FROM audit_entry WHERE position = {at - 1}) || "
        f"convert_to({audit.DOCUMENT}, 'UTF8')) WHERE position = {at}"
        if at > 1
        else "UPDATE audit_entry SET hash = sha256(hash) WHERE position = 1",
    ]


def the_head_moved_back(rng: random.Random) -> list[str]:
    there = f"SELECT position, hash FROM audit_entry WHERE position = {rng.randint(1, ENTRIES - 1)}"
    return [f"UPDATE audit_head SET (position, hash) = ({there})"]


def the_head_deleted(_: random.Random) -> list[str]:
    return ["DELETE FROM audit_head"]


TAMPERINGS = (
    an_entry_changed, an_entry_deleted, the_last_deleted, one_deleted_and_the_rest_moved_up, two_swapped,
    one_slipped_in, one_taken_out_of_the_chain, a_hash_changed, one_changed_with_its_hash, the_head_moved_back,
    the_head_deleted,
)  # fmt: skip


async def chain(db):
    """A business with a sealed chain of so many entries."""
    scope = await salon(db)
    for _ in range(ENTRIES - 1):
        await client(scope)
    assert await db.transact(scope.business_id, audit.seal) == ENTRIES
    return scope


async def every_tampering_is_found(scope, owner_url: str, rng: random.Random, rounds: int) -> None:
    """Tamper as the database's owner may, look, take it back; so many times."""
    connection = await psycopg.AsyncConnection.connect(owner_url, autocommit=True, row_factory=psycopg.rows.dict_row)
    async with connection:
        await connection.execute("SET session_replication_role = replica")
        for number in range(rounds):
            tampering = TAMPERINGS[number % len(TAMPERINGS)]
            tx = Transaction(connection, scope.business_id, "owner")
            statements = tampering(rng)
            touched = [await tx.execute(statement) for statement in statements]
            assert any(touched), statements
            found = (await queries.verdict(tx)).broken
            await tx.roll_back()
            assert found, statements
        tx = Transaction(connection, scope.business_id, "owner")
        verdict = await queries.verdict(tx)
        await tx.roll_back()
    assert (verdict.sealed, verdict.broken) == (ENTRIES, None)


async def test_every_tampering_and_deletion_is_found(db, owner_url, rng):
    await every_tampering_is_found(await chain(db), owner_url, rng, sized(1_000, 66))


async def test_without_the_head_the_last_entries_vanish_unseen(db, owner_url, rng, monkeypatch):
    async def nothing(*_) -> None:
        return None

    monkeypatch.setattr(queries, "_broken_end", nothing)
    # Others can meet the last entry by chance; only this one always does.
    monkeypatch.setattr(f"{__name__}.TAMPERINGS", (the_last_deleted,))
    with pytest.raises(AssertionError, match="DELETE FROM audit_entry WHERE position >"):
        await every_tampering_is_found(await chain(db), owner_url, rng, 1)


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_column_left_out_of_the_hash_can_be_changed_unseen(db, owner_url, rng, monkeypatch, column):
    bare = audit.DOCUMENT.replace(f"extract(epoch FROM {column})" if column == "created_at" else f" {column}", " 0")
    assert bare != audit.DOCUMENT
    monkeypatch.setattr(audit, "UNSEALED", audit.UNSEALED.replace(audit.DOCUMENT, bare))
    monkeypatch.setattr(queries, "LINKS", queries.LINKS.replace(audit.DOCUMENT, bare))
    monkeypatch.setattr(f"{__name__}.COLUMNS", {column: COLUMNS[column]})
    with pytest.raises(AssertionError, match=f"SET {column}"):
        await every_tampering_is_found(await chain(db), owner_url, rng, len(TAMPERINGS))


async def test_a_chain_written_anew_is_found_by_a_head_noted_before(db, owner_url):
    """Who owns the database can forge it from the first entry on; not the head that stands on paper."""
    scope = await chain(db)
    noted = (await queries.verify(db, scope.business_id)).head
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE audit_entry SET actor = 'forger', position = NULL, hash = NULL")
        owner.execute("DELETE FROM audit_head")
    await db.transact(scope.business_id, audit.seal)
    assert (await queries.verify(db, scope.business_id)).broken is None
    assert (await queries.verify(db, scope.business_id, noted)).broken
