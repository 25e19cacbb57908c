"""Row 6: the worker killed (-9) in the middle of applying a plan: each component is whole, and the run goes on."""

import asyncio
import random
from uuid import UUID

import pytest

from service.db.command import Scope
from service.db.database import Database
from service.db.views import Views
from service.jobs import upkeep, worker
from service.jobs.queue import queue_on
from tests.faults.serving import Running
from tests.races.conftest import sized
from tests.races.races import count, owner_does
from tests.races.test_components import assert_whole, book_all, cycle, rows_of
from tests.races.test_plans import recorded
from tests.races.times import TIMES
from tests.service.worlds import NOW, salon

pytestmark = pytest.mark.anyio

KILLS_A_PLAN = 4
WORKS = """
import asyncio, sys
from service.bootstrap import Interlock
from service.db.database import Database
from service.db.views import Views
from service.jobs import worker
from tests.service.worlds import NOW
async def work(url):
    async with Database(url) as db:
        await worker.run(Interlock(db, Views(db), lambda: NOW), url, asyncio.Event(), {})
asyncio.run(work(sys.argv[1]))
"""
STATEMENT_BY_STATEMENT = """
from service.db.database import Transaction
begin = Transaction.__post_init__
def autocommitted(tx):
    begin(tx)
    tx._queued[0] = "SELECT 1"
    tx._queued[1] = tx._queued[1].replace("true)", "false)")
Transaction.__post_init__ = autocommitted
execute = Transaction.execute
async def without_savepoints(tx, sql, params=None):
    return 0 if "SAVEPOINT" in sql else await execute(tx, sql, params)
Transaction.execute = without_savepoints
"""
# The claim of so high a number is made for as long as it takes to kill who makes it.
STOPS = (
    "CREATE SEQUENCE made",
    "CREATE TABLE stop (at bigint)",
    "INSERT INTO stop VALUES (0)",
    """
    CREATE FUNCTION stops() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
    BEGIN
        IF nextval('made') = (SELECT at FROM stop) THEN PERFORM pg_sleep(4.5); END IF;
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER stops AFTER INSERT ON claim FOR EACH ROW EXECUTE FUNCTION stops()",
)
STOPPED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
NEXT_STOP = "UPDATE stop SET at = (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM made) + {}"
# What the kernel tells the server of a client that has gone, and the queue of a worker without heartbeat.
GONE = (
    """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'interlock_app' AND wait_event = 'PgSleep'
    """,
    "UPDATE jobs.procrastinate_workers SET last_heartbeat = now() - interval '1 hour'",
)


async def until(owner_url: str, sql: str) -> None:
    """Wait until a count is more than none."""
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(count, owner_url, sql):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.02)


async def begun(app_url: str, scope: Scope) -> None:
    """Put the night's job into the queue."""
    queue = queue_on(app_url, *worker.TASKS)
    async with queue.open_async():
        job = queue.configure_task(upkeep.OPTIMISE, lock=f"optimise/{scope.business_id}")
        day = TIMES[0][1].date().isoformat()
        own = {"business_id": str(scope.business_id), "first_day": day, "days": 7, "since": "2000-01-01T00:00:00+00:00"}
        await job.defer_async(**own, apply=True)


async def taken_over(app_url: str) -> None:
    """Let whoever works next look for jobs whose worker died."""
    queue = queue_on(app_url, *worker.TASKS)
    async with queue.open_async():
        await queue.configure_task("interlock.take_over_stalled").defer_async(timestamp=0)


async def killed_while_applying(
    app_url: str, owner_url: str, rng: random.Random, kills: int, program: str = WORKS
) -> UUID:
    """Kill worker after worker while they apply one plan of ten swaps, then let one finish; returns the run."""
    async with Database(app_url) as db:
        scope = await salon(db, slug=f"salon-{rng.getrandbits(40)}")
        view = await Views(db).current(scope.business_id, NOW)
        made = await book_all(scope, view, 20)
        plan = [move for n in range(10) for move in cycle(view, made, n, 2 * n, 2)]
        run = await recorded(scope, plan)
    await begun(app_url, scope)
    for _ in range(kills):
        owner_does(owner_url, NEXT_STOP.format(rng.randint(1, 4)))
        async with Running("-c", program, app_url) as process:
            await until(owner_url, STOPPED)
            await process.kill()
        owner_does(owner_url, *GONE)
        assert_whole(owner_url, rows_of(owner_url, run))
        await taken_over(app_url)
    async with Running("-c", program, app_url):
        await until(owner_url, f"SELECT count(*) FROM optimisation_run WHERE id = '{run}' AND status = 'applied'")
    return run


async def test_a_worker_killed_while_applying_a_plan_leaves_whole_components_and_the_next_goes_on(
    app_url, owner_url, rng
):
    owner_does(owner_url, *STOPS)
    left = sized(50, 1)
    while left > 0:
        kills = min(left, KILLS_A_PLAN)
        run = await killed_while_applying(app_url, owner_url, rng, kills)
        rows = rows_of(owner_url, run)
        assert {(row["status"], row["version"]) for row in rows} == {("applied", 2)}, "each moved once"
        assert_whole(owner_url, rows)
        left -= kills


async def test_applied_statement_by_statement_a_kill_leaves_half_a_component(app_url, owner_url, rng):
    owner_does(owner_url, *STOPS)
    with pytest.raises(AssertionError):
        await killed_while_applying(app_url, owner_url, rng, 1, STATEMENT_BY_STATEMENT + WORKS)
