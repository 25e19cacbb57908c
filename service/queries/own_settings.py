"""A business's own row, for those who change it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.errors import NotFound
from service.db.database import Database


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """Name, zone, language and looks of a business, at a version; `settings` holds place and phone among others."""

    name: str
    zone: str
    locale: str
    currency: str
    colour: str
    settings: dict[str, Any]
    version: int


async def read(db: Database, business_id: UUID) -> OwnSettings:
    """Return the settings of a business; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(
            "SELECT name, zone, locale, currency, colour, settings, version FROM business WHERE id = %s", [business_id]
        )
    if row is None:
        raise NotFound("There is no such business.")
    return OwnSettings(**row)


@dataclass(frozen=True, slots=True)
class Terms:
    """A length (minutes) and a price of a staff member's own; None where they are the service's."""

    duration: int | None
    price_cents: int | None


async def allocations(db: Database, business_id: UUID) -> dict[tuple[UUID, UUID], Terms]:
    """Return who performs what, (service, staff), and on what terms."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(
            "SELECT service_id, staff_id, duration, price_cents FROM allocation WHERE business_id = %s", [business_id]
        )
    return {(row["service_id"], row["staff_id"]): Terms(row["duration"], row["price_cents"]) for row in rows}


async def everyone(db: Database, business_id: UUID) -> list[tuple[UUID, str, bool]]:
    """Return all staff, the retired ones last: id, name, active."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(
            "SELECT id, name, active FROM staff WHERE business_id = %s ORDER BY NOT active, name, id", [business_id]
        )
    return [(row["id"], row["name"], row["active"]) for row in rows]


async def all_services(db: Database, business_id: UUID) -> list[tuple[UUID, str, int, bool]]:
    """Return all services, the retired ones last: id, name, minutes, active."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(
            "SELECT id, name, duration, active FROM service WHERE business_id = %s ORDER BY NOT active, name, id",
            [business_id],
        )
    return [(row["id"], row["name"], row["duration"], row["active"]) for row in rows]
