"""More answers of the slot finder: visits of several services, series of dates, the few best suggestions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from models.zones import zone_named
from service.api.bodies import StrictRoute
from service.api.context import Fresh, Now, StaffAsked
from service.api.schemas import Body, Digits, Instant
from service.queries import finding
from service.queries.slots import SlotsWanted

router = APIRouter(tags=["slots"], route_class=StrictRoute)


class VisitItemBody(Body):
    """One service of a visit, and who may do it; null: anyone allocated."""

    service_id: UUID
    staff_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None


class VisitBody(Body):
    """Several services in one visit that starts in [start, end); waits between them in minutes."""

    items: Annotated[list[VisitItemBody], Field(min_length=1, max_length=8)]
    start: Instant
    end: Instant
    any_order: Annotated[bool, Field(strict=True)] = False
    same_staff: Annotated[bool, Field(strict=True)] = False
    maximum_wait: Annotated[int, Field(ge=0, le=1440, strict=True)] = 0


@router.post("/slots/visits", operation_id="findVisits")
async def find_visits(
    view: Fresh, now: Now, body: VisitBody, limit: Annotated[Digits, Query(ge=1, le=1000)] = 100
) -> list[finding.Visit]:
    """Starts for a visit of several services, in a given or any order; with who does what, when and where."""
    items = tuple(
        finding.ItemWanted(item.service_id, None if item.staff_ids is None else tuple(item.staff_ids))
        for item in body.items
    )
    wanted = finding.VisitWanted(items, body.start, body.end, body.any_order, body.same_staff, body.maximum_wait)
    return finding.visits(view, wanted, now, limit=limit)


@router.get("/slots/series", operation_id="findSeries")
async def find_series(
    staff: StaffAsked,
    view: Fresh,
    now: Now,
    service_id: UUID,
    first: Instant,
    count: Annotated[Digits, Query(ge=1, le=366)],
    every: Annotated[Digits, Query(ge=1, le=366, description="Days from one date to the next.")] = 7,
) -> list[finding.SeriesDate]:
    """The first dates of a series on which the same local time is free, and why those between are not."""
    return finding.series(view, finding.SeriesWanted(service_id, first, count, every, staff), now)


@router.get("/slots/suggestions", operation_id="suggestSlots")
async def suggest_slots(
    staff: StaffAsked,
    view: Fresh,
    now: Now,
    service_id: UUID,
    start: Annotated[Instant, Query(alias="from")],
    end: Annotated[Instant, Query(alias="to")],
    near: Annotated[
        Instant | None, Query(description="The time to be close to; the sooner the better, if left out.")
    ] = None,
    zone: Annotated[str | None, Query(max_length=64)] = None,
    count: Annotated[Digits, Query(ge=1, le=20)] = 3,
) -> list[finding.Suggestion]:
    """The best times, no two of them on one day in the same part of it, with the parts of their scores."""
    wanted = SlotsWanted(service_id, start, end, staff)
    of_zone = None if zone is None else zone_named(zone)
    return finding.suggestions(view, wanted, now, near=near, zone=of_zone, count=count)
