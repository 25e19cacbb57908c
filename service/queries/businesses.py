"""Businesses: who is on this installation, and what one of them sells."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from models.errors import NotFound
from service.db.database import Database
from service.queries.paging import WHOLE, Order, Page, PageOf, page_of

NOBODY = UUID(int=0)
"""The tenant of a lookup that has none yet."""
BUSINESS: LiteralString = "SELECT id, slug, name, zone, deleted_at IS NOT NULL AS deleted, currency FROM business "
DETAILS: LiteralString = "SELECT id, slug, name, zone, locale, currency, colour, deleted_at, version FROM business "
BY_NAME: Order = {"name": "text", "id": "uuid"}
STAFF = """
SELECT id, name, lane_no, location_id FROM staff WHERE business_id = %(business)s AND active = %(active)s
  AND (%(location)s::uuid IS NULL OR location_id = %(location)s)
  AND (%(service)s::uuid IS NULL OR id IN (
       SELECT staff_id FROM allocation WHERE business_id = %(business)s AND service_id = %(service)s))
"""
SERVICES = """
SELECT id, name, duration, buffer_before, buffer_after, price_cents FROM service
WHERE business_id = %(business)s AND active = %(active)s
  AND (%(staff)s::uuid IS NULL OR id IN (
       SELECT service_id FROM allocation WHERE business_id = %(business)s AND staff_id = %(staff)s))
"""


@dataclass(frozen=True, slots=True)
class Business:
    """A business as its pages name it; `zone` is an IANA name, `currency` an ISO 4217 code."""

    id: UUID
    slug: str
    name: str
    zone: str
    deleted: bool = False
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class BusinessDetails:
    """A business with what it may change of itself; `colour` is #rrggbb, `currency` an ISO 4217 code."""

    id: UUID
    slug: str
    name: str
    zone: str
    locale: str
    currency: str
    colour: str
    deleted_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class Staff:
    """A staff member, who is also a lane, and where they work."""

    id: UUID
    name: str
    lane_no: int
    location_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A service; lengths in minutes."""

    id: UUID
    name: str
    duration: int
    buffer_before: int
    buffer_after: int
    price_cents: int


async def read(db: Database, business_id: UUID) -> Business:
    """Return one business; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(BUSINESS + "WHERE id = %s", [business_id])
    if row is None:
        raise NotFound("There is no such business.")
    return Business(**row)


async def by_slug(db: Database, slug: str, *, even_deleted: bool = False) -> Business:
    """Return the business of a public name; raises `NotFound`."""
    async with db.transaction(NOBODY) as tx:
        await tx.execute("SELECT set_config('app.slug', %s, true)", [slug])
        row = await tx.row(BUSINESS + "WHERE slug = %s", [slug])
    if row is None or (row["deleted"] and not even_deleted):
        raise NotFound(f"There is no business {slug!r}.")
    return Business(**row)


async def details(db: Database, business_id: UUID) -> BusinessDetails:
    """Return a business as it is to be changed, deleted or not; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(DETAILS + "WHERE id = %s", [business_id])
    if row is None:
        raise NotFound("There is no such business.")
    return BusinessDetails(**row)


async def listed(db: Database, page: Page = WHOLE, *, deleted: bool = False) -> PageOf[BusinessDetails]:
    """Return the businesses of the installation by public name, for its administrators."""
    async with db.transaction(NOBODY) as tx:
        await tx.execute("SELECT set_config('app.platform', 'on', true)")
        sql = DETAILS + "WHERE (deleted_at IS NOT NULL) = %(deleted)s"
        return await page_of(tx, lambda row: BusinessDetails(**row), sql, {"deleted": deleted}, {"slug": "text"}, page)


async def origins(db: Database, slug: str) -> frozenset[str]:
    """Return the origins of the sites that may call a business's API from a browser; none for no business."""
    async with db.transaction(NOBODY) as tx:
        await tx.execute("SELECT set_config('app.slug', %s, true)", [slug])
        row = await tx.row("SELECT settings -> 'origins' AS origins FROM business WHERE slug = %s", [slug])
    return frozenset((row and row["origins"]) or ())


async def staff(
    db: Database,
    business_id: UUID,
    page: Page = WHOLE,
    *,
    deleted: bool = False,
    service_id: UUID | None = None,
    location_id: UUID | None = None,
) -> PageOf[Staff]:
    """Return the staff by name (or the deleted ones), all, who performs a service, or who works at a location."""
    asked = {"business": business_id, "active": not deleted, "service": service_id, "location": location_id}
    async with db.transaction(business_id) as tx:
        return await page_of(tx, lambda row: Staff(**row), STAFF, asked, BY_NAME, page)


async def services(
    db: Database, business_id: UUID, page: Page = WHOLE, *, deleted: bool = False, staff_id: UUID | None = None
) -> PageOf[Service]:
    """Return the services by name (or the deleted ones), all or what a staff member performs."""
    asked = {"business": business_id, "active": not deleted, "staff": staff_id}
    async with db.transaction(business_id) as tx:
        return await page_of(tx, lambda row: Service(**row), SERVICES, asked, BY_NAME, page)
