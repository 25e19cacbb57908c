"""Placing who waits by hand: a time booked for an entry, or one that they would take as well written into it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.range import TimestamptzRange
from uuid_utils.compat import uuid7

from models.errors import InvalidInput, NotAllocated, NotAllowed, NotFound, Past
from models.states import AppointmentStatus
from service.commands.attendance import Booking
from service.commands.components import PLACED
from service.commands.legality import Wanted, legal_items
from service.commands.limits import respect_limits
from service.commands.nearest import offering_nearest
from service.commands.versions import check
from service.commands.waitlist import MOST_WINDOWS, Entry
from service.db import claims
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record
from service.db.views import View

# Locked before limits and lanes, as plans lock it.
ENTRY = """
SELECT client_id, service_id, seats, status, version FROM waitlist_entry WHERE business_id = %s AND id = %s FOR UPDATE
"""
WIDEN = """
UPDATE waitlist_entry w SET windows = w.windows + tstzmultirange(%(window)s), version = w.version + 1,
    staff_ids = CASE WHEN w.staff_ids IS NULL OR %(staff)s::uuid IS NULL OR %(staff)s::uuid = ANY(w.staff_ids)
        THEN w.staff_ids ELSE w.staff_ids || %(staff)s::uuid END
WHERE w.business_id = %(business)s AND w.id = %(id)s
RETURNING w.version, (SELECT count(*) FROM unnest(w.windows)) AS windows
"""
PERFORMS = "SELECT 1 AS does FROM allocation WHERE business_id = %s AND service_id = %s AND staff_id = %s"


@dataclass(frozen=True, slots=True)
class Placing:
    """The time to book for a waitlist entry, at the version at which it was read; aware."""

    entry_id: UUID
    version: int
    staff_id: UUID
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Widening:
    """What who waits would take as well: a window (aware, half-open), and a staff member where they named some."""

    entry_id: UUID
    version: int
    start: datetime
    end: datetime
    staff_id: UUID | None = None

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise InvalidInput("The times of a window need an offset, such as 2026-03-01T09:00:00+01:00.")
        if self.end <= self.start:
            raise InvalidInput("The window ends before it starts.")


@command
async def place(tx: Transaction, request: Placing, *, view: View, now: datetime) -> Booking:
    """Book a time for who waits, their own wishes aside, and take them off the list: both or neither.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        There is no such entry; it waits no longer; it has changed since it was read.
    Past, OutsidePolicy, Closed, NotAllocated, LimitReached, SlotTaken, StaleSnapshot
        As a booking at the desk.
    """
    entry = _waiting(await tx.row(ENTRY, [tx.business_id, request.entry_id]), request.version)
    made = claims.Appointment(uuid7(), "confirmed", "waitlist", client_id=entry["client_id"])
    wanted = [Wanted(entry["service_id"], request.staff_id, request.starts_at, entry["seats"])]
    with offering_nearest(view, entry["service_id"], request.starts_at, now):
        items = legal_items(view, wanted, now, by_staff=True)
        await respect_limits(tx, view, items, entry["client_id"])
        outcome = await claims.take(tx, made, items)
    placed = {"entries": [request.entry_id], "appointments": [made.id]}
    await tx.execute(PLACED, placed | {"business": tx.business_id, "actor": tx.actor})
    return Booking(made.id, AppointmentStatus(outcome["status"]), 1, deposit_cents=outcome["deposit_cents"])


@command
async def widen(tx: Transaction, request: Widening, *, now: datetime) -> Entry:
    """Let who waits wait for another time as well, and for another staff member where they named some.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        As `place`.
    Past, NotAllocated, InvalidInput
        The window has closed; that staff member does not perform the service; there are more than 62 windows.
    """
    if request.end <= now:
        raise Past("That time has passed.")
    entry = _waiting(await tx.row(ENTRY, [tx.business_id, request.entry_id]), request.version)
    performs = [tx.business_id, entry["service_id"], request.staff_id]
    if request.staff_id is not None and await tx.row(PERFORMS, performs) is None:
        raise NotAllocated("That staff member does not perform the service.")
    window = TimestamptzRange(request.start, request.end)
    own = {"business": tx.business_id, "id": request.entry_id, "window": window, "staff": request.staff_id}
    row = await tx.row(WIDEN, own) or {}
    if row["windows"] > MOST_WINDOWS:
        raise InvalidInput(f"An entry has 1 to {MOST_WINDOWS} windows.")
    also = {"start": request.start.isoformat(), "end": request.end.isoformat()}
    staff = {} if request.staff_id is None else {"staff_id": str(request.staff_id)}
    await record(tx, "waitlist.widened", request.entry_id, row["version"], after=also | staff)
    return Entry(request.entry_id, "waiting", row["version"])


def _waiting(entry: DictRow | None, version: int) -> DictRow:
    """Return an entry that still waits, as it was read; raises if not."""
    if entry is None:
        raise NotFound("There is no such entry.")
    if entry["status"] != "waiting":
        raise NotAllowed(f"The entry is {entry['status']} and waits no longer.")
    check(entry["version"], version)
    return entry
