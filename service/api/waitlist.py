"""The waitlist: join, read, leave."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from models.errors import Forbidden
from models.states import Party
from service.api.bodies import StrictRoute
from service.api.context import By, Commanding, Db, OfPath
from service.api.paging import Paged
from service.api.schemas import Instant, WaitlistBody
from service.commands import waitlist as commands
from service.queries import waitlist as queries

router = APIRouter(prefix="/waitlist", tags=["waitlist"], route_class=StrictRoute)


@router.post("", status_code=201, operation_id="joinWaitlist")
async def join(request: Request, scope: Commanding, by: By, body: WaitlistBody) -> commands.Entry:
    """Put a client on the waitlist; a higher priority than 1 is for the house to give."""
    if by is Party.CLIENT and body.priority > 1:
        raise Forbidden("A higher priority is for those who work there to give.")
    joining = commands.Joining(
        body.client_id,
        body.service_id,
        tuple((w.start, w.end) for w in body.windows),
        None if body.staff_ids is None else tuple(body.staff_ids),
        body.priority,
        body.seats,
    )
    return await commands.join(scope, joining, now=request.app.state.interlock.clock())


@router.get("", operation_id="listWaitlist")
async def waiting(
    db: Db,
    business: OfPath,
    pages: Paged,
    start: Annotated[Instant | None, Query(alias="from")] = None,
    end: Annotated[Instant | None, Query(alias="to")] = None,
    service_id: UUID | None = None,
    client_id: UUID | None = None,
) -> list[queries.WaitingEntry]:
    """Who still waits, oldest first: all, or who could come within [from, to), for a service, one client.

    Clients say `client_id`: their own.
    """
    entries = await queries.waiting(db, business.id, start, end, pages.page, service_id=service_id, client_id=client_id)
    return pages.linked(entries)


@router.delete("/{entry_id}", status_code=204, operation_id="leaveWaitlist")
async def leave(scope: Commanding, entry_id: UUID) -> Response:
    """Take an entry off the waitlist."""
    await commands.leave(scope, entry_id)
    return Response(status_code=204)
