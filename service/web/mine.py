"""My appointments: those that this browser has booked or opened by their links, and those of who is signed in.

With them what its visitor waits for: offers are accepted or declined, entries left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from models.errors import HoldExpired, NotAllowed, NotFound, Unauthenticated
from models.permissions import Role
from models.states import MOVABLE
from service.commands import offers, waitlist
from service.queries import accounts, mine
from service.queries.mine import Appointment, Waiting
from service.security import links, tokens
from service.web.pages import PageRoute
from service.web.session import signed_in
from service.web.visit import Visit, Visiting

COOKIE = "mine"
REMEMBERED = 30
"""Bookings, and as many waitlist entries, that one browser remembers: the newest."""
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
        found = self.appointment
        open_until = found.status in MOVABLE and self.visit.now < found.last_move
        return found.last_move.astimezone(self.visit.zone) if open_until else None

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
    return await _page(visit)


async def _page(visit: Visit, *, refused: bool = False) -> Response:
    account, known = await signed_in(visit.request, visit.store.id), remembered(visit)
    entries = await mine.waiting(visit.db, visit.store.id, account.client_id, known.entries)
    # Who waited and was given a time has it by the entry that the browser remembers.
    placed = [entry.appointment_id for entry in entries if entry.appointment_id is not None]
    found = await mine.of(visit.db, visit.store.id, account.client_id, [*known.bookings, *placed])
    listed = [Listed(visit, appointment) for appointment in found]
    return visit.page(
        "mine.html",
        409 if refused else 200,
        coming=[entry for entry in reversed(listed) if entry.is_to_come],
        past=[entry for entry in listed if not entry.is_to_come],
        waiting=[entry for entry in entries if entry.appointment_id is None],
        refused=refused,
        is_known=account.client_id is not None,
        zone_named=visit.words.zone(visit.zone, visit.now),
    )


async def _own_entry(visit: Visit, entry_id: UUID) -> Waiting:
    """Return an entry of who looks; raises `NotFound` for anybody else's."""
    account = await signed_in(visit.request, visit.store.id)
    entries = await mine.waiting(visit.db, visit.store.id, account.client_id, remembered(visit).entries)
    own = next((entry for entry in entries if entry.id == entry_id), None)
    if own is None:
        raise NotFound("There is no such entry.")
    return own


@router.post("/b/{slug}/me/waiting/{entry_id}/accept")
async def accept(visit: Visiting, entry_id: UUID) -> Response:
    """Take the time that is offered; the booking opens."""
    entry = await _own_entry(visit, entry_id)
    if entry.offer_id is None or entry.starts_at is None:
        return await _page(visit, refused=True)
    try:
        booking = await offers.accept(visit.scope, offers.Acceptance(entry.offer_id))
    except (HoldExpired, NotAllowed):
        return await _page(visit, refused=True)
    token = link_to(visit, booking.id, entry.client_id, entry.starts_at)
    answer = RedirectResponse(visit.url(f"/booking/{token}", said="booked"), status_code=303)
    remember(visit, answer, bookings=[booking.id])
    return answer


@router.post("/b/{slug}/me/waiting/{entry_id}/decline")
async def decline(visit: Visiting, entry_id: UUID) -> Response:
    """Give the time that is offered back, and wait on."""
    entry = await _own_entry(visit, entry_id)
    try:
        if entry.offer_id is not None:
            await offers.decline(visit.scope, entry.offer_id)
    except (HoldExpired, NotAllowed):
        return await _page(visit, refused=True)
    return RedirectResponse(visit.url("/me", said="declined"), status_code=303)


@router.post("/b/{slug}/me/waiting/{entry_id}/leave")
async def leave(visit: Visiting, entry_id: UUID) -> Response:
    """Wait no longer."""
    entry = await _own_entry(visit, entry_id)
    try:
        await waitlist.leave(visit.scope, entry.id)
    except (HoldExpired, NotAllowed):
        return await _page(visit, refused=True)
    return RedirectResponse(visit.url("/me", said="left"), status_code=303)


@router.get("/me")
async def anywhere(request: Request) -> Response:
    """Go on to the appointments of who is signed in, in the business where they are a client."""
    account = await signed_in(request)
    if account.account_id is None:
        return RedirectResponse("/login?next=/me", status_code=303)
    known = await accounts.read(request.app.state.interlock.db, account.account_id)
    places = [place.slug for place in known.memberships if place.role == Role.CLIENT]
    return RedirectResponse(f"/b/{places[0]}/me" if len(places) == 1 else "/account", status_code=303)


def link_to(visit: Visit, booking_id: UUID, client_id: UUID, starts_at: datetime) -> str:
    """Return the signed link's token for a booking; it holds until a while after the visit."""
    lasts = timedelta(days=LINK_DAYS) + max(starts_at - visit.now, timedelta(0))
    keyring = visit.request.app.state.interlock.keyring
    return links.signed(keyring, visit.store.id, client_id, booking_id, lasts).removeprefix("link.")


@dataclass(frozen=True, slots=True)
class Remembered:
    """Bookings and waitlist entries of one business that a browser remembers, the newest first."""

    bookings: Sequence[UUID] = ()
    entries: Sequence[UUID] = ()


def remembered(visit: Visit) -> Remembered:
    """Return what the browser's cookie remembers of this business."""
    cookie = visit.request.cookies.get(COOKIE)
    if cookie is None:
        return Remembered()
    try:
        claims = tokens.read(visit.request.app.state.interlock.keyring, cookie, tokens.MINE)
    except Unauthenticated:
        return Remembered()
    if claims["sub"] != str(visit.store.id):
        return Remembered()
    return Remembered(*([UUID(hex=text) for text in claims.get(what, ())] for what in ("bookings", "entries")))


def remember(visit: Visit, answer: Response, *, bookings: Sequence[UUID] = (), entries: Sequence[UUID] = ()) -> None:
    """Let the browser remember what its visitor has made or has the link of; signed, and out of scripts' reach."""
    known = remembered(visit)
    if set(bookings) <= set(known.bookings) and set(entries) <= set(known.entries):
        return
    kept = {
        name: [id_.hex for id_ in dict.fromkeys([*new, *old])][:REMEMBERED]
        for name, new, old in (("bookings", bookings, known.bookings), ("entries", entries, known.entries))
    }
    keyring = visit.request.app.state.interlock.keyring
    value = tokens.signed(keyring, tokens.MINE, DAYS * 86_400, sub=str(visit.store.id), **kept)
    visit.set_cookie(answer, COOKIE, value, DAYS * 86_400)
