"""What stands in the database at the end, read by queries that share nothing with the commands."""

import hashlib
from datetime import datetime
from uuid import UUID

from service.db.command import Scope

PLACED = """
SELECT m.entry_id, w.appointment_id, m.staff_id, m.starts_at
FROM planned_move m JOIN waitlist_entry w ON w.business_id = m.business_id AND w.id = m.entry_id
WHERE m.business_id = %s AND m.run_id = %s AND m.status = 'applied' AND w.appointment_id IS NOT NULL
ORDER BY m.entry_id
"""
LEFT_WAITING = "SELECT entry_id, code FROM unplaced_entry WHERE business_id = %s AND run_id = %s"

# A live claim that begins before an earlier one of its lane has ended. The exclusion constraint is not asked.
OVERLAPS = """
SELECT count(*) AS found FROM (
    SELECT starts_at < max(ends_at) OVER (
        PARTITION BY lane_no ORDER BY starts_at, ends_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS clashes
    FROM claim WHERE business_id = %s AND released_at IS NULL
) AS live WHERE clashes
"""

BOOK = """
SELECT to_char(i.starts_at, 'YYYY-MM-DD HH24:MI') AS starts, to_char(i.ends_at, 'YYYY-MM-DD HH24:MI') AS ends,
       s.name AS staff, v.name AS service, c.name AS client, a.status, a.source
FROM appointment_item i
JOIN appointment a ON a.business_id = i.business_id AND a.id = i.appointment_id
JOIN staff s ON s.business_id = i.business_id AND s.id = i.staff_id
JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
JOIN client c ON c.business_id = a.business_id AND c.id = a.client_id
WHERE i.business_id = %s
ORDER BY i.starts_at, s.name, c.name, a.status, a.source, v.name
"""


async def plan_outcome(
    scope: Scope, run_id: UUID
) -> tuple[list[tuple[UUID, UUID, UUID, datetime]], list[tuple[UUID, str]]]:
    """Return what an applied run placed (entry, appointment, staff, start), and the code of each entry it left."""
    async with scope.db.transaction(scope.business_id, scope.actor) as tx:
        placed = await tx.rows(PLACED, [scope.business_id, run_id])
        left = await tx.rows(LEFT_WAITING, [scope.business_id, run_id])
    moves = [(row["entry_id"], row["appointment_id"], row["staff_id"], row["starts_at"]) for row in placed]
    return moves, [(row["entry_id"], row["code"]) for row in left]


async def overlaps(scope: Scope) -> int:
    """Return how many live claims of the business begin before an earlier one of the same lane has ended."""
    async with scope.db.transaction(scope.business_id, scope.actor) as tx:
        row = await tx.row(OVERLAPS, [scope.business_id])
    return int((row or {})["found"])


async def digest(scope: Scope) -> str:
    """Return the SHA-256 of the book's content, ids left out: who has which service by whom, when, in which state."""
    async with scope.db.transaction(scope.business_id, scope.actor) as tx:
        rows = await tx.rows(BOOK, [scope.business_id])
    lines = ("|".join(str(value) for value in row.values()) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
