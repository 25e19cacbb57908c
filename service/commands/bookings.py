"""The life of a booking: hold, extend, confirm, book at once, release, cancel."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from models.errors import HoldExpired, InvalidInput, LimitReached, NotFound
from models.permissions import Principal, Role
from models.states import AppointmentStatus, Party, sources
from service.commands.allowances import Allowed, store_allowed
from service.commands.attendance import Booking, Step, step
from service.commands.clients import NewClient, check_known, recognised
from service.commands.legality import Wanted, legal_items
from service.commands.limits import respect_client_limits, respect_limits
from service.commands.nearest import offering_nearest
from service.db import claims
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record
from service.db.views import View

HOLD_MINUTES = 5


LIVE_HOLDS = 3
"""At most, for one client's key."""
EXTEND = """
WITH extended AS (
    UPDATE appointment SET expires_at = clock_timestamp() + %(minutes)s * interval '1 minute', extended = true,
                           version = version + 1
    WHERE business_id = %(business)s AND id = %(id)s AND status = 'hold' AND holder = %(holder)s AND NOT extended
      AND expires_at > clock_timestamp()
    RETURNING id, version, expires_at
), claims AS (
    UPDATE claim c SET expires_at = extended.expires_at
    FROM extended JOIN appointment_item i ON i.business_id = %(business)s AND i.appointment_id = extended.id
    WHERE c.business_id = %(business)s AND c.item_id = i.id AND c.released_at IS NULL
)
SELECT id, version, expires_at FROM extended
"""
LIVE_OF_KEY = """
SELECT count(*) AS live FROM appointment
WHERE business_id = %s AND client_key = %s AND status = 'hold' AND expires_at > clock_timestamp()
"""


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A time to keep while the client makes up their mind; `starts_at` is aware and on the service's grid.

    `more` are items that are held with it, all or none. `client_key` is whatever tells one client from another, such
    as an address: one key has at most three live holds.
    """

    service_id: UUID
    staff_id: UUID
    starts_at: datetime
    minutes: int = HOLD_MINUTES
    seats: int = 1
    more: tuple[Wanted, ...] = ()
    client_key: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.minutes <= 60:
            raise InvalidInput("A hold lasts 1 to 60 minutes.")
        if self.client_key is not None and not 1 <= len(self.client_key) <= 200:
            raise InvalidInput("A client's key has 1 to 200 characters.")

    @property
    def items(self) -> tuple[Wanted, ...]:
        """Everything that is wanted."""
        return (Wanted(self.service_id, self.staff_id, self.starts_at, self.seats), *self.more)


@dataclass(frozen=True, slots=True)
class BookRequest:
    """A time to book at once for a known client; `more` are items that are booked with it, all or none."""

    service_id: UUID
    staff_id: UUID
    starts_at: datetime
    client_id: UUID
    source: str = "api"
    by: Party = Party.CLIENT
    allowed: Allowed | None = None
    seats: int = 1
    more: tuple[Wanted, ...] = ()

    @property
    def items(self) -> tuple[Wanted, ...]:
        """Everything that is wanted."""
        return (Wanted(self.service_id, self.staff_id, self.starts_at, self.seats), *self.more)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The hold to turn into a booking: its token, and for whom: a client's id, or who they say they are."""

    appointment_id: UUID
    token: str
    client_id: UUID | None = None
    by: Party = Party.CLIENT
    allowed: Allowed | None = None
    client: NewClient | None = None

    def __post_init__(self) -> None:
        if (self.client_id is None) == (self.client is None):
            raise InvalidInput("Give a client's id, or who the client is.")


@dataclass(frozen=True, slots=True)
class Extension:
    """The hold to keep for longer, with its token: `minutes` from now on, once."""

    appointment_id: UUID
    token: str
    minutes: int = HOLD_MINUTES

    def __post_init__(self) -> None:
        if not 1 <= self.minutes <= 60:
            raise InvalidInput("A hold lasts 1 to 60 minutes.")


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


@dataclass(frozen=True, slots=True)
class Extended:
    """A hold that lasts longer."""

    id: UUID
    expires_at: datetime


@command
async def hold(tx: Transaction, request: HoldRequest, *, view: View, now: datetime) -> Hold:
    """Keep a time for some minutes by the database's clock; in one message, as `book`.

    Raises
    ------
    LimitReached
        The service or the staff member is at a limit that day or week; for a client's own see `confirm`.
    Past, OutsidePolicy, Closed, NotAllocated
        The time is not on offer, by the rules and the snapshot.
    SlotTaken, StaleSnapshot
        The database has the last word.
    LimitReached
        The client's key has three live holds.
    """
    appointment_id, token = uuid7(), secrets.token_urlsafe(24)
    key = None if request.client_key is None else claims.hashed(request.client_key)
    held = claims.Appointment(
        appointment_id,
        "hold",
        "api",
        holder=claims.hashed(token),
        hold_minutes=request.minutes,
        client_key=key,
    )
    if key is not None:
        await _limit_holds(tx, key)
    with offering_nearest(view, request.service_id, request.starts_at, now):
        items = legal_items(view, request.items, now)
        await respect_limits(tx, view, items, None)
        first = items[0]
        answer = Hold(appointment_id, token, first.staff_id, first.starts_at, first.ends_at, expires_at=now)
        outcome = await claims.take(tx, held, items, answer=answer)
    return replace(answer, expires_at=outcome["expires_at"])


