"""What a client sees of a business before they book, and the hold that they have."""

import re
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

LOGO = re.compile(r"(https://[a-z0-9.-]{1,253}(?::\d{1,5})?)/[^\s\"'<>\\\\]*", re.ASCII)
"""The address of a logo on another site."""


@dataclass(frozen=True, slots=True)
class Storefront:
    """A business as its clients see it; `colour` is #rrggbb, `currency` an ISO 4217 code, `logo` an address."""

    id: UUID
    slug: str
    name: str
    zone: str
    currency: str
    colour: str | None
    place: str | None
    phone: str | None
    logo: str | None

    @property
    def logo_site(self) -> str:
        """The site where the logo is, empty where it is ours."""
        return LOGO.sub(r"\1", self.logo) if self.logo and LOGO.fullmatch(self.logo) else ""


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
            "SELECT id, slug, name, zone, currency, colour, version, settings - 'logo' AS settings, "
            "left(settings ->> 'logo', 500) AS logo FROM business WHERE slug = %s",
            [slug],
        )
    if row is None:
        raise NotFound(f"There is no business {slug!r}.")
    settings: dict[str, Any] = row.pop("settings")
    row["logo"] = _address(slug, row["logo"], row.pop("version"))
    return Storefront(**row, place=settings.get("place"), phone=settings.get("phone"))


def _address(slug: str, logo: str | None, version: int) -> str | None:
    """Return where a logo is: our own address of a kept picture, that of another site, or nowhere."""
    if logo is None or logo.startswith("data:"):
        return logo and f"/b/{slug}/logo?v={version}"
    return logo if LOGO.fullmatch(logo) else None


async def logo(db: Database, business_id: UUID) -> str:
    """Return the picture that a business keeps as its logo, a data URL (RFC 2397); empty where there is none."""
    async with db.transaction(business_id) as tx:
        row = await tx.row("SELECT settings ->> 'logo' AS logo FROM business WHERE id = %s", [business_id])
    return (row and row["logo"]) or ""


async def own_hold(db: Database, business_id: UUID, hold_id: UUID, token: str) -> OwnHold | None:
    """Return the hold that a token opens, run out or not; None once it was confirmed, released or swept."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(HOLD, [business_id, hold_id, hashed(token)])
    if row is None:
        return None
    row.pop("status")
    return OwnHold(**row)
