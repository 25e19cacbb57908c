"""Signed links: a client looks at, moves or cancels one booking without an account."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from service.api.bodies import StrictRoute
from service.api.context import Commanding
from service.api.schemas import Body
from service.commands import links as commands

router = APIRouter(tags=["bookings"], route_class=StrictRoute)


class LinkBody(Body):
    """For how many days the link holds."""

    days: Annotated[int, Field(ge=1, le=366, strict=True)] = 90


class Link(BaseModel):
    """A bearer token for one booking, to put into an address."""

    token: str


@router.post("/bookings/{booking_id}/link", operation_id="linkBooking", status_code=201)
async def link(request: Request, scope: Commanding, booking_id: UUID, body: LinkBody) -> Link:
    """Make a link with which the booking's client reads, moves or cancels it."""
    wanted = commands.Linking(booking_id, body.days)
    return Link(token=await commands.link(scope, wanted, keyring=request.app.state.interlock.keyring))
