"""Committing a plan: batches of placements into free time, and components of moves that take each other's time."""

from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import DictRow
from uuid_utils.compat import uuid7

from models.errors import InterlockError
from models.optimisation import MoveKind
from models.states import MOVABLE
from service.db import claims, moves
from service.db.command import command
from service.db.database import Transaction

MOVES_TO_APPLY = """
SELECT m.*, s.lane_no, b.lane_no AS before_lane_no, r.frozen_minutes, w.client_id,
       (SELECT coalesce(array_agg(DISTINCT c.lane_no), '{}') FROM appointment_item i
        JOIN claim c ON c.business_id = i.business_id AND c.item_id = i.id AND c.released_at IS NULL
        WHERE i.business_id = m.business_id AND i.appointment_id = m.appointment_id) AS held_lanes
FROM planned_move m
JOIN optimisation_run r ON r.business_id = m.business_id AND r.id = m.run_id
JOIN staff s ON s.business_id = m.business_id AND s.id = m.staff_id
LEFT JOIN staff b ON b.business_id = m.business_id AND b.id = m.before_staff_id
LEFT JOIN waitlist_entry w ON w.business_id = m.business_id AND w.id = m.entry_id
WHERE m.business_id = %s AND m.id = ANY(%s) AND m.status = 'planned'
ORDER BY m.component, s.lane_no, m.starts_at, m.id
"""
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
CLOSE_MOVES = """
UPDATE planned_move m SET status = c.status, refusal = c.refusal
FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS c(id, status, refusal)
WHERE m.business_id = %s AND m.id = c.id
"""
REFUSE = """
UPDATE planned_move m SET status = 'stale', refusal = CASE WHEN m.id = c.culprit THEN c.why
    ELSE 'Goes together with a move that is refused: ' || c.why END
FROM (SELECT %s::uuid AS culprit, %s::text AS why) AS c
WHERE m.business_id = %s AND m.id = ANY(%s) AND m.status = 'planned'
"""


class Refused(Exception):
    """One move of a component is stale; nothing of it was written."""

    def __init__(self, move: UUID | None, detail: str) -> None:
        super().__init__(detail)
        self.move, self.detail = move, detail


@command
async def apply_component(tx: Transaction, request: list[UUID], *, now: datetime) -> None:
    """Apply moves that take each other's time, all of them or, raising `Refused`, none."""
    rows = await tx.rows(MOVES_TO_APPLY, [tx.business_id, request])
    tx.lock_lane_days([(lane, day) for m in rows for lane in _lanes(m) for day in _utc_days(m)])
    booked = await moves.lock_appointments(tx, [m["appointment_id"] for m in rows if m["appointment_id"]])
    locked = await tx.rows(LOCK_ENTRIES, [tx.business_id, [m["entry_id"] for m in rows if m["entry_id"]]])
    # Another may have applied or discarded them while this one waited for the locks.
    if not await tx.rows(LOCK_MOVES, [tx.business_id, request]):
        return
    waiting = {row["id"]: row["version"] for row in locked if row["status"] == "waiting"}
    for m in rows:
        _refuse_stale(m, waiting if m["kind"] == MoveKind.PLACE else _movable(booked), now)
    await _carry_out(tx, rows)
    closed = [[m["id"] for m in rows], ["applied"] * len(rows), [None] * len(rows)]
    await tx.execute(CLOSE_MOVES, [*closed, tx.business_id])


def _movable(booked: dict[UUID, DictRow]) -> dict[UUID, int]:
    return {row["id"]: row["version"] for row in booked.values() if row["status"] in MOVABLE}


def _refuse_stale(m: DictRow, versions: dict[UUID, int], now: datetime) -> None:
    """Compare-and-set on the version; and time has gone on since the plan was made."""
    placed = m["kind"] == MoveKind.PLACE
    subject = "entry" if placed else "appointment"
    if versions.get(m[f"{subject}_id"]) != m[f"{subject}_version"]:
        raise Refused(m["id"], "The entry has changed or waits no longer." if placed else "The booking has changed.")
    frozen = timedelta(minutes=m["frozen_minutes"] if m["kind"] == MoveKind.MOVE else 0)
    soonest = m["starts_at"] if placed else min(m["starts_at"], m["before_starts_at"])
    if m["starts_at"] < now or soonest < now + frozen:
        raise Refused(m["id"], "That time has passed." if m["starts_at"] < now else "It is too soon to move anyone.")


