"""Taking and giving back lane time under the guard.

Every command that sells time goes through `take`; nothing else, but a move, inserts a claim for an item.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import LiteralString
from uuid import UUID

import orjson
from psycopg.rows import DictRow
from uuid_utils.compat import uuid7

from models.errors import InterlockError, NotAllocated, SlotTaken, StaleSnapshot
from service.db.database import Transaction
from service.db.guard import BOOK, CHANGE_ONE, EXPIRE, JOIN_SESSIONS, LEAVE_SESSIONS, SHARE_LANES

NO_KEY = dict.fromkeys(("principal", "route", "key", "hash", "answer"))
LaneSpan = tuple[int, datetime, datetime]
"""A lane's time: its number, from, until; aware, half-open."""


@dataclass(frozen=True, slots=True)
class Room:
    """Lane time of a resource that an item needs; aware, half-open."""

    lane_no: int
    availability_version: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Item:
    """One service by one staff member at one time, with the lane time that it occupies, buffers included.

    Times are aware and half-open. `availability_version` is that of the lane's hours when the time was found legal,
    `capacity` the service's seats: where there are several, the item takes `seats` of them in a group.
    """

    id: UUID
    service_id: UUID
    staff_id: UUID
    lane_no: int
    availability_version: int
    starts_at: datetime
    ends_at: datetime
    claim_starts_at: datetime
    claim_ends_at: datetime
    capacity: int = 1
    seats: int = 1
    rooms: tuple[Room, ...] = ()


@dataclass(frozen=True, slots=True)
class Appointment:
    """The appointment that the items become if their time is free."""

    id: UUID
    status: str
    source: str
    client_id: UUID | None = None
    holder: str | None = None
    hold_minutes: int | None = None
    asks_approval: bool = False
    client_key: str | None = None
    series_id: UUID | None = None
    occurrence: date | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One appointment's next state, and what must hold for it.

    `release`: its lane time is given back. `asks_approval`: it becomes pending instead where the service or the
    client's record wants that. `charged_at`: when the fee by its services' policies is counted and recorded.
    `ahead_of`: a moment that must lie before the services' last cancellation. `begun_by`: one not before its start.
    """

    appointment_id: UUID
    target: str
    sources: list[str]
    release: bool
    version: int | None = None
    holder: str | None = None
    client_id: UUID | None = None
    reason: str | None = None
    asks_approval: bool = False
    charged_at: datetime | None = None
    ahead_of: datetime | None = None
    begun_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """An appointment after a change of state; `fee_cents` and `deposit_cents` are None unless it has come to one."""

    version: int
    status: str
    fee_cents: int | None
    deposit_cents: int | None


def hashed(token: str) -> str:
    """Return the SHA-256 of a holder's token; the token itself is never stored."""
    return hashlib.sha256(token.encode()).hexdigest()


async def take(
    tx: Transaction, appointment: Appointment, items: list[Item], *, answer: object | None = None
) -> DictRow:
    """Insert the claims, and the appointment if every claim stands; all or nothing.

    Expired holds that overlap are released first, in this transaction, when they turn out to be in the way. Who
    takes a seat in a group joins it, or opens it.

    `answer` is given by a command that has nothing to do after it: what it returns but for the appointment's status,
    deposit and expiry. It is kept under the command's key, and one item's COMMIT travels with it, in one message.

    Returns
    -------
    DictRow
        `status` that it has; `expires_at` of a hold by the database's clock, `deposit_cents` of who owes one, or None.

    Raises
    ------
    SlotTaken
        Someone else holds a lane at that time, or the group is full.
    StaleSnapshot
        A lane's hours, the service's lengths or its requirements changed since the items were found legal.
    NotAllocated
        A staff member does not perform the service (any more).
    """
    if len(items) > 1 or items[0].rooms or items[0].capacity > 1:
        tx.lock_lane_days(lane_days(lane_spans(items)))
    own: dict[str, object] = {
        "id": appointment.id,
        "client_id": appointment.client_id,
        "status": appointment.status,
        "source": appointment.source,
        "holder": appointment.holder,
        "hold_minutes": appointment.hold_minutes,
        "asks_approval": appointment.asks_approval,
        "client_key": appointment.client_key,
        "series_id": appointment.series_id,
        "occurrence": appointment.occurrence,
        "address": tx.origin.address,
        "request_id": tx.origin.request_id,
    }
    kept = tx.key if answer is not None else None
    own |= NO_KEY if kept is None else {**kept, "answer": tx.sealed(orjson.dumps(answer, default=str))}
    alone = len(items) == 1 and not items[0].rooms and items[0].capacity == 1
    outcome = await guarded(tx, BOOK, own, items, last=answer is not None and alone)
    if kept is not None:
        tx.key = None
    return outcome


def lane_spans(items: Iterable[Item]) -> list[LaneSpan]:
    """Return the lane time that some items claim, their rooms' included."""
    return [
        span
        for i in items
        for span in (
            (i.lane_no, i.claim_starts_at, i.claim_ends_at),
            *((r.lane_no, r.starts_at, r.ends_at) for r in i.rooms),
        )
    ]


