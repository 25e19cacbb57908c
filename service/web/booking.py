"""The booking page: choose a time, and hold it."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from models.errors import InterlockError, NotFound, SlotTaken, Unavailable
from service.commands import bookings
from service.commands.bookings import Hold, HoldRequest, Release
from service.db.views import View
from service.queries import businesses, storefronts
from service.queries.businesses import Service, Staff
from service.queries.storefronts import OwnHold
from service.web.offer import MONTH, WEEK, Wish, by_part
from service.web.pages import PageRoute
from service.web.visit import Chosen, Visit, Visiting

COOKIE = "hold"
HELD_MINUTES = 10

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/b/{slug}")
async def show(visit: Visiting) -> Response:
    """The times of one service."""
    return await times_page(visit)


@router.post("/b/{slug}/hold")
async def hold(visit: Visiting, at: Annotated[str, Form(max_length=100)]) -> Response:
    """Hold a time and go on to the form; a time that is gone leads back to the nearest others."""
    chosen = Chosen.of(at)
    try:
        held = await held_instead(visit, chosen)
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await times_page(visit, refused=(chosen, refusal))
    answer = RedirectResponse(visit.url(f"/hold/{held.id}/{held.token}"), status_code=303)
    visit.set_cookie(answer, COOKIE, f"{held.id}.{held.token}", HELD_MINUTES * 60)
    return answer


async def held_instead(visit: Visit, chosen: Chosen) -> Hold:
    """Hold a time in place of the one that this client holds already; raises as `bookings.hold`."""
    if visit.asked.service is None:
        raise NotFound("There is no such service.")
    wanted = HoldRequest(visit.asked.service, chosen.staff_id, chosen.starts_at, HELD_MINUTES)
    own = await own_hold(visit)
    try:
        held = await bookings.hold(visit.scope, wanted, view=await visit.view(), now=visit.now)
    except SlotTaken:
        if own is None:
            raise
        # It may be this client's own hold that is in the way.
        await _give_back(visit, own)
        return await bookings.hold(visit.scope, wanted, view=await visit.view(), now=visit.now)
    if own is not None:
        await _give_back(visit, own)
    return held


async def own_hold(visit: Visit) -> tuple[OwnHold, str] | None:
    """Return the live hold that the client's browser remembers, with its token."""
    hold_id, _, token = visit.request.cookies.get(COOKIE, "").partition(".")
    try:
        own = await storefronts.own_hold(visit.db, visit.store.id, UUID(hold_id), token)
    except ValueError:
        return None
    return (own, token) if own is not None and own.seconds_left > 0 else None


async def times_page(visit: Visit, refused: tuple[Chosen, InterlockError] | None = None) -> Response:
    """Return the page of times; after a refusal with what was refused and the nearest others."""
    services = await visit.services()
    staff = await businesses.staff(visit.db, visit.store.id)
    if not services or not staff:
        return visit.page("closed.html")
    service = _chosen_service(visit, services)
    view = await visit.view()
    performers = _performers(view, service, staff)
    member = next((s for s in performers if s.id == visit.asked.staff), None)
    wish = await visit.wish(service.id, member.id if member else None)
    own = await own_hold(visit)
    context = _offered(visit, wish)
    if own is not None and own[0].service_id == service.id:
        context |= {"own": own[0], "own_token": own[1]}
    if refused is not None:
        context |= {"refused": refused[0], "taken": isinstance(refused[1], SlotTaken)}
        context["near"] = wish.nearest(refused[0].starts_at)
    shown = {"services": services, "service": service, "staff": performers, "member": member}
    return visit.page("times.html", 409 if refused else 200, **shown, **context)


def _chosen_service(visit: Visit, services: list[Service]) -> Service:
    if visit.asked.service is None:
        return services[0]
    found = next((s for s in services if s.id == visit.asked.service), None)
    if found is None:
        raise NotFound("There is no such service.")
    return found


def _performers(view: View, service: Service, staff: list[Staff]) -> list[Staff]:
    snapshot = view.snapshot
    minutes = snapshot.durations[snapshot.service_index[service.id]]
    return [
        member for member in staff if member.id in snapshot.staff_index and minutes[snapshot.staff_index[member.id]]
    ]


def _offered(visit: Visit, wish: Wish) -> dict[str, object]:
    following, count = wish.next(), MONTH if visit.asked.span == "month" else WEEK
    first = _first_day(visit, wish, following.starts_at.date() if following else wish.today)
    strip = wish.strip(first, count)
    days_free = [d.day for d in strip if d.free and d.day >= wish.today]
    day = visit.asked.day or next(iter(days_free), first)
    times = wish.times(day) if day >= wish.today else []
    offered: dict[str, object] = {
        "next": following,
        "suggestions": wish.suggestions(),
        "first": first,
        "count": count,
        "strip": strip,
        "today": wish.today,
        "day": day,
        "parts": by_part(times),
        "chosen": Chosen,
        "zone_named": visit.words.zone(visit.zone, following.starts_at if following else visit.now),
    }
    if not times:
        offered["why"] = wish.why(day, 1) if day >= wish.today else None
    return offered


def _first_day(visit: Visit, wish: Wish, default: date) -> date:
    first = max(visit.asked.first or default, wish.today)
    if visit.asked.span == "week":
        return first
    return first - timedelta(days=(first.weekday() - visit.words.locale.first_week_day) % 7)


async def _give_back(visit: Visit, own: tuple[OwnHold, str]) -> None:
    try:
        await bookings.release(visit.scope, Release(own[0].id, own[1]))
    except InterlockError:
        # It ran out meanwhile: nothing is left to give back.
        return
