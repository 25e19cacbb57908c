"""What a client sees of a business before they book, and the hold that they have."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.errors import NotFound
from service.db.claims import hashed
from service.db.database import Database
from service.queries.businesses import NOBODY

HOLD = """
SELECT a.id, greatest(0, extract(epoch FROM a.expires_at - clock_timestamp()))::float8 AS seconds_left,
       i.service_id, i.staff_id, i.starts_at, i.ends_at, i.seats
FROM appointment a
JOIN appointment_item i ON i.business_id = a.business_id AND i.appointment_id = a.id
WHERE a.business_id = %s AND a.id = %s AND a.holder = %s AND a.status = 'hold'
ORDER BY i.position
"""
ITEMS = """
SELECT service_id, staff_id, starts_at, ends_at, seats FROM appointment_item
WHERE business_id = %s AND appointment_id = %s ORDER BY position
"""
SOLD = """
SELECT v.name AS service, st.name AS staff, coalesce(al.duration, v.duration) AS minutes,
       coalesce(al.price_cents, v.price_cents) AS price_cents, v.needs_approval, v.last_cancellation,
       v.free_cancellation, v.cancellation_fee_cents
FROM unnest(%s::uuid[], %s::uuid[]) WITH ORDINALITY AS w(service_id, staff_id, n)
JOIN service v ON v.business_id = %s AND v.id = w.service_id
JOIN staff st ON st.business_id = v.business_id AND st.id = w.staff_id
LEFT JOIN allocation al ON al.business_id = v.business_id AND al.service_id = v.id AND al.staff_id = st.id
ORDER BY w.n
"""

PICTURE = r"data:image/(?:png|jpeg|webp);base64,"
"""How a picture begins that is kept with a business."""
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
class Item:
    """One service at one time for so many people, wanted (`ends_at` None: as long as it takes), held or booked."""

    service_id: UUID
    staff_id: UUID
    starts_at: datetime
    seats: int = 1
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OwnHold:
    """A hold with its token's holder looking at it; `seconds_left` by the database's clock, 0 when it has run out."""

    id: UUID
    seconds_left: float
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Sold:
    """A service by one of the staff: how long it takes with them, what it costs, and the terms of changing it.

    `last_cancellation` and `free_cancellation` are minutes before the start.
    """

    service: str
    staff: str
    minutes: int
    price_cents: int
    needs_approval: bool
    last_cancellation: int
    free_cancellation: int | None
    cancellation_fee_cents: int


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
    if logo and re.match(PICTURE, logo):
        return f"/b/{slug}/logo?v={version}"
    if logo is None:
        return None
    return logo if LOGO.fullmatch(logo) else None


async def logo(db: Database, business_id: UUID) -> str:
    """Return the picture that a business keeps as its logo, a data URL (RFC 2397); empty where there is none."""
    async with db.transaction(business_id) as tx:
        row = await tx.row("SELECT settings ->> 'logo' AS logo FROM business WHERE id = %s", [business_id])
    return (row and row["logo"]) or ""


async def own_hold(db: Database, business_id: UUID, hold_id: UUID, token: str) -> OwnHold | None:
    """Return the hold that a token opens, run out or not; None once it was confirmed, released or swept."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(HOLD, [business_id, hold_id, hashed(token)])
    own = [(row.pop("id"), row.pop("seconds_left")) for row in rows]
    return OwnHold(*own[0], tuple(Item(**row) for row in rows)) if own else None


async def items(db: Database, business_id: UUID, appointment_id: UUID) -> list[Item]:
    """Return the items of an appointment in order; none where there is no such."""
    async with db.transaction(business_id) as tx:
        return [Item(**row) for row in await tx.rows(ITEMS, [business_id, appointment_id])]


async def sold(db: Database, business_id: UUID, places: Sequence[tuple[UUID, UUID]]) -> list[Sold]:
    """Return the services of some (service, staff) pairs in order; raises `NotFound` where one is not known."""
    services, staff = zip(*places, strict=True)
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(SOLD, [list(services), list(staff), business_id])
    if len(rows) < len(places):
        raise NotFound("There is no such service or staff member.")
    return [Sold(**row) for row in rows]
