"""Plans: what a solve found, recorded whole for review; nothing moves yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb
from psycopg.types.range import TimestamptzRange
from uuid_utils.compat import uuid7

from service.db import claims
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record


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
