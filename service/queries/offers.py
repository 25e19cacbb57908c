"""Offers: what is held for whom until when."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.db.database import Database
from service.queries.paging import WHOLE, Order, Page, PageOf, page_of

OPEN = """
SELECT o.id, o.entry_id, w.client_id, c.name AS client, v.name AS service, i.staff_id, t.name AS staff, i.starts_at,
       i.ends_at, o.expires_at
FROM offer o
JOIN waitlist_entry w ON w.business_id = o.business_id AND w.id = o.entry_id
JOIN client c ON c.business_id = w.business_id AND c.id = w.client_id
JOIN appointment_item i ON i.business_id = o.business_id AND i.appointment_id = o.appointment_id
JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
JOIN staff t ON t.business_id = i.business_id AND t.id = i.staff_id
WHERE o.business_id = %(business)s AND o.status = 'open' AND o.expires_at > clock_timestamp()
  AND (%(client)s::uuid IS NULL OR w.client_id = %(client)s)
"""


@dataclass(frozen=True, slots=True)
class OpenOffer:
    """A time that is held for a waitlist entry."""

    id: UUID
    entry_id: UUID
    client_id: UUID
    client: str
    service: str
    staff_id: UUID
    staff: str
    starts_at: datetime
    ends_at: datetime
    expires_at: datetime


async def live(
    db: Database, business_id: UUID, page: Page = WHOLE, *, client_id: UUID | None = None
) -> PageOf[OpenOffer]:
    """Return the offers that can be accepted now, those that run out first at the head."""
    asked = {"business": business_id, "client": client_id}
    order: Order = {"expires_at": "timestamptz", "id": "uuid"}
    async with db.transaction(business_id) as tx:
        return await page_of(tx, lambda row: OpenOffer(**row), OPEN, asked, order, page)
