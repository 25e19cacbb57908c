"""A client's own appointments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.states import AppointmentStatus, one_of
from service.db.database import Database

SHOWN = frozenset(AppointmentStatus) - {AppointmentStatus.HOLD, AppointmentStatus.EXPIRED, AppointmentStatus.RELEASED}
APPOINTMENTS = """
SELECT a.id, a.status, a.client_id, first.service_id, v.name AS service, t.name AS staff, first.starts_at,
       all_of.ends_at, all_of.items, v.last_cancellation
FROM appointment a
JOIN LATERAL (
    SELECT service_id, staff_id, starts_at FROM appointment_item
    WHERE business_id = a.business_id AND appointment_id = a.id ORDER BY position LIMIT 1) first ON true
JOIN LATERAL (
    SELECT max(ends_at) AS ends_at, count(*) AS items FROM appointment_item
    WHERE business_id = a.business_id AND appointment_id = a.id) all_of ON true
JOIN service v ON v.business_id = a.business_id AND v.id = first.service_id
JOIN staff t ON t.business_id = a.business_id AND t.id = first.staff_id
WHERE a.business_id = %(business)s AND a.client_id IS NOT NULL
  AND (a.client_id = %(client)s OR a.id = ANY(%(ids)s))
"""


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment with its first item; `last_cancellation` is how many minutes before it may be changed online."""

    id: UUID
    status: str
    client_id: UUID
    service_id: UUID
    service: str
    staff: str
    starts_at: datetime
    ends_at: datetime
    items: int
    last_cancellation: int


async def of(db: Database, business_id: UUID, client_id: UUID | None, ids: Sequence[UUID]) -> list[Appointment]:
    """Return a client's appointments and those with some ids, the latest first, at most 100; holds are none."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(
            APPOINTMENTS + "AND a.status IN (" + one_of(SHOWN) + ") ORDER BY first.starts_at DESC, a.id LIMIT 100",
            {"business": business_id, "client": client_id, "ids": list(ids)},
        )
    return [Appointment(**row) for row in rows]
