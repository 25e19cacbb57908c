"""Dead letters: put back into the queue by whoever has mended their cause."""

import logging
from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import DictRow

from models.errors import NotAllowed, NotFound
from service.db.command import command
from service.db.database import Database, Transaction
from service.db.ledger import record

FIND = """
SELECT id, status::text AS status, args->>'business_id' AS business FROM jobs.procrastinate_jobs
WHERE id = %s AND (args->>'business_id' = %s::text) FOR UPDATE
"""
# As the queue's own retry does, but its tries are counted from the beginning.
REQUEUE = """
UPDATE jobs.procrastinate_jobs SET status = 'todo', attempts = 0, scheduled_at = NULL, worker_id = NULL
WHERE id = %s AND status = 'failed'
"""
REQUEUE_ALL = REQUEUE.replace("id = %s AND ", "")
NOBODY = UUID(int=0)
log = logging.getLogger("interlock.jobs")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that has failed for good."""

    id: int


@command
async def requeue(tx: Transaction, request: DeadLetter) -> int:
    """Put one of the business's dead letters back into the queue; returns its id.

    Raises
    ------
    NotFound, NotAllowed
        There is no such job of this business; it has not failed.
    """
    found = await tx.row(FIND, [request.id, tx.business_id])
    if found is None:
        raise NotFound("There is no such job.")
    if not await tx.execute(REQUEUE, [request.id]):
        raise NotAllowed(f"The job is {found['status']}; only one that failed can be put back.")
    await record(tx, "job.requeued", tx.business_id, None, after={"job": request.id})
    return request.id


async def requeue_any(db: Database, job_id: int | None = None) -> int:
    """Put one dead letter of the installation, or all of them, back into the queue; returns how many."""

    async def work(tx: Transaction) -> list[DictRow]:
        if job_id is None:
            return await tx.rows(f"{REQUEUE_ALL} RETURNING id")
        return await tx.rows(f"{REQUEUE} RETURNING id", [job_id])

    put_back = [row["id"] for row in await db.transact(NOBODY, work)]
    if put_back:
        log.info("the operator put jobs %s back into the queue", put_back)
    return len(put_back)
