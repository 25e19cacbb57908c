"""What the board draws: lanes, and every live claim on them with what is behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from service.db.database import Database

STAFF: LiteralString = """
SELECT id, lane_no, name, NULL AS kind FROM staff WHERE business_id = %s AND active ORDER BY name, id
"""
ROOMS: LiteralString = """
SELECT id, lane_no, name, kind FROM resource WHERE business_id = %s AND active ORDER BY kind, name, id
"""
CLAIMS = """
SELECT c.id AS claim_id, c.lane_no, c.kind, c.starts_at AS claim_starts_at, c.ends_at AS claim_ends_at,
       a.id, a.status, a.version, a.client_id, cl.name AS client, s.id AS service_id, s.name AS service,
       coalesce(i.staff_id, g.staff_id) AS staff_id, coalesce(i.starts_at, g.starts_at) AS starts_at,
       coalesce(i.ends_at, g.ends_at) AS ends_at, g.taken, g.seats, a.deposit_cents, a.deposit_paid_at
FROM claim c
LEFT JOIN group_session g ON g.business_id = c.business_id AND g.id = c.session_id
LEFT JOIN appointment_item i ON i.business_id = c.business_id AND i.id = c.item_id
LEFT JOIN appointment a ON a.business_id = i.business_id AND a.id = i.appointment_id
LEFT JOIN service s ON s.business_id = c.business_id AND s.id = coalesce(i.service_id, g.service_id)
LEFT JOIN client cl ON cl.business_id = a.business_id AND cl.id = a.client_id
WHERE c.business_id = %(business)s AND c.lane_no = ANY(%(lanes)s) AND c.released_at IS NULL
  AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())
  AND c.starts_at < %(end)s AND c.ends_at > %(start)s AND c.starts_at > %(start)s - interval '744 hours'
ORDER BY c.starts_at, c.id
"""
LATE = 1000
"""Events this far behind the newest may still be being committed."""
NEWEST = """
WITH newest AS (SELECT coalesce(max(id), 0) AS id FROM outbox_event WHERE business_id = %(business)s)
SELECT n.id, (SELECT count(*) FROM outbox_event e WHERE e.business_id = %(business)s AND e.id > n.id - %(late)s) AS near
FROM newest n
"""


@dataclass(frozen=True, slots=True)
class LaneRow:
    """A staff member or a resource, which is a lane; `kind` is a resource's."""

    id: UUID
    lane_no: int
    name: str
    kind: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A live claim; what is behind it is None for time off and foreign calendars. Times in UTC.

    A group's session has no appointment of its own: it is `taken` out of `seats`.
    """

    claim_id: int
    lane_no: int
    kind: str
    claim_starts_at: datetime
    claim_ends_at: datetime
    id: UUID | None
    status: str | None
    version: int | None
    client_id: UUID | None
    client: str | None
    service_id: UUID | None
    service: str | None
    staff_id: UUID | None
    starts_at: datetime | None
    ends_at: datetime | None
    taken: int | None
    seats: int | None
    deposit_cents: int | None = None
    deposit_paid_at: datetime | None = None

    @property
    def who(self) -> str:
        """Who or what it is, in words."""
        if self.seats is not None:
            return f"{self.taken} of {self.seats}"
        if self.id is None:
            return "Time off" if self.kind == "time_off" else "Busy elsewhere"
        return self.client or "held"


async def lanes(db: Database, business_id: UUID, *, rooms: bool = False) -> list[LaneRow]:
    """Return the active staff, or the active resources, by name."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(ROOMS if rooms else STAFF, [business_id])
    return [LaneRow(**row) for row in rows]


async def claims(
    db: Database, business_id: UUID, lane_nos: Sequence[int], start: datetime, end: datetime
) -> list[Claim]:
    """Return the live claims on some lanes that touch [start, end), by start."""
    async with db.transaction(business_id) as tx:
        params = {"business": business_id, "lanes": list(lane_nos), "start": start, "end": end}
        rows = await tx.rows(CLAIMS, params)
    return [Claim(**row) for row in rows]


async def newest_event(db: Database, business_id: UUID) -> str:
    """Return a mark that changes with every event that becomes visible.

    A number alone would not do: the event with the lower one may be committed after its follower.
    """
    async with db.transaction(business_id) as tx:
        row = await tx.row(NEWEST, {"business": business_id, "late": LATE})
    return "0" if row is None else f"{row['id']}.{row['near']}"
