"""Offers to who waits: list, accept, decline."""

from uuid import UUID

from fastapi import APIRouter, Response

from service.api.bodies import StrictRoute
from service.api.context import Booker, Commanding, Db, OfPath, tagged
from service.api.paging import Paged
from service.commands import offers as commands
from service.commands.attendance import Booking
from service.queries import offers as queries

router = APIRouter(prefix="/offers", tags=["waitlist"], route_class=StrictRoute)


@router.get("", operation_id="listOffers")
async def live(db: Db, business: OfPath, pages: Paged, client_id: UUID | None = None) -> list[queries.OpenOffer]:
    """The offers that can be accepted now; clients say `client_id`: their own."""
    return pages.linked(await queries.live(db, business.id, pages.page, client_id=client_id))


@router.post("/{offer_id}/accept", operation_id="acceptOffer")
async def accept(response: Response, scope: Commanding, by: Booker, offer_id: UUID) -> Booking:
    """Book the time that is held for a waitlist entry; a client's is pending where a booking of theirs would be."""
    return tagged(response, await commands.accept(scope, commands.Acceptance(offer_id, by)))


@router.post("/{offer_id}/decline", operation_id="declineOffer")
async def decline(scope: Commanding, offer_id: UUID) -> Booking:
    """Give the time back; the entry goes on waiting, and the next in line is offered it."""
    return await commands.decline(scope, offer_id)
