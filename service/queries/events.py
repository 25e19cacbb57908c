"""Events as they happened, for who follows a business: from the outbox, behind every transaction that is still open.

A number drawn before its transaction commits says nothing of the order in which rows appear; a transaction id below the
oldest open one does: nothing can appear before it any more (decision of the change log, docs/decisions/0003).
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.errors import InvalidInput
from service.db.database import Database

PAGE = 500
AFTER = """
SELECT xid::text AS xid, id, topic, aggregate_id, aggregate_version AS version, payload, created_at AS at
FROM outbox_event
WHERE business_id = %(business)s AND (xid, id) > (%(xid)s::text::xid8, %(id)s)
  AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid, id LIMIT %(page)s
"""
NOW = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid"
KEPT = "SELECT 1 FROM outbox_event WHERE business_id = %s AND xid = %s::text::xid8 AND id = %s"


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place between two events: behind transaction `xid` and its event `id`; as text, ``xid-id``."""

    xid: int
    id: int

    @classmethod
    def parsed(cls, text: str) -> "Cursor":
        """Return the cursor that a text means; raises `InvalidInput` where it means none."""
        xid, dash, number = text.partition("-")
        if not dash or not all(p.isascii() and p.isdigit() and len(p) <= 18 for p in (xid, number)):
            raise InvalidInput("Last-Event-ID is the id of an event of this stream.")
        return cls(int(xid), int(number))

    def __str__(self) -> str:
        return f"{self.xid}-{self.id}"


async def now(db: Database, business_id: UUID) -> Cursor:
    """Return the cursor behind which everything is yet to come, but for what is being committed."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(NOW)
    return Cursor(int((row or {})["xid"]), 0)


async def is_kept(db: Database, business_id: UUID, cursor: Cursor) -> bool:
    """Return whether the event of a cursor is there still; if not, those after it may be gone too."""
    async with db.transaction(business_id) as tx:
        return await tx.row(KEPT, [business_id, str(cursor.xid), cursor.id]) is not None


async def after(db: Database, business_id: UUID, cursor: Cursor) -> list[tuple[Cursor, dict[str, Any]]]:
    """Return the next events behind a cursor, each with its own, in an order that no later event can break."""
    async with db.transaction(business_id) as tx:
        asked = {"business": business_id, "xid": str(cursor.xid), "id": cursor.id, "page": PAGE}
        rows = await tx.rows(AFTER, asked)
    return [(Cursor(int(row.pop("xid")), row.pop("id")), row) for row in rows]
