"""What may be forgotten: log rows that no view needs, keys that no retry brings back, events long told."""

from typing import LiteralString
from uuid import UUID

from service.db.database import Database, Transaction

BATCH = 5_000
"""Rows deleted in one transaction."""
# What is older than the mark set an interval ago becomes the floor; a view whose cursor lies below it is read anew.
RAISE_FLOOR = """
INSERT INTO change_log_floor AS f (business_id, floor, mark)
VALUES (%s, '0', pg_snapshot_xmin(pg_current_snapshot()))
ON CONFLICT (business_id) DO UPDATE SET floor = f.mark, mark = excluded.mark, marked_at = clock_timestamp()
WHERE f.marked_at < clock_timestamp() - %s::interval
"""
LONGEST_UNREAD = "1 hour"
FORGET: tuple[LiteralString, ...] = (
    """
    DELETE FROM change_log WHERE business_id = %(business)s AND (xid, id) IN (
        SELECT c.xid, c.id FROM change_log c JOIN change_log_floor f USING (business_id)
        WHERE c.business_id = %(business)s AND c.xid < f.floor LIMIT %(batch)s)
    """,
    """
    DELETE FROM idempotency_key WHERE business_id = %(business)s AND (principal, route, key) IN (
        SELECT principal, route, key FROM idempotency_key
        WHERE business_id = %(business)s AND created_at < clock_timestamp() - interval '7 days' LIMIT %(batch)s)
    """,
    """
    DELETE FROM outbox_event WHERE business_id = %(business)s AND id IN (
        SELECT id FROM outbox_event
        WHERE business_id = %(business)s AND published_at < clock_timestamp() - interval '30 days' LIMIT %(batch)s)
    """,
    """
    DELETE FROM booking_request WHERE business_id = %(business)s AND id IN (
        SELECT id FROM booking_request
        WHERE business_id = %(business)s AND answered_at < clock_timestamp() - interval '7 days' LIMIT %(batch)s)
    """,
)


async def prune(db: Database, business_id: UUID, unread: str = LONGEST_UNREAD) -> int:
    """Forget what a business no longer needs; returns the number of rows deleted.

    Parameters
    ----------
    unread : str
        The age (an interval) below which no row of the change log is deleted.
    """

    async def raise_floor(tx: Transaction) -> None:
        await tx.execute(RAISE_FLOOR, [business_id, unread])

    await db.transact(business_id, raise_floor)
    return sum([await _forget(db, business_id, statement) for statement in FORGET])


async def _forget(db: Database, business_id: UUID, statement: LiteralString) -> int:
    async def work(tx: Transaction) -> int:
        return await tx.execute(statement, {"business": business_id, "batch": BATCH})

    forgotten = 0
    while deleted := await db.transact(business_id, work):
        forgotten += deleted
    return forgotten
