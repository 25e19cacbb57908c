"""Schedules: the days of staff, the bookings of a client."""

from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from service.api.bodies import StrictRoute
from service.api.context import Db, OfPath
from service.api.schemas import Day, Digits
from service.queries import schedules as queries

router = APIRouter(tags=["bookings"], route_class=StrictRoute)


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
async def of_client(db: Db, business: OfPath, client_id: UUID) -> queries.ClientBook:
    """What a client has booked, the latest first, and how often they did not come."""
    return await queries.of_client(db, business.id, client_id)
