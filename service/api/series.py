"""Series: book by a rule, read, move or cancel from one booking on."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import StringConstraints

from service.api.bodies import StrictRoute
from service.api.context import Booker, Commanding, Db, Expected, Now, OfPath
from service.api.schemas import Body, Instant, Note, Seats
from service.commands import series as commands
from service.commands import series_changes as changes
from service.commands.series_changes import Extent
from service.queries import series as queries

router = APIRouter(tags=["bookings"], route_class=StrictRoute)


class SeriesBody(Body):
    """What repeats: the first start, and a rule (RFC 5545) such as FREQ=WEEKLY;COUNT=10. Its local time is kept."""

    service_id: UUID
    staff_id: UUID
    starts_at: Instant
    rule: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    client_id: UUID
    seats: Seats = 1


class SeriesMoveBody(Body):
    """Where the booking goes, and how much of its series goes with it."""

    starts_at: Instant | None = None
    staff_id: UUID | None = None
    extent: Extent = Extent.FOLLOWING


class SeriesCancelBody(Body):
    """How much of the series, and why."""

    extent: Extent = Extent.FOLLOWING
    reason: Note | None = None


@router.post("/series", status_code=201, operation_id="bookSeries")
async def book(scope: Commanding, db: Db, by: Booker, now: Now, business: OfPath, body: SeriesBody) -> commands.Series:
    """Book every occurrence that can be had; each other is named with its conflict and the nearest free time."""
    what = (body.service_id, body.staff_id, body.starts_at, body.rule)
    wanted = commands.SeriesRequest(*what, body.client_id, by, body.seats)
    return await commands.book_series(scope, wanted, view=await queries.far_view(db, business.id, now), now=now)


@router.get("/series/{series_id}", operation_id="readSeries")
async def read(db: Db, business: OfPath, series_id: UUID) -> queries.SeriesRead:
    """One series: its rule, and each occurrence as it stands."""
    return await queries.read(db, business.id, series_id)


@router.post("/bookings/{booking_id}/series/reschedule", operation_id="rescheduleSeries")
async def move(
    scope: Commanding,
    db: Db,
    by: Booker,
    now: Now,
    business: OfPath,
    booking_id: UUID,
    expected: Expected,
    body: SeriesMoveBody,
) -> commands.Series:
    """Move a booking with what follows it in its series, or all of it; those that cannot go stay, and are named."""
    wanted = changes.SeriesMove(booking_id, expected, by, body.starts_at, body.staff_id, body.extent)
    return await changes.move_series(scope, wanted, view=await queries.far_view(db, business.id, now), now=now)


@router.post("/bookings/{booking_id}/series/cancel", operation_id="cancelSeries")
async def cancel(
    scope: Commanding, by: Booker, now: Now, booking_id: UUID, expected: Expected, body: SeriesCancelBody
) -> commands.Series:
    """Cancel a booking with what follows it in its series, or all that lies ahead."""
    wanted = changes.SeriesCancellation(booking_id, expected, by, body.reason, body.extent)
    return await changes.cancel_series(scope, wanted, now=now)
