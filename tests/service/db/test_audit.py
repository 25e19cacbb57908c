"""What the audit keeps of a change, and how it is sealed."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest

from models.errors import InvalidInput
from service.commands import bookings
from service.db import audit
from service.db.origin import Origin
from service.db.views import Views
from service.queries.audit import AuditFilter, entries, verify
from service.queries.paging import Page
from tests.service.worlds import ANA, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio


async def sealed(scope) -> int:
    """Seal all there is, as the worker does."""
    total = 0
    while done := await scope.db.transact(scope.business_id, audit.seal):
        total += done
    return total


async def test_an_entry_says_who_did_what_from_where(db):
    scope = replace(await salon(db), actor="desk", origin=Origin("2001:db8::7", "req-1"))
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    booking = await bookings.book(scope, bookings.BookRequest(CUT, ANA, MONDAY_10, who), view=view, now=NOW)
    [made] = await entries(db, scope.business_id, AuditFilter(aggregate_id=booking.id))
    assert (made.actor, made.action, made.address, made.request_id) == (
        "desk", "appointment.confirmed", "2001:db8::7", "req-1",
    )  # fmt: skip
    assert made.after["items"][0]["staff_id"] == str(ANA)
    assert made.before is None
    await bookings.cancel(scope, bookings.Cancellation(booking.id), now=NOW)
    [cancelled, _] = await entries(db, scope.business_id, AuditFilter(aggregate_id=booking.id))
    assert (cancelled.before, cancelled.after["status"]) == (made.after, "cancelled")
    # The connection's next transaction comes from somewhere else.
    other = await client(replace(scope, origin=Origin()))
    [registered] = await entries(db, scope.business_id, AuditFilter(aggregate_id=other))
    assert (registered.address, registered.request_id) == (None, None)


@pytest.mark.parametrize("origin", [("1'; DROP TABLE claim; --", None), (None, "a b"), (None, "x" * 129), ("", None)])
def test_what_would_travel_inside_a_statement_is_checked(origin):
    with pytest.raises(InvalidInput):
        Origin(*origin)


async def test_entries_by_action_actor_and_page(db):
    scope = await salon(db)
    for _ in range(5):
        await client(scope)
    everything = await entries(db, scope.business_id, AuditFilter())
    assert [e.action for e in everything] == ["client.registered"] * 5 + ["business.opened"]
    assert len(await entries(db, scope.business_id, AuditFilter(action="client"))) == 5
    assert await entries(db, scope.business_id, AuditFilter(action="clien")) == []
    assert await entries(db, scope.business_id, AuditFilter(actor="nobody")) == []
    page = await entries(db, scope.business_id, AuditFilter(), Page(2))
    rest = await entries(db, scope.business_id, AuditFilter(), Page(cursor=page.next))
    assert page + rest == everything


async def test_of_another_business_nothing_is_listed(db):
    scope, rival = await salon(db), await salon(db, slug="rival")
    theirs = await client(rival)
    assert await entries(db, scope.business_id, AuditFilter(aggregate_id=theirs)) == []


async def test_what_is_sealed_is_whole_and_leads_through_every_head(db):
    scope = await salon(db)
    heads = [(await verify(db, scope.business_id)).head]
    for number in range(3):
        await client(scope)
        assert (await verify(db, scope.business_id)).unsealed == (1 if number else 2)
        await sealed(scope)
        heads.append((await verify(db, scope.business_id)).head)
    for head in heads:
        verdict = await verify(db, scope.business_id, head)
        assert (verdict.sealed, verdict.unsealed, verdict.broken) == (4, 0, None)
    stranger = f"2:{'0' * 64}"
    assert "does not lead" in (await verify(db, scope.business_id, stranger)).broken


async def test_a_business_without_any_entry_is_suspicious(db):
    assert "no entry at all" in (await verify(db, uuid4())).broken


async def test_sealers_at_once_and_late_commits_leave_one_gapless_chain(db):
    scope = await salon(db)
    async with db.transaction(scope.business_id) as late:
        await late.execute(
            "INSERT INTO audit_entry (business_id, actor, action, aggregate_id) VALUES (%s, 'x', 'late.one', %s)",
            [scope.business_id, scope.business_id],
        )
        await asyncio.gather(*(client(scope) for _ in range(20)))
        await asyncio.gather(*(sealed(scope) for _ in range(4)))
    await asyncio.gather(*(sealed(scope) for _ in range(4)))
    verdict = await verify(db, scope.business_id)
    assert (verdict.sealed, verdict.unsealed, verdict.broken) == (22, 0, None)
    [last] = await entries(db, scope.business_id, AuditFilter(action="late"))
    assert last.position == 22


async def test_the_app_can_neither_change_nor_delete_an_entry_nor_seal_it_again(db, app_url):
    scope = await salon(db)
    await sealed(scope)
    for statement in (
        "UPDATE audit_entry SET actor = 'x'",
        "DELETE FROM audit_entry",
        "UPDATE audit_entry SET position = 7, hash = '\\x00'",
        "DELETE FROM audit_head",
    ):
        with psycopg.connect(app_url) as app:
            app.execute("SELECT set_config('app.business', %s, true)", [str(scope.business_id)])
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.IntegrityConstraintViolation)):
                app.execute(statement)
