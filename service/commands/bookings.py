"""The life of a booking: hold, confirm, book at once, release, cancel."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from models.errors import HoldExpired, InvalidInput, NotFound
from models.states import AppointmentStatus, Party, sources
from service.commands.allowances import Allowed, store_allowed
from service.commands.attendance import Booking, Step, step
from service.commands.legality import legal_item
from service.db import claims
from service.db.command import command
from service.db.database import Transaction
from service.db.views import View

HOLD_MINUTES = 5


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A time to keep while the client makes up their mind; `starts_at` is aware and on the service's grid."""

    service_id: UUID
    staff_id: UUID
    starts_at: datetime
    minutes: int = HOLD_MINUTES

    def __post_init__(self) -> None:
        if not 1 <= self.minutes <= 60:
            raise InvalidInput("A hold lasts 1 to 60 minutes.")


@dataclass(frozen=True, slots=True)
class BookRequest:
    """A time to book at once for a known client."""

    service_id: UUID
    staff_id: UUID
    starts_at: datetime
    client_id: UUID
    source: str = "api"
    by: Party = Party.CLIENT
    allowed: Allowed | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The hold to turn into a booking: its token, and for whom."""

    appointment_id: UUID
    token: str
    client_id: UUID
    by: Party = Party.CLIENT
    allowed: Allowed | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """The hold to give back, with its token."""

    appointment_id: UUID
    token: str


@dataclass(frozen=True, slots=True)
class Cancellation(Step):
    """The booking to cancel, by whom, and why; `version`, where given, must be the present one."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A live hold. Only who has the `token` can confirm or release it."""

    id: UUID
    token: str
    staff_id: UUID
    starts_at: datetime
    ends_at: datetime
    expires_at: datetime


@command
async def hold(tx: Transaction, request: HoldRequest, *, view: View, now: datetime) -> Hold:
    """Keep a time for some minutes by the database's clock.

    Raises
    ------
    Past, OutsidePolicy, Closed, NotAllocated
        The time is not on offer, by the rules and the snapshot.
    SlotTaken, StaleSnapshot
        The database has the last word.
    """
    item = legal_item(view, request.service_id, request.staff_id, request.starts_at, now)
    appointment_id, token = uuid7(), secrets.token_urlsafe(24)
    held = claims.Appointment(appointment_id, "hold", "api", holder=claims.hashed(token), hold_minutes=request.minutes)
    outcome = await claims.take(tx, held, [item])
    return Hold(appointment_id, token, item.staff_id, item.starts_at, item.ends_at, outcome["expires_at"])


@command
async def book(tx: Transaction, request: BookRequest, *, view: View, now: datetime) -> Booking:
    """Book a time at once: one statement and the commit. Raises as `hold` does.

    A client's booking is pending at first where the service needs approval, or they did not come too often.
    """
    item = legal_item(view, request.service_id, request.staff_id, request.starts_at, now)
    appointment = claims.Appointment(
        uuid7(),
        "confirmed",
        request.source,
        client_id=request.client_id,
        asks_approval=request.by is Party.CLIENT,
    )
    outcome = await claims.take(tx, appointment, [item])
    if request.allowed is not None:
        await store_allowed(tx, appointment.id, request.allowed)
    return Booking(appointment.id, AppointmentStatus(outcome["status"]), 1)


@command
async def confirm(tx: Transaction, request: Confirmation) -> Booking:
    """Turn a hold into a booking, or a pending one as in `book`: one UPDATE with every condition in its WHERE.

    Raises
    ------
    HoldExpired, NotFound
        The hold ran out by the database's clock, was released, or the token is another's; it never was.
    """
    wanted = claims.Change(
        request.appointment_id,
        AppointmentStatus.CONFIRMED,
        sources("confirm", request.by),
        release=False,
        holder=claims.hashed(request.token),
        client_id=request.client_id,
        asks_approval=request.by is Party.CLIENT,
    )
    changed = await claims.change(tx, wanted)
    if changed is None:
        raise await _why_not_held(tx, request.appointment_id)
    if request.allowed is not None:
        await store_allowed(tx, request.appointment_id, request.allowed)
    return Booking(request.appointment_id, AppointmentStatus(changed.status), changed.version)


@command
async def release(tx: Transaction, request: Release) -> Booking:
    """Give a hold back before it runs out. Raises as `confirm` does."""
    target = AppointmentStatus.RELEASED
    holder = claims.hashed(request.token)
    wanted = claims.Change(request.appointment_id, target, sources("release"), release=True, holder=holder)
    changed = await claims.change(tx, wanted)
    if changed is None:
        raise await _why_not_held(tx, request.appointment_id)
    return Booking(request.appointment_id, target, changed.version)


@command
async def cancel(tx: Transaction, request: Cancellation, *, now: datetime) -> Booking:
    """Cancel a booking and free its time; a client's cancellation follows the service's policy.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        No such booking; it is over; it has another version.
    OutsidePolicy
        A client cancels after the service's last moment for it.
    """
    late = now if request.by is Party.CLIENT else None
    return await step(tx, "cancel", request, reason=request.reason, charged_at=late, ahead_of=late)


async def _why_not_held(tx: Transaction, appointment_id: UUID) -> HoldExpired | NotFound:
    known = "SELECT 1 AS known FROM appointment WHERE business_id = %s AND id = %s"
    if await tx.row(known, [tx.business_id, appointment_id]) is None:
        return NotFound("There is no such hold.")
    return HoldExpired("The hold has run out or is not yours; choose a time again.")
