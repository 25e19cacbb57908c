"""A run's life up to its plan: started, told of, stopped, failed, recorded whole for review. Nothing moves yet."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from psycopg.types.json import Jsonb
from psycopg.types.range import TimestamptzRange
from uuid_utils.compat import uuid7

from models.errors import InvalidInput, NotAllowed, NotFound
from models.optimisation import LONGEST_SEARCH, POLICY_NAMES, MoveKind, RunKind
from models.sentences import Sentence
from service.db import claims
from service.db.command import Scope, command
from service.db.database import Transaction
from service.db.ledger import record

SILENT = 60
"""Seconds without a sign of life after which a run is given up for dead."""


@dataclass(frozen=True, slots=True)
class RunOrder:
    """A run to start, and the alternatives to plan beside it; `horizon` is half-open and aware.

    `replan_of` names the run whose refused moves it plans again.
    """

    kind: RunKind
    policies: tuple[str, ...]
    horizon: tuple[datetime, datetime]
    seed: int
    time_limit: float
    frozen_minutes: int
    replan_of: UUID | None = None

    def __post_init__(self) -> None:
        if not self.policies or len(set(self.policies)) < len(self.policies):
            raise InvalidInput("A run has one policy, and no alternative twice.")
        for policy in self.policies:
            if policy not in POLICY_NAMES:
                raise InvalidInput(f"There is no policy {policy!r}; there are {', '.join(POLICY_NAMES)}.")
        if not 0 < self.time_limit <= LONGEST_SEARCH:
            raise InvalidInput(f"A run searches for up to {LONGEST_SEARCH} seconds.")


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """One line of a plan, with the versions that it stands on.

    Attributes
    ----------
    subject, version
        The waitlist entry that is placed, or the appointment that moves.
    before : (staff, start, end) or None
        Where the appointment's first item is booked.
    pays : mapping of term to points (negative)
    buys : tuple of appointments and entries that take its old time
    gain : float or None
        Points that the plan would be worth less without it, where that is proven.
    """

    kind: MoveKind
    subject: UUID
    version: int
    item: claims.Item
    component: int
    value: float
    reason: Sentence
    before: tuple[UUID, datetime, datetime] | None = None
    pays: Mapping[str, int] = field(default_factory=dict)
    buys: tuple[UUID, ...] = ()
    gain: float | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One entry that the plan leaves waiting, or (`booked`) an appointment it could not re-seat, and why.

    `relaxed` is the place, staff member and start, that the relaxation would give it.
    """

    subject: UUID
    code: str
    reason: Sentence
    relaxation: Sentence | None = None
    insistence: Sentence | None = None
    booked: bool = False
    relaxed: tuple[UUID, datetime] | None = None


@dataclass(frozen=True, slots=True)
class TermLine:
    """One term of the account: units and points (`units * weight`) of the present book, and of the plan."""

    name: str
    weight: int
    units_before: int
    units_after: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a solve found, ready to be reviewed; `gap` is relative, 0 means proven best."""

    solver_status: str
    objective: float
    bound: float
    gap: float
    terms: tuple[TermLine, ...]
    solve_seconds: float
    moves: tuple[PlannedMove, ...]
    left_out: tuple[LeftOut, ...]


INSERT_RUN = """
INSERT INTO optimisation_run (business_id, id, kind, policy, horizon, seed, time_limit, frozen_minutes, replan_of,
                              alternative_to)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
