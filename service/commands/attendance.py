"""What becomes of a booking: approved or declined, checked in, completed, not come; each a step of the state table."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from models.errors import InterlockError, NotAllowed, NotFound, OutsidePolicy, StaleVersion
from models.states import APPOINTMENT, LIVE, AppointmentStatus, Party, sources
from service.db import claims
from service.db.command import command
from service.db.database import Transaction


@dataclass(frozen=True, slots=True)
class Step:
    """The booking to take a step with, and who takes it; `version`, where given, must be the present one."""

    appointment_id: UUID
    version: int | None = None
    by: Party = Party.STAFF


@dataclass(frozen=True, slots=True)
class Booking:
    """An appointment in a state, at a version.

    `fee_cents`: what its policy charges, None where it was not asked; `deposit_cents`: what it waits for, if for that.
    """

    id: UUID
    status: AppointmentStatus
    version: int
    fee_cents: int | None = None
    deposit_cents: int | None = None


@command
async def approve(tx: Transaction, request: Step) -> Booking:
    """Confirm a pending booking.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        No such booking; not from its state, not by this party, or a deposit is due first; it has another version.
    """
    return await step(tx, "approve", request)


@command
async def decline(tx: Transaction, request: Step) -> Booking:
    """Turn a pending booking down and free its time. Raises as `approve`."""
    return await step(tx, "decline", request)


@command
async def check_in(tx: Transaction, request: Step) -> Booking:
    """Note that the client has come. Raises as `approve`."""
    return await step(tx, "check_in", request)


@command
async def complete(tx: Transaction, request: Step, *, now: datetime) -> Booking:
    """Note that the visit took place; only once it has begun. Raises as `approve`."""
    return await step(tx, "complete", request, begun_by=now)


@command
async def no_show(tx: Transaction, request: Step, *, now: datetime) -> Booking:
    """Note that the client did not come, record the fee and free what is left; only once it has begun.

    Raises as `approve`.
    """
    return await step(tx, "no_show", request, charged_at=now, begun_by=now)


@command
async def lapse(tx: Transaction, request: UUID, *, now: datetime) -> Booking:
    """Expire a pending booking that nobody approved before it began. Raises as `approve`."""
    return await step(tx, "lapse", Step(request, by=Party.SYSTEM), begun_by=now)


async def step(
    tx: Transaction,
    command: str,
    request: Step,
    *,
    reason: str | None = None,
    charged_at: datetime | None = None,
    ahead_of: datetime | None = None,
    begun_by: datetime | None = None,
) -> Booking:
    """Take one step of the state table; the times are those of `claims.Change`. Raises as the commands do."""
    target = next(t.target for t in APPOINTMENT if t.command == command)
    wanted = claims.Change(
        request.appointment_id,
        target,
        sources(command, request.by),
        release=target not in LIVE,
        version=request.version,
        reason=reason,
        charged_at=charged_at,
        ahead_of=ahead_of,
        begun_by=begun_by,
    )
    changed = await claims.change(tx, wanted)
    if changed is None:
        raise await why_unchanged(tx, command, request, late=ahead_of is not None)
    return Booking(request.appointment_id, target, changed.version, changed.fee_cents)


async def why_unchanged(tx: Transaction, command: str, request: Step, *, late: bool) -> InterlockError:
    """Return why a step was not taken."""
    row = await tx.row(
        "SELECT status, version, CASE WHEN deposit_paid_at IS NULL THEN deposit_cents END AS due "
        "FROM appointment WHERE business_id = %s AND id = %s",
        [tx.business_id, request.appointment_id],
    )
    if row is None:
        return NotFound("There is no such booking.")
    if request.version not in (None, row["version"]):
        return StaleVersion(f"The booking is at version {row['version']} now.", version=row["version"])
    if row["status"] not in sources(command, request.by):
        return _not_from(row, command, request.by)
    if command == "approve" and row["due"] is not None:
        return NotAllowed(f"A deposit of {row['due']} cents is due first; note that it was paid.", due=row["due"])
    if late:
        return OutsidePolicy("It is too late to cancel online; please call.")
    return NotAllowed("The visit has not begun yet.")


def _not_from(row: DictRow, command: str, party: Party) -> NotAllowed:
    words = command.replace("_", " ")
    if row["status"] in sources(command):
        return NotAllowed(f"A {party} cannot {words} a booking.")
    possible = " or ".join(state.replace("_", " ") for state in sources(command))
    return NotAllowed(f"The booking is {row['status'].replace('_', ' ')}; {words} needs one that is {possible}.")
