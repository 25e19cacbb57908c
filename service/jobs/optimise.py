"""One run: rows and arrays in, a recorded plan out, told of on the way. Nothing is booked here."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from models.errors import InterlockError, InvalidInput
from models.optimisation import POLICY_NAMES, RunKind
from service.commands.plans import (
    Found,
    Plan,
    Progress,
    RunOrder,
    begin_run,
    fail_run,
    record_plan,
    start_run,
    tell_progress,
)
from service.db.command import Scope
from service.db.views import Views
from service.jobs.outcome import plan_of
from service.jobs.problems import Night, problem_of
from service.queries import movable, optimisation
from service.queries.optimisation import Started
from service.queries.waitlist import visits as visits_of
from service.queries.waitlist import waiting
from service.telemetry.metrics import GAP
from solver.answer import Effort, Stop
from solver.checker import PlanError, require
from solver.errors import InvalidProblem
from solver.result import Status
from solver.solve import solve

LONGEST_HORIZON = 62
TOLD_EVERY = 0.5
"""Seconds between two looks at a running search."""
WITHOUT_PLAN = {Status.INFEASIBLE, Status.NO_PLAN_IN_TIME}

Told = Callable[[Progress], None]
Shape = frozenset[tuple[UUID, UUID, datetime]]
"""Who goes where: what tells two plans apart."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that somebody asks for: local dates (the last one included), None where the business's rules decide."""

    days: tuple[date, date]
    kind: RunKind = RunKind.WAITLIST
    policy: str = "balanced"
    seconds: int | None = None
    seed: int = 0
    alternatives: bool = False
    replan_of: UUID | None = None

    def __post_init__(self) -> None:
        first, last = self.days
        if not 0 <= (last - first).days < LONGEST_HORIZON:
            raise InvalidInput(f"The last day comes after the first, within {LONGEST_HORIZON} days.")

    @property
    def policies(self) -> tuple[str, ...]:
        """The run's own policy, and those of its alternatives."""
        others = POLICY_NAMES if self.alternatives and self.kind is not RunKind.WAITLIST else ()
        return (self.policy, *(name for name in others if name != self.policy))


async def start(scope: Scope, views: Views, wanted: Wanted, now: datetime) -> tuple[UUID, ...]:
    """Open a run, and one for each alternative; returns their ids, to be carried out in this order.

    Raises
    ------
    InvalidInput
        There is no such policy; the days are over, or too many.
    NotAllowed
        A run of the business is under way already.
    """
    rules = await movable.rules(scope.db, scope.business_id)
    view = await views.current(scope.business_id, now)
    horizon = local_days(view.snapshot.zone, *wanted.days)
    if horizon[1] <= now:
        raise InvalidInput("Those days are over; name coming ones.")
    frozen = 0 if wanted.kind is RunKind.RESEAT else rules.frozen_hours * 60
    seconds = wanted.seconds or rules.seconds
    order = RunOrder(wanted.kind, wanted.policies, horizon, wanted.seed, seconds, frozen, wanted.replan_of)
    return await start_run(scope, order)


def local_days(zone: ZoneInfo, first: date, last: date) -> tuple[datetime, datetime]:
    """Return whole local dates as half-open aware moments."""
    midnight, after = datetime.min.time(), last + timedelta(days=1)
    return datetime.combine(first, midnight, zone), datetime.combine(after, midnight, zone)


async def plan_waitlist(
    scope: Scope, views: Views, days: tuple[date, date], now: datetime, *, effort: Effort | None = None
) -> UUID:
    """Plan the waitlist over local dates (the last one included), record the plan, return the run's id.

    Raises
    ------
    InvalidInput
        The last day comes before the first, or more than 62 days are asked for.
    PlanError
        The solver's plan failed the independent check; nothing of it is recorded.
    """
    effort = effort or Effort()
    [run_id] = await start(scope, views, Wanted(days, seed=effort.seed), now)
    await carry_out(replace(scope, key=None), views, [run_id], now, effort=effort)
    return run_id


