"""Optimisation runs: what a plan would do, what it has done, and why the rest waits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.errors import NotFound
from service.db.database import Database, Transaction

RUN = """
SELECT id, kind, status, lower(horizon) AS start, upper(horizon) AS "end", seed, solver_status, objective, bound, gap,
       terms, solve_seconds, created_at
FROM optimisation_run WHERE business_id = %(business)s
"""
MOVES = """
SELECT m.id, m.entry_id, c.name AS client, s.name AS service, m.staff_id, st.name AS staff, m.starts_at, m.ends_at,
       m.value, m.reason, m.status, m.refusal
FROM planned_move m
JOIN waitlist_entry w ON w.business_id = m.business_id AND w.id = m.entry_id
JOIN client c ON c.business_id = w.business_id AND c.id = w.client_id
JOIN service s ON s.business_id = w.business_id AND s.id = w.service_id
JOIN staff st ON st.business_id = m.business_id AND st.id = m.staff_id
WHERE m.business_id = %s AND m.run_id = %s ORDER BY m.starts_at, m.id
"""
UNPLACED = """
SELECT u.entry_id, c.name AS client, s.name AS service, u.code, u.reason, u.relaxation
FROM unplaced_entry u
JOIN waitlist_entry w ON w.business_id = u.business_id AND w.id = u.entry_id
JOIN client c ON c.business_id = w.business_id AND c.id = w.client_id
JOIN service s ON s.business_id = w.business_id AND s.id = w.service_id
WHERE u.business_id = %s AND u.run_id = %s ORDER BY w.since, u.entry_id
"""


@dataclass(frozen=True, slots=True)
class Move:
    """One placement of a plan: planned, applied, stale (with the refusal) or discarded."""

    id: UUID
    entry_id: UUID
    client: str
    service: str
    staff_id: UUID
    staff: str
    starts_at: datetime
    ends_at: datetime
    value: float
    reason: str
    status: str
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Unplaced:
    """An entry that the run left waiting, with a sentence why and the smallest relaxation, if there is one."""

    entry_id: UUID
    client: str
    service: str
    code: str
    reason: str
    relaxation: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """A run with its plan. `gap` is relative: 0 means proven best."""

    id: UUID
    kind: str
    status: str
    start: datetime
    end: datetime
    seed: int
    solver_status: str
    objective: float
    bound: float
    gap: float
    terms: dict[str, float]
    solve_seconds: float
    created_at: datetime
    moves: tuple[Move, ...]
    unplaced: tuple[Unplaced, ...]


async def read(db: Database, business_id: UUID, run_id: UUID) -> Run:
    """Return one run; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(RUN + "AND id = %(id)s", {"business": business_id, "id": run_id})
        if row is None:
            raise NotFound("There is no such optimisation run.")
        return await _with_plan(tx, row)


async def latest(db: Database, business_id: UUID) -> Run | None:
    """Return the newest run, or None."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(RUN + "ORDER BY created_at DESC LIMIT 1", {"business": business_id})
        return None if row is None else await _with_plan(tx, row)


async def _with_plan(tx: Transaction, row: dict[str, Any]) -> Run:
    key = [tx.business_id, row["id"]]
    moves = await tx.rows(MOVES, key)
    unplaced = await tx.rows(UNPLACED, key)
    return Run(**row, moves=tuple(Move(**m) for m in moves), unplaced=tuple(Unplaced(**u) for u in unplaced))
