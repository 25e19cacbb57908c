"""What a client sees of a business before they book, and the hold that they have."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.errors import NotFound
from service.db.claims import hashed
from service.db.database import Database
from service.queries.businesses import NOBODY

HOLD = """
SELECT a.id, a.status, i.service_id, i.staff_id, i.starts_at, i.ends_at, st.name AS staff,
       greatest(0, extract(epoch FROM a.expires_at - clock_timestamp()))::float8 AS seconds_left
FROM appointment a
JOIN appointment_item i ON i.business_id = a.business_id AND i.appointment_id = a.id
JOIN staff st ON st.business_id = i.business_id AND st.id = i.staff_id
WHERE a.business_id = %s AND a.id = %s AND a.holder = %s AND a.status = 'hold'
ORDER BY i.position LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Storefront:
    """A business as its clients see it; `colour` is #rrggbb, `currency` an ISO 4217 code."""

    id: UUID
    slug: str
    name: str
    zone: str
    currency: str
    colour: str | None
    place: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class OwnHold:
    """A hold with its token's holder looking at it; `seconds_left` by the database's clock, 0 when it has run out."""

    id: UUID
    service_id: UUID
    staff_id: UUID
    staff: str
    starts_at: datetime
    ends_at: datetime
    seconds_left: float


async def by_slug(db: Database, slug: str) -> Storefront:
    """Return the storefront of a public name; raises `NotFound`."""
    async with db.transaction(NOBODY) as tx:
        await tx.execute("SELECT set_config('app.slug', %s, true)", [slug])
        row = await tx.row(
            "SELECT id, slug, name, zone, currency, colour, settings FROM business WHERE slug = %s", [slug]
        )
    if row is None:
        raise NotFound(f"There is no business {slug!r}.")
    settings: dict[str, Any] = row.pop("settings")
    return Storefront(
        **row,
        place=settings.get("place"),
        phone=settings.get("phone"),
    )


async def own_hold(db: Database, business_id: UUID, hold_id: UUID, token: str) -> OwnHold | None:
    """Return the hold that a token opens, run out or not; None once it was confirmed, released or swept."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(HOLD, [business_id, hold_id, hashed(token)])
    if row is None:
        return None
    row.pop("status")
    return OwnHold(**row)
