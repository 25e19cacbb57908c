"""What booked clients allowed to be moved, and the business's rules where they said nothing."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb
from psycopg.types.multirange import TimestamptzMultirange
from psycopg.types.range import TimestamptzRange

from models.errors import InvalidInput, NotAllocated, NotAllowed, NotFound, StaleVersion
from models.optimisation import Rules, StaffAllowed
from models.states import MOVABLE
from service.commands import versions
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record

STORE = """
INSERT INTO allowance (business_id, appointment_id, windows, staff, staff_ids, locked)
VALUES (%(business)s, %(id)s, %(windows)s, %(staff)s, %(staff_ids)s::uuid[], %(locked)s)
ON CONFLICT (business_id, appointment_id) DO UPDATE
SET windows = excluded.windows, staff = excluded.staff, staff_ids = excluded.staff_ids, locked = excluded.locked
"""
# A plan that was made before must not move a client who has just locked their booking: the version moves on.
NEXT_VERSION = """
UPDATE appointment SET version = version + 1
WHERE business_id = %(business)s AND id = %(id)s AND status = ANY(%(movable)s)
  AND (%(version)s::int IS NULL OR version = %(version)s) RETURNING version
"""
PERFORM = """
SELECT count(*) AS known FROM allocation a
JOIN appointment_item i ON i.business_id = a.business_id AND i.service_id = a.service_id AND i.position = 1
WHERE a.business_id = %s AND i.appointment_id = %s AND a.staff_id = ANY(%s)
"""
SET_RULES = """
UPDATE business SET settings = settings || jsonb_build_object('optimisation', %s::jsonb) WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a client allows: None leaves a thing to the business's rules; times are aware, half-open."""

    windows: tuple[tuple[datetime, datetime], ...] | None = None
    staff: StaffAllowed | None = None
    staff_ids: tuple[UUID, ...] | None = None
    locked: bool = False

    def __post_init__(self) -> None:
        if self.windows is not None and not 1 <= len(self.windows) <= 62:
            raise InvalidInput("An allowance has 1 to 62 windows, or none at all.")
        for start, end in self.windows or ():
            if start.tzinfo is None or end.tzinfo is None:
                raise InvalidInput("The times of a window need an offset, such as 2026-03-01T09:00:00+01:00.")
            if end <= start:
                raise InvalidInput(f"The window {start.isoformat()} to {end.isoformat()} is empty.")
        if (self.staff == StaffAllowed.NAMED) != bool(self.staff_ids):
            raise InvalidInput("Name staff_ids with staff 'named', and with nothing else.")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the client of one booking allows from now on; `version`, where given, must be the present one."""

    appointment_id: UUID
    allowed: Allowed
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A booking's version once its allowance is stored."""

    appointment_id: UUID
    version: int


@command
async def allow(tx: Transaction, request: Allowance) -> Stored:
    """Store what the client of a booking allows; plans made before leave the booking alone from now on.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        No such booking; it is not confirmed (any more); it has another version.
    NotAllocated
        A named staff member does not perform its service.
    """
    key = {"business": tx.business_id, "id": request.appointment_id}
    row = await tx.row(
        NEXT_VERSION, key | {"version": request.version, "movable": [status.value for status in MOVABLE]}
    )
    if row is None:
        raise await _why_unchanged(tx, request)
    await store_allowed(tx, request.appointment_id, request.allowed)
    after = {"locked": request.allowed.locked, "windows": request.allowed.windows is not None}
    await record(tx, "appointment.allowance_set", request.appointment_id, row["version"], after=after)
    return Stored(request.appointment_id, row["version"])


async def store_allowed(tx: Transaction, appointment_id: UUID, allowed: Allowed) -> None:
    """Store an allowance in the caller's transaction; raises `NotAllocated`."""
    staff = set(allowed.staff_ids or ())
    if staff:
        row = await tx.row(PERFORM, [tx.business_id, appointment_id, list(staff)])
        if row is None or row["known"] < len(staff):
            raise NotAllocated("A named staff member does not perform that service.")
    windows = None if allowed.windows is None else [TimestamptzRange(*window) for window in allowed.windows]
    values = {
        "business": tx.business_id,
        "id": appointment_id,
        "windows": None if windows is None else TimestamptzMultirange(windows),
        "staff": allowed.staff,
        "staff_ids": list(staff) or None,
        "locked": allowed.locked,
    }
    await tx.execute(STORE, values)


@command
async def set_rules(tx: Transaction, request: Rules, *, version: int | None = None) -> tuple[Rules, int]:
    """Set the business's rules for the optimiser, all of them; returns them and the business's next version.

    Raises
    ------
    NotFound, StaleVersion
        There is no such business, or it is no longer at `version`.
    """
    now_at = await versions.advance(tx, "business", tx.business_id, version)
    await tx.execute(SET_RULES, [Jsonb(asdict(request)), tx.business_id])
    await record(tx, "business.optimisation_rules_set", tx.business_id, None, after=asdict(request))
    return request, now_at


async def _why_unchanged(tx: Transaction, request: Allowance) -> NotFound | NotAllowed | StaleVersion:
    row = await tx.row(
        "SELECT status, version FROM appointment WHERE business_id = %s AND id = %s",
        [tx.business_id, request.appointment_id],
    )
    if row is None:
        return NotFound("There is no such booking.")
    if row["status"] not in MOVABLE:
        return NotAllowed(f"The booking is {row['status']}; it is not to be moved any more.")
    return StaleVersion(f"The booking is at version {row['version']} now.", version=row["version"])
