"""The waitlist: joining and leaving."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.types.multirange import TimestamptzMultirange
from psycopg.types.range import TimestamptzRange
from uuid_utils.compat import uuid7

from models.errors import InvalidInput, NotAllocated, NotAllowed, NotFound, Past
from service.commands import offers
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record

INSERT = """
INSERT INTO waitlist_entry (business_id, id, client_id, service_id, staff_ids, windows, priority, since)
SELECT %(business)s, %(id)s, %(client)s, %(service)s, %(staff)s::uuid[], %(windows)s, %(priority)s, %(since)s
WHERE %(staff)s::uuid[] IS NULL OR %(staff)s::uuid[] <@ ARRAY(
    SELECT staff_id FROM allocation WHERE business_id = %(business)s AND service_id = %(service)s)
"""
# Before its offer is looked for, or one made meanwhile would outlive it.
LOCK = "SELECT status FROM waitlist_entry WHERE business_id = %s AND id = %s FOR UPDATE"
LEAVE = """
UPDATE waitlist_entry SET status = 'left', version = version + 1 WHERE business_id = %s AND id = %s RETURNING version
"""
KNOWN = """
SELECT id FROM service WHERE business_id = %s AND id = %s UNION ALL
SELECT id FROM staff WHERE business_id = %s AND id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Joining:
    """What a client waits for: the visit lies wholly inside one of `windows` (aware, half-open).

    `staff_ids` None means any allocated staff member; a higher `priority` (1 to 100) counts for more.
    """

    client_id: UUID
    service_id: UUID
    windows: tuple[tuple[datetime, datetime], ...]
    staff_ids: tuple[UUID, ...] | None = None
    priority: int = 1

    def __post_init__(self) -> None:
        if not 1 <= len(self.windows) <= 62:
            raise InvalidInput("An entry has 1 to 62 windows.")
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
    Past
        The last window has closed.
    """
    if max(end for _, end in request.windows) <= now:
        raise Past("The last of these windows has passed; choose a later one.")
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
        },
    )
    if not added:
        raise await _why_not_performed(tx, request)
    after = {"client_id": str(request.client_id), "service_id": str(request.service_id)}
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
    if (offer := await offers.open_of(tx, request)) is not None:
        await offers.give_back(tx, offer, entry="waiting")
    row = await tx.row(LEAVE, [tx.business_id, request]) or {}
    await record(tx, "waitlist.left", request, row["version"], after={"status": "left"})
    return Entry(request, "left", row["version"])


async def _why_not_performed(tx: Transaction, request: Joining) -> NotAllocated | NotFound:
    known = await tx.rows(KNOWN, [tx.business_id, request.service_id, tx.business_id, list(request.staff_ids or ())])
    if len(known) < 1 + len(set(request.staff_ids or ())):
        return NotFound("There is no such service or staff member.")
    return NotAllocated("A named staff member does not perform that service.")
