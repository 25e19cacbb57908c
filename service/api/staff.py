"""Staff: weekly hours, single days, time off; deleted and restored."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, Expected, OfPath, tagged
from service.api.deletion import deletable
from service.api.schemas import Body, Day, DayBody, Instant, Limit, Name, WeeklySpans, Zone, weekly
from service.commands import availability, catalogue, changes
from service.queries import catalogue as queries

router = APIRouter(tags=["catalogue"], route_class=StrictRoute)
deletable(router, "staff", "staff", "Staff")


class StaffBody(Body):
    """A staff member to add; hours are wall time in `zone` (null: the business's)."""

    name: Name
    zone: Zone | None = None
    daily_limit: Limit | None = None
    weekly_limit: Limit | None = None
    location_id: UUID | None = None
    hours: WeeklySpans = ()


class StaffChange(Body):
    """What to change of a staff member; what is left out stays. `active` false retires them."""

    name: Name | None = None
    zone: Zone | None = None
    daily_limit: Limit | None = None
    weekly_limit: Limit | None = None
    location_id: UUID | None = None
    active: Annotated[bool, Field(strict=True)] | None = None


class HoursBody(Body):
    """Weekly hours from a date on (null: from ever); `displace` accepts bookings left outside them."""

    spans: WeeklySpans
    valid_from: Day | None = None
    displace: Annotated[bool, Field(strict=True)] = False


class TimeOffBody(Body):
    """An absence, at most 31 days; `displace` accepts that bookings in it are displaced."""

    starts_at: Instant
    ends_at: Instant
    displace: Annotated[bool, Field(strict=True)] = False


@router.post("/staff", status_code=201, operation_id="addStaff")
async def add_staff(response: Response, scope: Commanding, body: StaffBody) -> catalogue.Changed:
    """Add a staff member with weekly hours."""
    member = catalogue.NewStaff(
        body.name,
        weekly(body.hours),
        zone=body.zone,
        daily_limit=body.daily_limit,
        weekly_limit=body.weekly_limit,
        location_id=body.location_id,
    )
    return tagged(response, await catalogue.add_staff(scope, member))


@router.get("/staff/{staff_id}", operation_id="readStaff")
async def read_staff(db: Db, response: Response, business: OfPath, staff_id: UUID) -> queries.StaffDetails:
    """One staff member with weekly hours and the days set one by one from today on; its version is the ETag."""
    return tagged(response, await queries.staff_member(db, business.id, staff_id))


@router.patch("/staff/{staff_id}", operation_id="changeStaff")
async def change_staff(
    response: Response, scope: Commanding, staff_id: UUID, expected: Expected, body: StaffChange
) -> catalogue.Changed:
    """Change a staff member, retire them or bring them back."""
    change = changes.Change(staff_id, body.model_dump(exclude_unset=True), expected)
    return tagged(response, await changes.change_staff(scope, change))


@router.put("/staff/{staff_id}/hours", operation_id="setWeeklyHours")
async def set_weekly_hours(
    response: Response, scope: Commanding, staff_id: UUID, expected: Expected, body: HoursBody
) -> availability.HoursSet:
    """Replace weekly hours from a date on; names the bookings that it displaces. The version is the staff member's."""
    hours = availability.WeeklyHours(staff_id, weekly(body.spans), body.valid_from, body.displace)
    return tagged(response, await availability.set_weekly_hours(scope, hours, version=expected))


@router.put("/staff/{staff_id}/days/{day}", operation_id="setDay")
async def set_day(
    response: Response, scope: Commanding, staff_id: UUID, day: Day, expected: Expected, body: DayBody
) -> availability.StaffDay:
    """Set one staff member's hours of one date; refused while a live booking would lie outside, unless accepted."""
    spans = None if body.spans is None else tuple((s.opens, s.closes) for s in body.spans)
    only = tuple((s.opens, s.closes) for s in body.appointment_only)
    hours = availability.DayHours(staff_id, day, spans, expected, only, body.displace)
    return tagged(response, await availability.set_day(scope, hours))


@router.post("/staff/{staff_id}/time-off", status_code=201, operation_id="takeTimeOff")
async def take_time_off(scope: Commanding, staff_id: UUID, body: TimeOffBody) -> availability.HoursSet:
    """Take time off; refused over a live booking, unless `displace` accepts it."""
    absence = availability.TimeOff(staff_id, body.starts_at, body.ends_at, body.displace)
    return await availability.take_time_off(scope, absence)


@router.delete("/time-off/{claim_id}", status_code=204, operation_id="endTimeOff")
async def end_time_off(scope: Commanding, claim_id: Annotated[int, Field(ge=1, lt=2**63)]) -> Response:
    """Give claimed time off back."""
    await availability.end_time_off(scope, claim_id)
    return Response(status_code=204)
