"""The waitlist: who still waits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.states import LIVE
from service.db.database import Database
from service.queries.paging import WHOLE, Page, PageOf, page_of
from service.queries.shown import Window

WAITING = """
SELECT w.id, w.version, w.client_id, c.name AS client, w.service_id, s.name AS service, w.staff_ids, w.windows,
       w.priority, w.since, w.seats
FROM waitlist_entry w
JOIN client c ON c.business_id = w.business_id AND c.id = w.client_id
JOIN service s ON s.business_id = w.business_id AND s.id = w.service_id
WHERE w.business_id = %(business)s AND w.status = 'waiting' AND c.deleted_at IS NULL AND c.erased_at IS NULL
  AND w.windows && tstzrange(%(start)s::timestamptz, %(end)s::timestamptz)
  AND (%(service)s::uuid IS NULL OR w.service_id = %(service)s)
  AND (%(client)s::uuid IS NULL OR w.client_id = %(client)s)
"""

# A week that reaches into the present counts from its Monday.
VISITS = """
SELECT a.client_id, i.service_id,
       array_agg(floor(extract(epoch FROM i.starts_at) / 60)::bigint ORDER BY i.starts_at, i.id) AS starts
FROM appointment a
JOIN appointment_item i ON i.business_id = a.business_id AND i.appointment_id = a.id
JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
              AND num_nonnulls(v.client_daily_limit, v.client_weekly_limit) > 0
WHERE a.business_id = %(business)s AND a.client_id = ANY(%(clients)s::uuid[]) AND a.status = ANY(%(live)s)
  AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp())
  AND i.starts_at > %(now)s::timestamptz - interval '8 days'
GROUP BY a.client_id, i.service_id
"""


@dataclass(frozen=True, slots=True)
class WaitingEntry:
    """An entry that waits; `windows` are aware half-open pairs, `staff_ids` None for any allocated.

    `seats` of them come together.
    """

    id: UUID
    version: int
    client_id: UUID
    client: str
    service_id: UUID
    service: str
    staff_ids: tuple[UUID, ...] | None
    windows: tuple[Window, ...]
    priority: int
    since: datetime
    seats: int = 1


async def waiting(
    db: Database,
    business_id: UUID,
    start: datetime | None = None,
    end: datetime | None = None,
    page: Page = WHOLE,
    *,
    service_id: UUID | None = None,
    client_id: UUID | None = None,
) -> PageOf[WaitingEntry]:
    """Return the waiting entries with a window that overlaps [start, end), oldest first.

    Raises
    ------
    InvalidInput
        The range ends before it starts.
    """
    asked = {"business": business_id, "start": start, "end": end, "service": service_id, "client": client_id}
    async with db.transaction(business_id) as tx:
        return await page_of(tx, _entry, WAITING, asked, {"since": "timestamptz", "id": "uuid"}, page)


async def visits(
    db: Database, business_id: UUID, clients: Iterable[UUID], now: datetime
) -> dict[tuple[UUID, UUID], tuple[int, ...]]:
    """Return when some clients come, in epoch minutes by client and service: what their limits count."""
    asked = {"business": business_id, "clients": list(clients), "live": list(LIVE), "now": now}
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(VISITS, asked)
    return {(row["client_id"], row["service_id"]): tuple(row["starts"]) for row in rows}


def _entry(row: dict[str, Any]) -> WaitingEntry:
    windows = tuple((window.lower, window.upper) for window in row.pop("windows"))
    staff = row.pop("staff_ids")
    return WaitingEntry(**row, windows=windows, staff_ids=None if staff is None else tuple(staff))
