"""Dates on which the business is closed."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints

from models.contact import ONE_LINE
from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, Expected, OfPath, tagged
from service.api.paging import Paged
from service.api.schemas import Body, Day, Name
from service.commands import availability
from service.queries import catalogue as queries
from service.queries import own_settings

router = APIRouter(tags=["catalogue"], route_class=StrictRoute)


class HolidayBody(Body):
    """A date on which the business is closed."""

    day: Day
    name: Name


class HolidaysBody(Body):
    """Holidays to add: those listed, or a country's (ISO 3166) of some years."""

    days: Annotated[tuple[HolidayBody, ...], Field(max_length=366)] = ()
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")] | None = None
    subdivision: Annotated[str, StringConstraints(min_length=1, max_length=10, pattern=ONE_LINE)] | None = None
    years: Annotated[tuple[Annotated[int, Field(ge=1970, le=2200, strict=True)], ...], Field(max_length=2)] = ()
    displace: Annotated[bool, Field(strict=True)] = False


@router.get("/holidays", operation_id="listHolidays")
async def holidays(db: Db, response: Response, business: OfPath, pages: Paged) -> list[queries.Holiday]:
    """Dates on which the business is closed, from a year ago on; the version is the business's."""
    # Read before the dates: whoever changes them in between makes the version stale, not unseen.
    tagged(response, await own_settings.read(db, business.id))
    return pages.linked(await queries.holidays(db, business.id, pages.page))


@router.post("/holidays", status_code=201, operation_id="addHolidays")
async def add_holidays(
    response: Response, scope: Commanding, expected: Expected, body: HolidaysBody
) -> availability.HoursSet:
    """Close the business on some dates, or on a country's holidays; names the bookings that this displaces."""
    days = [(holiday.day, holiday.name) for holiday in body.days]
    if body.country is not None:
        days += await asyncio.to_thread(availability.public_holidays, body.country, body.subdivision, body.years)
    wanted = availability.Holidays(tuple(days), body.displace)
    return tagged(response, await availability.add_holidays(scope, wanted, version=expected))


@router.delete("/holidays/{day}", status_code=204, operation_id="removeHoliday")
async def remove_holiday(scope: Commanding, day: Day, expected: Expected) -> Response:
    """Open on a date again."""
    await availability.remove_holiday(scope, day, version=expected)
    return Response(status_code=204)
