"""Optimisation runs: how far they are, what a plan would do, what it has done, and why the rest was left out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.errors import NotFound
from models.optimisation import RunKind
from service.db.database import Database, Transaction
from service.queries.paging import Order, Page, PageOf, page_of

FIRST = Page(20)
COLUMNS = """
SELECT r.id, r.kind, r.policy, r.status, lower(r.horizon) AS start, upper(r.horizon) AS "end", r.seed, r.time_limit,
       r.frozen_minutes, r.phase, r.elapsed, r.stop_requested, r.error, r.alternative_to, r.replan_of, r.same_as,
       r.solver_status, r.objective, r.bound, r.gap, r.terms, r.solve_seconds, r.created_at,
       (SELECT o.id FROM optimisation_run o WHERE o.business_id = r.business_id AND o.replan_of = r.id) AS replanned_by
"""
RUN = COLUMNS + "FROM optimisation_run r WHERE r.business_id = %(business)s "
SUMMARIES = (
    COLUMNS
    + """,
       (SELECT jsonb_object_agg(k, n) FROM (
            SELECT kind AS k, count(*) AS n FROM planned_move
            WHERE business_id = r.business_id AND run_id = r.id GROUP BY kind) AS counted) AS counts,
       (SELECT count(*) FROM unplaced_entry WHERE business_id = r.business_id AND run_id = r.id) AS left_out
FROM optimisation_run r WHERE r.business_id = %(business)s
"""
)
MOVES = """
SELECT m.id, m.kind, m.component, m.entry_id,
       CASE WHEN m.status = 'applied' THEN coalesce(m.appointment_id, w.appointment_id) ELSE m.appointment_id END
           AS appointment_id,
       coalesce(c.name, 'somebody') AS client, m.service_id,
       s.name AS service, m.staff_id, st.name AS staff, m.starts_at, m.ends_at, m.claim_starts_at, m.claim_ends_at,
       m.before_staff_id, bs.name AS before_staff, m.before_starts_at, m.before_ends_at, m.value, m.gain, m.pays,
       m.buys, m.reason, m.status, m.refusal
FROM planned_move m
LEFT JOIN waitlist_entry w ON w.business_id = m.business_id AND w.id = m.entry_id
LEFT JOIN appointment a ON a.business_id = m.business_id AND a.id = m.appointment_id
LEFT JOIN client c ON c.business_id = m.business_id AND c.id = coalesce(w.client_id, a.client_id)
JOIN service s ON s.business_id = m.business_id AND s.id = m.service_id
JOIN staff st ON st.business_id = m.business_id AND st.id = m.staff_id
LEFT JOIN staff bs ON bs.business_id = m.business_id AND bs.id = m.before_staff_id
WHERE m.business_id = %s AND m.run_id = %s ORDER BY m.starts_at, m.id
"""
UNPLACED = """
SELECT u.entry_id, u.appointment_id, coalesce(c.name, 'somebody') AS client, s.name AS service, u.code, u.reason,
       u.relaxation, u.insistence, i.starts_at, u.relaxed_staff_id, rs.name AS relaxed_staff, u.relaxed_starts_at
