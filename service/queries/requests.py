"""What has become of bookings that were asked for in a burst."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.errors import NotFound
from service.db.database import Database

READ = """
SELECT id, status, created_at AS asked_at, answered_at, CASE WHEN status = 'booked' THEN answer END AS booking,
       CASE WHEN status = 'refused' THEN answer END AS problem,
       CASE WHEN status = 'queued' THEN (
           SELECT count(*) FROM booking_request b
           WHERE b.business_id = r.business_id AND b.status = 'queued' AND b.position < r.position) END AS ahead
FROM booking_request r WHERE business_id = %s AND id = %s
"""


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """A booking asked for: `queued` behind `ahead` others, `booked`, or `refused` with the problem's document."""

    id: UUID
    status: str
    asked_at: datetime
    answered_at: datetime | None
    ahead: int | None
    booking: dict[str, object] | None
    problem: dict[str, object] | None


async def read(db: Database, business_id: UUID, request_id: UUID) -> BookingRequest:
    """Return one request; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(READ, [business_id, request_id])
    if row is None:
        raise NotFound("There is no such request.")
    return BookingRequest(**row)
