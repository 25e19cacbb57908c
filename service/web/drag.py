"""Moving a booking on the board: where it could go, and going there; a refusal offers the nearest."""

from datetime import date, time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response

from models.errors import InterlockError, NotFound, Unavailable
from models.states import Party
from service.commands.reschedule import Reschedule, reschedule
from service.queries import bookings as queries
from service.queries import moving
from service.queries.slots import SlotsWanted, find
from service.web.board import Board, Refused, day_page, nearest, on_board, reason
from service.web.desk import back, typed_time
from service.web.pages import PageRoute
from service.web.visit import Chosen

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.post("/board/{slug}/bookings/{booking_id}/move")
async def move(
    board: Annotated[Board, on_board("rescheduleBooking")],
    booking_id: UUID,
    version: Annotated[int, Form(ge=0)],
    at: Annotated[str, Form(max_length=100)] = "",
    staff: Annotated[UUID | None, Form()] = None,
    day: Annotated[date | None, Form()] = None,
    clock: Annotated[time | None, Form()] = None,
) -> Response:
    """Give a booking another time or person; a refusal says why and offers the nearest."""
    here = board.house
    item = (await queries.read(here.db, here.business.id, booking_id))[0]
    chosen = Chosen.of(at) if at else typed_time(here, staff or item.staff_id, day, clock)
    wanted = Reschedule(booking_id, version, Party.STAFF, chosen.starts_at, chosen.staff_id)
    try:
        moved = await reschedule(here.scope, wanted, view=await here.view(), now=here.now)
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        near = await nearest(here, item.service_id, chosen.starts_at)
        return await day_page(board, refused=Refused(reason(refusal), near, booking_id))
    undo = f"{booking_id}!{Chosen(item.staff_id, item.starts_at)}!{moved.version}"
    day_of = chosen.starts_at.astimezone(here.zone).date()
    return back(board, day=day_of, open=booking_id, said="moved", undo=undo)


@router.get("/board/{slug}/bookings/{booking_id}/places")
async def places(board: Annotated[Board, on_board("listBookings")], booking_id: UUID) -> list[tuple[UUID, str]]:
    """Where a booking could go on the day shown, its own time counting as free: (staff, start)."""
    here = board.house
    item = (await queries.read(here.db, here.business.id, booking_id))[0]
    freed = await moving.freed(here.db, await here.view(), booking_id)
    wanted = SlotsWanted(item.service_id, *here.span(board.day))
    found = find(freed, wanted, here.now, limit=100_000)
    return [(slot.staff_id, slot.starts_at.isoformat()) for slot in found]
