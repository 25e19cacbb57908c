"""The form after the time: the hold with its countdown, the client's details, the booking."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from models.errors import HoldExpired, InterlockError, KeyReused, NotFound, SlotTaken, Unavailable
from service.commands import bookings, clients
from service.commands.attendance import Booking
from service.commands.bookings import Confirmation
from service.queries import bookings as queries
from service.queries import businesses, storefronts
from service.web.booking import COOKIE, held_instead
from service.web.details import Details, Typed
from service.web.mine import link_to, remember
from service.web.pages import PageRoute
from service.web.visit import Chosen, Visit, Visiting

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/b/{slug}/hold/{hold_id}/{token}")
async def form(visit: Visiting, hold_id: UUID, token: str) -> Response:
    """The form for a held time."""
    own = await storefronts.own_hold(visit.db, visit.store.id, hold_id, token)
    if own is None:
        raise HoldExpired("The hold has run out or is not yours; choose a time again.")
    chosen = Chosen(own.staff_id, own.starts_at)
    return await _form(visit, chosen, Details(), seconds=own.seconds_left)


@router.post("/b/{slug}/hold/{hold_id}/{token}")
async def confirm(
    visit: Visiting,
    hold_id: UUID,
    token: str,
    details: Typed,
    at: Annotated[str, Form(max_length=100)],
    instead: Annotated[str | None, Form(max_length=100)] = None,
) -> Response:
    """Book the held time, or another in its place; a time that is gone leaves the form as it was typed."""
    chosen = Chosen.of(instead or at)
    if details.problems:
        own = await storefronts.own_hold(visit.db, visit.store.id, hold_id, token)
        return await _form(visit, chosen, details, seconds=own.seconds_left if own else 0.0, status=422)
    client = clients.NewClient(details.name, *details.contact)
    try:
        booking = await _booked(visit, Confirmation(hold_id, token, client=client), chosen, other=instead is not None)
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _form(visit, chosen, details, refusal=refusal, status=409)
    return await _confirmation(visit, booking, chosen)


async def _booked(visit: Visit, held: Confirmation, chosen: Chosen, *, other: bool) -> Booking:
    """Confirm the hold; where it ran out, or another time was chosen, hold that first and confirm at once.

    A form sent twice books once: the confirmation is remembered under the hold's id.
    """
    if not other:
        try:
            return await bookings.confirm(replace(visit.scope, key=f"confirm-{held.appointment_id}"), held)
        except (HoldExpired, KeyReused):
            pass
    anew = await held_instead(visit, chosen)
    return await bookings.confirm(visit.scope, replace(held, appointment_id=anew.id, token=anew.token))


async def _form(
    visit: Visit,
    chosen: Chosen,
    details: Details,
    *,
    seconds: float = 0.0,
    refusal: InterlockError | None = None,
    status: int = 200,
) -> Response:
    service = await visit.service()
    starts = chosen.starts_at.astimezone(visit.zone)
    near = []
    if refusal is not None:
        near = (await visit.wish(service.id, visit.asked.staff)).nearest(chosen.starts_at)
    return visit.page(
        "details.html",
        status,
        service=service,
        staff=await _staff_name(visit, chosen.staff_id),
        chosen=chosen,
        of=Chosen,
        starts=starts,
        seconds=int(seconds),
        details=details,
        taken=isinstance(refusal, SlotTaken | HoldExpired) if refusal else None,
        near=near,
        zone_named=visit.words.zone(visit.zone, starts),
    )


async def _staff_name(visit: Visit, staff_id: UUID) -> str:
    staff = await businesses.staff(visit.db, visit.store.id)
    found = next((member.name for member in staff if member.id == staff_id), None)
    if found is None:
        raise NotFound("There is no such staff member.")
    return found


async def _confirmation(visit: Visit, booking: Booking, chosen: Chosen) -> Response:
    [item, *_] = await queries.read(visit.db, visit.store.id, booking.id)
    if item.client_id is None:
        raise NotFound("There is no such booking with a client.")
    token = link_to(visit, booking.id, item.client_id, chosen.starts_at)
    answer = RedirectResponse(visit.url(f"/booking/{token}", day=None, first=None, said="booked"), status_code=303)
    remember(visit, answer, booking.id)
    answer.delete_cookie(COOKIE, path=f"/b/{visit.store.slug}")
    return answer
