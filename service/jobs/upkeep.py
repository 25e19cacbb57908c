"""What runs by the clock: stalled jobs taken over, old rows forgotten, every business's night."""

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from procrastinate import App
from procrastinate.job_context import JobContext
from procrastinate.jobs import Status

from models.optimisation import RunKind
from service.commands import optimisation
from service.db.command import Scope
from service.db.pruning import prune
from service.jobs.accept import accept
from service.jobs.optimise import Wanted, carry_out, start
from service.jobs.queue import WITH_BACKOFF, installation_of
from service.queries.optimisation import latest

STALLED_S = 30
"""A worker without heartbeat for so long is dead; they beat every ten seconds."""
TAKEN_OVER_AT_MOST = 5
KEPT_HOURS = 72
"""Jobs that succeeded are kept for so long, dead letters until somebody deals with them."""
EVERY = timedelta(minutes=15)
EVERY_BUSINESS = "SELECT business_id, slug, zone, settings FROM every_business()"
OPTIMISE = "interlock.optimise"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Night:
    """When and how a business is optimised, as its settings say under `nightly`; false there: never."""

    at: time = time(2, 0)
    days: int = 14
    apply: bool = False
    kind: RunKind = RunKind.REBALANCE
    policy: str = "balanced"

    @classmethod
    def of(cls, settings: dict[str, object]) -> "Night | None":
        """Return what a business's settings say, None where it wants none."""
        said = settings.get("nightly", {})
        if not isinstance(said, dict):
            return None
        at = time.fromisoformat(str(said.get("at", "02:00")))
        kind, policy = RunKind(said.get("kind", RunKind.REBALANCE)), str(said.get("policy", "balanced"))
        return cls(at, int(str(said.get("days", 14))), said.get("apply") is True, kind, policy)

    def begins(self, zone: ZoneInfo, start: datetime, end: datetime) -> date | None:
        """Return the local date of the night that begins within [start, end), None if none does."""
        day = start.astimezone(zone).date()
        for candidate in (day, day + timedelta(days=1)):
            if start <= datetime.combine(candidate, self.at, zone).astimezone(UTC) < end:
                return candidate
        return None


async def take_over_stalled(context: JobContext, timestamp: int) -> None:
    """Put jobs whose worker died back into the queue; one that kills its workers becomes a dead letter."""
    jobs = context.app.job_manager
    for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=STALLED_S):
        if job.attempts >= TAKEN_OVER_AT_MOST:
            await jobs.finish_job(job, Status.FAILED, delete_job=False)
        else:
            await jobs.retry_job(job)


async def forget(context: JobContext, timestamp: int) -> None:
    """Prune every business's logs, and the queue's jobs that are done."""
    db = installation_of(context).db
    for row in await db.anywhere(EVERY_BUSINESS):
        await prune(db, row["business_id"])
    await context.app.job_manager.delete_old_jobs(nb_hours=KEPT_HOURS, include_cancelled=True, include_aborted=True)


async def nights(context: JobContext, timestamp: int) -> None:
    """Start the night of each business where it begins in this quarter of an hour."""
    quarter = datetime.fromtimestamp(timestamp, UTC)
    for row in await installation_of(context).db.anywhere(EVERY_BUSINESS):
        night = _night_of(row["slug"], row["settings"])
        day = night and night.begins(ZoneInfo(row["zone"]), quarter, quarter + EVERY)
        if night and day:
            job = context.app.configure_task(OPTIMISE, lock=f"optimise/{row['business_id']}")
            await job.defer_async(
                business_id=str(row["business_id"]),
                first_day=day.isoformat(),
                days=night.days,
                apply=night.apply,
                kind=night.kind.value,
                policy=night.policy,
                since=quarter.isoformat(),
            )


async def optimise(
    context: JobContext,
    *,
    business_id: str,
    first_day: str,
    days: int,
    apply: bool,
    since: str,
    kind: str = "rebalance",
    policy: str = "balanced",
) -> None:
    """Plan a business's coming days from a local date on, and accept the plan where the business wants that.

    A job whose worker died goes on with what its night has left: the run that was recorded, if one was.
    """
    installation = installation_of(context)
    scope = Scope(installation.db, UUID(business_id), actor="nightly")
    run = await latest(installation.db, scope.business_id)
    if run is None or run.created_at < datetime.fromisoformat(since) or run.status == "failed":
        first, now = date.fromisoformat(first_day), installation.clock()
        wanted = Wanted((first, first + timedelta(days=days - 1)), RunKind(kind), policy)
        run_ids = await start(scope, installation.views, wanted, now)
        await carry_out(scope, installation.views, run_ids, now)
        run_id = run_ids[0]
    else:
        run_id = run.id
    if apply:
        accepted = await accept(scope, installation.views, run_id, None, installation.clock())
        if accepted.replanned_by is not None:
            await optimisation.apply(scope, accepted.replanned_by, now=installation.clock())


def _night_of(slug: str, settings: dict[str, object]) -> Night | None:
    try:
        return Night.of(settings)
    except ValueError:
        log.warning("the nightly settings of %s cannot be read", slug)
        return None


def declare(queue: App) -> None:
    """Declare what runs by the clock, and the jobs that it begins."""
    queue.task(name=OPTIMISE, retry=WITH_BACKOFF, pass_context=True)(optimise)
    for work, cron in ((take_over_stalled, "* * * * *"), (forget, "17 * * * *"), (nights, "*/15 * * * *")):
        name = f"interlock.{work.__name__}"
        queue.periodic(cron=cron)(queue.task(name=name, queueing_lock=name, pass_context=True)(work))
