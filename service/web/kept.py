"""A booking by its signed link: look at it, put it into a calendar, move or cancel it; no account needed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import RedirectResponse

from models.errors import Forbidden, InterlockError, LinkExpired, NotFound, Unauthenticated, Unavailable
from models.states import MOVABLE, Party
from service.commands import bookings
from service.commands.reschedule import Reschedule, reschedule
from service.db.command import Scope
from service.queries import bookings as queries
from service.queries import moving, principals, storefronts
from service.queries.bookings import BookedItem
from service.queries.calendar_file import Entry, calendar_file
from service.web.mine import remember
from service.web.offer import WEEK, Wish, by_part
from service.web.pages import PageRoute
from service.web.several import other_times
from service.web.ticket import Ticket, ticket
from service.web.visit import Chosen, Visit, Visiting

router = APIRouter(include_in_schema=False, route_class=PageRoute)
CALENDAR = {"pending": "TENTATIVE", "cancelled": "CANCELLED", "declined": "CANCELLED"}
"""What calendars call a booking's state (RFC 5545, 3.8.1.11)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A client's booking, opened by its link."""

    visit: Visit
    token: str
    client_id: UUID
    items: list[BookedItem]
    ticket: Ticket

    @property
    def item(self) -> BookedItem:
        """Its first item."""
        return self.items[0]

    @property
    def starts(self) -> datetime:
        """Its start, in the visit's zone."""
        return self.ticket.starts

    @property
    def scope(self) -> Scope:
        """For what the client does with it."""
        return replace(self.visit.scope, actor=f"link:{self.client_id}")

    @property
    def changeable(self) -> bool:
        """Whether it can be cancelled online."""
        return self.item.status in MOVABLE and self.visit.now < self.ticket.last_change

    @property
    def movable(self) -> bool:
        """Whether it can be moved online, and not only cancelled."""
        return self.changeable and self.visit.now < self.ticket.last_move

    @property
    def is_over(self) -> bool:
        """Whether nothing comes of it any more."""
        return self.item.status not in {*MOVABLE, "checked_in"} or max(i.ends_at for i in self.items) <= self.visit.now

    @property
    def due_cents(self) -> int:
        """The deposit that it waits for."""
        return (self.item.deposit_cents or 0) if self.item.deposit_paid_at is None else 0

    @property
    def entry(self) -> Entry:
        """The booking as it stands in a calendar."""
        words, last = self.visit.words, max(item.ends_at for item in self.items)
        what, who = words.together(self.ticket.services), words.together(self.ticket.staff)
        parts = [f"{words.time(line.starts)} {line.service} ({line.staff})" for line in self.ticket.lines]
        return Entry(
            self.item.id,
            f"{what} · {self.visit.store.name} ({who})",
            self.visit.store.place,
            self.item.starts_at,
            last,
            self.visit.now,
            self.item.version,
            CALENDAR.get(self.item.status, "CONFIRMED"),
            "\n".join(parts) if len(parts) > 1 else "",
        )

    @property
    def link(self) -> str:
        """The whole address that opens it anywhere, outside of a frame too."""
        return f"{self.visit.request.base_url}b/{self.visit.store.slug}/booking/{self.token}"

    def url(self, path: str = "", **changes: Any) -> str:  # noqa: ANN401 - whatever an address may carry
        """Return an address of this booking."""
        return self.visit.url(f"/booking/{self.token}{path}", **{"said": None, **changes})


async def kept(visit: Visiting, token: str) -> Kept:
    """Return the booking that a link opens.

    Raises
    ------
    LinkExpired
        The link is not good, or not any more.
    NotFound
        There is no such booking.
    """
    try:
        principal = await principals.of_link(visit.db, visit.request.app.state.interlock.keyring, token)
    except Unauthenticated as error:
        raise LinkExpired("This link is not valid, or not any more.") from error
    if principal.business_id != visit.store.id or principal.booking_id is None or principal.client_id is None:
        raise Forbidden("This link is for something else.")
    items = await queries.read(visit.db, visit.store.id, principal.booking_id)
    if items[0].client_id != principal.client_id:
        raise NotFound("There is no such booking.")
    own = await storefronts.items(visit.db, visit.store.id, principal.booking_id)
    return Kept(visit, token, principal.client_id, items, await ticket(visit, own))


