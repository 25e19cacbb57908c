"""Committing a plan: components of moves that take each other's time, each all or nothing behind a savepoint."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from models.errors import (
    InterlockError,
    LimitReached,
    NotAllocated,
    NotAllowed,
    SlotTaken,
    StaleSnapshot,
    StaleVersion,
)
from models.optimisation import MoveKind
from models.sentences import Sentence
from service.commands.limits import locked_limits, within_limits
from service.db import claims, rescheduling
from service.db.claims import Item, Room
from service.db.command import command
from service.db.database import Transaction
from service.db.rescheduling import Move, Standing

MOVES_TO_APPLY = """
SELECT m.*, s.lane_no, r.frozen_minutes, w.client_id, v.seats AS capacity, coalesce(w.seats, 1) AS seats,
       w.client_id IS NOT NULL AND c.id IS NULL AS client_gone
FROM planned_move m
JOIN optimisation_run r ON r.business_id = m.business_id AND r.id = m.run_id
JOIN staff s ON s.business_id = m.business_id AND s.id = m.staff_id
JOIN service v ON v.business_id = m.business_id AND v.id = m.service_id
LEFT JOIN waitlist_entry w ON w.business_id = m.business_id AND w.id = m.entry_id
LEFT JOIN client c ON c.business_id = w.business_id AND c.id = w.client_id AND c.deleted_at IS NULL
                  AND c.erased_at IS NULL
WHERE m.business_id = %s AND m.id = ANY(%s) AND m.status = 'planned'
ORDER BY m.component, s.lane_no, m.starts_at, m.id
"""
STAFF_LANES = "SELECT id, lane_no FROM staff WHERE business_id = %s AND lane_no = ANY(%s)"
LOCK_MOVES = """
SELECT id FROM planned_move WHERE business_id = %s AND id = ANY(%s) AND status = 'planned' ORDER BY id FOR UPDATE
"""
LOCK_ENTRIES = """
SELECT id, version, status FROM waitlist_entry WHERE business_id = %s AND id = ANY(%s) ORDER BY id FOR UPDATE
"""
PLACED = """
WITH placed AS (
    UPDATE waitlist_entry w SET status = 'placed', appointment_id = p.appointment_id, version = w.version + 1
    FROM unnest(%(entries)s::uuid[], %(appointments)s::uuid[]) AS p(entry_id, appointment_id)
    WHERE w.business_id = %(business)s AND w.id = p.entry_id
    RETURNING w.id, w.version, jsonb_build_object('status', w.status, 'appointment_id', w.appointment_id) AS after
), event AS (
    INSERT INTO outbox_event (business_id, topic, aggregate_id, aggregate_version, payload)
    SELECT %(business)s, 'waitlist.placed', id, version, after FROM placed
)
INSERT INTO audit_entry (business_id, actor, action, aggregate_id, after)
SELECT %(business)s, %(actor)s, 'waitlist.placed', id, after FROM placed
"""
REMEMBER = """
INSERT INTO allowance (business_id, appointment_id, moves, agreed_at, moved_to)
SELECT %s, m.id, 1, m.left_at, m.moved_to
FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) AS m(id, left_at, moved_to)
ON CONFLICT (business_id, appointment_id) DO UPDATE SET moves = allowance.moves + 1, moved_to = excluded.moved_to,
    agreed_at = CASE WHEN allowance.moved_to = excluded.agreed_at THEN allowance.agreed_at ELSE excluded.agreed_at END
"""
APPLIED = "UPDATE planned_move SET status = 'applied' WHERE business_id = %s AND id = ANY(%s)"
REFUSE = """
UPDATE planned_move m SET status = 'stale', refusal = r.why,
    said = coalesce(m.said, '{}') || jsonb_build_object('refusal', r.parts)
