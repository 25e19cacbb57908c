"""Businesses: who is on this installation, and what one of them sells."""

from dataclasses import dataclass
from uuid import UUID

from models.errors import NotFound
from service.db.database import Database

NOBODY = UUID(int=0)
"""The tenant of a lookup that has none yet."""


@dataclass(frozen=True, slots=True)
class Business:
    """A business as its pages name it; `zone` is an IANA name."""

    id: UUID
    slug: str
    name: str
    zone: str


@dataclass(frozen=True, slots=True)
class Staff:
    """A staff member, who is also a lane."""

    id: UUID
    name: str
    lane_no: int


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
        row = await tx.row("SELECT id, slug, name, zone FROM business WHERE id = %s", [business_id])
    if row is None:
        raise NotFound("There is no such business.")
    return Business(**row)


async def by_slug(db: Database, slug: str) -> Business:
    """Return the business of a public name; raises `NotFound`."""
    async with db.transaction(NOBODY) as tx:
        await tx.execute("SELECT set_config('app.slug', %s, true)", [slug])
        row = await tx.row("SELECT id, slug, name, zone FROM business WHERE slug = %s", [slug])
    if row is None:
        raise NotFound(f"There is no business {slug!r}.")
    return Business(**row)


async def origins(db: Database, slug: str) -> frozenset[str]:
    """Return the origins of the sites that may call a business's API from a browser; none for no business."""
    async with db.transaction(NOBODY) as tx:
        await tx.execute("SELECT set_config('app.slug', %s, true)", [slug])
        row = await tx.row("SELECT settings -> 'origins' AS origins FROM business WHERE slug = %s", [slug])
    return frozenset((row and row["origins"]) or ())


async def staff(db: Database, business_id: UUID) -> list[Staff]:
    """Return the active staff by name."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(
            "SELECT id, name, lane_no FROM staff WHERE business_id = %s AND active ORDER BY name, id",
            [business_id],
        )
    return [Staff(**row) for row in rows]


async def services(db: Database, business_id: UUID) -> list[Service]:
    """Return the active services by name."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(
            "SELECT id, name, duration, buffer_before, buffer_after, price_cents FROM service "
            "WHERE business_id = %s AND active ORDER BY name, id",
            [business_id],
        )
    return [Service(**row) for row in rows]