async def carry_out(
    scope: Scope,
    views: Views,
    run_ids: Sequence[UUID],
    now: datetime,
    *,
    effort: Effort | None = None,
    stop: Stop | None = None,
    told: Told | None = None,
    only: frozenset[UUID] | None = None,
) -> None:
    """Solve some runs one after another and record their plans; a stop keeps the best checked plan of each.

    Parameters
    ----------
    stop : Stop, optional
        Ends all of them, from any thread; a stop asked for in the database ends those it names.
    told : callable, optional
        Gets each run's progress now and then.
    only : set of appointments and entries, optional
        Nobody else may be moved or placed.
    """
    made: dict[Shape, UUID] = {}
    for run_id in run_ids:
        if await begin_run(scope, run_id):
            run = _Run(scope, views, run_id, now, effort, stop or Stop(), told, only)
            try:
                await run.carry_out(made)
            except (InvalidProblem, PlanError, InterlockError) as error:
                await fail_run(scope, (run_id, _sentence(error)))
                raise
            except BaseException:
                await asyncio.shield(fail_run(scope, (run_id, "The run broke off; start it again.")))
                raise


def _sentence(error: Exception) -> str:
    if isinstance(error, PlanError):
        return f"The plan failed the independent check, and is not shown: {error}"
    return error.detail if isinstance(error, InterlockError) else f"The book cannot be optimised: {error}."


@dataclass
class _Run:
    """One run under way; what the search tells crosses over from its thread in `progress`."""

    scope: Scope
    views: Views
    run_id: UUID
    now: datetime
    effort: Effort | None
    asked: Stop
    told: Told | None
    only: frozenset[UUID] | None
    progress: Progress = field(default_factory=Progress)
    since: float = field(default_factory=time.monotonic)
    stop: Stop = field(default_factory=Stop)

    async def carry_out(self, made: dict[Shape, UUID]) -> None:
        started = await optimisation.started(self.scope.db, self.scope.business_id, self.run_id)
        night = await self._read(started)
        plan = await self._watched(asyncio.create_task(asyncio.to_thread(self._planned, night, started)), started)
        shape = frozenset((m.subject, m.item.staff_id, m.item.starts_at) for m in plan.moves)
        found = Found(self.run_id, plan, time.monotonic() - self.since, made.get(shape))
        await record_plan(self.scope, found)
        GAP.observe(plan.gap)
        made.setdefault(shape, self.run_id)
        self._tell("done")

    async def _read(self, started: Started) -> Night:
        """Rows first, arrays after: what the rows know and the arrays do not is left where it is."""
        db, business, horizon = self.scope.db, self.scope.business_id, started.horizon
        rules = await movable.rules(db, business)
        entries = [] if started.kind is RunKind.RESEAT else await waiting(db, business, *horizon)
        moves = started.kind is not RunKind.WAITLIST
        span = max(self.now, horizon[0]), horizon[1]
        booked = await movable.booked(db, business, *span) if moves else []
        members = await movable.members(db, business, *span) if moves else []
        clients = {e.client_id for e in entries} | {b.client_id for b in booked}
        visits = await visits_of(db, business, clients, self.now) if clients else {}
        view = await self.views.current(business, self.now)
        night = Night(view, started.kind, horizon, self.now, rules, started.frozen_minutes, only=self.only)
        return replace(night, booked=tuple(booked), members=tuple(members), waiting=tuple(entries), visits=visits)

    def _planned(self, night: Night, started: Started) -> Plan:
        """Build, search, check, explain; in a thread of its own."""
        self._tell("building")
        problem = problem_of(night, started.policy)
        self._tell("searching")
        limit = started.time_limit
        # Half of the time as counted work: the clock ends only a search on a machine half as fast as those measured.
        effort = self.effort or Effort(seed=started.seed, deterministic=limit / 2, wall=limit)
        result = solve(problem, replace(effort, stop=self.stop, watch=self._watch))
        if result.status in WITHOUT_PLAN:
            raise InvalidProblem("no plan was found in the time given")
        require(problem, result)
        self._watch(result.objective, result.bound)
        self._tell("explaining")
        return plan_of(night, problem, result, replace(effort, stop=self.stop))

    def _watch(self, objective: int | None, bound: int) -> None:
        self.progress = replace(self.progress, objective=objective, bound=bound)

    def _tell(self, phase: str) -> None:
        self.progress = replace(self.progress, phase=phase, elapsed=time.monotonic() - self.since)
        if self.told is not None:
            self.told(self.progress)

    async def _watched(self, search: asyncio.Task[Plan], started: Started) -> Plan:
        """Tell of the search while it lasts, and end it where it was asked to, or its time is up."""
        try:
            while not (await asyncio.wait({search}, timeout=TOLD_EVERY))[0]:
                self._tell(self.progress.phase)
                goes_on = await tell_progress(self.scope, self.run_id, self.progress)
                if not goes_on or self.asked.requested or self.progress.elapsed > started.time_limit:
                    self.stop.request()
        finally:
            self.stop.request()
        return search.result()