FROM unnest(%(ids)s::uuid[], %(why)s::text[], %(parts)s::jsonb[]) AS r(id, why, parts)
WHERE m.business_id = %(business)s AND m.id = r.id
"""
WORDS: dict[type[InterlockError], str] = {
    SlotTaken: "Someone else holds that time now.",
    StaleSnapshot: "The hours, the service or what it needs have changed since the plan was made.",
    StaleVersion: "The booking has changed.",
}
"""What is said of a plan where the guard speaks of a time that was offered."""


class Refused(Exception):
    """One line of a component is stale; nothing of the component stands."""

    def __init__(self, line: "Line", detail: str) -> None:
        super().__init__(detail)
        self.line = line
        # What has no parts of its own is one, to be said whole in another language.
        self.why = detail if isinstance(detail, Sentence) else Sentence.of("{detail}", detail=detail)


@dataclass(frozen=True, slots=True)
class Line:
    """One planned move as it is to be committed: its row, and the items that are booked, or moved from `standing`."""

    row: DictRow
    items: tuple[Item, ...]
    standing: Standing | None = None

    @property
    def id(self) -> UUID:
        """Return the planned move's id."""
        found: UUID = self.row["id"]
        return found

    @property
    def spans(self) -> list[claims.LaneSpan]:
        """Return the lane time that it takes, and that it leaves."""
        return claims.lane_spans(self.items) + ([] if self.standing is None else self.standing.spans)

    @property
    def client_id(self) -> UUID | None:
        """Return whose it is."""
        return self.row["client_id"] if self.standing is None else self.standing.client_id


@command
async def apply_components(tx: Transaction, request: list[UUID], *, now: datetime) -> None:
    """Apply the whole components that some moves make up; one that has gone stale is marked so, the others stand.

    Locks come first, in the order that every booking keeps: entries, limits, lanes' days, lanes, appointments.
    """
    lines = await _lines(tx, request)
    entries = await tx.rows(LOCK_ENTRIES, [tx.business_id, [i for line in lines if (i := line.row["entry_id"])]])
    waiting = {row["id"]: row["version"] for row in entries if row["status"] == "waiting"}
    wanted = [(line.id, item, line.client_id) for line in lines for item in line.items]
    limits = await locked_limits(tx, [(item, client) for _, item, client in wanted])
    of_line = [(id_, limit) for (id_, _, _), of_item in zip(wanted, limits, strict=True) for limit in of_item]
    tx.lock_lane_days(claims.lane_days(span for line in lines for span in line.spans))
    await tx.rows(rescheduling.LOCK, [tx.business_id, [line.standing.id for line in lines if line.standing]])
    # Another may have applied or discarded them while this one waited for the locks.
    planned = {row["id"] for row in await tx.rows(LOCK_MOVES, [tx.business_id, request])}
    for _, of_one in groupby((line for line in lines if line.id in planned), lambda line: line.row["component"]):
        component = list(of_one)
        await tx.execute("SAVEPOINT component")
        try:
            await _apply(tx, component, waiting, now)
            for line in component:
                with _refusing(line):
                    await within_limits(tx, [limit for id_, limit in of_line if id_ == line.id])
        except Refused as refusal:
            await tx.execute("ROLLBACK TO SAVEPOINT component")
            await _refuse(tx, component, refusal)
        await tx.execute("RELEASE SAVEPOINT component")


async def _refuse(tx: Transaction, component: list["Line"], refusal: Refused) -> None:
    along = Sentence.of("Goes together with a move that is refused: {why}", why=[refusal.why])
    why = [refusal.why if line.id == refusal.line.id else along for line in component]
    said = {"ids": [line.id for line in component], "why": why, "parts": [Jsonb(one.parts) for one in why]}
    await tx.execute(REFUSE, said | {"business": tx.business_id})


async def _lines(tx: Transaction, request: list[UUID]) -> list[Line]:
    rows = await tx.rows(MOVES_TO_APPLY, [tx.business_id, request])
    booked = list({m["appointment_id"]: None for m in rows if m["appointment_id"]})
    standing = {s.id: s for s in await rescheduling.standing(tx, booked)} if booked else {}
    also = [room["lane_no"] for m in rows for room in m["rooms"]]
    staff = {row["lane_no"]: row["id"] for row in await tx.rows(STAFF_LANES, [tx.business_id, also])} if also else {}
    found = []
    for m in rows:
        of = standing.get(m["appointment_id"])
        found.append(Line(m, (_item(m),) if of is None else tuple(_moved(m, of, staff)), of))
    return found


