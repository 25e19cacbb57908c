"""Work in the background: bookings asked for in a burst, jobs, dead letters."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from service.api.bodies import StrictRoute
from service.api.context import Booker, Commanding, Db, Fresh, OfPath
from service.api.paging import Paged
from service.api.schemas import AskBody
from service.commands import jobs as commands
from service.commands import requests
from service.commands.bookings import BookRequest
from service.queries import jobs as queries
from service.queries import requests as request_queries

router = APIRouter(tags=["background"], route_class=StrictRoute)
JobNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("/booking-requests", status_code=202, operation_id="askForBooking")
async def ask(
    request: Request,
    scope: Commanding,
    by: Booker,
    business: OfPath,
    view: Fresh,
    response: Response,
    body: AskBody,
) -> request_queries.BookingRequest:
    """Ask for a booking without waiting for it: answered in order of arrival; `Location` says where to look."""
    wanted = BookRequest(body.service_id, body.staff_id, body.starts_at, body.client_id, by=by, seats=body.seats)
    request_id = await requests.ask(scope, wanted, view=view, now=request.app.state.interlock.clock())
    response.headers["Location"] = f"/api/v1/businesses/{business.slug}/booking-requests/{request_id}"
    response.headers["Retry-After"] = "1"
    return await request_queries.read(scope.db, business.id, request_id)


@router.get("/booking-requests/{request_id}", operation_id="readBookingRequest")
async def read(db: Db, business: OfPath, response: Response, request_id: UUID) -> request_queries.BookingRequest:
    """What has become of a booking asked for; while it is queued, `Retry-After` says when to look again."""
    request = await request_queries.read(db, business.id, request_id)
    if request.status == "queued":
        response.headers["Retry-After"] = "1"
    return request


@router.get("/jobs", operation_id="listJobs")
async def listed(
    db: Db,
    business: OfPath,
    pages: Paged,
    status: Annotated[str | None, Query(pattern=rf"^({'|'.join(queries.STATUSES)})$")] = None,
) -> list[queries.Job]:
    """The business's jobs, the latest first; `failed` are the dead letters, with what they died of."""
    return pages.linked(await queries.listed(db, business.id, pages.page, status=status))


@router.post("/jobs/{job_id}/requeue", operation_id="requeueJob")
async def requeue(scope: Commanding, job_id: JobNumber) -> commands.DeadLetter:
    """Put a dead letter back into the queue."""
    return commands.DeadLetter(await commands.requeue(scope, commands.DeadLetter(job_id)))
