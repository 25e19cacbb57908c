"""Bookings: one of them, and all of a day."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from models.errors import NotFound
from models.states import LIVE, one_of
from service.db.database import Database
from service.queries.paging import WHOLE, Order, Page, PageOf, page_of

ITEMS = """
SELECT a.id, i.id AS item_id, a.status, a.version, a.client_id, c.name AS client, i.service_id, s.name AS service,
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


LIVE_ITEMS = (
    ITEMS
    + "AND a.status IN ("
    + one_of(LIVE)
    + """) AND cl.released_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp())
AND cl.starts_at < %(end)s AND cl.ends_at > %(start)s
AND (%(staff_id)s::uuid IS NULL OR i.staff_id = %(staff_id)s)
AND (%(service_id)s::uuid IS NULL OR i.service_id = %(service_id)s)
AND (%(client_id)s::uuid IS NULL OR a.client_id = %(client_id)s)
AND (%(status)s::text IS NULL OR a.status = %(status)s)
"""
)


@dataclass(frozen=True, slots=True)
class BookedItem:
    """One item of an appointment, with the lane time that it claims; times in UTC.

    `deposit_cents` is what its client has to pay ahead, due until `deposit_paid_at`.
    """

    id: UUID
    item_id: UUID
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


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which bookings of a range: all, or those with somebody, for something, of a client, in a state."""

    staff_id: UUID | None = None
    service_id: UUID | None = None
    client_id: UUID | None = None
    status: str | None = None


ALL = Narrowing()


async def between(
    db: Database, business_id: UUID, start: datetime, end: datetime, narrowing: Narrowing = ALL, page: Page = WHOLE
) -> PageOf[BookedItem]:
    """Return the live items (booked, or held and not expired) that claim time in [start, end), by start."""
    asked = {"business": business_id, "start": start, "end": end, **asdict(narrowing)}
    order: Order = {"starts_at": "timestamptz", "item_id": "uuid"}
    async with db.transaction(business_id) as tx:
        return await page_of(tx, lambda row: BookedItem(**row), LIVE_ITEMS, asked, order, page)
