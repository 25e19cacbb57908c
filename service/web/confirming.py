"""The form after the time: the hold with its countdown, the client's details, the booking."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from models.errors import HoldExpired, InterlockError, KeyReused, NotFound, Unavailable
from service.commands import bookings, clients
from service.commands.attendance import Booking
from service.commands.bookings import Confirmation
from service.queries import bookings as queries
from service.queries import storefronts
from service.queries.storefronts import Item
from service.web.booking import COOKIE, held_instead, nearest, sentence, wanted
from service.web.details import Details, Typed
from service.web.mine import link_to, remember
from service.web.pages import PageRoute
from service.web.ticket import ticket
from service.web.visit import Chosen, Visit, Visiting

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/b/{slug}/hold/{hold_id}/{token}")
async def form(visit: Visiting, hold_id: UUID, token: str) -> Response:
    """The form for a held time."""
    own = await storefronts.own_hold(visit.db, visit.store.id, hold_id, token)
    if own is None:
        raise HoldExpired("The hold has run out or is not yours; choose a time again.")
    return await _form(visit, own.items, Details(), seconds=own.seconds_left)


@router.post("/b/{slug}/hold/{hold_id}/{token}")
async def confirm(
    visit: Visiting,
    hold_id: UUID,
    token: str,
    details: Typed,
    at: Annotated[str, Form(max_length=1000)],
    instead: Annotated[str | None, Form(max_length=1000)] = None,
) -> Response:
    """Book the held time, or another in its place; a time that is gone leaves the form as it was typed."""
    chosen = Chosen.of(instead or at)
    if details.problems:
        own = await storefronts.own_hold(visit.db, visit.store.id, hold_id, token)
        items = await _items(visit, chosen)
        seconds = own.seconds_left if own else 0.0
        return await _form(visit, items, details, seconds=seconds, instead=instead is not None, status=422)
    client = clients.NewClient(details.name, *details.contact)
    try:
        booking = await _booked(visit, Confirmation(hold_id, token, client=client), chosen, other=instead is not None)
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _form(visit, await _items(visit, chosen), details, refusal=refusal, status=409)
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


async def _items(visit: Visit, chosen: Chosen) -> list[Item]:
    return [Item(w.service_id, w.staff_id, w.starts_at, w.seats) for w in await wanted(visit, chosen)]


async def _form(
    visit: Visit,
    items: Sequence[Item],
    details: Details,
    *,
    seconds: float = 0.0,
    instead: bool = False,
    refusal: InterlockError | None = None,
    status: int = 200,
) -> Response:
    first, *more = [(item.staff_id, item.starts_at) for item in items]
    services, near = await visit.chosen(), []
    if refusal is not None:
        near = nearest(visit.wish(await visit.view(), services), refusal, items[0].starts_at)
    return visit.page(
        "details.html",
        status,
        ticket=await ticket(visit, items),
        chosen=Chosen(*first, tuple(more)),
        of=Chosen,
        seconds=int(seconds),
        details=details,
        refused=sentence(refusal) if refusal else None,
        near=near,
        services=services,
        back=visit.url(day=items[0].starts_at.astimezone(visit.zone).date(), first=None, own=_own(visit)),
        instead=instead,
    )


def _own(visit: Visit) -> str | None:
    """Return the hold for the address where the widget's frame may have no cookies."""
    return "{hold_id}.{token}".format(**visit.request.path_params) if visit.asked.embed else None


async def _confirmation(visit: Visit, booking: Booking, chosen: Chosen) -> Response:
    [item, *_] = await queries.read(visit.db, visit.store.id, booking.id)
    if item.client_id is None:
        raise NotFound("There is no such booking with a client.")
    token = link_to(visit, booking.id, item.client_id, chosen.starts_at)
    address = visit.url(f"/booking/{token}", day=None, first=None, own=None, said="booked")
    answer = RedirectResponse(address, status_code=303)
    remember(visit, answer, bookings=[booking.id])
    answer.delete_cookie(COOKIE, path=f"/b/{visit.store.slug}")
    return answer
