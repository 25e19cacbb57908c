"""Accepting a plan: applied through the guarded commit component by component, refused where stale, or discarded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from models.errors import Inseparable, NotAllowed, NotFound
from models.states import MoveStatus, RunStatus
from service.commands.components import apply_components
from service.commands.plans import status_of
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


@dataclass(frozen=True, slots=True)
class Accepted(Applied):
    """The same, and the run that plans those refused again: it waits for a yes, too."""

    replanned_by: UUID | None = None


RUN_MOVES = """
SELECT m.id, m.kind, m.component, m.status, m.refusal FROM planned_move m
JOIN staff s ON s.business_id = m.business_id AND s.id = m.staff_id
WHERE m.business_id = %(business)s AND m.run_id = %(run)s AND (%(moves)s::uuid[] IS NULL OR m.id = ANY(%(moves)s))
ORDER BY m.component, s.lane_no, m.starts_at, m.id
"""
COMPONENTS = """
SELECT component, array_agg(id) AS moves, array_agg(id) FILTER (WHERE kind = 'place') AS placed
FROM planned_move WHERE business_id = %s AND run_id = %s GROUP BY component ORDER BY component
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
OTHERS = """
SELECT o.id FROM optimisation_run r JOIN optimisation_run o ON o.business_id = r.business_id AND o.id <> r.id
 AND coalesce(o.alternative_to, o.id) = coalesce(r.alternative_to, r.id)
WHERE r.business_id = %s AND r.id = %s AND o.status = 'planned' ORDER BY o.id
"""


async def apply(scope: Scope, run_id: UUID, moves: Sequence[UUID] | None = None, *, now: datetime) -> Applied:
    """Apply all planned moves of a run, or those named, each component in a transaction of its own.

    A component of which one row, its hours or its time has changed since is refused whole and marked stale; the others
    stand. Waiting clients placed into free time are each a component, and share transactions. Each move takes effect
    at most once, whoever applies it and however often.

    Raises
    ------
    NotFound, NotAllowed
        There is no such run, or no such move in it; it runs still, failed, or was discarded.
    Inseparable
        Others must come along; `others` names them.
    """
    chosen = Chosen(run_id, None if moves is None else tuple(moves))
    planned = await components_to_apply(scope, chosen)
    batches = [planned.alone[first : first + BATCH] for first in range(0, len(planned.alone), BATCH)]
    for batch in (*batches, *planned.together):
        await apply_components(replace(scope, key=None), batch, now=now)
    return await applied(scope, chosen)


@command
async def discard(tx: Transaction, request: UUID) -> UUID:
    """Discard what is still planned of a run; returns the run's id.

    Raises
    ------
    NotFound, NotAllowed
        There is no such run; nothing of it is planned any more.
    """
    if not await _discard(tx, request):
        raise NotAllowed(f"The plan is {await status_of(tx, request)}; there is nothing to discard.")
    return request


async def _discard(tx: Transaction, run_id: UUID) -> bool:
    if not await tx.execute(DISCARD_RUN, [tx.business_id, run_id]):
        return False
    await tx.execute(DISCARD_MOVES, [tx.business_id, run_id])
    await record(tx, "plan.discarded", run_id, None, after={"status": "discarded"})
    return True


@dataclass(frozen=True, slots=True)
class ToApply:
    """What is still planned of the chosen moves: placements that stand alone, and moves that go together."""

    alone: list[UUID]
    together: list[list[UUID]]


@command
async def components_to_apply(tx: Transaction, request: Chosen) -> ToApply:
    """Return those of the chosen moves that are still planned, in the order to apply them in. Raises as `apply`."""
    status = await status_of(tx, request.run_id)
    if status in {RunStatus.DISCARDED, RunStatus.RUNNING, RunStatus.FAILED}:
        raise NotAllowed(f"The plan is {status}; run the optimiser again, or wait for it.")
    rows = await _moves(tx, request)
    if request.moves is not None and len(rows) < len(set(request.moves)):
        raise NotFound("The run has no such move.")
    components = await tx.rows(COMPONENTS, [tx.business_id, request.run_id])
    _refuse_parts({row["id"] for row in rows}, components)
    planned = {row["id"]: row["component"] for row in rows if row["status"] == MoveStatus.PLANNED}
    alone = {row["component"] for row in components if len(row["moves"]) == 1 and row["placed"]}
    together: dict[int, list[UUID]] = {}
    for move, component in planned.items():
        together.setdefault(component, []).append(move)
    return ToApply(
        [move for move, component in planned.items() if component in alone],
        [moves for component, moves in together.items() if component not in alone],
    )


def _refuse_parts(chosen: set[UUID], components: list[DictRow]) -> None:
    others = [move for row in components if chosen & set(row["moves"]) for move in row["moves"] if move not in chosen]
    if others:
        raise Inseparable(
            f"{len(others)} more move(s) go together with those: they take each other's time.",
            others=[str(move) for move in others],
        )


@command
async def applied(tx: Transaction, request: Chosen) -> Applied:
    """Return what has become of the chosen moves; with none left to apply, the run is dealt with."""
    if await tx.execute(CLOSE_RUN, {"business": tx.business_id, "run": request.run_id}):
        await record(tx, "plan.applied", request.run_id, None, after={"status": "applied"})
        # Alternatives stood on the book as it was.
        for other in await tx.rows(OTHERS, [tx.business_id, request.run_id]):
            await _discard(tx, other["id"])
    rows = await _moves(tx, request)
    stale = tuple((row["id"], row["refusal"]) for row in rows if row["status"] == "stale")
    return Applied(request.run_id, sum(row["status"] == "applied" for row in rows), stale)


async def _moves(tx: Transaction, chosen: Chosen) -> list[DictRow]:
    moves = None if chosen.moves is None else list(chosen.moves)
    return await tx.rows(RUN_MOVES, {"business": tx.business_id, "run": chosen.run_id, "moves": moves})
