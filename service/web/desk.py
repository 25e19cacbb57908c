"""What is done at the board: book, check in, cancel, block; each answers with the board, or with why not."""

from datetime import date, time
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from models.errors import Forbidden, InterlockError, InvalidInput, NotFound, Unavailable
from models.states import Party
from service.commands import attendance, availability, bookings, clients, deposits
from service.commands.attendance import Step
from service.web.board import Board, Refused, day_page, nearest, on_board
from service.web.details import Details, Typed
from service.web.house import House, reason
from service.web.pages import PageRoute
from service.web.visit import Chosen, local_moment

router = APIRouter(include_in_schema=False, route_class=PageRoute)
SENTENCES = {
    "needs_name": "Give a name.",
    "bad_name": "A name is one line of at most 200 characters.",
    "bad_email": "That is no e-mail address.",
    "bad_phone": "That is no telephone number.",
}


def back(board: Board, **changes: Any) -> Response:  # noqa: ANN401 - whatever an address may carry
    """Return to the board, with some changes to its address."""
    if board.asked.back == "today":
        return RedirectResponse(board.house.url("/today", day=board.asked.day), status_code=303)
    return RedirectResponse(board.url(**changes), status_code=303)


def typed_time(here: House, staff_id: UUID, day: date | None, clock: time | None) -> Chosen:
    """Return the time that a form names; raises `InvalidInput`."""
    if day is None or clock is None:
        raise InvalidInput("Say when.")
    return Chosen(staff_id, local_moment(day, clock, here.zone))


@router.post("/board/{slug}/bookings/{booking_id}/step")
async def step(
    board: Annotated[Board, on_board("approveBooking")],
    booking_id: UUID,
    version: Annotated[int, Form(ge=0)],
    take: Annotated[
        Literal["approve", "paid", "waived", "decline", "check_in", "complete", "no_show", "cancel"], Form()
    ],
) -> Response:
    """Take one step in a booking's life."""
    here, wanted = board.house, Step(booking_id, version)
    try:
        await _taken(here, take, wanted)
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await day_page(board, refused=Refused(reason(refusal), [], booking_id))
    gone = take in ("cancel", "decline", "no_show")
    return back(board, open=None if gone else booking_id, said=take)


async def _taken(here: House, take: str, wanted: Step) -> None:
    match take:
        case "approve":
            await attendance.approve(here.scope, wanted)
        case "paid":
            await deposits.pay_deposit(here.scope, wanted)
        case "waived":
            await deposits.waive_deposit(here.scope, wanted)
        case "decline":
            await attendance.decline(here.scope, wanted)
        case "check_in":
            await attendance.check_in(here.scope, wanted)
        case "complete":
            await attendance.complete(here.scope, wanted, now=here.now)
        case "no_show":
            await attendance.no_show(here.scope, wanted, now=here.now)
        case _:
            cancellation = bookings.Cancellation(wanted.appointment_id, wanted.version)
            await bookings.cancel(here.scope, cancellation, now=here.now)


@router.post("/board/{slug}/bookings")
async def book(
    board: Annotated[Board, on_board("book")],
    details: Typed,
    service: Annotated[UUID, Form()],
    at: Annotated[str, Form(max_length=100)] = "",
    staff: Annotated[UUID | None, Form()] = None,
    day: Annotated[date | None, Form()] = None,
    clock: Annotated[time | None, Form()] = None,
) -> Response:
    """Book a time for somebody at the desk or on the telephone."""
    here = board.house
    if not at and staff is None:
        raise InvalidInput("Say with whom.")
    chosen = Chosen.of(at) if at or staff is None else typed_time(here, staff, day, clock)
    typed = _typed(here, details, service, chosen)
    # At the desk a name will do.
    problems = [key for key in details.problems.values() if key != "needs_contact"]
    if problems:
        return await day_page(board, refused=Refused(SENTENCES[problems[0]], [], typed=typed))
    request = bookings.BookRequest(
        service, chosen.staff_id, chosen.starts_at, await _client(here, details), "board", Party.STAFF
    )
    try:
        booked = await bookings.book(here.scope, request, view=await here.view(), now=here.now)
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        near = await nearest(here, service, chosen.starts_at, staff_id=chosen.staff_id)
        return await day_page(board, refused=Refused(reason(refusal), near, typed=typed))
    return back(board, day=chosen.starts_at.astimezone(here.zone).date(), open=booked.id, said="booked", new=None)


def _typed(here: House, details: Details, service: UUID, chosen: Chosen) -> dict[str, str]:
    local = chosen.starts_at.astimezone(here.zone)
    typed = {"name": details.name, "email": details.email, "phone": details.phone, "service": str(service)}
    return typed | {"staff": str(chosen.staff_id), "day": str(local.date()), "clock": f"{local:%H:%M}"}


async def _client(here: House, details: Details) -> UUID:
    return await clients.recognise(here.scope, clients.NewClient(details.name, *details.contact))


@router.post("/board/{slug}/blocks")
async def block(
    board: Annotated[Board, on_board("takeTimeOff", own=True)],
    staff: Annotated[UUID, Form()],
    day: Annotated[date, Form()],
    opens: Annotated[time, Form()],
    closes: Annotated[time, Form()],
) -> Response:
    """Block time of one staff member; staff block their own."""
    here = board.house
    if not here.may("takeTimeOff", staff):
        raise Forbidden("Staff block their own time alone.")
    start, end = (typed_time(here, staff, day, clock).starts_at for clock in (opens, closes))
    try:
        await availability.take_time_off(here.scope, availability.TimeOff(staff, start, end))
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        blocked = {"staff": str(staff), "opens": f"{opens:%H:%M}", "closes": f"{closes:%H:%M}"}
        return await day_page(board, refused=Refused(reason(refusal), [], blocked=blocked))
    return back(board, day=day, said="blocked")


@router.post("/board/{slug}/blocks/{claim_id}/end")
async def end_block(board: Annotated[Board, on_board("takeTimeOff", own=True)], claim_id: int) -> Response:
    """Free blocked time; staff free their own."""
    here = board.house
    own = None if here.may("takeTimeOff") else here.principal.staff_id or UUID(int=0)
    await availability.end_time_off(here.scope, claim_id, of=own)
    return back(board, said="freed")
