"""The life of a booking: hold, confirm, book at once, release, cancel."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from models.errors import HoldExpired, InvalidInput, NotAllowed, NotFound, StaleVersion
from models.states import AppointmentStatus, sources
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


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The hold to turn into a booking: its token, and for whom."""

    appointment_id: UUID
    token: str
    client_id: UUID


@dataclass(frozen=True, slots=True)
class Release:
    """The hold to give back, with its token."""

    appointment_id: UUID
    token: str


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The booking to cancel; `version`, where given, must be the present one."""

    appointment_id: UUID
    version: int | None = None
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


@dataclass(frozen=True, slots=True)
class Booking:
    """An appointment in a state, at a version."""

    id: UUID
    status: AppointmentStatus
    version: int


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
    """Book a time at once: one statement and the commit. Raises as `hold` does."""
    item = legal_item(view, request.service_id, request.staff_id, request.starts_at, now)
    appointment = claims.Appointment(uuid7(), "confirmed", request.source, client_id=request.client_id)
    await claims.take(tx, appointment, [item])
    return Booking(appointment.id, AppointmentStatus.CONFIRMED, 1)


@command
async def confirm(tx: Transaction, request: Confirmation) -> Booking:
    """Turn a hold into a booking: one UPDATE with every condition in its WHERE.

    Raises
    ------
    HoldExpired, NotFound
        The hold ran out by the database's clock, was released, or the token is another's; it never was.
    """
    return await _end_hold(tx, request, AppointmentStatus.CONFIRMED, client_id=request.client_id)


@command
async def release(tx: Transaction, request: Release) -> Booking:
    """Give a hold back before it runs out. Raises as `confirm` does."""
    return await _end_hold(tx, request, AppointmentStatus.RELEASED)


async def _end_hold(
    tx: Transaction, request: Confirmation | Release, target: AppointmentStatus, client_id: UUID | None = None
) -> Booking:
    version = await claims.change(
        tx,
        request.appointment_id,
        target,
        sources(target),
        release=target is AppointmentStatus.RELEASED,
        holder=claims.hashed(request.token),
        client_id=client_id,
    )
    if version is None:
        raise await _why_not_held(tx, request.appointment_id)
    return Booking(request.appointment_id, target, version)


@command
async def cancel(tx: Transaction, request: Cancellation) -> Booking:
    """Cancel a booking and free its time.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        No such booking; it is not confirmed (any more); it has another version.
    """
    target = AppointmentStatus.CANCELLED
    version = await claims.change(
        tx,
        request.appointment_id,
        target,
        sources(target),
        release=True,
        version=request.version,
        reason=request.reason,
    )
    if version is None:
        raise await _why_unchanged(tx, request)
    return Booking(request.appointment_id, target, version)


async def _why_not_held(tx: Transaction, appointment_id: UUID) -> HoldExpired | NotFound:
    known = "SELECT 1 AS known FROM appointment WHERE business_id = %s AND id = %s"
    if await tx.row(known, [tx.business_id, appointment_id]) is None:
        return NotFound("There is no such hold.")
    return HoldExpired("The hold has run out or is not yours; choose a time again.")


async def _why_unchanged(tx: Transaction, request: Cancellation) -> NotFound | NotAllowed | StaleVersion:
    row = await tx.row(
        "SELECT status, version FROM appointment WHERE business_id = %s AND id = %s",
        [tx.business_id, request.appointment_id],
    )
    if row is None:
        return NotFound("There is no such booking.")
    if row["status"] != AppointmentStatus.CONFIRMED:
        return NotAllowed(f"The booking is {row['status']}; only a confirmed one can be cancelled.")
    return StaleVersion(f"The booking is at version {row['version']} now.", version=row["version"])
