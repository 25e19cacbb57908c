"""Plans: recorded whole, applied through the guarded commit, refused move by move where they have gone stale."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from psycopg.types.range import TimestamptzRange
from uuid_utils.compat import uuid7

from models.errors import InterlockError, NotAllowed, NotFound
from service.db import claims
from service.db.command import Scope, command
from service.db.database import Transaction
from service.db.ledger import record

BATCH = 50
"""Moves a transaction: few enough to hold locks briefly, enough to share a commit."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One waitlist entry to be placed, with the versions that the plan stands on."""

    entry_id: UUID
    entry_version: int
    item: claims.Item
    component: int
    value: float
    reason: str


@dataclass(frozen=True, slots=True)
class LeftWaiting:
    """One entry that the plan leaves waiting, and why."""

    entry_id: UUID
    code: str
    reason: str
    relaxation: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a solve found, ready to be reviewed; `horizon` is half-open, `gap` relative, 0 means proven best."""

    horizon: tuple[datetime, datetime]
    seed: int
    solver_status: str
    objective: float
    bound: float
    gap: float
    terms: dict[str, float]
    solve_seconds: float
    placements: tuple[Placement, ...]
    left_waiting: tuple[LeftWaiting, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a plan: how many moves took effect, and each that was refused with its reason."""

    run_id: UUID
    applied: int
    stale: tuple[tuple[UUID, str], ...]


INSERT_RUN = """
INSERT INTO optimisation_run (business_id, id, kind, horizon, seed, solver_status, objective, bound, gap, terms,
                              solve_seconds)
VALUES (%s, %s, 'placement', %s, %s, %s, %s, %s, %s, %s, %s)
"""
INSERT_MOVES = """
INSERT INTO planned_move (business_id, id, run_id, component, entry_id, entry_version, availability_version,
                          staff_id, starts_at, ends_at, claim_starts_at, claim_ends_at, value, reason)
SELECT %(business)s, m.id, %(run)s, m.component, m.entry_id, m.entry_version, m.availability_version,
       m.staff_id, m.starts_at, m.ends_at, m.claim_starts_at, m.claim_ends_at, m.value, m.reason
FROM unnest(%(ids)s::uuid[], %(components)s::int[], %(entries)s::uuid[], %(entry_versions)s::int[],
            %(availability_versions)s::int[], %(staff)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
            %(claim_starts)s::timestamptz[], %(claim_ends)s::timestamptz[], %(values)s::float8[], %(reasons)s::text[])
     AS m(id, component, entry_id, entry_version, availability_version, staff_id, starts_at, ends_at,
          claim_starts_at, claim_ends_at, value, reason)
"""
INSERT_LEFT_WAITING = """
INSERT INTO unplaced_entry (business_id, run_id, entry_id, code, reason, relaxation)
SELECT %s, %s, u.* FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[]) AS u
"""
MOVES_TO_APPLY = """
SELECT m.id, m.entry_id, m.entry_version, m.availability_version, m.staff_id, s.lane_no, w.service_id, w.client_id,
       m.starts_at, m.ends_at, m.claim_starts_at, m.claim_ends_at
FROM planned_move m
JOIN staff s ON s.business_id = m.business_id AND s.id = m.staff_id
JOIN waitlist_entry w ON w.business_id = m.business_id AND w.id = m.entry_id
WHERE m.business_id = %(business)s AND m.run_id = %(run)s AND m.status = 'planned'
  AND (%(moves)s::uuid[] IS NULL OR m.id = ANY(%(moves)s))
ORDER BY m.component, s.lane_no, m.starts_at
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


@command
async def record_plan(tx: Transaction, request: Plan) -> UUID:
    """Store a plan for review and return the run's id; nothing moves yet."""
    run_id = uuid7()
    await tx.execute(
        INSERT_RUN,
        [
            tx.business_id,
            run_id,
            TimestamptzRange(*request.horizon),
            request.seed,
            request.solver_status,
            request.objective,
            request.bound,
            request.gap,
            Jsonb(request.terms),
            request.solve_seconds,
        ],
    )
    await tx.execute(INSERT_MOVES, _move_columns(request.placements) | {"business": tx.business_id, "run": run_id})
    left = request.left_waiting
    columns = [[getattr(u, name) for u in left] for name in ("entry_id", "code", "reason", "relaxation")]
    await tx.execute(INSERT_LEFT_WAITING, [tx.business_id, run_id, *columns])
    after = {"placements": len(request.placements), "left_waiting": len(left), "objective": request.objective}
    await record(tx, "plan.recorded", run_id, 1, after=after)
    return run_id


