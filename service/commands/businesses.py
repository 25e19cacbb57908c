"""Businesses: opened with staff, services, resources and weekly hours in one transaction; deleted, and restored."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from models.errors import NotAllowed, NotFound
from models.zones import zone_named
from service.commands import versions
from service.commands.catalogue import (
    Changed,
    NewResource,
    NewService,
    NewStaff,
    insert_resource,
    insert_service,
    insert_staff,
)
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record


@dataclass(frozen=True, slots=True)
class Opening:
    """A business to open. `slug` is its name in addresses: lower-case letters, digits, single hyphens."""

    name: str
    slug: str
    zone: str
    staff: tuple[NewStaff, ...] = ()
    services: tuple[NewService, ...] = ()
    resources: tuple[NewResource, ...] = ()
    locale: str = "en"
    currency: str = "EUR"
    colour: str = "#0b6e4f"

    def __post_init__(self) -> None:
        zone_named(self.zone)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the scope's business is to be deleted or not; `version`, where given, must be its present one."""

    deleted: bool
    version: int | None = None


def new_id(actor: str, key: str | None) -> UUID:
    """Return the id of a business to open: for one idempotency key always the same, so that its answer is found."""
    if key is None:
        return uuid7()
    return UUID(bytes=hashlib.sha256(f"business/{actor}/{key}".encode()).digest()[:16], version=5)


@command
async def open_business(tx: Transaction, request: Opening) -> UUID:
    """Create the scope's business; its id is `scope.business_id`, which is returned.

    Raises
    ------
    InvalidInput
        The slug is taken, hours overlap, or a length is out of its range.
    """
    await tx.execute(
        "INSERT INTO business (id, slug, name, zone, locale, currency, colour) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [
            tx.business_id,
            request.slug,
            request.name,
            request.zone,
            request.locale,
            request.currency,
            request.colour,
        ],
    )
    for member in request.staff:
        await insert_staff(tx, member)
    for resource in request.resources:
        await insert_resource(tx, resource)
    everyone = tuple(member.id for member in request.staff)
    for service in request.services:
        await insert_service(tx, service, everyone)
    after = {"name": request.name, "slug": request.slug, "zone": request.zone}
    await record(tx, "business.opened", tx.business_id, 1, after=after)
    return tx.business_id


@command
async def set_standing(tx: Transaction, request: Standing) -> Changed:
    """Delete the scope's business, so that nobody finds it nor any time of it, or restore it as it was.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        There is none, or it is deleted already; it is not deleted; it has changed since it was read.
    """
    row = await tx.row("SELECT deleted_at, version FROM business WHERE id = %s FOR NO KEY UPDATE", [tx.business_id])
    if row is None or (request.deleted and row["deleted_at"] is not None):
        raise NotFound("There is no such business.")
    if not request.deleted and row["deleted_at"] is None:
        raise NotAllowed("It is not deleted.")
    versions.check(row["version"], request.version)
    await tx.execute(
        "UPDATE business SET deleted_at = CASE WHEN %s THEN clock_timestamp() END, version = version + 1 WHERE id = %s",
        [request.deleted, tx.business_id],
    )
    version, what = row["version"] + 1, "business.deleted" if request.deleted else "business.restored"
    await record(tx, what, tx.business_id, None, after={"deleted": request.deleted})
    return Changed(tx.business_id, version)
