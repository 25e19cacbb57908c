"""Services: their rules, who performs them on what terms; deleted and restored."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints

from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, Expected, OfPath, tagged
from service.api.deletion import deletable
from service.api.schemas import Body, Day, Kind, Limit, Name
from service.commands import catalogue, changes
from service.queries import catalogue as queries

router = APIRouter(tags=["catalogue"], route_class=StrictRoute)
deletable(router, "services", "service", "Service")
Minutes = Annotated[int, Field(ge=0, le=527040, strict=True)]
Cents = Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)]


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


class AllocationBody(Body):
    """On what terms a staff member performs a service; null: the service's own."""

    duration: Annotated[int, Field(ge=1, le=1440, strict=True)] | None = None
    price_cents: Cents | None = None


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
    return tagged(response, await queries.service(db, business.id, service_id))


@router.patch("/services/{service_id}", operation_id="changeService")
async def change_service(
    response: Response, scope: Commanding, service_id: UUID, expected: Expected, body: ServiceChange
) -> catalogue.Changed:
    """Change a service, retire it or bring it back; bookings made stay as they are."""
    values: dict[str, object] = body.model_dump(exclude_unset=True) | _replaced(body)
    return tagged(response, await changes.change_service(scope, changes.Change(service_id, values, expected)))


def _replaced(body: ServiceRules) -> dict[str, object]:
    """Return the windows and requirements that a body gives."""
    made = {
        "windows": tuple(catalogue.Window(**window.model_dump()) for window in body.windows),
        "requirements": tuple(catalogue.Requirement(**need.model_dump()) for need in body.requirements),
    }
    return {name: given for name, given in made.items() if name in body.model_fields_set}


@router.put("/services/{service_id}/staff/{staff_id}", operation_id="allocate")
async def allocate(
    response: Response, scope: Commanding, service_id: UUID, staff_id: UUID, expected: Expected, body: AllocationBody
) -> catalogue.Changed:
    """Let a staff member perform a service; the version is the service's."""
    allocation = catalogue.Allocation(service_id, staff_id, body.duration, body.price_cents)
    return tagged(response, await catalogue.allocate(scope, allocation, version=expected))


@router.delete("/services/{service_id}/staff/{staff_id}", status_code=204, operation_id="withdrawAllocation")
async def withdraw_allocation(scope: Commanding, service_id: UUID, staff_id: UUID, expected: Expected) -> Response:
    """Let a staff member no longer perform a service; the version is the service's."""
    await catalogue.withdraw_allocation(scope, catalogue.Allocation(service_id, staff_id), version=expected)
    return Response(status_code=204)
