"""Moves: appointments that get other times under the guard; release all, then claim all, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from psycopg.rows import DictRow

from models.errors import NotAllowed, NotFound, StaleVersion
from models.sentences import Sentence
from models.states import MOVABLE, AppointmentStatus
from service.db.claims import Item, LaneSpan, guarded, lane_days, lane_spans
from service.db.database import Transaction
from service.db.guard import MOVE, RELEASE

# A group's lane time is the item's own only while nobody else is in it.
STANDING = """
SELECT a.id, a.version, a.status, a.client_id, a.series_id, a.occurrence, i.id AS item_id, i.service_id, i.staff_id,
       l.lane_no AS own_lane, i.starts_at, i.ends_at, i.seats, i.session_id, c.lane_no, c.starts_at AS claim_starts_at,
       c.ends_at AS claim_ends_at
FROM appointment a
JOIN appointment_item i ON i.business_id = a.business_id AND i.appointment_id = a.id
JOIN staff l ON l.business_id = i.business_id AND l.id = i.staff_id
LEFT JOIN group_session s ON s.business_id = i.business_id AND s.id = i.session_id AND s.taken = i.seats
LEFT JOIN claim c ON c.business_id = i.business_id AND c.released_at IS NULL
                 AND (c.item_id = i.id OR c.session_id = s.id)
WHERE a.business_id = %s AND a.id = ANY(%s) ORDER BY a.id, i.position, c.lane_no
"""
# Until when a client may move it: what costs a fee to cancel is not moved out of the fee's reach.
LAST_MOVE = """
min(i.starts_at - greatest(v.last_cancellation, CASE WHEN v.cancellation_fee_cents > 0 THEN v.free_cancellation END)
    * interval '1 minute')"""
LOCK = """
SELECT id, version, status FROM appointment WHERE business_id = %s AND id = ANY(%s) ORDER BY id FOR UPDATE
"""


@dataclass(frozen=True, slots=True)
class StandingItem:
    """An item as it is booked, with the lane time that is its own; `own_lane` is its staff member's."""

    id: UUID
    service_id: UUID
    staff_id: UUID
    own_lane: int
    starts_at: datetime
    ends_at: datetime
    seats: int
    spans: tuple[LaneSpan, ...]

    @property
    def takes(self) -> tuple[timedelta, ...] | None:
        """Its length and its buffers before and after; None where its time is a group's."""
        own = [(start, end) for lane, start, end in self.spans if lane == self.own_lane]
        return _takes(self.starts_at, self.ends_at, *own[0]) if own else None

    def keeps(self, item: Item) -> bool:
        """Whether what it becomes takes as long as it does, buffers included."""
        return self.takes == _takes(item.starts_at, item.ends_at, item.claim_starts_at, item.claim_ends_at)


@dataclass(frozen=True, slots=True)
class Standing:
    """An appointment as it was read: what a move stands on."""

    id: UUID
    version: int
    status: str
    client_id: UUID | None
    series_id: UUID | None
    occurrence: date | None
    items: tuple[StandingItem, ...]

    @property
    def spans(self) -> list[LaneSpan]:
        """The lane time that moving it would free."""
        return [span for item in self.items for span in item.spans]


@dataclass(frozen=True, slots=True)
class Move:
    """An appointment, and what its items become; each keeps its id."""

    standing: Standing
    items: tuple[Item, ...]


async def standing(tx: Transaction, appointments: Sequence[UUID]) -> list[Standing]:
    """Return appointments in the order asked for; raises `NotFound`."""
    rows = await tx.rows(STANDING, [tx.business_id, list(appointments)])
    found = {id_: _standing(list(of_one)) for id_, of_one in groupby(rows, itemgetter("id"))}
    if len(found) < len(set(appointments)):
        raise NotFound("There is no such booking.")
    return [found[id_] for id_ in appointments]


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move has made of an appointment."""

    version: int
    status: AppointmentStatus


async def move(tx: Transaction, moves: Sequence[Move], *, asks_approval: bool = False) -> list[Moved]:
    """Give appointments other times, all or none.

    What takes as long as it did may do so, whatever its service takes by now. With `asks_approval` they are pending
    again where their services want that.

    Every lane's day that is touched is locked in ascending order before anything else, so that moves which meet
    wait for each other and never in a circle.

    Raises
    ------
    StaleVersion
        One has changed since it was read.
    NotAllowed
        One is over, or a hold.
    SlotTaken, StaleSnapshot, NotAllocated
        As `claims.take`.
    """
    items = [item for wanted in moves for item in wanted.items]
    old = [span for wanted in moves for span in wanted.standing.spans]
    tx.lock_lane_days(lane_days([*old, *lane_spans(items)]))
    locked = {r["id"]: r for r in await tx.rows(LOCK, [tx.business_id, [m.standing.id for m in moves]])}
    for wanted in moves:
        check(wanted.standing, locked[wanted.standing.id])
    await tx.execute(RELEASE, {"business": tx.business_id, "items": [item.id for item in items]})
    ids = [wanted.standing.id for wanted in moves]
    kept = [item.id for m in moves for was, item in zip(m.standing.items, m.items, strict=True) if was.keeps(item)]
    outcome = await guarded(tx, MOVE, {"ids": ids, "kept": kept, "asks_approval": asks_approval}, items)
    asked = AppointmentStatus.PENDING if outcome["asks_first"] else None
    return [Moved(m.standing.version + 1, asked or AppointmentStatus(m.standing.status)) for m in moves]


def check_step(present: Standing, version: int | None) -> None:
    """Raise as `check` unless a booking may be moved, and is at the version that a caller expects, if any."""
    expected = present if version is None else replace(present, version=version)
    check(expected, {"status": present.status, "version": present.version})


def check(read: Standing, present: DictRow) -> None:
    """Raise `StaleVersion` or `NotAllowed` unless an appointment is as it was read, and may be moved."""
    if present["status"] not in MOVABLE:
        only = "The booking is {status}; only one that is pending or confirmed can be moved."
        raise NotAllowed(Sentence.of(only, status=present["status"].replace("_", " ")))
    if present["version"] != read.version:
        raise StaleVersion(f"The booking is at version {present['version']} now.", version=present["version"])


def _standing(rows: list[DictRow]) -> Standing:
    first = rows[0]
    items = tuple(_item(list(of_one)) for _, of_one in groupby(rows, itemgetter("item_id")))
    fields = ("id", "version", "status", "client_id", "series_id", "occurrence")
    return Standing(**{name: first[name] for name in fields}, items=items)


def _item(rows: list[DictRow]) -> StandingItem:
    first = rows[0]
    spans = tuple((r["lane_no"], r["claim_starts_at"], r["claim_ends_at"]) for r in rows if r["lane_no"] is not None)
    fields = ("service_id", "staff_id", "own_lane", "starts_at", "ends_at", "seats")
    return StandingItem(first["item_id"], **{name: first[name] for name in fields}, spans=spans)


def _takes(start: datetime, end: datetime, claim_start: datetime, claim_end: datetime) -> tuple[timedelta, ...]:
    return end - start, start - claim_start, claim_end - end
