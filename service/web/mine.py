"""My appointments: those that this browser has booked or opened by their links, and those of who is signed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from models.errors import Unauthenticated
from models.permissions import Role
from models.states import MOVABLE
from service.queries import accounts, links, mine
from service.queries.mine import Appointment
from service.security import tokens
from service.web.pages import PageRoute
from service.web.session import signed_in
from service.web.visit import Visit, Visiting

COOKIE = "mine"
REMEMBERED = 30
"""Bookings that one browser remembers, the newest."""
DAYS = 400
"""How long it remembers them: longer than a browser keeps any cookie."""
LINK_DAYS = 30
"""How long after the visit the link to a booking still opens it."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class Listed:
    """An appointment in the list."""

    visit: Visit
    appointment: Appointment

    @property
    def starts(self) -> datetime:
        """Its start, in the visit's zone."""
        return self.appointment.starts_at.astimezone(self.visit.zone)

    @property
    def changeable_until(self) -> datetime | None:
        """Until when it can be changed online, in the visit's zone; None where that is over."""
        return last_change(self.appointment.status, self.starts, self.appointment.last_cancellation, self.visit.now)

    @property
    def is_to_come(self) -> bool:
        """Whether it is still ahead."""
        return self.appointment.status in MOVABLE and self.appointment.ends_at > self.visit.now

    def url(self, path: str = "") -> str:
        """Return an address of the booking's own pages."""
        found = self.appointment
        return self.visit.url(f"/booking/{link_to(self.visit, found.id, found.client_id, found.starts_at)}{path}")


@router.get("/b/{slug}/me")
async def show(visit: Visiting) -> Response:
    """The appointments to come, and those that are over."""
    account = await signed_in(visit.request, visit.store.id)
    found = await mine.of(visit.db, visit.store.id, account.client_id, remembered(visit))
    listed = [Listed(visit, appointment) for appointment in found]
    return visit.page(
        "mine.html",
        coming=[entry for entry in reversed(listed) if entry.is_to_come],
        past=[entry for entry in listed if not entry.is_to_come],
        is_known=account.client_id is not None,
        zone_named=visit.words.zone(visit.zone, visit.now),
    )


@router.get("/me")
async def anywhere(request: Request) -> Response:
    """Go on to the appointments of who is signed in, in the business where they are a client."""
    account = await signed_in(request)
    if account.account_id is None:
        return RedirectResponse("/login?next=/me", status_code=303)
    known = await accounts.read(request.app.state.interlock.db, account.account_id)
    places = [place.slug for place in known.memberships if place.role == Role.CLIENT]
    return RedirectResponse(f"/b/{places[0]}/me" if len(places) == 1 else "/account", status_code=303)


def last_change(status: str, starts_at: datetime, minutes: int, now: datetime) -> datetime | None:
    """Return until when a client can move or cancel a booking online, `minutes` before it; None where that is over."""
    last = starts_at - timedelta(minutes=minutes)
    return last if status in MOVABLE and now < last else None


def link_to(visit: Visit, booking_id: UUID, client_id: UUID, starts_at: datetime) -> str:
    """Return the signed link's token for a booking; it holds until a while after the visit."""
    lasts = timedelta(days=LINK_DAYS) + max(starts_at - visit.now, timedelta(0))
    keyring = visit.request.app.state.interlock.keyring
    return links.signed(keyring, visit.store.id, client_id, booking_id, lasts).removeprefix("link.")


def remembered(visit: Visit) -> list[UUID]:
    """Return the bookings of this business that the browser's cookie remembers, the newest first."""
    cookie = visit.request.cookies.get(COOKIE)
    if cookie is None:
        return []
    try:
        claims = tokens.read(visit.request.app.state.interlock.keyring, cookie, tokens.MINE)
    except Unauthenticated:
        return []
    return [UUID(hex=text) for text in claims["bookings"]] if claims["sub"] == str(visit.store.id) else []


def remember(visit: Visit, answer: Response, booking_id: UUID) -> None:
    """Let the browser remember a booking whose link it has; what it remembers is signed, out of scripts' reach."""
    known = remembered(visit)
    if booking_id in known:
        return
    kept: Sequence[UUID] = [booking_id, *known][:REMEMBERED]
    value = tokens.signed(
        visit.request.app.state.interlock.keyring,
        tokens.MINE,
        DAYS * 86_400,
        sub=str(visit.store.id),
        bookings=[booking.hex for booking in kept],
    )
    visit.set_cookie(answer, COOKIE, value, DAYS * 86_400)
