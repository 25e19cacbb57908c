"""The job queue as people see it: what waits, what runs, and the dead letters with what they died of."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from models.errors import InvalidInput
from service.db.database import Database

STATUSES = ("todo", "doing", "succeeded", "failed", "cancelled", "aborted")
_JOBS: LiteralString = """
SELECT j.id, j.task_name AS task, j.status::text AS status, j.args, j.attempts, j.scheduled_at, f.error,
       (SELECT max(e.at) FROM jobs.procrastinate_events e WHERE e.job_id = j.id AND e.type <> 'scheduled') AS since
FROM jobs.procrastinate_jobs j LEFT JOIN jobs.failure f ON f.job_id = j.id
WHERE (%(status)s::text IS NULL OR j.status::text = %(status)s)
  AND (%(older_than)s::bigint IS NULL OR j.id < %(older_than)s)
"""
_LATEST: LiteralString = " ORDER BY j.id DESC LIMIT %(limit)s"
OF_BUSINESS: LiteralString = _JOBS + " AND j.args->>'business_id' = %(business)s::text" + _LATEST
OF_ALL: LiteralString = _JOBS + _LATEST
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `failed` is a dead letter: tried as often as it may be; `error` is what its last try died of."""

    id: int
    task: str
    status: str
    args: dict[str, object]
    attempts: int
    scheduled_at: datetime | None
    error: str | None
    since: datetime | None


async def listed(
    db: Database,
    business_id: UUID | None,
    *,
    status: str | None = None,
    older_than: int | None = None,
    limit: int = 100,
) -> list[Job]:
    """Return jobs of a business (of the whole installation without one), the latest first.

    Raises
    ------
    InvalidInput
        There is no such status, or a page of that size.
    """
    if status is not None and status not in STATUSES:
        raise InvalidInput(f"There is no status {status!r}; there are {', '.join(STATUSES)}.")
    if not 1 <= limit <= 1000:
        raise InvalidInput("A page has 1 to 1000 jobs.")
    params = {"business": business_id, "status": status, "older_than": older_than, "limit": limit}
    async with db.transaction(business_id or NOBODY) as tx:
        return [Job(**row) for row in await tx.rows(OF_ALL if business_id is None else OF_BUSINESS, params)]
