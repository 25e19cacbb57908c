"""Slots, holds, bookings."""

from collections.abc import Iterable
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from models.errors import InvalidInput
from models.zones import zone_named
from service.api.bodies import StrictRoute
from service.api.context import (
    AllViews,
    Booker,
    Commanding,
    Db,
    Expected,
    Fresh,
    Now,
    OfPath,
    Seen,
    StaffAsked,
    tagged,
)
from service.api.optimisation import allowed
from service.api.paging import Paged
from service.api.schemas import (
    BookingBody,
    CancelBody,
    ClientBody,
    Day,
    ExtensionBody,
    HoldBody,
    Instant,
    ItemBody,
)
from service.api.security import Who
from service.commands import bookings as commands
from service.commands import clients
from service.commands.attendance import Booking
from service.commands.legality import Wanted
from service.db.limits import address_of
from service.queries import bookings as queries
from service.queries import slots as slot_queries

router = APIRouter(tags=["bookings"], route_class=StrictRoute)
LiveStatus = Literal["hold", "pending", "confirmed", "checked_in", "completed"]


@router.get("/slots/days", operation_id="countSlotsByDay")
async def days_of_slots(
    business: OfPath,
    staff: StaffAsked,
    view: Seen,
    now: Now,
    service_id: UUID,
    first_day: Day,
    last_day: Day,
    zone: Annotated[str | None, Query(max_length=64)] = None,
) -> list[slot_queries.DayOfSlots]:
    """How many starts are free on each local date, and the first of them; for a week strip or a month."""
    chosen = zone_named(business.zone if zone is None else zone)
    wanted = slot_queries.whole_days(service_id, first_day, last_day, chosen, staff)
    return slot_queries.by_day(view, wanted, now, first_day, last_day, chosen)


@router.get("/slots/why-not", operation_id="explainSlots")
async def explain_slots(
    staff: StaffAsked,
    view: Fresh,
    now: Now,
    service_id: UUID,
    start: Annotated[Instant, Query(alias="from")],
    end: Annotated[Instant, Query(alias="to")],
) -> slot_queries.WhyNone:
    """Why there are no slots, or few: what ruled each candidate out, and the smallest changes that open one."""
    query = slot_queries.SlotsWanted(service_id, start, end, staff)
    return slot_queries.why_none(view, query, now)


@router.post("/holds", status_code=201, operation_id="holdSlot")
async def hold(
    request: Request, who: Who, scope: Commanding, views: AllViews, now: Now, body: HoldBody
) -> commands.Hold:
    """Keep a time for some minutes; the answer's token confirms or releases it.

    Three live ones at the most for a client, or an address without an account; for who books for many, for each
    `client_key`.
    """
    wanted = commands.HoldRequest(
        body.service_id,
        body.staff_id,
        body.starts_at,
        body.minutes,
        body.seats,
        _items(body.more),
        commands.counted_by(who, address_of(request.scope), body.client_key),
    )
    return await views.decided(scope.business_id, now, lambda view: commands.hold(scope, wanted, view=view, now=now))


def _items(more: Iterable[ItemBody]) -> tuple[Wanted, ...]:
    return tuple(Wanted(item.service_id, item.staff_id, item.starts_at, item.seats) for item in more)


@router.post("/holds/{hold_id}/extend", operation_id="extendHold")
async def extend(
    scope: Commanding, hold_id: UUID, hold_token: Annotated[str, Header(max_length=200)], body: ExtensionBody
) -> commands.Extended:
    """Keep a hold for longer, once."""
    return await commands.extend(scope, commands.Extension(hold_id, hold_token, body.minutes))


@router.delete("/holds/{hold_id}", status_code=204, operation_id="releaseHold")
async def release(scope: Commanding, hold_id: UUID, hold_token: Annotated[str, Header(max_length=200)]) -> Response:
    """Give a hold back."""
    await commands.release(scope, commands.Release(hold_id, hold_token))
    return Response(status_code=204)


@router.post("/bookings", status_code=201, operation_id="book")
async def book(
    response: Response, scope: Commanding, by: Booker, views: AllViews, now: Now, body: BookingBody
) -> Booking:
    """Confirm a hold, or book a time at once; `allowance` says how the optimiser may move it."""
    given = None if body.allowance is None else allowed(body.allowance)
    if body.hold_id is not None and body.token is not None:
        new = _new_client(body.client)
        confirmation = commands.Confirmation(body.hold_id, body.token, body.client_id, by, given, new)
        return tagged(response, await commands.confirm(scope, confirmation))
    if body.client_id is None or body.client is not None:
        raise InvalidInput("Give client_id, or with a hold the client's name and address.")
    if body.service_id is None or body.staff_id is None or body.starts_at is None:
        raise InvalidInput("Give hold_id and token, or service_id, staff_id and starts_at.")
    place = (body.service_id, body.staff_id, body.starts_at)
    wanted = commands.BookRequest(
        *place, body.client_id, by=by, allowed=given, seats=body.seats, more=_items(body.more)
    )
    booked = await views.decided(scope.business_id, now, lambda view: commands.book(scope, wanted, view=view, now=now))
    return tagged(response, booked)


def _new_client(body: ClientBody | None) -> clients.NewClient | None:
    return None if body is None else clients.NewClient(body.name, body.email, body.phone)


@router.get("/bookings", operation_id="listBookings")
async def bookings_between(
    db: Db,
    business: OfPath,
    pages: Paged,
    start: Annotated[Instant, Query(alias="from")],
    end: Annotated[Instant, Query(alias="to")],
    staff_id: UUID | None = None,
    service_id: UUID | None = None,
    client_id: UUID | None = None,
    status: LiveStatus | None = None,
) -> list[queries.BookedItem]:
    """The live bookings and holds that touch [from, to), which spans at most 62 days; item by item, by start."""
    slot_queries.check_range(start, end)
    narrowing = queries.Narrowing(staff_id, service_id, client_id, status)
    return pages.linked(await queries.between(db, business.id, start, end, narrowing, pages.page))


@router.get("/bookings/{booking_id}", operation_id="readBooking")
async def read(db: Db, response: Response, business: OfPath, booking_id: UUID) -> list[queries.BookedItem]:
    """One booking, item by item; its version is the ETag."""
    items = await queries.read(db, business.id, booking_id)
    tagged(response, items[0])
    return items


@router.post("/bookings/{booking_id}/cancel", operation_id="cancelBooking")
async def cancel(
    response: Response, scope: Commanding, by: Booker, now: Now, booking_id: UUID, expected: Expected, body: CancelBody
) -> Booking:
    """Cancel a booking; `If-Match` makes it conditional on the version."""
    wanted = commands.Cancellation(booking_id, expected, by, body.reason)
    return tagged(response, await commands.cancel(scope, wanted, now=now))
