"""What ends by the clock though nobody calls: requests that nobody answered, entries whose last window has closed."""

import contextlib
from datetime import datetime
from uuid import UUID

from models.errors import NotAllowed
from service.commands import attendance
from service.db.command import Scope, command
from service.db.database import Database, Transaction
from service.db.ledger import record

BATCH = 50
PENDING = """
SELECT a.id FROM appointment a
WHERE a.business_id = %(business)s AND a.status = 'pending' AND EXISTS (
    SELECT FROM appointment_item i
    WHERE i.business_id = a.business_id AND i.appointment_id = a.id AND i.starts_at <= %(now)s)
ORDER BY a.id LIMIT %(batch)s
"""
ENTRIES = """
UPDATE waitlist_entry SET status = 'left', version = version + 1
WHERE business_id = %(business)s AND id IN (
    SELECT id FROM waitlist_entry
    WHERE business_id = %(business)s AND status = 'waiting' AND upper(windows) <= %(now)s
    ORDER BY id LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
RETURNING id, version
"""


async def lapse(db: Database, business_id: UUID, now: datetime) -> int:
    """Let a batch of a business's pending bookings and waitlist entries lapse; returns how many did."""
    scope, lapsed = Scope(db, business_id), 0
    async with db.transaction(business_id) as tx:
        begun = await tx.rows(PENDING, {"business": business_id, "now": now, "batch": BATCH})
    for row in begun:
        # Approved or moved since it was looked for.
        with contextlib.suppress(NotAllowed):
            await attendance.lapse(scope, row["id"], now=now)
            lapsed += 1
    return lapsed + await lapse_entries(scope, now)


@command
async def lapse_entries(tx: Transaction, request: datetime) -> int:
    """Take waitlist entries off the list that can be placed no more at a moment, a batch at most; returns how many."""
    rows = await tx.rows(ENTRIES, {"business": tx.business_id, "now": request, "batch": BATCH})
    for row in rows:
        after = {"status": "left", "reason": "The last window has closed."}
        await record(tx, "waitlist.lapsed", row["id"], row["version"], after=after)
    return len(rows)
