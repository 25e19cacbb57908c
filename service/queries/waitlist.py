"""The waitlist: who still waits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service.db.database import Database
from service.queries.paging import WHOLE, Page, PageOf, page_of

WAITING = """
SELECT w.id, w.version, w.client_id, c.name AS client, w.service_id, s.name AS service, w.staff_ids, w.windows,
       w.priority, w.since
FROM waitlist_entry w
JOIN client c ON c.business_id = w.business_id AND c.id = w.client_id
JOIN service s ON s.business_id = w.business_id AND s.id = w.service_id
WHERE w.business_id = %(business)s AND w.status = 'waiting'
  AND w.windows && tstzrange(%(start)s::timestamptz, %(end)s::timestamptz)
  AND (%(service)s::uuid IS NULL OR w.service_id = %(service)s)
  AND (%(client)s::uuid IS NULL OR w.client_id = %(client)s)
"""


@dataclass(frozen=True, slots=True)
class WaitingEntry:
    """An entry that waits; `windows` are aware half-open pairs, `staff_ids` None for any allocated."""

    id: UUID
    version: int
    client_id: UUID
    client: str
    service_id: UUID
    service: str
    staff_ids: tuple[UUID, ...] | None
    windows: tuple[tuple[datetime, datetime], ...]
    priority: int
    since: datetime


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


def _entry(row: dict[str, Any]) -> WaitingEntry:
    windows = tuple((window.lower, window.upper) for window in row.pop("windows"))
    staff = row.pop("staff_ids")
    return WaitingEntry(**row, windows=windows, staff_ids=None if staff is None else tuple(staff))
