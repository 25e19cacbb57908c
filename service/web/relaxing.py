"""Somebody who waits and was left out: a time booked for them all the same, or more times that they would take."""

from datetime import date, time, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import RedirectResponse

from models.errors import InterlockError, NotFound, Unavailable
from service.commands.placing import Placing, Widening, place, widen
from service.queries import businesses, waitlist
from service.queries.slots import Slot, SlotsWanted, find
from service.queries.waitlist import WaitingEntry
from service.web.board import nearest
from service.web.house import House, house, reason
from service.web.pages import PageRoute
from service.web.visit import Chosen, local_moment

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/board/{slug}/waitlist/{entry_id}")
async def show(
    here: Annotated[House, house("listWaitlist")],
    entry_id: UUID,
    at: Annotated[str | None, Query(max_length=100)] = None,
    said: Annotated[str | None, Query(pattern="^widened$")] = None,
) -> Response:
    """The time that a plan names for somebody left out, the nearest ones, and what else they may wait for."""
    return await _page(here, entry_id, at, said=said)


async def _page(
    here: House, entry_id: UUID, at: str | None, *, problem: str | None = None, said: str | None = None
) -> Response:
    entry = await _entry(here, entry_id)
    wanted = Chosen.of(at) if at else None
    start = wanted.starts_at if wanted else max(entry.windows[0][0], here.now)
    service = next(s for s in await businesses.services(here.db, here.business.id) if s.id == entry.service_id)
    slot = await _free(here, entry, wanted) if wanted else None
    return here.page(
        "relax.html",
        409 if problem else 200,
        entry=entry,
        client=await here.contact(entry.client_id),
        near=await nearest(here, entry.service_id, start, entry.seats),
        wanted=wanted,
        slot=slot,
        until=slot.ends_at if slot else start + timedelta(minutes=service.duration),
        start=start,
        staff={member.id: member.name for member in await businesses.staff(here.db, here.business.id)},
        problem=problem,
        said=said,
        of=Chosen,
    )


async def _free(here: House, entry: WaitingEntry, wanted: Chosen) -> Slot | None:
    start, who = wanted.starts_at, (wanted.staff_id,)
    query = SlotsWanted(entry.service_id, start, start + timedelta(minutes=1), who, by_staff=True, seats=entry.seats)
    return next(iter(find(await here.view(), query, here.now, limit=1)), None)


async def _entry(here: House, entry_id: UUID) -> WaitingEntry:
    entries = await waitlist.waiting(here.db, here.business.id)
    found = next((entry for entry in entries if entry.id == entry_id), None)
    if found is None:
        raise NotFound("Nobody waits there any more.")
    return found


@router.post("/board/{slug}/waitlist/{entry_id}")
async def book(
    here: Annotated[House, house("book")],
    entry_id: UUID,
    at: Annotated[str, Form(max_length=100)],
    version: Annotated[int, Form(ge=1)],
) -> Response:
    """Book a time for somebody who waits, and take them off the list."""
    chosen = Chosen.of(at)
    wanted = Placing(entry_id, version, chosen.staff_id, chosen.starts_at)
    try:
        booked = await place(here.scope, wanted, view=await here.view(), now=here.now)
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _page(here, entry_id, at, problem=reason(refusal))
    day = chosen.starts_at.astimezone(here.zone).date()
    return RedirectResponse(here.url("", day=day, open=booked.id, said="booked"), status_code=303)


@router.post("/board/{slug}/waitlist/{entry_id}/widen")
async def widened(
    here: Annotated[House, house("joinWaitlist")],
    entry_id: UUID,
    version: Annotated[int, Form(ge=1)],
    day: Annotated[date, Form()],
    opens: Annotated[time, Form()],
    closes: Annotated[time, Form()],
    staff: Annotated[UUID | None, Form()] = None,
    at: Annotated[str | None, Form(max_length=100)] = None,
) -> Response:
    """Let somebody wait for another time as well, or for another person."""
    start, end = (local_moment(day, clock, here.zone) for clock in (opens, closes))
    try:
        await widen(here.scope, Widening(entry_id, version, start, end, staff), now=here.now)
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _page(here, entry_id, at, problem=reason(refusal))
    return RedirectResponse(here.url(f"/waitlist/{entry_id}", at=at, said="widened"), status_code=303)
