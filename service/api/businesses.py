"""Businesses: opened, described, deleted and restored; and what they sell with whom, for everybody."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import StringConstraints

from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, Deleted, Expected, FromWhere, Key, OfPath, tagged
from service.api.paging import Paged
from service.api.schemas import Body, Name, Zone
from service.api.security import Who
from service.commands import businesses as commands
from service.commands import changes
from service.commands.catalogue import Changed
from service.db.command import Scope
from service.db.database import Database
from service.queries import businesses as queries

router = APIRouter(tags=["businesses"], route_class=StrictRoute)
installation = APIRouter(prefix="/businesses", tags=["businesses"], route_class=StrictRoute)


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
Locale = Annotated[str, StringConstraints(pattern="^[a-z]{2,3}(-[A-Z]{2})?$")]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
Colour = Annotated[str, StringConstraints(pattern="^#[0-9a-f]{6}$")]


class BusinessBody(Body):
    """A business to open; `slug` is its name in addresses."""

    name: Name
    slug: Slug
    zone: Zone
    locale: Locale = "en"
    currency: Currency = "EUR"
    colour: Colour = "#0b6e4f"


class BusinessChange(Body):
    """What to change of the business; what is left out stays."""

    name: Name | None = None
    zone: Zone | None = None
    locale: Locale | None = None
    currency: Currency | None = None
    colour: Colour | None = None


@installation.get("", operation_id="listBusinesses")
async def listed(db: Db, pages: Paged, *, deleted: bool = False) -> list[queries.BusinessDetails]:
    """The businesses of the installation by public name, or those that were deleted."""
    return pages.linked(await queries.listed(db, pages.page, deleted=deleted))


@installation.post("", status_code=201, operation_id="createBusiness")
async def create(
    response: Response, db: Db, who: Who, origin: FromWhere, body: BusinessBody, idempotency_key: Key = None
) -> queries.BusinessDetails:
    """Open a business; what it sells and with whom is added to it afterwards."""
    scope = Scope(db, commands.new_id(who.actor, idempotency_key), who.actor, idempotency_key, origin)
    business_id = await commands.open_business(scope, commands.Opening(**body.model_dump()))
    response.headers["Location"] = f"/api/v1/businesses/{body.slug}"
    return await _read(db, response, business_id)


@router.get("", operation_id="readBusiness")
async def read(db: Db, response: Response, business: OfPath) -> queries.BusinessDetails:
    """The business: name, time zone, language, currency, colour."""
    return await _read(db, response, business.id)


async def _read(db: Database, response: Response, business_id: UUID) -> queries.BusinessDetails:
    return tagged(response, await queries.details(db, business_id))


@router.patch("", operation_id="changeBusiness")
async def change(
    request: Request, response: Response, scope: Commanding, business: OfPath, expected: Expected, body: BusinessChange
) -> Changed:
    """Change the business's name, zone, locale, currency or colour."""
    wanted = changes.Change(business.id, body.model_dump(exclude_unset=True), expected)
    changed = await changes.change_business(scope, wanted)
    request.app.state.tenants.forget(business.slug)
    return tagged(response, changed)


@router.delete("", status_code=204, operation_id="deleteBusiness")
async def delete(request: Request, scope: Commanding, business: OfPath, expected: Expected) -> Response:
    """Delete the business: it has no pages, no times and no answers any more, until it is restored as it was."""
    await commands.set_standing(scope, commands.Standing(deleted=True, version=expected))
    request.app.state.tenants.forget(business.slug)
    return Response(status_code=204)


@router.post("/restore", operation_id="restoreBusiness")
async def restore(
    request: Request, response: Response, scope: Commanding, business: OfPath, expected: Expected
) -> Changed:
    """Restore a deleted business with everything that it had."""
    restored = await commands.set_standing(scope, commands.Standing(deleted=False, version=expected))
    request.app.state.tenants.forget(business.slug)
    return tagged(response, restored)


@router.get("/services", operation_id="listServices")
async def services(
    db: Db, business: OfPath, pages: Paged, deleted: Deleted, staff_id: UUID | None = None
) -> list[queries.Service]:
    """What it sells: all, or what a staff member performs."""
    return pages.linked(await queries.services(db, business.id, pages.page, deleted=deleted, staff_id=staff_id))


@router.get("/staff", operation_id="listStaff")
async def staff(
    db: Db,
    business: OfPath,
    pages: Paged,
    deleted: Deleted,
    service_id: UUID | None = None,
    location_id: UUID | None = None,
) -> list[queries.Staff]:
    """Who works there: all, who performs a service, who is at a location."""
    found = await queries.staff(
        db, business.id, pages.page, deleted=deleted, service_id=service_id, location_id=location_id
    )
    return pages.linked(found)
