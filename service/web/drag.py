"""Moving a booking on the board: where it could go, and going there; a refusal offers the nearest."""

from datetime import date, time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response

from models.errors import InterlockError, NotFound, Unavailable
from models.states import Party
from service.commands.reschedule import Reschedule, reschedule
from service.commands.resizing import Resize, resize
from service.queries import bookings as queries
from service.queries import moving, storefronts
from service.queries.bookings import BookedItem
from service.queries.slots import SlotsWanted, find
from service.web.board import Board, Refused, day_page, near, on_board
from service.web.desk import back, typed_time
from service.web.house import House, reason
from service.web.offer import ALL, Wish
from service.web.pages import PageRoute
from service.web.several import other_times
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
    items = await queries.read(here.db, here.business.id, booking_id)
    item = items[0]
    chosen = Chosen.of(at) if at else typed_time(here, staff or item.staff_id, day, clock)
    # Of several services each stays with who does it.
    stays = len(items) > 1 and chosen.staff_id == item.staff_id
    wanted = Reschedule(booking_id, version, Party.STAFF, chosen.starts_at, None if stays else chosen.staff_id)
    try:
        moved = await reschedule(here.scope, wanted, view=await here.view(), now=here.now)
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        free = near(await _elsewhere(here, items), chosen.starts_at, chosen.staff_id)
        return await day_page(board, refused=Refused(reason(refusal), free, booking_id))
    undo = f"{booking_id}!{Chosen(item.staff_id, item.starts_at)}!{moved.version}"
    day_of = chosen.starts_at.astimezone(here.zone).date()
    return back(board, day=day_of, open=booking_id, said="moved", undo=undo)


@router.post("/board/{slug}/bookings/{booking_id}/length")
async def length(
    board: Annotated[Board, on_board("rescheduleBooking")],
    booking_id: UUID,
    version: Annotated[int, Form(ge=0)],
    minutes: Annotated[int, Form(ge=1, le=1440)],
) -> Response:
    """Give a booking another length; a refusal says why."""
    here = board.house
    item = (await queries.read(here.db, here.business.id, booking_id))[0]
    try:
        resized = await resize(here.scope, Resize(booking_id, version, Party.STAFF, minutes), view=await here.view())
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await day_page(board, refused=Refused(reason(refusal), [], booking_id))
    before = int((item.ends_at - item.starts_at).total_seconds() // 60)
    return back(board, open=booking_id, said="resized", undo=f"{booking_id}!{before}!{resized.version}")


@router.get("/board/{slug}/bookings/{booking_id}/places")
async def places(board: Annotated[Board, on_board("listBookings")], booking_id: UUID) -> list[tuple[UUID, str]]:
    """Where a booking could go on the day shown, its own time counting as free: (staff, start); by rooms, its own."""
    here = board.house
    items = await queries.read(here.db, here.business.id, booking_id)
    wish = await _elsewhere(here, items)
    if len(items) > 1:
        return [(items[0].staff_id, time.starts_at.isoformat()) for time in wish.found(board.day, 1)]
    own = (items[0].staff_id,) if board.asked.by == "rooms" else None
    wanted = SlotsWanted(items[0].service_id, *here.span(board.day), own, by_staff=True, seats=wish.seats)
    found = find(wish.view, wanted, here.now, limit=ALL)
    return [(slot.staff_id, slot.starts_at.isoformat()) for slot in found]


async def _elsewhere(here: House, items: list[BookedItem]) -> Wish:
    [first, *_] = await storefronts.items(here.db, here.business.id, items[0].id)
    freed = await moving.freed(here.db, await here.view(), items[0].id)
    return other_times(freed, items, here.zone, here.now, first.seats)
