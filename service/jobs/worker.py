"""The worker: rounds of duties and the job queue, side by side, until it is told to stop."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine

import structlog
from procrastinate import App
from procrastinate.app import WorkerOptions
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext
from procrastinate.middleware import AsyncCallNext
from procrastinate.worker import Worker
from psycopg import Error as DriverError
from psycopg_pool import PoolTimeout

from models.errors import Unavailable
from service.jobs import events, upkeep
from service.jobs.duties import do_round, duties
from service.jobs.events import Consumers
from service.jobs.queue import Installation, queue_on
from service.telemetry import traces

TASKS = (events.declare, upkeep.declare)
IDLE_S = 0.2
"""Between two looks, while nothing waits."""
AGAIN_S = 1.0
"""After the database was away."""
CONCURRENCY = 4
"""Jobs side by side."""
DRAIN_S = 25
"""What a job that is running may still take once the worker is to stop; then it is aborted, and tried again."""
LOOK_S = 0.5
"""Between two looks at the queue: one that waited for another of its lock is not told of."""
READY = """
SELECT EXISTS (
    SELECT FROM jobs.procrastinate_jobs j WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
    AND NOT EXISTS (SELECT FROM jobs.procrastinate_jobs first
                    WHERE first.lock = j.lock AND first.id < j.id AND first.status IN ('todo', 'doing'))) AS ready
"""
FAILED = """
INSERT INTO jobs.failure (job_id, error) VALUES (%(job)s, %(error)s)
ON CONFLICT (job_id) DO UPDATE SET error = excluded.error, at = clock_timestamp()
"""
log = logging.getLogger(__name__)
jobs_log = structlog.get_logger("interlock.jobs")


async def run(
    installation: Installation,
    url: str | Callable[[], Awaitable[str]],
    stop: asyncio.Event,
    consumers: Consumers,
    *,
    stalled_s: float = upkeep.STALLED_S,
) -> None:
    """Work until `stop` is set; a database that is away is waited for.

    Parameters
    ----------
    url : str or callable
        Of the app's role, as the pool's.
    consumers : mapping
        Who hears of events, by name.
    """
    async with asyncio.TaskGroup() as side_by_side:
        side_by_side.create_task(_rounds(installation, queue_on(url), stop, consumers))
        side_by_side.create_task(_jobs(installation, url, stop, consumers, stalled_s))


async def drain(installation: Installation, url: str | Callable[[], Awaitable[str]], consumers: Consumers) -> None:
    """Do all that waits now, jobs included, and return."""
    queue = queue_on(url, *TASKS)
    known = duties(installation, queue, consumers)
    once: WorkerOptions = {**_options(installation, consumers), "wait": False, "listen_notify": False}
    while True:
        while (await do_round(installation, known)).done:
            pass
        await _serve(queue, once)
        # A job may have waited for another of its lock to end, or its work have left events.
        if not (await installation.db.anywhere(READY))[0]["ready"] and not (await do_round(installation, known)).done:
            return


async def _rounds(installation: Installation, queue: App, stop: asyncio.Event, consumers: Consumers) -> None:
    known = duties(installation, queue, consumers)
    while not stop.is_set():
        try:
            found = await do_round(installation, known)
            pause = 0 if found.done else IDLE_S
        except Unavailable as error:
            log.warning("no round of duties: %s", error.detail)
            pause = AGAIN_S
        await _pause(stop, pause)


async def _jobs(
    installation: Installation,
    url: str | Callable[[], Awaitable[str]],
    stop: asyncio.Event,
    consumers: Consumers,
    stalled_s: float,
) -> None:
    options = _options(installation, consumers)
    options |= {"stalled_worker_timeout": stalled_s, "update_heartbeat_interval": stalled_s / 3}
    # Procrastinate's worker ends when its connection does: it is begun anew until all is to end.
    while not stop.is_set():
        try:
            await _until(stop, _serve(queue_on(url, *TASKS), options))
        except (ConnectorException, DriverError, PoolTimeout, OSError) as error:
            log.warning("the job queue is away: %s", error)
        await _pause(stop, AGAIN_S)


async def _serve(queue: App, options: WorkerOptions) -> None:
    async with queue.open_async():
        await queue.run_worker_async(**options)


def _options(installation: Installation, consumers: Consumers) -> WorkerOptions:
    return {
        "concurrency": CONCURRENCY,
        "fetch_job_polling_interval": LOOK_S,
        "install_signal_handlers": False,
        "additional_context": {"installation": installation, "consumers": consumers},
        "shutdown_graceful_timeout": DRAIN_S,
        "worker_middleware": [_named, _with_reason],
    }


async def _until(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        # To procrastinate this means: finish what is running, then end.
        working.cancel()
    stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def _named(call_next: AsyncCallNext, context: JobContext, worker: Worker) -> object:
    """Have every log line and span of a job name it and the request that caused it; log how it ended."""
    task, cause, begun, status = context.job.task_name, _cause(context), time.perf_counter(), "failed"
    with structlog.contextvars.bound_contextvars(job=context.job.id, task=task, **cause), traces.span("job", task=task):
        try:
            result = await call_next()
            status = "done"
            return result
        finally:
            jobs_log.info("job", status=status, ms=round((time.perf_counter() - begun) * 1000, 2))


def _cause(context: JobContext) -> dict[str, str]:
    request_id = context.job.task_kwargs.get("request_id")
    return {} if request_id is None else {"request_id": str(request_id)}


async def _with_reason(call_next: AsyncCallNext, context: JobContext, worker: Worker) -> object:
    """Keep why a job failed beside it: a dead letter says what it died of."""
    try:
        return await call_next()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:2000]
        with contextlib.suppress(ConnectorException):
            await worker.app.connector.execute_query_async(FAILED, job=context.job.id, error=reason)
        raise


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), max(seconds, 0.001))