FROM unplaced_entry u
LEFT JOIN waitlist_entry w ON w.business_id = u.business_id AND w.id = u.entry_id
LEFT JOIN appointment a ON a.business_id = u.business_id AND a.id = u.appointment_id
LEFT JOIN appointment_item i ON i.business_id = u.business_id AND i.appointment_id = a.id AND i.position = 1
LEFT JOIN client c ON c.business_id = u.business_id AND c.id = coalesce(w.client_id, a.client_id)
LEFT JOIN staff rs ON rs.business_id = u.business_id AND rs.id = u.relaxed_staff_id
JOIN service s ON s.business_id = u.business_id AND s.id = coalesce(w.service_id, i.service_id)
WHERE u.business_id = %s AND u.run_id = %s ORDER BY coalesce(w.since, i.starts_at), u.id
"""
SAID = """
SELECT id AS of, said FROM planned_move WHERE business_id = %(business)s AND run_id = %(run)s AND said IS NOT NULL
UNION ALL
SELECT coalesce(entry_id, appointment_id), said FROM unplaced_entry
WHERE business_id = %(business)s AND run_id = %(run)s AND said IS NOT NULL
"""
STARTED = """
SELECT kind, policy, lower(horizon) AS start, upper(horizon) AS "end", seed, time_limit, frozen_minutes
FROM optimisation_run WHERE business_id = %s AND id = %s
"""


@dataclass(frozen=True, slots=True)
class Move:
    """One line of a plan: `place` an entry, `move` or `reseat` an appointment (with where it was before).

    Once an entry is placed, `appointment_id` is what it has become.
    Its status is planned, applied, stale (with the refusal) or discarded. Moves of one `component` go together.
    `pays` are points by term, `buys` the appointments and entries that take its old time, `gain` the points that the
    plan would be worth less without it, None where that is not proven.
    """

    id: UUID
    kind: str
    component: int
    entry_id: UUID | None
    appointment_id: UUID | None
    client: str
    service_id: UUID
    service: str
    staff_id: UUID
    staff: str
    starts_at: datetime
    ends_at: datetime
    claim_starts_at: datetime
    claim_ends_at: datetime
    before_staff_id: UUID | None
    before_staff: str | None
    before_starts_at: datetime | None
    before_ends_at: datetime | None
    value: float
    gain: float | None
    pays: dict[str, float]
    buys: list[UUID]
    reason: str
    status: str
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Unplaced:
    """An entry that waits on, or an appointment (booked at `starts_at`) that lost its place and has no other.

    `reason` says why, `relaxation` the smallest concession that would place it and `relaxed_...` where, beside the
    plan; `insistence` what placing it after all would cost the others.
    """

    entry_id: UUID | None
    appointment_id: UUID | None
    client: str
    service: str
    code: str
    reason: str
    relaxation: str | None
    insistence: str | None
    starts_at: datetime | None
    relaxed_staff_id: UUID | None = None
    relaxed_staff: str | None = None
    relaxed_starts_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """One term of the account: units and points (`units * weight`) of the book before, and after the plan."""

    name: str
    weight: int
    units_before: int
    units_after: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run with its plan. `gap` is relative: 0 means proven best.

    While it is running, objective, bound, gap and elapsed seconds are those of the search so far.
    """

    id: UUID
    kind: str
    policy: str
    status: str
    start: datetime
    end: datetime
    seed: int
    time_limit: float
    frozen_minutes: int
    phase: str
    elapsed: float
    stop_requested: bool
    error: str | None
    alternative_to: UUID | None
    replan_of: UUID | None
    same_as: UUID | None
    solver_status: str | None
    objective: float | None
    bound: float | None
    gap: float | None
    terms: tuple[Term, ...]
    solve_seconds: float | None
    created_at: datetime
    replanned_by: UUID | None
    moves: tuple[Move, ...]
    unplaced: tuple[Unplaced, ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """A run in one line, to set beside its alternatives; `same_as` names one with the same moves."""

    id: UUID
    kind: str
    policy: str
    status: str
    start: datetime
    end: datetime
    phase: str
    elapsed: float
    objective: float | None
    bound: float | None
    gap: float | None
    terms: tuple[Term, ...]
    same_as: UUID | None
    error: str | None
    created_at: datetime
    placed: int
    moved: int
    reseated: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Started:
    """What a run is to do; `horizon` is half-open."""

    kind: RunKind
    policy: str
    horizon: tuple[datetime, datetime]
    seed: int
    time_limit: float
    frozen_minutes: int


async def read(db: Database, business_id: UUID, run_id: UUID) -> Run:
    """Return one run; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(RUN + "AND r.id = %(id)s", {"business": business_id, "id": run_id})
        if row is None:
            raise NotFound("There is no such optimisation run.")
        return await _with_plan(tx, row)


async def latest(db: Database, business_id: UUID) -> Run | None:
    """Return the newest run that has a plan, its alternatives aside, or None."""
    async with db.transaction(business_id) as tx:
        newest = (
            "AND r.status NOT IN ('running', 'failed') AND r.alternative_to IS NULL ORDER BY r.created_at DESC LIMIT 1"
        )
        row = await tx.row(RUN + newest, {"business": business_id})
        return None if row is None else await _with_plan(tx, row)


async def newest(
    db: Database, business_id: UUID, page: Page = FIRST, *, status: str | None = None, kind: str | None = None
) -> PageOf[Alternative]:
    """Return the newest runs in a line each, whatever became of them."""
    asked = {"business": business_id, "status": status, "kind": kind}
    of = "AND (%(status)s::text IS NULL OR r.status = %(status)s) AND (%(kind)s::text IS NULL OR r.kind = %(kind)s)"
    order: Order = {"created_at": "timestamptz", "id": "uuid"}
    async with db.transaction(business_id) as tx:
        return await page_of(tx, _alternative, SUMMARIES + of, asked, order, page, descending=True)


async def alternatives(db: Database, business_id: UUID, run_id: UUID) -> list[Alternative]:
    """Return a run and all that were planned beside it, by any of their ids; raises `NotFound`."""
    own = "(SELECT coalesce(alternative_to, id) FROM optimisation_run WHERE business_id = %(business)s AND id = %(id)s)"
    async with db.transaction(business_id) as tx:
        sql = SUMMARIES + f"AND coalesce(r.alternative_to, r.id) = {own} ORDER BY r.created_at, r.id"
        rows = await tx.rows(sql, {"business": business_id, "id": run_id})
    if not rows:
        raise NotFound("There is no such optimisation run.")
    return [_alternative(row) for row in rows]


async def started(db: Database, business_id: UUID, run_id: UUID) -> Started:
    """Return what a run is to do; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(STARTED, [business_id, run_id])
    if row is None:
        raise NotFound("There is no such optimisation run.")
    horizon = (row.pop("start"), row.pop("end"))
    return Started(**row | {"kind": RunKind(row["kind"]), "horizon": horizon})


async def _with_plan(tx: Transaction, row: dict[str, Any]) -> Run:
    key = [tx.business_id, row["id"]]
    moves = await tx.rows(MOVES, key)
    unplaced = await tx.rows(UNPLACED, key)
    terms = tuple(Term(**term) for term in row.pop("terms"))
    return Run(
        **row, terms=terms, moves=tuple(Move(**m) for m in moves), unplaced=tuple(Unplaced(**u) for u in unplaced)
    )


def _alternative(row: dict[str, Any]) -> Alternative:
    names = ("id", "kind", "policy", "status", "start", "end", "phase", "elapsed", "objective", "bound", "gap")
    counts = row["counts"] or {}
    return Alternative(
        **{name: row[name] for name in names},
        terms=tuple(Term(**term) for term in row["terms"]),
        same_as=row["same_as"],
        error=row["error"],
        created_at=row["created_at"],
        placed=counts.get("place", 0),
        moved=counts.get("move", 0),
        reseated=counts.get("reseat", 0),
        left_out=row["left_out"],
    )


async def said(db: Database, business_id: UUID, run_id: UUID) -> dict[UUID, dict[str, Any]]:
    """Return what the sentences of a plan are made of (`models.sentences`), by the move, or by who is left out."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(SAID, {"business": business_id, "run": run_id})
    return {row["of"]: row["said"] for row in rows}
