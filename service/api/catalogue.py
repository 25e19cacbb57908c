"""What managers edit: the business itself, services, staff and their hours, resources, allocations, holidays."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import Field, StringConstraints

from models.contact import ONE_LINE
from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, Deleted, Expected, OfPath, tagged
from service.api.paging import Paged
from service.api.schemas import Body, Day, DayBody, Instant, Name, SpanBody
from service.commands import availability, catalogue, changes
from service.queries import catalogue as queries

router = APIRouter(tags=["catalogue"], route_class=StrictRoute)

Zone = Annotated[str, StringConstraints(max_length=64)]
Limit = Annotated[int, Field(ge=1, le=32767, strict=True)]
Minutes = Annotated[int, Field(ge=0, le=527040, strict=True)]
Cents = Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)]
Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=ONE_LINE)]
Kind = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class ServiceWindowBody(Body):
    """When a service may start: wall minutes [opens, closes) of a weekday, 0 = Monday."""

    weekday: Annotated[int, Field(ge=0, le=6, strict=True)]
    opens: Annotated[int, Field(ge=0, lt=1440, strict=True)]
    closes: Annotated[int, Field(gt=0, le=1440, strict=True)]


class RequirementBody(Body):
    """A resource of a kind that a visit needs, `after` minutes after its start, for `length` (null: to its end)."""

    kind: Kind
    after: Annotated[int, Field(ge=0, lt=1440, strict=True)] = 0
    length: Annotated[int, Field(ge=1, le=1440, strict=True)] | None = None


class ServiceRules(Body):
    """A service's rules; lengths, notices and cancellation limits in minutes, the advance in days."""

    buffer_before: Annotated[int, Field(ge=0, le=720, strict=True)] = 0
    buffer_after: Annotated[int, Field(ge=0, le=720, strict=True)] = 0
    slot_interval: Annotated[int, Field(ge=5, le=120, strict=True)] = 15
    slot_offset: Annotated[int, Field(ge=0, lt=120, strict=True)] = 0
    anchor: Annotated[str, StringConstraints(pattern="^(clock|shift)$")] = "clock"
    minimum_notice: Minutes = 0
    maximum_advance: Annotated[int, Field(ge=1, le=366, strict=True)] = 60
    first_date: Day | None = None
    last_date: Day | None = None
    daily_limit: Limit | None = None
    weekly_limit: Limit | None = None
    client_daily_limit: Limit | None = None
    client_weekly_limit: Limit | None = None
    seats: Annotated[int, Field(ge=1, le=1000, strict=True)] = 1
    needs_approval: Annotated[bool, Field(strict=True)] = False
    free_cancellation: Minutes | None = None
    cancellation_fee_cents: Cents = 0
    last_cancellation: Minutes = 0
    price_cents: Cents = 0
    windows: Annotated[tuple[ServiceWindowBody, ...], Field(max_length=70)] = ()
    requirements: Annotated[tuple[RequirementBody, ...], Field(max_length=20)] = ()


class ServiceBody(ServiceRules):
    """A service to add; `staff_ids` names who performs it, null: everybody."""

    name: Name
    duration: Annotated[int, Field(ge=1, le=1440, strict=True)]
    staff_ids: Annotated[list[UUID], Field(max_length=1000)] | None = None


class ServiceChange(ServiceRules):
    """What to change of a service; what is left out stays. `active` false retires it, true brings it back."""

    name: Name | None = None
    duration: Annotated[int, Field(ge=1, le=1440, strict=True)] | None = None
    active: Annotated[bool, Field(strict=True)] | None = None


class WeeklySpanBody(SpanBody):
    """Weekly working hours on a weekday, 0 = Monday."""

    weekday: Annotated[int, Field(ge=0, le=6, strict=True)]


WeeklySpans = Annotated[tuple[WeeklySpanBody, ...], Field(max_length=84)]


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


class ResourceBody(Body):
    """A room, chair or device; without hours it is always open."""

    name: Name
    kind: Kind
    location_id: UUID | None = None
    hours: WeeklySpans = ()


class ResourceChange(Body):
    """What to change of a resource; what is left out stays. `active` false retires it."""

    name: Name | None = None
    kind: Kind | None = None
    location_id: UUID | None = None
    active: Annotated[bool, Field(strict=True)] | None = None


class LocationBody(Body):
    """A place where the business works."""

    name: Name
    address: Address | None = None


class LocationChange(Body):
    """What to change of a location; what is left out stays."""

    name: Name | None = None
    address: Address | None = None


class AllocationBody(Body):
    """On what terms a staff member performs a service; null: the service's own."""

    duration: Annotated[int, Field(ge=1, le=1440, strict=True)] | None = None
    price_cents: Cents | None = None


class HolidayBody(Body):
    """A date on which the business is closed."""

    day: Day
    name: Name