GIVE_UP_DEAD = """
UPDATE optimisation_run SET status = 'failed', error = 'The process that ran it has died; start it again.'
WHERE business_id = %s AND status = 'running' AND heartbeat_at < clock_timestamp() - %s * interval '1 second'
"""
BEGIN_RUN = """
UPDATE optimisation_run SET phase = 'reading', heartbeat_at = clock_timestamp()
WHERE business_id = %s AND id = %s AND status = 'running' AND phase = 'waiting' RETURNING id
"""
PROGRESS = """
WITH alive AS (
    UPDATE optimisation_run SET heartbeat_at = clock_timestamp()
    WHERE business_id = %(business)s AND id <> %(id)s AND status = 'running' AND alternative_to = (
        SELECT coalesce(alternative_to, id) FROM optimisation_run WHERE business_id = %(business)s AND id = %(id)s)
)
UPDATE optimisation_run SET phase = %(phase)s, objective = %(objective)s, bound = %(bound)s, gap = %(gap)s,
                            elapsed = %(elapsed)s, heartbeat_at = clock_timestamp()
WHERE business_id = %(business)s AND id = %(id)s AND status = 'running' RETURNING stop_requested
"""
STOP = """
UPDATE optimisation_run SET stop_requested = true
WHERE business_id = %(business)s AND (id = %(id)s OR alternative_to = %(id)s) AND status = 'running'
"""
FAIL = """
UPDATE optimisation_run SET status = 'failed', error = %s WHERE business_id = %s AND id = %s AND status = 'running'
"""
CLOSE_RUN = """
UPDATE optimisation_run SET status = 'planned', phase = 'done', solver_status = %(status)s, objective = %(objective)s,
    bound = %(bound)s, gap = %(gap)s, terms = %(terms)s, solve_seconds = %(seconds)s, elapsed = %(elapsed)s,
    same_as = %(same_as)s
WHERE business_id = %(business)s AND id = %(id)s AND status = 'running' RETURNING id
"""
INSERT_MOVES = """
INSERT INTO planned_move (business_id, run_id, id, component, kind, entry_id, entry_version, appointment_id,
                          appointment_version, service_id, availability_version, staff_id, starts_at,
                          ends_at, claim_starts_at, claim_ends_at, rooms, before_staff_id, before_starts_at,
                          before_ends_at, value, gain, pays, buys, reason, said)
SELECT %s, %s, m.* FROM jsonb_to_recordset(%s) AS m(
    id uuid, component int, kind text, entry_id uuid, entry_version int, appointment_id uuid,
    appointment_version int, service_id uuid, availability_version int, staff_id uuid,
    starts_at timestamptz, ends_at timestamptz, claim_starts_at timestamptz, claim_ends_at timestamptz,
    rooms jsonb, before_staff_id uuid, before_starts_at timestamptz, before_ends_at timestamptz,
    value float8, gain float8, pays jsonb, buys uuid[], reason text, said jsonb)
"""
INSERT_LEFT_OUT = """
INSERT INTO unplaced_entry (business_id, run_id, id, entry_id, appointment_id, code, reason, relaxation, insistence,
                            relaxed_staff_id, relaxed_starts_at, said)
SELECT %s, %s, u.* FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[],
                               %s::uuid[], %s::timestamptz[], %s::jsonb[]) AS u
"""
SAID = ("reason", "relaxation", "insistence")
"""Sentences about whoever is left out."""
KIND_OF_RUN = "SELECT status FROM optimisation_run WHERE business_id = %s AND id = %s"


@command
async def start_run(tx: Transaction, request: RunOrder) -> tuple[UUID, ...]:
    """Open a run and its alternatives; returns their ids, the run's own first.

    Raises
    ------
    NotAllowed
        A run of the business is under way already.
    """
    await tx.execute(GIVE_UP_DEAD, [tx.business_id, SILENT])
    ids = tuple(uuid7() for _ in request.policies)
    for run_id, policy in zip(ids, request.policies, strict=True):
        lead = None if run_id == ids[0] else ids[0]
        values = [tx.business_id, run_id, request.kind, policy, TimestamptzRange(*request.horizon), request.seed]
        values += [request.time_limit, request.frozen_minutes, request.replan_of if lead is None else None, lead]
        if not await tx.execute(INSERT_RUN, values):
            raise NotAllowed("A run is under way already; stop it, or wait for its plan.")
    after = {"kind": request.kind, "policies": list(request.policies)}
    await record(tx, "plan.started", ids[0], 1, after=after)
    return ids


async def begin_run(scope: Scope, run_id: UUID) -> bool:
    """Return whether this process is the one to carry the run out; only the first that asks is."""
    async with scope.db.transaction(scope.business_id, scope.actor) as tx:
        return await tx.row(BEGIN_RUN, [scope.business_id, run_id]) is not None


@dataclass(slots=True)
class Progress:
    """How far a run is; `gap` is relative."""

    phase: str = "reading"
    objective: int | None = None
    bound: int | None = None
    elapsed: float = 0.0

    @property
    def gap(self) -> float | None:
        """Share of the objective by which a better plan could exceed it at most."""
        if self.objective is None or self.bound is None:
            return None
        return max(0.0, (self.bound - self.objective) / max(1, abs(self.objective)))


