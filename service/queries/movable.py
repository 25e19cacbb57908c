"""The booked appointments that a run may look at, with what their clients allowed; and the business's rules for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, LiteralString
from uuid import UUID

from pydantic import Field

from models.errors import NotFound
from models.optimisation import Rules
from models.states import MOVABLE
from service.db.database import Database
from service.queries.shown import Window

RULES = "SELECT settings -> 'optimisation' AS rules FROM business WHERE id = %s"
SELECTED = """
SELECT a.id, a.version, a.client_id, c.name AS client, i.service_id, v.name AS service, i.staff_id, s.name AS staff,
       i.starts_at, i.ends_at, own.starts_at AS claim_starts_at, own.ends_at AS claim_ends_at,
       w.windows, w.staff AS staff_allowed, w.staff_ids, coalesce(w.locked, false) AS locked,
       coalesce(w.moves, 0) AS moves,
       CASE WHEN w.moved_to = i.starts_at THEN w.agreed_at ELSE i.starts_at END AS agreed_at,
       (SELECT count(*) FROM appointment_item x
        WHERE x.business_id = a.business_id AND x.appointment_id = a.id) AS items,
       ARRAY(SELECT x.service_id FROM appointment_item x WHERE x.business_id = a.business_id
             AND x.appointment_id = a.id AND x.position > 1 ORDER BY x.position) AS further_services,
       ARRAY(SELECT ARRAY[t.lane_no, floor(extract(epoch FROM x.starts_at) / 60)::bigint,
                          ceil(extract(epoch FROM x.ends_at) / 60)::bigint]
             FROM appointment_item x JOIN staff t ON t.business_id = x.business_id AND t.id = x.staff_id
             WHERE x.business_id = a.business_id AND x.appointment_id = a.id AND x.position > 1
             ORDER BY x.position) AS further,
       ARRAY(SELECT ARRAY[k.lane_no, floor(extract(epoch FROM k.starts_at) / 60)::bigint,
                          ceil(extract(epoch FROM k.ends_at) / 60)::bigint]
             FROM appointment_item x
             JOIN claim k ON k.business_id = x.business_id AND k.released_at IS NULL AND """
FROM = """
             WHERE x.business_id = a.business_id AND x.appointment_id = a.id AND k.id <> own.id
             ORDER BY k.lane_no, k.starts_at) AS also
FROM appointment a
JOIN appointment_item i ON i.business_id = a.business_id AND i.appointment_id = a.id
JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
JOIN staff s ON s.business_id = i.business_id AND s.id = i.staff_id
JOIN claim own ON own.business_id = i.business_id AND own.lane_no = s.lane_no AND own.released_at IS NULL AND """
WHERE = """
LEFT JOIN client c ON c.business_id = a.business_id AND c.id = a.client_id
LEFT JOIN allowance w ON w.business_id = a.business_id AND w.appointment_id = a.id
WHERE a.business_id = %(business)s AND a.status = ANY(%(movable)s)
"""
BOOKED = SELECTED + "k.item_id = x.id" + FROM + "own.item_id = i.id AND i.position = 1" + WHERE
# What a member holds is the session's; wherever in their visit the group comes.
MEMBERS = SELECTED + "k.session_id = x.session_id AND x.id = i.id" + FROM + "own.session_id = i.session_id" + WHERE
BETWEEN = "AND i.starts_at >= %(start)s AND i.starts_at < %(end)s ORDER BY i.starts_at, a.id"
MOVABLE_STATES = [status.value for status in MOVABLE]


@dataclass(frozen=True, slots=True)
class Booked:
    """One appointment that may be given another time, its first item's place, and what its client allowed.

    Attributes
    ----------
    windows : tuple of aware half-open pairs, or None
        When the client would come instead; None: as the business's rules say.
    staff_allowed : "same", "any", "named" or None
        With whom; None: as the rules say. `staff_ids` are those named.
    agreed_at : datetime
        The start that the client chose, before any plan moved it.
    items : int
        How many items its visit has.
    also : tuple of (lane number, start, end) in epoch minutes
        What else it holds: rooms, and the lanes of further items.
    further : tuple of (service, lane number, start, end)
        Its items beyond the first, without buffers.
    """

    id: UUID
    version: int
    client_id: UUID
    client: str
    service_id: UUID
    service: str
    staff_id: UUID
    staff: str
    starts_at: datetime
    ends_at: datetime
    claim_starts_at: datetime
    claim_ends_at: datetime
    windows: tuple[Window, ...] | None
    staff_allowed: str | None
    staff_ids: tuple[UUID, ...]
    locked: bool
    moves: int
    agreed_at: datetime
    items: int
    also: Annotated[tuple[tuple[int, int, int], ...], Field(exclude=True)]
    further: Annotated[tuple[tuple[UUID, int, int, int], ...], Field(exclude=True)] = ()


async def rules(db: Database, business_id: UUID) -> Rules:
    """Return the business's rules for the optimiser; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(RULES, [business_id])
    if row is None:
        raise NotFound("There is no such business.")
    return Rules.of(row["rules"] or {})


async def booked(db: Database, business_id: UUID, start: datetime, end: datetime) -> list[Booked]:
    """Return the appointments (confirmed or pending) that start in [start, end), by start; those of groups apart."""
    return await _between(db, business_id, BOOKED, start, end)


async def members(db: Database, business_id: UUID, start: datetime, end: datetime) -> list[Booked]:
    """Return who (confirmed or pending) is in a group that starts in [start, end), with what the group holds."""
    return await _between(db, business_id, MEMBERS, start, end)


async def _between(
    db: Database, business_id: UUID, query: LiteralString, start: datetime, end: datetime
) -> list[Booked]:
    asked = {"business": business_id, "start": start, "end": end, "movable": MOVABLE_STATES}
    async with db.transaction(business_id) as tx:
        return [_booked(row) for row in await tx.rows(query + BETWEEN, asked)]


async def one(db: Database, business_id: UUID, appointment_id: UUID) -> Booked:
    """Return one appointment that is to come; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(
            BOOKED + "AND a.id = %(id)s", {"business": business_id, "id": appointment_id, "movable": MOVABLE_STATES}
        )
    if row is None:
        raise NotFound("There is no such booking to come.")
    return _booked(row)


def _booked(row: dict[str, Any]) -> Booked:
    windows, services = row.pop("windows"), row.pop("further_services")
    return Booked(
        **row
        | {
            "windows": None if windows is None else tuple((w.lower, w.upper) for w in windows),
            "staff_ids": tuple(row["staff_ids"] or ()),
            "also": tuple((lane, start, end) for lane, start, end in row["also"]),
            "further": tuple((of, *item) for of, item in zip(services, row["further"], strict=True)),
        }
    )