class HolidaysBody(Body):
    """Holidays to add: those listed, or a country's (ISO 3166) of some years."""

    days: Annotated[tuple[HolidayBody, ...], Field(max_length=366)] = ()
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")] | None = None
    subdivision: Annotated[str, StringConstraints(max_length=10)] | None = None
    years: Annotated[tuple[Annotated[int, Field(ge=1970, le=2200)], ...], Field(max_length=2)] = ()
    displace: Annotated[bool, Field(strict=True)] = False


def _changed(id_: UUID, body: Body, version: int | None) -> changes.Change:
    values: dict[str, object] = body.model_dump(exclude_unset=True)
    for name, made in (("windows", catalogue.Window), ("requirements", catalogue.Requirement)):
        if name in values:
            values[name] = tuple(made(**item) for item in values[name])  # type: ignore[attr-defined]
    return changes.Change(id_, values, version)


def _spans(spans: tuple[WeeklySpanBody, ...]) -> tuple[catalogue.Span, ...]:
    return tuple(catalogue.Span(span.weekday, span.opens, span.closes) for span in spans)


@router.post("/services", status_code=201, operation_id="addService")
async def add_service(response: Response, scope: Commanding, body: ServiceBody) -> catalogue.Changed:
    """Add a service with its rules."""
    rules = body.model_dump(exclude={"staff_ids", "windows", "requirements"})
    service = catalogue.NewService(
        **rules,
        staff=None if body.staff_ids is None else tuple(body.staff_ids),
        windows=tuple(catalogue.Window(**w.model_dump()) for w in body.windows),
        requirements=tuple(catalogue.Requirement(**r.model_dump()) for r in body.requirements),
    )
    return tagged(response, await catalogue.add_service(scope, service))


@router.get("/services/{service_id}", operation_id="readService")
async def read_service(db: Db, response: Response, business: OfPath, service_id: UUID) -> queries.ServiceDetails:
    """One service with its rules, windows, requirements and who performs it; its version is the ETag."""
    service = await queries.service(db, business.id, service_id)
    response.headers["ETag"] = f'"{service.version}"'
    return service


@router.patch("/services/{service_id}", operation_id="changeService")
async def change_service(
    response: Response, scope: Commanding, service_id: UUID, expected: Expected, body: ServiceChange
) -> catalogue.Changed:
    """Change a service, retire it or bring it back; bookings made stay as they are."""
    return tagged(response, await changes.change_service(scope, _changed(service_id, body, expected)))


@router.put("/services/{service_id}/staff/{staff_id}", operation_id="allocate")
async def allocate(scope: Commanding, service_id: UUID, staff_id: UUID, body: AllocationBody) -> catalogue.Changed:
    """Let a staff member perform a service."""
    allocation = catalogue.Allocation(service_id, staff_id, body.duration, body.price_cents)
    return await catalogue.allocate(scope, allocation)


@router.delete("/services/{service_id}/staff/{staff_id}", status_code=204, operation_id="withdrawAllocation")
async def withdraw_allocation(scope: Commanding, service_id: UUID, staff_id: UUID) -> Response:
    """Let a staff member no longer perform a service."""
    await catalogue.withdraw_allocation(scope, catalogue.Allocation(service_id, staff_id))
    return Response(status_code=204)


@router.post("/staff", status_code=201, operation_id="addStaff")
async def add_staff(response: Response, scope: Commanding, body: StaffBody) -> catalogue.Changed:
    """Add a staff member with weekly hours."""
    member = catalogue.NewStaff(
        body.name,
        _spans(body.hours),
        zone=body.zone,
        daily_limit=body.daily_limit,
        weekly_limit=body.weekly_limit,
        location_id=body.location_id,
    )
    return tagged(response, await catalogue.add_staff(scope, member))


@router.get("/staff/{staff_id}", operation_id="readStaff")
async def read_staff(db: Db, response: Response, business: OfPath, staff_id: UUID) -> queries.StaffDetails:
    """One staff member with weekly hours and the days set one by one from today on; its version is the ETag."""
    member = await queries.staff_member(db, business.id, staff_id)
    response.headers["ETag"] = f'"{member.version}"'
    return member


@router.patch("/staff/{staff_id}", operation_id="changeStaff")
async def change_staff(
    response: Response, scope: Commanding, staff_id: UUID, expected: Expected, body: StaffChange
) -> catalogue.Changed:
    """Change a staff member, retire them or bring them back."""
    return tagged(response, await changes.change_staff(scope, _changed(staff_id, body, expected)))


@router.put("/staff/{staff_id}/hours", operation_id="setWeeklyHours")
async def set_weekly_hours(scope: Commanding, staff_id: UUID, body: HoursBody) -> availability.HoursSet:
    """Replace weekly hours from a date on; names the bookings that it displaces."""
    hours = availability.WeeklyHours(staff_id, _spans(body.spans), body.valid_from, body.displace)
    return await availability.set_weekly_hours(scope, hours)


