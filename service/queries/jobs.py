"""The job queue as people see it: what waits, what runs, and the dead letters with what they died of."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from models.errors import InvalidInput
from service.db.database import Database
from service.queries.paging import Page, PageOf, page_of

STATUSES = ("todo", "doing", "succeeded", "failed", "cancelled", "aborted")
_JOBS: LiteralString = """
SELECT j.id, j.task_name AS task, j.status::text AS status, j.args, j.attempts, j.scheduled_at, f.error,
       (SELECT max(e.at) FROM jobs.procrastinate_events e WHERE e.job_id = j.id AND e.type <> 'scheduled') AS since
FROM jobs.procrastinate_jobs j LEFT JOIN jobs.failure f ON f.job_id = j.id
WHERE (%(status)s::text IS NULL OR j.status::text = %(status)s)
  AND (%(business)s::text IS NULL OR j.args->>'business_id' = %(business)s::text)
"""
NOBODY = UUID(int=0)
FIRST = Page(100)


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
    page: Page = FIRST,
    *,
    status: str | None = None,
) -> PageOf[Job]:
    """Return jobs of a business (of the whole installation without one), the latest first.

    Raises
    ------
    InvalidInput
        There is no such status.
    """
    if status is not None and status not in STATUSES:
        raise InvalidInput(f"There is no status {status!r}; there are {', '.join(STATUSES)}.")
    asked = {"business": business_id, "status": status}
    async with db.transaction(business_id or NOBODY) as tx:
        return await page_of(tx, lambda row: Job(**row), _JOBS, asked, {"id": "bigint"}, page, descending=True)
