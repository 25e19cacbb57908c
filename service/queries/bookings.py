"""Bookings: one of them, and all of a day."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.errors import NotFound
from models.states import LIVE, one_of
from service.db.database import Database

ITEMS = """
SELECT a.id, a.status, a.version, a.client_id, c.name AS client, i.service_id, s.name AS service,
       i.staff_id, i.starts_at, i.ends_at, a.deposit_cents, a.deposit_paid_at,
       cl.starts_at AS claim_starts_at, cl.ends_at AS claim_ends_at
FROM appointment_item i
JOIN appointment a ON a.business_id = i.business_id AND a.id = i.appointment_id
JOIN service s ON s.business_id = i.business_id AND s.id = i.service_id
JOIN staff t ON t.business_id = i.business_id AND t.id = i.staff_id
LEFT JOIN client c ON c.business_id = a.business_id AND c.id = a.client_id
JOIN LATERAL (
    SELECT starts_at, ends_at, released_at FROM claim
    WHERE business_id = i.business_id AND lane_no = t.lane_no AND (item_id = i.id OR session_id = i.session_id)
    ORDER BY id DESC LIMIT 1) cl ON true
WHERE i.business_id = %(business)s
"""


@dataclass(frozen=True, slots=True)
class BookedItem:
    """One item of an appointment, with the lane time that it claims; times in UTC.

    `deposit_cents` is what its client has to pay ahead, due until `deposit_paid_at`.
    """

    id: UUID
    status: str
    version: int
    client_id: UUID | None
    client: str | None
    service_id: UUID
    service: str
    staff_id: UUID
    starts_at: datetime
    ends_at: datetime
    claim_starts_at: datetime
    claim_ends_at: datetime
    deposit_cents: int | None = None
    deposit_paid_at: datetime | None = None


async def read(db: Database, business_id: UUID, appointment_id: UUID) -> list[BookedItem]:
    """Return one appointment's items in order; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(
            ITEMS + "AND a.id = %(id)s ORDER BY i.position", {"business": business_id, "id": appointment_id}
        )
    if not rows:
        raise NotFound("There is no such booking.")
    return [BookedItem(**row) for row in rows]


async def between(db: Database, business_id: UUID, start: datetime, end: datetime) -> list[BookedItem]:
    """Return the live items (booked, or held and not expired) that claim time in [start, end), by start."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(
            ITEMS + "AND a.status IN (" + one_of(LIVE) + ") "
            "AND cl.released_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp()) "
            "AND cl.starts_at < %(end)s AND cl.ends_at > %(start)s ORDER BY i.starts_at, i.id",
            {"business": business_id, "start": start, "end": end},
        )
    return [BookedItem(**row) for row in rows]
