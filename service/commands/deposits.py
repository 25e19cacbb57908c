"""Deposits: what a client who failed to come too often pays before they are confirmed; no money moves here."""

from dataclasses import asdict, dataclass
from typing import LiteralString

from psycopg.types.json import Jsonb

from models.errors import InterlockError, InvalidInput, NotAllowed
from models.states import AppointmentStatus, sources
from service.commands import versions
from service.commands.attendance import Booking, Step, why_unchanged
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record

MOST_CENTS = 100_000_000
PAID: LiteralString = "UPDATE appointment a SET deposit_paid_at = clock_timestamp(), "
WAIVED: LiteralString = "UPDATE appointment a SET deposit_cents = NULL, "
SETTLED: LiteralString = """version = version + 1,
    status = CASE WHEN EXISTS (
        SELECT FROM appointment_item i
        JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id AND v.needs_approval
        WHERE i.business_id = a.business_id AND i.appointment_id = a.id) THEN 'pending' ELSE 'confirmed' END
WHERE business_id = %(business)s AND id = %(id)s AND status = ANY(%(sources)s)
  AND (%(version)s::int IS NULL OR version = %(version)s) AND deposit_cents IS NOT NULL AND deposit_paid_at IS NULL
RETURNING version, status, client_id, (
    SELECT b.deposit_cents FROM appointment b WHERE b.business_id = a.business_id AND b.id = a.id) AS deposit_cents
"""
DUE = """
SELECT deposit_cents, deposit_paid_at FROM appointment WHERE business_id = %s AND id = %s AND status = 'pending'
"""
SET_RULES = """
UPDATE business SET settings = (settings - ARRAY['no_show_threshold', 'no_show_deposit_cents']) || %s WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class NoShowRules:
    """What happens to who fails to come `threshold` times (None: nothing).

    Their later bookings need a deposit of so many cents, or without one (None) the business's approval.
    """

    threshold: int | None = None
    deposit_cents: int | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not 1 <= self.threshold <= 1000:
            raise InvalidInput("A threshold is 1 to 1000 visits that a client missed.")
        if self.deposit_cents is not None and not 1 <= self.deposit_cents <= MOST_CENTS:
            raise InvalidInput(f"A deposit is 1 to {MOST_CENTS} cents; leave it out to ask for approval instead.")
        if self.threshold is None and self.deposit_cents is not None:
            raise InvalidInput("Say after how many missed visits a deposit is due.")


@command
async def set_no_show_rules(
    tx: Transaction, request: NoShowRules, *, version: int | None = None
) -> tuple[NoShowRules, int]:
    """Set what clients who failed to come have to do first, for bookings from now on.

    Returns the rules and the business's next version. Raises `NotFound`, and `StaleVersion` where it is no longer at
    `version`.
    """
    now_at = await versions.advance(tx, "business", tx.business_id, version)
    chosen = {f"no_show_{name}": value for name, value in asdict(request).items() if value is not None}
    await tx.execute(SET_RULES, [Jsonb(chosen), tx.business_id])
    await record(tx, "business.no_show_rules_set", tx.business_id, None, after=asdict(request))
    return request, now_at


@command
async def pay_deposit(tx: Transaction, request: Step) -> Booking:
    """Note that a booking's deposit was paid: it is confirmed, or still pending where its service needs approval too.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        No such booking; no deposit is due (any more), or not for this party to say; it has another version.
    """
    return await _settled(tx, request, "pay_deposit", PAID, "deposit_paid")


@command
async def waive_deposit(tx: Transaction, request: Step) -> Booking:
    """Do without a booking's deposit: it is confirmed, or still pending where its service needs approval too.

    Raises as `pay_deposit`.
    """
    return await _settled(tx, request, "waive_deposit", WAIVED, "deposit_waived")


async def _settled(tx: Transaction, request: Step, step: str, change: LiteralString, done: str) -> Booking:
    own = {"business": tx.business_id, "id": request.appointment_id, "version": request.version}
    row = await tx.row(change + SETTLED, own | {"sources": sources(step, request.by)})
    if row is None:
        raise await _why_not_due(tx, request, step)
    topic = "appointment.confirmed" if row["status"] == "confirmed" else f"appointment.{done}"
    after = {"status": row["status"], "client_id": str(row["client_id"]), f"{done}_cents": row["deposit_cents"]}
    await record(tx, topic, request.appointment_id, row["version"], after=after)
    return Booking(request.appointment_id, AppointmentStatus(row["status"]), row["version"])


async def _why_not_due(tx: Transaction, request: Step, step: str) -> InterlockError:
    row = await tx.row(DUE, [tx.business_id, request.appointment_id])
    if row is not None and row["deposit_cents"] is None:
        return NotAllowed("No deposit is due; approve the booking instead.")
    if row is not None and row["deposit_paid_at"] is not None:
        return NotAllowed("The deposit has been paid already; approve the booking.")
    return await why_unchanged(tx, step, request, late=False)
