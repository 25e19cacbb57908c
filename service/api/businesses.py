"""Businesses with their services, staff and clients."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, Deleted, OfPath
from service.api.paging import Paged
from service.api.schemas import ClientBody
from service.commands import clients
from service.queries import businesses as queries

router = APIRouter(tags=["businesses"], route_class=StrictRoute)


class ClientCreated(BaseModel):
    """The id of a new client."""

    id: UUID


@router.get("", operation_id="readBusiness")
async def read(business: OfPath) -> queries.Business:
    """The business: name and time zone."""
    return business


@router.get("/services", operation_id="listServices")
async def services(
    db: Db, business: OfPath, pages: Paged, deleted: Deleted, staff_id: UUID | None = None
) -> list[queries.Service]:
    """What it sells: all, or what a staff member performs."""
    return pages.linked(await queries.services(db, business.id, pages.page, deleted=deleted, staff_id=staff_id))


@router.get("/staff", operation_id="listStaff")
async def staff(
    db: Db, business: OfPath, pages: Paged, deleted: Deleted, service_id: UUID | None = None
) -> list[queries.Staff]:
    """Who works there: all, or who performs a service."""
    return pages.linked(await queries.staff(db, business.id, pages.page, deleted=deleted, service_id=service_id))


@router.post("/clients", status_code=201, operation_id="registerClient")
async def register(scope: Commanding, body: ClientBody) -> ClientCreated:
    """Add a client."""
    return ClientCreated(id=await clients.register(scope, clients.NewClient(body.name, body.email, body.phone)))
