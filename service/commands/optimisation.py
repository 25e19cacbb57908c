"""Accepting a plan: applied through the guarded commit, refused move by move where it has gone stale, or discarded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow
from uuid_utils.compat import uuid7

from models.errors import InterlockError, NotAllowed, NotFound
from service.db import claims
from service.db.command import Scope, command
from service.db.database import Transaction
from service.db.ledger import record

BATCH = 50
"""Moves a transaction: few enough to hold locks briefly, enough to share a commit."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """All moves of a run, or some of them."""

    run_id: UUID
    moves: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What has become of the moves chosen: how many took effect, and each that was refused with its reason."""

    run_id: UUID
    applied: int
    stale: tuple[tuple[UUID, str], ...]


RUN_MOVES = """
SELECT m.id, m.status, m.refusal FROM planned_move m
JOIN staff s ON s.business_id = m.business_id AND s.id = m.staff_id
WHERE m.business_id = %(business)s AND m.run_id = %(run)s AND (%(moves)s::uuid[] IS NULL OR m.id = ANY(%(moves)s))
ORDER BY m.component, s.lane_no, m.starts_at, m.id
"""
MOVES_TO_APPLY = """
SELECT m.id, m.entry_id, m.entry_version, m.availability_version, m.staff_id, s.lane_no, w.service_id, w.client_id,
       m.starts_at, m.ends_at, m.claim_starts_at, m.claim_ends_at
FROM planned_move m
JOIN staff s ON s.business_id = m.business_id AND s.id = m.staff_id
JOIN waitlist_entry w ON w.business_id = m.business_id AND w.id = m.entry_id
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
CLOSE_RUN = """
UPDATE optimisation_run SET status = 'applied' WHERE business_id = %(business)s AND id = %(run)s AND status = 'planned'
  AND NOT EXISTS (SELECT 1 FROM planned_move
                  WHERE business_id = %(business)s AND run_id = %(run)s AND status = 'planned')