Opened = Annotated[Kept, Depends(kept)]


@router.get("/b/{slug}/booking/{token}")
async def show(booking: Opened) -> Response:
    """The booking as it stands; the browser remembers it."""
    answer = _page(booking)
    remember(booking.visit, answer, bookings=[booking.item.id])
    return answer


def _page(booking: Kept, *, refusal: InterlockError | None = None) -> Response:
    visit = booking.visit
    return visit.page("kept.html", 409 if refusal else 200, booking=booking, ticket=booking.ticket, refusal=refusal)


@router.get("/b/{slug}/booking/{token}/calendar.ics")
async def calendar(booking: Opened) -> Response:
    """The booking as a calendar file."""
    headers = {"Content-Disposition": f'attachment; filename="{booking.visit.store.slug}.ics"'}
    return Response(calendar_file([booking.entry]), media_type="text/calendar; charset=utf-8", headers=headers)


@router.post("/b/{slug}/booking/{token}/cancel")
async def cancel(booking: Opened, version: Annotated[int, Form(ge=0)]) -> Response:
    """Cancel it, under the service's policy."""
    wanted = bookings.Cancellation(booking.item.id, version, Party.CLIENT)
    return await _done(booking, "cancelled", lambda: bookings.cancel(booking.scope, wanted, now=booking.visit.now))


@router.get("/b/{slug}/booking/{token}/move")
async def choose(booking: Opened) -> Response:
    """Other times for it."""
    return await _times(booking)


async def _times(booking: Kept, refused: Chosen | None = None) -> Response:
    visit = booking.visit
    wish = await _wish(booking)
    first = max(visit.asked.first or booking.starts.date(), wish.today)
    strip = wish.strip(first, WEEK)
    day = visit.asked.day or next((d.day for d in strip if d.free), first)
    return visit.page(
        "move.html",
        409 if refused else 200,
        booking=booking,
        first=first,
        strip_days=strip,
        day=day,
        today=wish.today,
        parts=by_part(wish.times(day)) if day >= wish.today else {},
        refused=refused,
        near=wish.nearest(refused.starts_at) if refused else [],
        chosen=Chosen,
        ticket=booking.ticket,
    )


async def _wish(booking: Kept) -> Wish:
    visit = booking.visit
    view = await moving.freed(visit.db, await visit.view(), booking.item.id)
    return other_times(view, booking.items, visit.zone, visit.now, booking.ticket.people)


@router.post("/b/{slug}/booking/{token}/move")
async def move(
    booking: Opened, at: Annotated[str, Form(max_length=100)], version: Annotated[int, Form(ge=0)]
) -> Response:
    """Move it; a time that is gone leads to the nearest others."""
    visit, chosen = booking.visit, Chosen.of(at)
    # Of several services each stays with who does it.
    staff = chosen.staff_id if len(booking.items) == 1 else None
    wanted = Reschedule(booking.item.id, version, Party.CLIENT, chosen.starts_at, staff)
    view = await visit.view()
    try:
        await reschedule(booking.scope, wanted, view=view, now=visit.now)
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _times(booking, chosen) if booking.movable else _page(booking, refusal=refusal)
    return RedirectResponse(booking.url(day=None, first=None, said="moved"), status_code=303)


async def _done(booking: Kept, said: str, work: Callable[[], Any]) -> Response:
    try:
        await work()
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return _page(booking, refusal=refusal)
    return RedirectResponse(booking.url(said=said), status_code=303)
