"""The waitlist: joining and leaving."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.types.multirange import TimestamptzMultirange
from psycopg.types.range import TimestamptzRange
from uuid_utils.compat import uuid7

from models.errors import InvalidInput, LimitReached, NotAllocated, NotAllowed, NotFound, OutsidePolicy, Past
from service.commands import offers
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record

MOST_WINDOWS = 62
"""Of one entry."""
# Whoever deletes the client waits for this, or this sees them gone.
INSERT = """
INSERT INTO waitlist_entry (business_id, id, client_id, service_id, staff_ids, windows, priority, since,
                            seats)
SELECT %(business)s, %(id)s, %(client)s, %(service)s, %(staff)s::uuid[], %(windows)s, %(priority)s, %(since)s,
       %(seats)s
FROM client c WHERE c.business_id = %(business)s AND c.id = %(client)s AND c.deleted_at IS NULL AND c.erased_at IS NULL
  AND (%(staff)s::uuid[] IS NULL OR %(staff)s::uuid[] <@ ARRAY(
    SELECT staff_id FROM allocation WHERE business_id = %(business)s AND service_id = %(service)s))
FOR SHARE OF c
"""
# Before its offer is looked for, or one made meanwhile would outlive it.
LOCK = "SELECT status FROM waitlist_entry WHERE business_id = %s AND id = %s FOR UPDATE"
LEAVE = """
UPDATE waitlist_entry SET status = 'left', version = version + 1 WHERE business_id = %s AND id = %s RETURNING version
"""
MOST_LIVE = 20
"""Entries with which one client waits at a time."""
LIVE_OF_CLIENT = """
SELECT id FROM waitlist_entry
WHERE business_id = %s AND client_id = %s AND status IN ('waiting', 'offered') ORDER BY id FOR UPDATE
"""
CAPACITY = "SELECT seats FROM service WHERE business_id = %s AND id = %s"
KNOWN = """
SELECT id FROM client WHERE business_id = %s AND id = %s AND deleted_at IS NULL AND erased_at IS NULL UNION ALL
SELECT id FROM service WHERE business_id = %s AND id = %s UNION ALL
SELECT id FROM staff WHERE business_id = %s AND id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Joining:
    """What a client waits for: the visit lies wholly inside one of `windows` (aware, half-open).

    `staff_ids` None means any allocated staff member; a higher `priority` (1 to 100) counts for more; `seats` are how
    many come together, in one group.
    """

    client_id: UUID
    service_id: UUID
    windows: tuple[tuple[datetime, datetime], ...]
    staff_ids: tuple[UUID, ...] | None = None
    priority: int = 1
    seats: int = 1

    def __post_init__(self) -> None:
        if not 1 <= len(self.windows) <= MOST_WINDOWS:
            raise InvalidInput(f"An entry has 1 to {MOST_WINDOWS} windows.")
        if not 1 <= self.seats <= 1000:
            raise InvalidInput("An entry waits for 1 to 1000 seats.")
        for start, end in self.windows:
            if start.tzinfo is None or end.tzinfo is None:
                raise InvalidInput("The times of a window need an offset, such as 2026-03-01T09:00:00+01:00.")
            if end <= start:
                raise InvalidInput(f"The window {start.isoformat()} to {end.isoformat()} is empty.")


@dataclass(frozen=True, slots=True)
class Entry:
    """A waitlist entry at a version."""

    id: UUID
    status: str
    version: int


@command
async def join(tx: Transaction, request: Joining, *, now: datetime) -> Entry:
    """Put a client on the waitlist, waiting since `now`.

    Raises
    ------
    NotAllocated
        One of the named staff members does not perform the service.
    NotFound
        There is no such client, service or staff member.
    OutsidePolicy
        The service does not have so many seats at a time.
    LimitReached
        The client waits with twenty entries already.
    Past
        The last window has closed.
    """
    if max(end for _, end in request.windows) <= now:
        raise Past("The last of these windows has passed; choose a later one.")
    # One after the other, or two at once would each count the same.
    tx.lock_name(f"waitlist/{request.client_id}")
    if len(await tx.rows(LIVE_OF_CLIENT, [tx.business_id, request.client_id])) >= MOST_LIVE:
        raise LimitReached(f"The client waits with {MOST_LIVE} entries already; leave one of them first.")
    if request.seats > 1:
        await _check_seats(tx, request)
    entry_id = uuid7()
    added = await tx.execute(
        INSERT,
        {
            "business": tx.business_id,
            "id": entry_id,
            "client": request.client_id,
            "service": request.service_id,
            "staff": None if request.staff_ids is None else list(request.staff_ids),
            "windows": TimestamptzMultirange([TimestamptzRange(start, end) for start, end in request.windows]),
            "priority": request.priority,
            "since": now,
            "seats": request.seats,
        },
    )
    if not added:
        raise await _why_not_performed(tx, request)
    after = {"client_id": str(request.client_id), "service_id": str(request.service_id), "seats": request.seats}
    await record(tx, "waitlist.joined", entry_id, 1, after=after)
    return Entry(entry_id, "waiting", 1)


@command
async def leave(tx: Transaction, request: UUID) -> Entry:
    """Take an entry off the waitlist, and give its offer back; raises `NotFound`, `NotAllowed` where it is over."""
    entry = await tx.row(LOCK, [tx.business_id, request])
    if entry is None:
        raise NotFound("There is no such entry.")
    if entry["status"] not in ("waiting", "offered"):
        raise NotAllowed(f"The entry is {entry['status']} and waits no longer.")
    return await _left(tx, request)


async def leave_all(tx: Transaction, client_id: UUID) -> None:
    """Take a client off the waitlist inside another command's transaction; what is offered to them goes back."""
    for row in await tx.rows(LIVE_OF_CLIENT, [tx.business_id, client_id]):
        await _left(tx, row["id"])


async def _left(tx: Transaction, entry_id: UUID) -> Entry:
    """Let a locked entry that waits leave, and give its offer back."""
    await offers.withdraw(tx, entry_id)
    row = await tx.row(LEAVE, [tx.business_id, entry_id]) or {}
    await record(tx, "waitlist.left", entry_id, row["version"], after={"status": "left"})
    return Entry(entry_id, "left", row["version"])


async def _check_seats(tx: Transaction, request: Joining) -> None:
    row = await tx.row(CAPACITY, [tx.business_id, request.service_id])
    if row is not None and row["seats"] < request.seats:
        raise OutsidePolicy(f"The service has {row['seats']} seat(s) at a time.")


async def _why_not_performed(tx: Transaction, request: Joining) -> NotAllocated | NotFound:
    of, staff = tx.business_id, set(request.staff_ids or ())
    known = await tx.rows(KNOWN, [of, request.client_id, of, request.service_id, of, list(staff)])
    if len(known) < 2 + len(staff):
        return NotFound("There is no such client, service or staff member.")
    return NotAllocated("A named staff member does not perform that service.")
