"""Tables in and out: CSV imports with a dry run, CSV and iCalendar exports."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Request, Response

from models.errors import InvalidInput
from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, Now, OfPath
from service.api.schemas import Instant
from service.commands import imports
from service.queries import exports

router = APIRouter(tags=["exchange"], route_class=StrictRoute)


class Table(Response):
    """A CSV file."""

    media_type = "text/csv"


class CalendarFile(Response):
    """An iCalendar file."""

    media_type = "text/calendar"


Kind = Literal["clients", "staff", "services", "bookings"]
DryRun = Annotated[bool, Query(description="Say what would happen, and leave nothing.")]
Start = Annotated[Instant | None, Query(alias="from", description="A week ago, if left out.")]
End = Annotated[Instant | None, Query(alias="to", description="A year ahead, if left out.")]


@router.post("/imports/bookings.ics", operation_id="importCalendar")
async def import_calendar(
    request: Request,
    scope: Commanding,
    _: Annotated[str, Body(media_type="text/calendar", description="Events, each with service, staff and client.")],
    *,
    dry_run: DryRun = False,
) -> imports.Imported:
    """Take over every event of an iCalendar file as a booking, or none: `rows` of the problem lists the bad ones.

    An event's CATEGORIES is the service, its RESOURCES the staff member, its ATTENDEE or CONTACT the client; or all of
    them are its SUMMARY, such as `Cut: Maria Costa with Ana`.
    """
    return await imports.import_table(scope, imports.Import(imports.CALENDAR, await _text(request), dry_run))


@router.post("/imports/{kind}", operation_id="importTable")
async def import_table(
    request: Request,
    scope: Commanding,
    kind: Kind,
    _: Annotated[str, Body(media_type="text/csv", description="The table; its first line names the columns.")],
    *,
    dry_run: DryRun = False,
) -> imports.Imported:
    """Take over every row of a CSV table, or, where any is bad, none: `rows` of the problem lists the bad ones."""
    return await imports.import_table(scope, imports.Import(kind, await _text(request), dry_run))


async def _text(request: Request) -> str:
    try:
        return (await request.body()).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("The table is not UTF-8.") from error


@router.get("/exports/bookings.ics", operation_id="exportCalendar", response_class=CalendarFile)
async def export_calendar(db: Db, business: OfPath, now: Now, start: Start = None, end: End = None) -> Response:
    """The bookings as an iCalendar file."""
    content = await exports.calendar(db, business.id, _range(start, end, now))
    headers = {"Content-Disposition": f'attachment; filename="{business.slug}.ics"'}
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


@router.get("/exports/{kind}.csv", operation_id="exportTable", response_class=Table)
async def export_table(
    db: Db, business: OfPath, now: Now, kind: Kind, start: Start = None, end: End = None
) -> Response:
    """All clients, staff or services, or the bookings of a range, as CSV that `importTable` takes back."""
    content = await exports.table(db, business.id, kind, _range(start, end, now))
    headers = {"Content-Disposition": f'attachment; filename="{business.slug}-{kind}.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


def _range(start: datetime | None, end: datetime | None, now: datetime) -> exports.Range:
    start, end = start or now - timedelta(days=7), end or now + timedelta(days=366)
    if end <= start:
        raise InvalidInput("The range ends after it starts.")
    return start, end
