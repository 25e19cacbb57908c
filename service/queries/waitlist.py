"""The waitlist: who still waits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service.db.database import Database


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
    db: Database, business_id: UUID, start: datetime | None = None, end: datetime | None = None
) -> list[WaitingEntry]:
    """Return the waiting entries with a window that overlaps [start, end), oldest first."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(
            "SELECT w.id, w.version, w.client_id, c.name AS client, w.service_id, s.name AS service, w.staff_ids, "
            "w.windows, w.priority, w.since FROM waitlist_entry w "
            "JOIN client c ON c.business_id = w.business_id AND c.id = w.client_id "
            "JOIN service s ON s.business_id = w.business_id AND s.id = w.service_id "
            "WHERE w.business_id = %s AND w.status = 'waiting' "
            "AND w.windows && tstzrange(%s::timestamptz, %s::timestamptz) ORDER BY w.since, w.id",
            [business_id, start, end],
        )
    return [_entry(row) for row in rows]


def _entry(row: dict[str, Any]) -> WaitingEntry:
    windows = tuple((window.lower, window.upper) for window in row.pop("windows"))
    staff = row.pop("staff_ids")
    return WaitingEntry(**row, windows=windows, staff_ids=None if staff is None else tuple(staff))