async def apply(scope: Scope, run_id: UUID, moves: Sequence[UUID] | None = None) -> Applied:
    """Apply all planned moves of a run, or those named, in batches that each commit on their own.

    A move whose entry, hours or time have changed since is refused alone and marked stale; the others stand.

    Raises
    ------
    NotFound, NotAllowed
        There is no such run; it was discarded.
    """
    # Applying twice applies nothing twice: only planned moves are taken. A key would tie batches together.
    scope = replace(scope, key=None)
    rows = await moves_to_apply(scope, run_id, moves=moves)
    stale: list[tuple[UUID, str]] = []
    for first in range(0, len(rows), BATCH):
        stale += await _apply_batch(scope, rows[first : first + BATCH])
    if moves is None:
        await close_run(scope, run_id, status="applied")
    return Applied(run_id, len(rows) - len(stale), tuple(stale))


@command
async def discard(tx: Transaction, request: UUID) -> UUID:
    """Discard what is still planned of a run; returns the run's id."""
    await tx.execute(
        "UPDATE planned_move SET status = 'discarded' WHERE business_id = %s AND run_id = %s AND status = 'planned'",
        [tx.business_id, request],
    )
    await _set_run_status(tx, request, "discarded")
    return request


@command
async def moves_to_apply(tx: Transaction, request: UUID, *, moves: Sequence[UUID] | None) -> list[DictRow]:
    """Return the planned moves of a run that is not discarded."""
    run = await tx.row(
        "SELECT status FROM optimisation_run WHERE business_id = %s AND id = %s", [tx.business_id, request]
    )
    if run is None:
        raise NotFound("There is no such optimisation run.")
    if run["status"] == "discarded":
        raise NotAllowed("The plan was discarded; run the optimiser again.")
    chosen = None if moves is None else list(moves)
    return await tx.rows(MOVES_TO_APPLY, {"business": tx.business_id, "run": request, "moves": chosen})


@command
async def close_run(tx: Transaction, request: UUID, *, status: str) -> UUID:
    """Mark a run as dealt with."""
    await _set_run_status(tx, request, status)
    return request


async def _set_run_status(tx: Transaction, run_id: UUID, status: str) -> None:
    done = await tx.execute(
        "UPDATE optimisation_run SET status = %s WHERE business_id = %s AND id = %s",
        [status, tx.business_id, run_id],
    )
    if not done:
        raise NotFound("There is no such optimisation run.")
    await record(tx, f"plan.{status}", run_id, 1, after={"status": status})


@command
async def _apply_batch(tx: Transaction, request: list[DictRow]) -> list[tuple[UUID, str]]:
    tx.lock_lane_days([(m["lane_no"], day) for m in request for day in _utc_days(m)])
    locked = await tx.rows(LOCK_ENTRIES, [tx.business_id, [m["entry_id"] for m in request]])
    waiting = {row["id"]: row["version"] for row in locked if row["status"] == "waiting"}
    closed = [await _place(tx, move, waiting.get(move["entry_id"])) for move in request]
    placed = [(m["entry_id"], appointment) for m, (appointment, _) in zip(request, closed, strict=True) if appointment]
    await tx.execute(
        PLACED,
        {
            "entries": [entry for entry, _ in placed],
            "appointments": [appointment for _, appointment in placed],
            "business": tx.business_id,
            "actor": tx.actor,
        },
    )
    ids, refusals = [m["id"] for m in request], [refusal for _, refusal in closed]
    statuses = ["applied" if refusal is None else "stale" for refusal in refusals]
    await tx.execute(CLOSE_MOVES, [ids, statuses, refusals, tx.business_id])
    return [(move, refusal) for move, refusal in zip(ids, refusals, strict=True) if refusal is not None]


async def _place(tx: Transaction, move: DictRow, version: int | None) -> tuple[UUID | None, str | None]:
    """Return the appointment made of one move, or the reason why there is none."""
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


def _move_columns(placements: Sequence[Placement]) -> dict[str, object]:
    items = [p.item for p in placements]
    return {
        "ids": [uuid7() for _ in placements],
        "components": [p.component for p in placements],
        "entries": [p.entry_id for p in placements],
        "entry_versions": [p.entry_version for p in placements],
        "availability_versions": [i.availability_version for i in items],
        "staff": [i.staff_id for i in items],
        "starts": [i.starts_at for i in items],
        "ends": [i.ends_at for i in items],
        "claim_starts": [i.claim_starts_at for i in items],
        "claim_ends": [i.claim_ends_at for i in items],
        "values": [p.value for p in placements],
        "reasons": [p.reason for p in placements],
    }
