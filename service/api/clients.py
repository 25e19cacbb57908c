"""Clients: found, read, exported, erased."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, OfPath
from service.api.paging import Paged
from service.api.schemas import Email, Phone
from service.commands import clients as commands
from service.queries import clients as queries

router = APIRouter(prefix="/clients", tags=["clients"], route_class=StrictRoute)


@router.get("", operation_id="listClients")
async def find(
    db: Db,
    business: OfPath,
    pages: Paged,
    email: Annotated[Email | None, Query()] = None,
    phone: Annotated[Phone | None, Query()] = None,
) -> list[queries.Client]:
    """Clients by e-mail or phone, or all of them."""
    return pages.linked(await queries.find(db, business.id, pages.page, email=email, phone=phone))


@router.get("/{client_id}", operation_id="readClient")
async def read(db: Db, business: OfPath, client_id: UUID) -> queries.Client:
    """One client."""
    return await queries.read(db, business.id, client_id)


@router.get("/{client_id}/export", operation_id="exportClient")
async def export(db: Db, business: OfPath, client_id: UUID) -> queries.Everything:
    """All that is known of one client."""
    return await queries.everything(db, business.id, client_id)


@router.delete("/{client_id}", operation_id="eraseClient", status_code=204)
async def erase(scope: Commanding, client_id: UUID) -> Response:
    """Erase a client by destroying the key that seals what is known of them; their bookings stay, as somebody's."""
    await commands.erase(scope, client_id)
    return Response(status_code=204)