def counted_by(who: Principal, address: str, client_key: str | None = None) -> str | None:
    """Return whose live holds are counted together: a client's, an address's where nobody is signed in.

    Who books for many may name a key for each; a client could name another one each time.
    """
    if who.is_anonymous:
        return f"address {address}"
    return who.actor if who.role in (Role.CLIENT, None) and not who.is_key else client_key


async def _limit_holds(tx: Transaction, key: str) -> None:
    # One after the other, or two at once would each count the same.
    tx.lock_name(f"holds/{key}")
    row = await tx.row(LIVE_OF_KEY, [tx.business_id, key])
    if row is not None and row["live"] >= LIVE_HOLDS:
        words = f"There are {LIVE_HOLDS} live holds already; confirm or release one of them first."
        raise LimitReached(words, live_holds=row["live"])


@command
async def extend(tx: Transaction, request: Extension) -> Extended:
    """Keep a hold for longer, once.

    Raises
    ------
    HoldExpired, NotFound
        As `confirm`.
    LimitReached
        It was extended before.
    """
    holder = claims.hashed(request.token)
    own = {"business": tx.business_id, "id": request.appointment_id, "holder": holder, "minutes": request.minutes}
    row = await tx.row(EXTEND, own)
    if row is None:
        sql = "SELECT 1 AS was FROM appointment WHERE business_id = %(business)s AND id = %(id)s AND extended"
        before = await tx.row(sql + " AND holder = %(holder)s AND expires_at > clock_timestamp()", own)
        if before is not None:
            raise LimitReached("A hold is extended once; confirm it, or choose a time again.")
        raise await _why_not_held(tx, request.appointment_id)
    after = {"expires_at": row["expires_at"].isoformat()}
    await record(tx, "appointment.extended", row["id"], row["version"], after=after)
    return Extended(row["id"], row["expires_at"])


@command
async def book(tx: Transaction, request: BookRequest, *, view: View, now: datetime) -> Booking:
    """Book a time at once, in one message, or several in three. Raises as `hold` does.

    A client's booking is pending at first where the service needs approval, or they did not come too often; then it
    may wait for a deposit.
    """
    appointment = claims.Appointment(
        uuid7(),
        "confirmed",
        request.source,
        client_id=request.client_id,
        asks_approval=request.by is Party.CLIENT,
    )
    booked = Booking(appointment.id, AppointmentStatus.CONFIRMED, 1)
    answer = booked if request.allowed is None else None
    with offering_nearest(view, request.service_id, request.starts_at, now):
        items = legal_items(view, request.items, now, by_staff=request.by is not Party.CLIENT)
        await respect_limits(tx, view, items, request.client_id)
        outcome = await claims.take(tx, appointment, items, answer=answer)
    if request.allowed is not None:
        await store_allowed(tx, appointment.id, request.allowed)
    return replace(booked, status=AppointmentStatus(outcome["status"]), deposit_cents=outcome["deposit_cents"])


@command
async def confirm(tx: Transaction, request: Confirmation) -> Booking:
    """Turn a hold into a booking, or a pending one as in `book`: one UPDATE with every condition in its WHERE.

    A client who says who they are is recognised, or added, in the same transaction.

    Raises
    ------
    LimitReached
        The client may not come for that service so often.
    HoldExpired, NotFound
        The hold ran out by the database's clock, was released, or the token is another's; it, or the client, never was.
    """
    client_id = request.client_id if request.client is None else await recognised(tx, request.client)
    if client_id is not None:
        await respect_client_limits(tx, request.appointment_id, client_id)
    wanted = claims.Change(
        request.appointment_id,
        AppointmentStatus.CONFIRMED,
        sources("confirm", request.by),
        release=False,
        holder=claims.hashed(request.token),
        client_id=client_id,
        asks_approval=request.by is Party.CLIENT,
    )
    changed = await claims.change(tx, wanted)
    if changed is None:
        if client_id is not None:
            await check_known(tx, client_id)
        raise await _why_not_held(tx, request.appointment_id)
    if request.allowed is not None:
        await store_allowed(tx, request.appointment_id, request.allowed)
    status = AppointmentStatus(changed.status)
    return Booking(request.appointment_id, status, changed.version, deposit_cents=changed.deposit_cents)


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