@router.put("/staff/{staff_id}/days/{day}", operation_id="setDay")
async def set_day(
    scope: Commanding, staff_id: UUID, day: Day, expected: Expected, body: DayBody
) -> availability.StaffDay:
    """Set one staff member's hours of one date; refused while a live booking would lie outside, unless accepted."""
    spans = None if body.spans is None else tuple((s.opens, s.closes) for s in body.spans)
    only = tuple((s.opens, s.closes) for s in body.appointment_only)
    return await availability.set_day(scope, availability.DayHours(staff_id, day, spans, expected, only, body.displace))


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


@router.get("/resources", operation_id="listResources")
async def resources(
    db: Db, business: OfPath, pages: Paged, deleted: Deleted, kind: Kind | None = None
) -> list[queries.Resource]:
    """Rooms, chairs and devices by kind and name."""
    return pages.linked(await queries.resources(db, business.id, pages.page, deleted=deleted, kind=kind))


@router.post("/resources", status_code=201, operation_id="addResource")
async def add_resource(response: Response, scope: Commanding, body: ResourceBody) -> catalogue.Changed:
    """Add a resource."""
    resource = catalogue.NewResource(body.name, body.kind, _spans(body.hours), location_id=body.location_id)
    return tagged(response, await catalogue.add_resource(scope, resource))


@router.patch("/resources/{resource_id}", operation_id="changeResource")
async def change_resource(
    response: Response, scope: Commanding, resource_id: UUID, expected: Expected, body: ResourceChange
) -> catalogue.Changed:
    """Change a resource, retire it or bring it back."""
    return tagged(response, await changes.change_resource(scope, _changed(resource_id, body, expected)))


@router.get("/holidays", operation_id="listHolidays")
async def holidays(db: Db, business: OfPath, pages: Paged) -> list[queries.Holiday]:
    """Dates on which the business is closed, from a year ago on."""
    return pages.linked(await queries.holidays(db, business.id, pages.page))


@router.post("/holidays", status_code=201, operation_id="addHolidays")
async def add_holidays(scope: Commanding, body: HolidaysBody) -> availability.HoursSet:
    """Close the business on some dates, or on a country's holidays; names the bookings that this displaces."""
    days = [(holiday.day, holiday.name) for holiday in body.days]
    if body.country is not None:
        days += await asyncio.to_thread(availability.public_holidays, body.country, body.subdivision, body.years)
    return await availability.add_holidays(scope, availability.Holidays(tuple(days), body.displace))


@router.delete("/holidays/{day}", status_code=204, operation_id="removeHoliday")
async def remove_holiday(scope: Commanding, day: Day) -> Response:
    """Open on a date again."""
    await availability.remove_holiday(scope, day)
    return Response(status_code=204)


@router.get("/locations", operation_id="listLocations")
async def locations(db: Db, business: OfPath, pages: Paged, deleted: Deleted) -> list[queries.Location]:
    """Where the business works, by name."""
    return pages.linked(await queries.locations(db, business.id, pages.page, deleted=deleted))


@router.get("/locations/{location_id}", operation_id="readLocation")
async def read_location(db: Db, response: Response, business: OfPath, location_id: UUID) -> queries.Location:
    """One location; its version is the ETag."""
    return tagged(response, await queries.location(db, business.id, location_id))


@router.post("/locations", status_code=201, operation_id="addLocation")
async def add_location(response: Response, scope: Commanding, body: LocationBody) -> catalogue.Changed:
    """Add a location; staff and resources are placed there by their own `location_id`."""
    return tagged(response, await catalogue.add_location(scope, catalogue.NewLocation(body.name, body.address)))


@router.patch("/locations/{location_id}", operation_id="changeLocation")
async def change_location(
    response: Response, scope: Commanding, location_id: UUID, expected: Expected, body: LocationChange
) -> catalogue.Changed:
    """Change a location."""
    return tagged(response, await changes.change_location(scope, _changed(location_id, body, expected)))


def _deletable(path: str, table: str, noun: str) -> None:
    """Add the two routes with which rows of a table are deleted and restored; all tables have them alike."""
    address, own = f"/{path}/{{{table}_id}}", Path(alias=f"{table}_id")

    async def delete(scope: Commanding, row_id: Annotated[UUID, own], expected: Expected) -> Response:
        await changes.delete(scope, changes.Deletion(table, row_id, expected))
        return Response(status_code=204)

    async def restore(
        response: Response, scope: Commanding, row_id: Annotated[UUID, own], expected: Expected
    ) -> catalogue.Changed:
        return tagged(response, await changes.restore(scope, changes.Deletion(table, row_id, expected)))

    router.delete(
        address,
        status_code=204,
        operation_id=f"delete{noun}",
        summary=f"Delete {noun}",
        description="It is not listed or offered any more; what is booked stays. It can be restored.",
    )(delete)
    router.post(
        f"{address}/restore",
        operation_id=f"restore{noun}",
        summary=f"Restore {noun}",
        description="It is listed and offered again, as it was.",
    )(restore)


for _deleted in (
    ("locations", "location", "Location"),
    ("services", "service", "Service"),
    ("staff", "staff", "Staff"),
    ("resources", "resource", "Resource"),
):
    _deletable(*_deleted)
