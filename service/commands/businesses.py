"""Opening a business: the tenant with its staff, services, resources and weekly hours, in one transaction."""

from dataclasses import dataclass
from uuid import UUID

from models.zones import zone_named
from service.commands.catalogue import (
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
    staff: tuple[NewStaff, ...]
    services: tuple[NewService, ...]
    resources: tuple[NewResource, ...] = ()

    def __post_init__(self) -> None:
        zone_named(self.zone)


@command
async def open_business(tx: Transaction, request: Opening) -> UUID:
    """Create the scope's business; its id is `scope.business_id`, which is returned.

    Raises
    ------
    InvalidInput
        The slug is taken, hours overlap, or a length is out of its range.
    """
    await tx.execute(
        "INSERT INTO business (id, slug, name, zone) VALUES (%s, %s, %s, %s)",
        [tx.business_id, request.slug, request.name, request.zone],
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