async def _carry_out(tx: Transaction, rows: list[DictRow]) -> None:
    try:
        await moves.move(tx, [_move(m) for m in rows if m["kind"] != MoveKind.PLACE])
    except InterlockError as refusal:
        raise Refused(None, refusal.detail) from refusal
    entries, made = [], []
    for m in rows:
        if m["kind"] == MoveKind.PLACE:
            appointment = claims.Appointment(uuid7(), "confirmed", "optimiser", client_id=m["client_id"])
            try:
                await claims.take(tx, appointment, [_item(m)])
            except InterlockError as refusal:
                raise Refused(m["id"], refusal.detail) from refusal
            entries.append(m["entry_id"])
            made.append(appointment.id)
    await _mark_placed(tx, entries, made)


def _move(m: DictRow) -> moves.Move:
    before = (m["before_staff_id"], m["before_starts_at"], m["before_ends_at"])
    also = {int(lane): version for lane, version in m["also_versions"].items()}
    return moves.Move(m["appointment_id"], _item(m), before, also | {m["lane_no"]: m["availability_version"]})


@command
async def refuse(tx: Transaction, request: tuple[UUID | None, str, list[UUID]]) -> None:
    """Mark a component stale: the move at fault with its reason, the others with theirs."""
    culprit, why, together = request
    await tx.execute(REFUSE, [culprit or together[0], why, tx.business_id, together])


@command
async def apply_batch(tx: Transaction, request: list[UUID], *, now: datetime) -> None:
    """Apply placements that stand alone; each that has gone stale is refused alone."""
    rows = await tx.rows(MOVES_TO_APPLY, [tx.business_id, request])
    tx.lock_lane_days([(m["lane_no"], day) for m in rows for day in _utc_days(m)])
    locked = await tx.rows(LOCK_ENTRIES, [tx.business_id, [m["entry_id"] for m in rows]])
    waiting = {row["id"]: row["version"] for row in locked if row["status"] == "waiting"}
    # Another may have applied or discarded them while this one waited for the locks.
    planned = {row["id"] for row in await tx.rows(LOCK_MOVES, [tx.business_id, request])}
    rows = [m for m in rows if m["id"] in planned]
    closed = [await _place(tx, move, waiting.get(move["entry_id"]), now) for move in rows]
    placed = [(m["entry_id"], appointment) for m, (appointment, _) in zip(rows, closed, strict=True) if appointment]
    await _mark_placed(tx, [entry for entry, _ in placed], [appointment for _, appointment in placed])
    ids, refusals = [m["id"] for m in rows], [refusal for _, refusal in closed]
    statuses = ["applied" if refusal is None else "stale" for refusal in refusals]
    await tx.execute(CLOSE_MOVES, [ids, statuses, refusals, tx.business_id])


async def _place(tx: Transaction, move: DictRow, version: int | None, now: datetime) -> tuple[UUID | None, str | None]:
    """Return the appointment made of one move, or the reason why there is none."""
    if move["starts_at"] < now:
        return None, "That time has passed."
    if version != move["entry_version"]:
        return None, "The entry has changed or waits no longer."
    appointment = claims.Appointment(uuid7(), "confirmed", "optimiser", client_id=move["client_id"])
    try:
        await claims.take(tx, appointment, [_item(move)])
    except InterlockError as refusal:
        # With a single item a refused take has written nothing, so the batch goes on.
        return None, refusal.detail
    return appointment.id, None


async def _mark_placed(tx: Transaction, entries: list[UUID], appointments: list[UUID]) -> None:
    names = {"entries": entries, "appointments": appointments, "business": tx.business_id, "actor": tx.actor}
    await tx.execute(PLACED, names)


def _item(m: DictRow) -> claims.Item:
    return claims.Item(
        uuid7(),
        service_id=m["service_id"],
        staff_id=m["staff_id"],
        lane_no=m["lane_no"],
        availability_version=m["availability_version"],
        starts_at=m["starts_at"],
        ends_at=m["ends_at"],
        claim_starts_at=m["claim_starts_at"],
        claim_ends_at=m["claim_ends_at"],
    )


def _lanes(m: DictRow) -> set[int]:
    return {lane for lane in (m["lane_no"], m["before_lane_no"], *m["held_lanes"]) if lane is not None}


def _utc_days(m: DictRow) -> set[int]:
    names = ("claim_starts_at", "claim_ends_at", "before_starts_at", "before_ends_at")
    return {int(m[name].timestamp() // 86400) for name in names if m[name] is not None}
