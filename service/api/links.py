"""Signed links: a client looks at, moves or cancels one booking without an account."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from models.errors import NotFound
from service.api.bodies import StrictRoute
from service.api.context import Db, OfPath
from service.api.schemas import Body
from service.queries import links

router = APIRouter(tags=["bookings"], route_class=StrictRoute)


class LinkBody(Body):
    """For how many days the link holds."""

    days: Annotated[int, Field(ge=1, le=366, strict=True)] = 90


class Link(BaseModel):
    """A bearer token for one booking, to put into an address."""

    token: str


@router.post("/bookings/{booking_id}/link", operation_id="linkBooking", status_code=201)
async def link(request: Request, db: Db, business: OfPath, booking_id: UUID, body: LinkBody) -> Link:
    """Make a link with which the booking's client reads, moves or cancels it."""
    keyring = request.app.state.interlock.keyring
    token = await links.of_booking(db, keyring, business.id, booking_id, timedelta(days=body.days))
    if token is None:
        raise NotFound("There is no such booking with a client.")
    return Link(token=token)
