"""Clients: registered, found, read, exported; deleted, restored, erased."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, Deleted, Expected, OfPath, tagged
from service.api.paging import Paged
from service.api.schemas import Body, ClientBody, Email, Name, Phone
from service.commands import clients as commands
from service.commands.catalogue import Changed
from service.queries import clients as queries

router = APIRouter(prefix="/clients", tags=["clients"], route_class=StrictRoute)


class ClientCreated(BaseModel):
    """The id of a new client."""

    id: UUID


class ClientChangeBody(Body):
    """What to change of a client; what is left out stays, null takes an address away."""

    name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None


@router.get("", operation_id="listClients")
async def find(
    db: Db,
    business: OfPath,
    pages: Paged,
    deleted: Deleted,
    email: Annotated[Email | None, Query()] = None,
    phone: Annotated[Phone | None, Query()] = None,
) -> list[queries.KnownClient]:
    """Clients by e-mail or phone, or all of them."""
    return pages.linked(await queries.find(db, business.id, pages.page, email=email, phone=phone, deleted=deleted))


@router.get("/{client_id}", operation_id="readClient")
async def read(db: Db, response: Response, business: OfPath, client_id: UUID) -> queries.KnownClient:
    """One client; the version is the ETag."""
    return tagged(response, await queries.read(db, business.id, client_id))


@router.get("/{client_id}/export", operation_id="exportClient")
async def export(db: Db, business: OfPath, client_id: UUID) -> queries.Everything:
    """All that is known of one client."""
    return await queries.everything(db, business.id, client_id)


@router.post("", status_code=201, operation_id="registerClient")
async def register(scope: Commanding, body: ClientBody) -> ClientCreated:
    """Add a client."""
    return ClientCreated(id=await commands.register(scope, commands.NewClient(body.name, body.email, body.phone)))


@router.patch("/{client_id}", operation_id="changeClient")
async def change(
    response: Response, scope: Commanding, client_id: UUID, expected: Expected, body: ClientChangeBody
) -> Changed:
    """Change a client's name or addresses."""
    wanted = commands.ClientChange(client_id, body.model_dump(exclude_unset=True))
    return tagged(response, await commands.change(scope, wanted, version=expected))


@router.delete("/{client_id}", operation_id="deleteClient", status_code=204)
async def delete(scope: Commanding, client_id: UUID, expected: Expected) -> Response:
    """Take a client off the list, to be restored; what they have booked stays theirs."""
    await commands.delete(scope, client_id, version=expected)
    return Response(status_code=204)


@router.post("/{client_id}/restore", operation_id="restoreClient")
async def restore(response: Response, scope: Commanding, client_id: UUID, expected: Expected) -> Changed:
    """Put a deleted client back on the list."""
    return tagged(response, await commands.restore(scope, client_id, version=expected))


@router.post("/{client_id}/erase", operation_id="eraseClient", status_code=204)
async def erase(scope: Commanding, client_id: UUID, expected: Expected) -> Response:
    """Erase a client for good, by destroying the key that seals what is known of them; bookings stay, as somebody's."""
    await commands.erase(scope, client_id, version=expected)
    return Response(status_code=204)