async def _apply(tx: Transaction, component: list[Line], waiting: Mapping[UUID, int], now: datetime) -> None:
    """Release all, then claim all; raises `Refused`."""
    for line in component:
        _refuse_stale(line, waiting, now)
    moving = [line for line in component if line.standing is not None]
    if moving:
        with _refusing(moving[0]):
            await rescheduling.move(tx, [Move(line.standing, line.items) for line in moving if line.standing])
        names = ("appointment_id", "before_starts_at", "starts_at")
        await tx.execute(REMEMBER, [tx.business_id, *([line.row[name] for line in moving] for name in names)])
    placing = [line for line in component if line.standing is None]
    made = []
    for line in placing:
        appointment = claims.Appointment(uuid7(), "confirmed", "optimiser", client_id=line.row["client_id"])
        with _refusing(line):
            await claims.take(tx, appointment, list(line.items))
        made.append(appointment.id)
    placed = {"entries": [line.row["entry_id"] for line in placing], "appointments": made}
    await tx.execute(PLACED, placed | {"business": tx.business_id, "actor": tx.actor})
    await tx.execute(APPLIED, [tx.business_id, [line.id for line in component]])


@contextmanager
def _refusing(line: Line) -> Iterator[None]:
    """Turn the guard's refusals into the line's."""
    try:
        yield
    except (SlotTaken, StaleSnapshot, StaleVersion, NotAllocated, NotAllowed, LimitReached) as error:
        raise Refused(line, WORDS.get(type(error), error.detail)) from error


def _refuse_stale(line: Line, waiting: Mapping[UUID, int], now: datetime) -> None:
    """Compare-and-set on the version; and time has gone on since the plan was made."""
    m = line.row
    if m["client_gone"]:
        raise Refused(line, "The client is on the list no longer.")
    if line.standing is None and waiting.get(m["entry_id"]) != m["entry_version"]:
        raise Refused(line, "The entry has changed or waits no longer.")
    if line.standing is not None and line.standing.version != m["appointment_version"]:
        raise Refused(line, WORDS[StaleVersion])
    if m["starts_at"] < now:
        raise Refused(line, "That time has passed.")
    frozen = now + timedelta(minutes=m["frozen_minutes"])
    if m["kind"] == MoveKind.MOVE and min(m["starts_at"], m["before_starts_at"]) < frozen:
        raise Refused(line, "It is too soon to move anyone.")


def _item(m: DictRow) -> Item:
    names = ("service_id", "staff_id", "lane_no", "availability_version", "starts_at", "ends_at", "claim_starts_at")
    rooms = tuple(
        Room(r["lane_no"], r["availability_version"], *(datetime.fromisoformat(r[t]) for t in ("starts_at", "ends_at")))
        for r in m["rooms"]
    )
    own = {name: m[name] for name in (*names, "claim_ends_at", "capacity", "seats")}
    return Item(uuid7(), **own, rooms=rooms)


def _moved(m: DictRow, standing: Standing, staff: Mapping[int, UUID]) -> Iterator[Item]:
    """Yield the items of an appointment where the plan puts it: the first as planned, the others along with it.

    What else it takes stands among the plan's rooms, the lanes of further `staff` included.
    """
    first, *rest = standing.items
    alone, shift = _item(m), m["starts_at"] - m["before_starts_at"]
    people = [room for room in alone.rooms if room.lane_no in staff]
    rooms = [room for room in alone.rooms if room.lane_no not in staff]
    also = tuple(_exchanged(rooms, span, shift) for span in first.spans if span[0] != first.own_lane)
    yield replace(alone, id=first.id, seats=first.seats, rooms=also)
    for item in rest:
        own = next(span for span in item.spans if span[0] == item.own_lane)
        taken = _exchanged(people, own, shift)
        who = (staff.get(taken.lane_no, item.staff_id), taken.lane_no, taken.availability_version)
        times = (item.starts_at + shift, item.ends_at + shift, taken.starts_at, taken.ends_at)
        also = tuple(_exchanged(rooms, span, shift) for span in item.spans if span != own)
        yield Item(item.id, item.service_id, *who, *times, seats=item.seats, rooms=also)


def _exchanged(planned: list[Room], span: claims.LaneSpan, shift: timedelta) -> Room:
    """What the plan takes in the place of some lane time, the same lane if it can; taken out of `planned`.

    Where the plan knows of nothing then, the lane as it is, at no version of its hours: that is stale.
    """
    lane, start, end = span
    same = [room for room in planned if (room.starts_at, room.ends_at) == (start + shift, end + shift)]
    if not same:
        return Room(lane, 0, start + shift, end + shift)
    found = next((room for room in same if room.lane_no == lane), same[0])
    planned.remove(found)
    return found
