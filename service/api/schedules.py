"""Schedules: the days of staff, the bookings of a client."""

from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import BaseModel

from service.api.bodies import StrictRoute
from service.api.context import Db, OfPath
from service.api.paging import Paged
from service.api.schemas import Day, Digits
from service.queries import schedules as queries

router = APIRouter(tags=["bookings"], route_class=StrictRoute)


class ClientBook(BaseModel):
    """A page of what a client has booked, and how often they did not come."""

    no_shows: int
    items: list[queries.ClientItem]


@router.get("/schedule", operation_id="readSchedule")
async def schedule(
    db: Db,
    business: OfPath,
    first_day: Day,
    days: Annotated[Digits, Query(ge=1, le=31)] = 1,
    staff_id: UUID | None = None,
) -> list[queries.Scheduled]:
    """What claims the time of one staff member, or of all, on some local dates: a day, a week, a month."""
    return await queries.schedule(db, business.id, ZoneInfo(business.zone), first_day, days, staff_id)


@router.get("/clients/{client_id}/bookings", operation_id="listClientBookings")
async def of_client(db: Db, business: OfPath, client_id: UUID, pages: Paged) -> ClientBook:
    """What a client has booked, the latest first, and how often they did not come."""
    book = await queries.of_client(db, business.id, client_id, pages.page)
    return ClientBook(no_shows=book.no_shows, items=pages.linked(book.items))
