"""A client's own appointments, and what they wait for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.states import AppointmentStatus, one_of
from service.db.database import Database
from service.db.rescheduling import LAST_MOVE

SHOWN = frozenset(AppointmentStatus) - {AppointmentStatus.HOLD, AppointmentStatus.EXPIRED, AppointmentStatus.RELEASED}
APPOINTMENTS = (
    """
SELECT a.id, a.status, a.client_id, its.services, its.staff, its.starts_at, its.ends_at, its.last_move,
       CASE WHEN a.deposit_paid_at IS NULL THEN a.deposit_cents END AS due_cents
FROM appointment a
JOIN LATERAL (
    SELECT array_agg(v.name ORDER BY i.position) AS services, array_agg(t.name ORDER BY i.position) AS staff,
           min(i.starts_at) AS starts_at, max(i.ends_at) AS ends_at,
           """
    + LAST_MOVE
    + """ AS last_move
    FROM appointment_item i
    JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
    JOIN staff t ON t.business_id = i.business_id AND t.id = i.staff_id
    WHERE i.business_id = a.business_id AND i.appointment_id = a.id) its ON its.starts_at IS NOT NULL
WHERE a.business_id = %(business)s AND a.client_id IS NOT NULL
  AND (a.client_id = %(client)s OR a.id = ANY(%(ids)s))
"""
)
# An offer that has run out by the database's clock may not be closed yet: who had it waits again.
WAITING = """
SELECT w.id, w.client_id, w.service_id, v.name AS service, lower(w.windows) AS first, upper(w.windows) AS last,
       w.seats, w.appointment_id, o.id AS offer_id, o.expires_at, t.name AS staff, i.starts_at
FROM waitlist_entry w
JOIN service v ON v.business_id = w.business_id AND v.id = w.service_id
LEFT JOIN offer o ON o.business_id = w.business_id AND o.entry_id = w.id AND o.status = 'open'
                 AND o.expires_at > clock_timestamp()
LEFT JOIN appointment_item i ON i.business_id = o.business_id AND i.appointment_id = o.appointment_id
LEFT JOIN staff t ON t.business_id = i.business_id AND t.id = i.staff_id
WHERE w.business_id = %(business)s AND w.status IN ('waiting', 'offered', 'placed')
  AND (w.client_id = %(client)s OR w.id = ANY(%(ids)s))
ORDER BY w.since DESC, w.id LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment, each item's service and staff in order; `last_move` is until when the client may move it online.

    `due_cents` is the deposit that it waits for, if it does.
    """

    id: UUID
    status: str
    client_id: UUID
    services: list[str]
    staff: list[str]
    starts_at: datetime
    ends_at: datetime
    last_move: datetime
    due_cents: int | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a client waits for, between the `first` and `last` of its windows.

    With an `offer_id` a time is held for them until `expires_at`; with an `appointment_id` they have got one.
    """

    id: UUID
    client_id: UUID
    service_id: UUID
    service: str
    first: datetime
    last: datetime
    seats: int
    appointment_id: UUID | None
    offer_id: UUID | None
    expires_at: datetime | None
    staff: str | None
    starts_at: datetime | None


async def of(db: Database, business_id: UUID, client_id: UUID | None, ids: Sequence[UUID]) -> list[Appointment]:
    """Return a client's appointments and those with some ids, the latest first, at most 100; holds are none."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(
            APPOINTMENTS + "AND a.status IN (" + one_of(SHOWN) + ") ORDER BY its.starts_at DESC, a.id LIMIT 100",
            {"business": business_id, "client": client_id, "ids": list(ids)},
        )
    return [Appointment(**row) for row in rows]


async def waiting(db: Database, business_id: UUID, client_id: UUID | None, ids: Sequence[UUID]) -> list[Waiting]:
    """Return what a client waits for and has got by waiting, and the entries with some ids; the latest first."""
    asked = {"business": business_id, "client": client_id, "ids": list(ids)}
    async with db.transaction(business_id) as tx:
        return [Waiting(**row) for row in await tx.rows(WAITING, asked)]