"""
DISCARD_RUN = """
UPDATE optimisation_run SET status = 'discarded' WHERE business_id = %s AND id = %s AND status = 'planned'
"""
DISCARD_MOVES = """
UPDATE planned_move SET status = 'discarded' WHERE business_id = %s AND run_id = %s AND status = 'planned'
"""


async def apply(scope: Scope, run_id: UUID, moves: Sequence[UUID] | None = None, *, now: datetime) -> Applied:
    """Apply all planned moves of a run, or those named, in batches that each commit on their own.

    A move whose entry, hours or time have changed since is refused alone and marked stale; the others stand. Each
    move takes effect at most once, whoever applies it and however often; the answer tells what became of them.

    Raises
    ------
    NotFound, NotAllowed
        There is no such run, or no such move in it; it was discarded.
    """
    chosen = Chosen(run_id, None if moves is None else tuple(moves))
    planned = await planned_moves(scope, chosen)
    batches = replace(scope, key=None)
    for first in range(0, len(planned), BATCH):
        await _apply_batch(batches, planned[first : first + BATCH], now=now)
    return await applied(scope, chosen)


@command
async def discard(tx: Transaction, request: UUID) -> UUID:
    """Discard what is still planned of a run; returns the run's id.

    Raises
    ------
    NotFound, NotAllowed
        There is no such run; nothing of it is planned any more.
    """
    if not await tx.execute(DISCARD_RUN, [tx.business_id, request]):
        raise NotAllowed(f"The plan is {await _run_status(tx, request)} already.")
    await tx.execute(DISCARD_MOVES, [tx.business_id, request])
    await record(tx, "plan.discarded", request, 1, after={"status": "discarded"})
    return request


@command
async def planned_moves(tx: Transaction, request: Chosen) -> list[UUID]:
    """Return those of the chosen moves that are still planned, in the order to apply them in. Raises as `apply`."""
    if await _run_status(tx, request.run_id) == "discarded":
        raise NotAllowed("The plan was discarded; run the optimiser again.")
    rows = await _moves(tx, request)
    if request.moves is not None and len(rows) < len(set(request.moves)):
        raise NotFound("The run has no such move.")
    return [row["id"] for row in rows if row["status"] == "planned"]


@command
async def applied(tx: Transaction, request: Chosen) -> Applied:
    """Return what has become of the chosen moves; with none left to apply, the run is dealt with."""
    if await tx.execute(CLOSE_RUN, {"business": tx.business_id, "run": request.run_id}):
        await record(tx, "plan.applied", request.run_id, 1, after={"status": "applied"})
    rows = await _moves(tx, request)
    stale = tuple((row["id"], row["refusal"]) for row in rows if row["status"] == "stale")
    return Applied(request.run_id, sum(row["status"] == "applied" for row in rows), stale)


async def _moves(tx: Transaction, chosen: Chosen) -> list[DictRow]:
    moves = None if chosen.moves is None else list(chosen.moves)
    return await tx.rows(RUN_MOVES, {"business": tx.business_id, "run": chosen.run_id, "moves": moves})


async def _run_status(tx: Transaction, run_id: UUID) -> str:
    run = await tx.row(
        "SELECT status FROM optimisation_run WHERE business_id = %s AND id = %s", [tx.business_id, run_id]
    )
    if run is None:
        raise NotFound("There is no such optimisation run.")
    return str(run["status"])


@command
async def _apply_batch(tx: Transaction, request: list[UUID], *, now: datetime) -> None:
    moves = await tx.rows(MOVES_TO_APPLY, [tx.business_id, request])
    tx.lock_lane_days([(m["lane_no"], day) for m in moves for day in _utc_days(m)])
    locked = await tx.rows(LOCK_ENTRIES, [tx.business_id, [m["entry_id"] for m in moves]])
    waiting = {row["id"]: row["version"] for row in locked if row["status"] == "waiting"}
    # Another may have applied or discarded them while this one waited for the locks.
    planned = {row["id"] for row in await tx.rows(LOCK_MOVES, [tx.business_id, request])}
    moves = [m for m in moves if m["id"] in planned]
    closed = [await _place(tx, move, waiting.get(move["entry_id"]), now) for move in moves]
    placed = [(m["entry_id"], appointment) for m, (appointment, _) in zip(moves, closed, strict=True) if appointment]
    await tx.execute(
        PLACED,
        {
            "entries": [entry for entry, _ in placed],
            "appointments": [appointment for _, appointment in placed],
            "business": tx.business_id,
            "actor": tx.actor,
        },
    )
    ids, refusals = [m["id"] for m in moves], [refusal for _, refusal in closed]
    statuses = ["applied" if refusal is None else "stale" for refusal in refusals]
    await tx.execute(CLOSE_MOVES, [ids, statuses, refusals, tx.business_id])


async def _place(tx: Transaction, move: DictRow, version: int | None, now: datetime) -> tuple[UUID | None, str | None]:
    """Return the appointment made of one move, or the reason why there is none."""
    if move["starts_at"] < now:
        return None, "That time has passed."
    if version != move["entry_version"]:
        return None, "The entry has changed or waits no longer."
    item = claims.Item(
        uuid7(),
        move["service_id"],
        move["staff_id"],
        move["lane_no"],
        move["availability_version"],
        move["starts_at"],
        move["ends_at"],
        move["claim_starts_at"],
        move["claim_ends_at"],
    )
    appointment = claims.Appointment(uuid7(), "confirmed", "optimiser", client_id=move["client_id"])
    try:
        await claims.take(tx, appointment, [item])
    except InterlockError as refusal:
        # With a single item a refused take has written nothing, so the batch goes on.
        return None, refusal.detail
    return appointment.id, None


def _utc_days(move: DictRow) -> set[int]:
    return {int(move[column].timestamp() // 86400) for column in ("claim_starts_at", "claim_ends_at")}
