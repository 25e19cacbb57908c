"""Who performs what, as a matrix, and on what terms of their own: another length, another price."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from models.errors import InterlockError, InvalidInput, NotFound, Unavailable
from service.commands import catalogue
from service.commands.catalogue import Allocation
from service.queries import businesses, own_settings
from service.queries import catalogue as queries
from service.web.house import House, house
from service.web.pages import PageRoute
from service.web.policies import NO_NUMBER, cents

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/board/{slug}/settings/allocations")
async def matrix(here: Annotated[House, house("allocate")]) -> Response:
    """Who performs what."""
    db, business_id = here.db, here.business.id
    return here.page(
        "allocations.html",
        said=here.request.query_params.get("said"),
        staff=await businesses.staff(db, business_id),
        services=await businesses.services(db, business_id),
        allocated=await own_settings.allocations(db, business_id),
    )


@router.post("/board/{slug}/settings/allocations")
async def allocate(
    here: Annotated[House, house("allocate")], pairs: Annotated[list[str] | None, Form(max_length=20_000)] = None
) -> Response:
    """Tick who performs what; those that were ticked and are no longer, are withdrawn."""
    present = (await own_settings.allocations(here.db, here.business.id)).keys()
    wanted = {_pair(pair) for pair in pairs or ()}
    shown = {m.id for m in await businesses.staff(here.db, here.business.id)}
    sold = {s.id for s in await businesses.services(here.db, here.business.id)}
    for service_id, staff_id in sorted(wanted - present, key=str):
        await catalogue.allocate(here.scope, Allocation(service_id, staff_id))
    for service_id, staff_id in sorted(present - wanted, key=str):
        if service_id in sold and staff_id in shown:
            await catalogue.withdraw_allocation(here.scope, Allocation(service_id, staff_id))
    return RedirectResponse(here.url("/settings/allocations", said="saved"), status_code=303)


def _pair(text: str) -> tuple[UUID, UUID]:
    service_id, _, staff_id = text.partition("~")
    try:
        return UUID(service_id), UUID(staff_id)
    except ValueError as error:
        raise InvalidInput("That is no service of a staff member.") from error


@router.get("/board/{slug}/settings/allocations/{service_id}")
async def terms(here: Annotated[House, house("allocate")], service_id: UUID) -> Response:
    """How long each who performs a service takes for it, and at what price."""
    return await _terms(here, service_id)


async def _terms(here: House, service_id: UUID, problem: str | None = None) -> Response:
    present = await own_settings.allocations(here.db, here.business.id)
    return here.page(
        "terms.html",
        409 if problem else 200,
        service=await queries.service(here.db, here.business.id, service_id),
        rows=[
            (m, own)
            for m in await businesses.staff(here.db, here.business.id)
            if (own := present.get((service_id, m.id)))
        ],
        problem=problem,
        said=here.request.query_params.get("said"),
    )


@router.post("/board/{slug}/settings/allocations/{service_id}")
async def set_terms(here: Annotated[House, house("allocate")], service_id: UUID, request: Request) -> Response:
    """Set own lengths and prices; nothing typed is the service's."""
    present = await own_settings.allocations(here.db, here.business.id)
    async with request.form(max_fields=4000) as form:
        typed = {name: str(value).strip() for name, value in form.items()}
    try:
        wanted = [_typed(typed, *pair) for pair in present if pair[0] == service_id and f"minutes-{pair[1]}" in typed]
        for one in wanted:
            if own_settings.Terms(one.duration, one.price_cents) != present[service_id, one.staff_id]:
                await catalogue.allocate(here.scope, one)
    except (NotFound, Unavailable):
        raise
    except (InterlockError, ValueError) as refusal:
        return await _terms(here, service_id, getattr(refusal, "detail", NO_NUMBER))
    return RedirectResponse(here.url(f"/settings/allocations/{service_id}", said="saved"), status_code=303)


def _typed(typed: dict[str, str], service_id: UUID, staff_id: UUID) -> Allocation:
    minutes, price = typed[f"minutes-{staff_id}"], typed.get(f"price-{staff_id}", "")
    return Allocation(service_id, staff_id, int(minutes) if minutes else None, cents(price) if price else None)
