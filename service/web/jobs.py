"""Runs and jobs: what the optimiser and the background did, what failed, and putting a dead letter back."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from models.errors import InterlockError, NotFound, Unavailable
from service.commands import jobs as commands
from service.queries import jobs as queries
from service.queries import optimisation
from service.queries.paging import Page
from service.web.house import House, house
from service.web.pages import PageRoute

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PAGE = 50
Status = Literal["todo", "doing", "succeeded", "failed", "cancelled", "aborted"]


class Asked(BaseModel):
    """Which jobs are looked at."""

    status: Status | Literal[""] = ""
    cursor: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    said: Annotated[str, Field(pattern="^requeued$")] | None = None


@router.get("/board/{slug}/jobs")
async def show(here: Annotated[House, house("listJobs")], asked: Annotated[Asked, Query()]) -> Response:
    """The newest runs and jobs; the dead letters first."""
    return await _page(here, asked)


async def _page(here: House, asked: Asked, problem: str | None = None) -> Response:
    page = Page(PAGE, asked.cursor)
    listed = await queries.listed(here.db, here.business.id, page, status=asked.status or None)
    return here.page(
        "jobs.html",
        409 if problem else 200,
        asked=asked,
        problem=problem,
        jobs=listed,
        more=listed.next,
        dead=await queries.listed(here.db, here.business.id, Page(PAGE), status="failed"),
        runs=await optimisation.newest(here.db, here.business.id),
        may_requeue=here.may("requeueJob"),
    )


@router.post("/board/{slug}/jobs/{job_id}/requeue")
async def requeue(
    here: Annotated[House, house("requeueJob")], job_id: Annotated[int, Path(ge=1, le=2**63 - 1)]
) -> Response:
    """Put a dead letter back into the queue."""
    try:
        await commands.requeue(here.scope, commands.DeadLetter(job_id))
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _page(here, Asked(), refusal.detail)
    return RedirectResponse(here.url("/jobs", said="requeued"), status_code=303)
