"""Today: one staff member's day on a phone; check in, complete, no-show, block time."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from service.queries import boards
from service.web.board import Asked as OnBoard
from service.web.board import Board
from service.web.house import House, house
from service.web.pages import PageRoute
from service.web.visit import FIRST_DAY, LAST_DAY

router = APIRouter(include_in_schema=False, route_class=PageRoute)


class Asked(BaseModel):
    """Whose day, and which."""

    staff: UUID | None = None
    day: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None = None


@router.get("/board/{slug}/today")
async def show(here: Annotated[House, house("listBookings")], asked: Annotated[Asked, Query()]) -> Response:
    """The day of whoever is signed in, or of somebody chosen."""
    lanes = await boards.lanes(here.db, here.business.id)
    wanted = asked.staff or here.principal.staff_id
    lane = next((lane for lane in lanes if lane.id == wanted), lanes[0] if lanes else None)
    day = asked.day or here.today
    claims = await boards.claims(here.db, here.business.id, [lane.lane_no], *here.span(day)) if lane else []
    following = next(
        (c for c in claims if c.starts_at and c.status in ("pending", "confirmed") and c.starts_at > here.now), None
    )
    board = Board(here, OnBoard(day=day, back="today"))
    return here.page("today.html", lanes=lanes, lane=lane, day=day, claims=claims, following=following, board=board)