async def tell_progress(scope: Scope, run_id: UUID, progress: Progress) -> bool:
    """Write down how far a run is; returns whether it is to go on."""
    figures = {name: getattr(progress, name) for name in ("phase", "objective", "bound", "gap", "elapsed")}
    async with scope.db.transaction(scope.business_id, scope.actor) as tx:
        row = await tx.row(PROGRESS, figures | {"business": scope.business_id, "id": run_id})
    return row is not None and not row["stop_requested"]


@command
async def stop_run(tx: Transaction, request: UUID) -> UUID:
    """Ask a run (and the alternatives planned beside it) to end with its best plan so far; returns its id.

    Raises
    ------
    NotFound, NotAllowed
        There is no such run; it runs no longer.
    """
    if not await tx.execute(STOP, {"business": tx.business_id, "id": request}):
        raise NotAllowed(f"The run is {await status_of(tx, request)}; only a running one can be stopped.")
    return request


@command
async def fail_run(tx: Transaction, request: tuple[UUID, str]) -> UUID:
    """Close a run that broke off, and say why; returns its id."""
    run_id, error = request
    if await tx.execute(FAIL, [error[:1000], tx.business_id, run_id]):
        await record(tx, "plan.failed", run_id, None, after={"error": error[:1000]})
    return run_id


async def status_of(tx: Transaction, run_id: UUID) -> str:
    """Return a run's status; raises `NotFound`."""
    run = await tx.row(KIND_OF_RUN, [tx.business_id, run_id])
    if run is None:
        raise NotFound("There is no such optimisation run.")
    return str(run["status"])


@dataclass(frozen=True, slots=True)
class Found:
    """The plan of one run; `same_as` names an alternative with the same moves."""

    run_id: UUID
    plan: Plan
    elapsed: float = 0.0
    same_as: UUID | None = None


@command
async def record_plan(tx: Transaction, request: Found) -> UUID:
    """Store the plan of a running run for review and return the run's id; nothing moves yet.

    Raises
    ------
    NotAllowed
        The run was given up in the meantime.
    """
    plan, run_id = request.plan, request.run_id
    figures = {
        "business": tx.business_id,
        "id": run_id,
        "status": plan.solver_status,
        "objective": plan.objective,
        "bound": plan.bound,
        "gap": plan.gap,
        "terms": Jsonb([asdict(line) for line in plan.terms]),
        "seconds": plan.solve_seconds,
        "elapsed": request.elapsed,
        "same_as": request.same_as,
    }
    if await tx.row(CLOSE_RUN, figures) is None:
        raise NotAllowed(f"The run is {await status_of(tx, run_id)}; its plan is not recorded.")
    rows = Jsonb([_row(move) for move in plan.moves], dumps=partial(json.dumps, default=str))
    await tx.execute(INSERT_MOVES, [tx.business_id, run_id, rows])
    await tx.execute(INSERT_LEFT_OUT, [tx.business_id, run_id, *_columns(plan.left_out)])
    after = {"moves": len(plan.moves), "left_out": len(plan.left_out), "objective": plan.objective}
    await record(tx, "plan.recorded", run_id, None, after=after)
    return run_id


def _row(move: PlannedMove) -> dict[str, object]:
    subject = "entry" if move.kind is MoveKind.PLACE else "appointment"
    staff, starts, ends = move.before or (None, None, None)
    names = ("service_id", "availability_version", "staff_id", "starts_at", "ends_at", "claim_starts_at")
    return {
        "id": uuid7(),
        "kind": move.kind,
        f"{subject}_id": move.subject,
        f"{subject}_version": move.version,
        **{name: getattr(move.item, name) for name in (*names, "claim_ends_at")},
        **{name: getattr(move, name) for name in ("component", "value", "gain", "reason", "buys")},
        "said": {"reason": move.reason.parts},
        "rooms": [asdict(room) for room in move.item.rooms],
        "pays": dict(move.pays),
        "before_staff_id": staff,
        "before_starts_at": starts,
        "before_ends_at": ends,
    }


def _columns(left: Sequence[LeftOut]) -> list[list[object]]:
    return [
        [uuid7() for _ in left],
        [None if u.booked else u.subject for u in left],
        [u.subject if u.booked else None for u in left],
        *([getattr(u, name) for u in left] for name in ("code", *SAID)),
        [u.relaxed[0] if u.relaxed else None for u in left],
        [u.relaxed[1] if u.relaxed else None for u in left],
        [Jsonb({name: getattr(u, name).parts for name in SAID if getattr(u, name) is not None}) for u in left],
    ]
