"""Accepting a plan: applied component by component; what is refused as stale is planned again, once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from models.errors import InterlockError
from models.optimisation import RunKind
from service.commands import optimisation as commands
from service.commands.optimisation import Accepted
from service.db.command import Scope
from service.db.views import Views
from service.jobs.optimise import Wanted, carry_out, start
from service.queries import optimisation
from service.queries.optimisation import Run
from solver.checker import PlanError
from solver.errors import InvalidProblem

SECONDS_AGAIN = 15
"""How long the second plan may search: only those who were refused are looked at."""


async def accept(scope: Scope, views: Views, run_id: UUID, moves: Sequence[UUID] | None, now: datetime) -> Accepted:
    """Apply all planned moves of a run or those named; raises as `commands.optimisation.apply`."""
    outcome = await commands.apply(scope, run_id, moves, now=now)
    again = await _again(replace(scope, key=None), views, run_id, outcome, now) if outcome.stale else None
    return Accepted(outcome.run_id, outcome.applied, outcome.stale, again)


async def _again(scope: Scope, views: Views, run_id: UUID, outcome: commands.Applied, now: datetime) -> UUID | None:
    """Plan those refused again, everybody else fixed; a plan that is itself such a second one has none."""
    run = await optimisation.read(scope.db, scope.business_id, run_id)
    if run.replan_of is not None or run.replanned_by is not None:
        return run.replanned_by
    refused = {move for move, _ in outcome.stale}
    subjects = {m.entry_id or m.appointment_id for m in run.moves if m.id in refused}
    try:
        [again] = await start(scope, views, await _wanted(scope, views, run, now), now)
        await carry_out(scope, views, [again], now, only=frozenset(s for s in subjects if s is not None))
    except (InterlockError, InvalidProblem, PlanError):
        # What was applied stands; the failed run's row says what went wrong.
        return None
    return again


async def _wanted(scope: Scope, views: Views, run: Run, now: datetime) -> Wanted:
    zone = (await views.current(scope.business_id, now)).snapshot.zone
    first, last = run.start.astimezone(zone).date(), (run.end - timedelta(minutes=1)).astimezone(zone).date()
    return Wanted((first, last), RunKind(run.kind), run.policy, seconds=SECONDS_AGAIN, seed=run.seed, replan_of=run.id)
