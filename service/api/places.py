"""Where the business works: locations, and the rooms, chairs and devices there; deleted and restored."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints

from models.contact import ONE_LINE
from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, Deleted, Expected, OfPath, tagged
from service.api.deletion import deletable
from service.api.paging import Paged
from service.api.schemas import Body, Kind, Name, WeeklySpans, weekly
from service.commands import catalogue, changes
from service.queries import catalogue as queries

router = APIRouter(tags=["catalogue"], route_class=StrictRoute)
deletable(router, "locations", "location", "Location")
deletable(router, "resources", "resource", "Resource")
Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=ONE_LINE)]


class ResourceBody(Body):
    """A room, chair or device; without hours it is always open."""

    name: Name
    kind: Kind
    location_id: UUID | None = None
    hours: WeeklySpans = ()


class ResourceChange(Body):
    """What to change of a resource; what is left out stays. `active` false retires it."""

    name: Name | None = None
    kind: Kind | None = None
    location_id: UUID | None = None
    active: Annotated[bool, Field(strict=True)] | None = None


class LocationBody(Body):
    """A place where the business works."""

    name: Name
    address: Address | None = None


class LocationChange(Body):
    """What to change of a location; what is left out stays."""

    name: Name | None = None
    address: Address | None = None


@router.get("/resources", operation_id="listResources")
async def resources(
    db: Db, business: OfPath, pages: Paged, deleted: Deleted, kind: Kind | None = None
) -> list[queries.Resource]:
    """Rooms, chairs and devices by kind and name."""
    return pages.linked(await queries.resources(db, business.id, pages.page, deleted=deleted, kind=kind))


@router.post("/resources", status_code=201, operation_id="addResource")
async def add_resource(response: Response, scope: Commanding, body: ResourceBody) -> catalogue.Changed:
    """Add a resource."""
    resource = catalogue.NewResource(body.name, body.kind, weekly(body.hours), location_id=body.location_id)
    return tagged(response, await catalogue.add_resource(scope, resource))


@router.patch("/resources/{resource_id}", operation_id="changeResource")
async def change_resource(
    response: Response, scope: Commanding, resource_id: UUID, expected: Expected, body: ResourceChange
) -> catalogue.Changed:
    """Change a resource, retire it or bring it back."""
    change = changes.Change(resource_id, body.model_dump(exclude_unset=True), expected)
    return tagged(response, await changes.change_resource(scope, change))


@router.get("/locations", operation_id="listLocations")
async def locations(db: Db, business: OfPath, pages: Paged, deleted: Deleted) -> list[queries.Location]:
    """Where the business works, by name."""
    return pages.linked(await queries.locations(db, business.id, pages.page, deleted=deleted))


@router.get("/locations/{location_id}", operation_id="readLocation")
async def read_location(db: Db, response: Response, business: OfPath, location_id: UUID) -> queries.Location:
    """One location; its version is the ETag."""
    return tagged(response, await queries.location(db, business.id, location_id))


@router.post("/locations", status_code=201, operation_id="addLocation")
async def add_location(response: Response, scope: Commanding, body: LocationBody) -> catalogue.Changed:
    """Add a location; staff and resources are placed there by their own `location_id`."""
    return tagged(response, await catalogue.add_location(scope, catalogue.NewLocation(body.name, body.address)))


@router.patch("/locations/{location_id}", operation_id="changeLocation")
async def change_location(
    response: Response, scope: Commanding, location_id: UUID, expected: Expected, body: LocationChange
) -> catalogue.Changed:
    """Change a location."""
    change = changes.Change(location_id, body.model_dump(exclude_unset=True), expected)
    return tagged(response, await changes.change_location(scope, change))