def lane_days(spans: Iterable[LaneSpan]) -> set[tuple[int, int]]:
    """Return every (lane, UTC day since 1970) that some lane time begins or ends on."""
    return {(lane, int(at.timestamp() // 86400)) for lane, *times in spans for at in times}


async def guarded(
    tx: Transaction, sql: LiteralString, own: dict[str, object], items: list[Item], *, last: bool = False
) -> DictRow:
    """Run BOOK or MOVE, and once more where expired holds or a group just opened were in the way. Raises as `take`.

    With `last` the transaction ends with it where it may; refused, it has written nothing, and another begins.
    """
    groups = [item for item in items if item.capacity > 1]
    sessions: dict[UUID, UUID] = {}
    refusal: InterlockError = SlotTaken("That time has just been taken; choose another.")
    for again in (True, False):
        sessions |= await _joined(tx, [item for item in groups if item.id not in sessions])
        run = tx.last_row if last and again else tx.row
        outcome = await run(sql, own | {"wanted": _wanted(items, sessions)} | _who(tx)) or {}
        if outcome["taken"]:
            return outcome
        if outcome["rivals_expired"] is None and not outcome["allowed"]:
            refusal = await _unguarded(tx, items)
            break
        if not (again and (outcome["rivals_expired"] or groups)):
            break
        spans = lane_spans(items)
        await tx.execute(SHARE_LANES, {"business": tx.business_id, "lanes": [lane for lane, *_ in spans]})
        await expire_holds(tx, spans)
    if sessions:
        seats = {item.id: item.seats for item in groups}
        given_back = {"sessions": list(sessions.values()), "seats": [seats[item] for item in sessions]}
        await tx.execute(LEAVE_SESSIONS, given_back | _who(tx))
    raise refusal


async def expire_holds(tx: Transaction, overlapping: Sequence[LaneSpan] | None = None) -> int:
    """Release expired holds (all, or those over some lane time) by the database's clock; returns how many."""
    columns = [None] * 3 if overlapping is None else [list(column) for column in zip(*overlapping, strict=True)]
    params: dict[str, object] = dict(zip(("lanes", "claim_starts", "claim_ends"), columns, strict=True))
    expiry = Change(tx.business_id, "expired", ["hold"], release=True)
    return len(await tx.rows(EXPIRE, asdict(expiry) | params | _who(tx)))


async def change(tx: Transaction, wanted: Change) -> Changed | None:
    """Move one appointment to another state if all conditions hold now; None if one does not.

    A hold past its expiry by the database's clock never matches.
    """
    if wanted.holder is None:
        # Its times and claims have to be seen as they are once another transaction has moved it; holds never move.
        tx.lock_appointment(wanted.appointment_id)
    row = await tx.row(CHANGE_ONE, asdict(wanted) | _who(tx))
    return None if row is None else Changed(row["version"], row["status"], row["fee_cents"], row["deposit_cents"])


async def _joined(tx: Transaction, groups: list[Item]) -> dict[UUID, UUID]:
    """Take seats in groups that are open; returns the session of each item that found one."""
    if not groups:
        return {}
    rows = await tx.rows(JOIN_SESSIONS, {"wanted": _wanted(groups, {})} | _who(tx))
    return {row["item_id"]: row["id"] for row in rows}


def _wanted(items: Sequence[Item], sessions: dict[UUID, UUID]) -> str:
    """Return items, and behind them their rooms, as an array of the database's type `wanted`."""
    rows: list[tuple[object, ...]] = []
    rooms: list[tuple[object, ...]] = []
    for i in items:
        joins = i.id in sessions
        session = "" if i.capacity == 1 else sessions.get(i.id) or uuid7()
        times = (i.lane_no, i.availability_version, i.claim_starts_at, i.claim_ends_at)
        visit = (i.id, i.service_id, i.staff_id, i.starts_at, i.ends_at, i.capacity, i.seats)
        rows.append((*visit, session, joins, *times))
        for r in () if joins else i.rooms:
            times = (r.lane_no, r.availability_version, r.starts_at, r.ends_at)
            rooms.append((i.id, *[""] * 6, session, False, *times))
    # The driver's own dumper of arrays took a quarter of a booking's time on this side.
    return "{" + ",".join(f'"({",".join(map(str, row))})"' for row in rows + rooms) + "}"


def _who(tx: Transaction) -> dict[str, object]:
    return {"business": tx.business_id, "actor": tx.actor}


async def _unguarded(tx: Transaction, items: list[Item]) -> NotAllocated | StaleSnapshot:
    allocated = await tx.rows(
        "SELECT 1 AS one FROM allocation a "
        "JOIN staff s ON s.business_id = a.business_id AND s.id = a.staff_id AND s.active "
        "JOIN service v ON v.business_id = a.business_id AND v.id = a.service_id AND v.active "
        "JOIN unnest(%s::uuid[], %s::uuid[]) AS w(service_id, staff_id) "
        "  ON w.service_id = a.service_id AND w.staff_id = a.staff_id WHERE a.business_id = %s",
        [[i.service_id for i in items], [i.staff_id for i in items], tx.business_id],
    )
    if len(allocated) < len({(i.service_id, i.staff_id) for i in items}):
        return NotAllocated("That staff member does not perform the service.")
    return StaleSnapshot("Working hours or the service have changed since this time was offered; look again.")
