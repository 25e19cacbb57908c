"""The booking page: choose a time, and hold it."""

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from models.errors import HoldExpired, InterlockError, InvalidInput, LimitReached, NotFound, SlotTaken, Unavailable
from service.commands import bookings
from service.commands.bookings import Hold, HoldRequest, Release
from service.commands.legality import Wanted
from service.db.limits import address_of
from service.db.own_time import seen_by_holder
from service.queries import businesses, storefronts
from service.queries.storefronts import OwnHold
from service.web.offer import MONTH, WEEK, Time, Wish, by_part
from service.web.pages import PageRoute
from service.web.session import signed_in
from service.web.visit import Chosen, Visit, Visiting, most_people, performers
from solver.visits import MAXIMUM_ITEMS

COOKIE = "hold"
HELD_MINUTES = 10
MOST_PEOPLE = 20
"""Offered in the list of how many come."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/b/{slug}")
async def show(visit: Visiting) -> Response:
    """The times of one service."""
    return await times_page(visit)


@router.post("/b/{slug}/hold")
async def hold(visit: Visiting, at: Annotated[str, Form(max_length=1000)]) -> Response:
    """Hold a time and go on to the form; a time that is gone leads back to the nearest others."""
    chosen = Chosen.of(at)
    try:
        held = await held_instead(visit, chosen)
    except (InvalidInput, NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await times_page(visit, refused=(chosen, refusal))
    answer = RedirectResponse(visit.url(f"/hold/{held.id}/{held.token}", own=None), status_code=303)
    visit.set_cookie(answer, COOKIE, f"{held.id}.{held.token}", HELD_MINUTES * 60)
    return answer


async def held_instead(visit: Visit, chosen: Chosen) -> Hold:
    """Hold a time in place of the one that this client holds already; raises as `bookings.hold`.

    As over the API: three live ones at the most for a client, or an address without an account.
    """
    view = await visit.view()
    first, *more = await wanted(visit, chosen)
    who = bookings.counted_by(await signed_in(visit.request, visit.store.id), address_of(visit.request.scope))
    place = (first.service_id, first.staff_id, first.starts_at)
    request = HoldRequest(*place, HELD_MINUTES, first.seats, tuple(more), who)
    own = await own_hold(visit)
    try:
        held = await bookings.hold(visit.scope, request, view=view, now=visit.now)
    except (SlotTaken, LimitReached):
        if own is None:
            raise
        # It may be this client's own hold that is in the way.
        await _give_back(visit, own)
        return await bookings.hold(visit.scope, request, view=await visit.view(), now=visit.now)
    if own is not None:
        await _give_back(visit, own)
    return held


async def wanted(visit: Visit, chosen: Chosen) -> list[Wanted]:
    """Return the items of a choice: a place for each service asked for; raises `NotFound`, `InvalidInput`."""
    services = await visit.chosen()
    if len(services) != len(chosen.places):
        raise InvalidInput("That time is for other services.")
    seats = min(visit.asked.people, most_people(await visit.view(), services))
    return [
        Wanted(service.id, staff, start, seats) for service, (staff, start) in zip(services, chosen.places, strict=True)
    ]


async def own_hold(visit: Visit) -> tuple[OwnHold, str] | None:
    """Return the live hold that the client's browser remembers, or the address where it may not, with its token."""
    hold_id, _, token = (visit.request.cookies.get(COOKIE) or visit.asked.own or "").partition(".")
    try:
        own = await storefronts.own_hold(visit.db, visit.store.id, UUID(hold_id), token)
    except ValueError:
        return None
    return (own, token) if own is not None and own.seconds_left > 0 else None


async def times_page(visit: Visit, refused: tuple[Chosen, InterlockError] | None = None) -> Response:
    """Return the page of times; after a refusal with what was refused and the nearest others."""
    sold, staff = await visit.services(), await businesses.staff(visit.db, visit.store.id)
    if not sold or not staff:
        return visit.page("closed.html")
    services, view = await visit.chosen(), await visit.view()
    able = performers(view, [service.id for service in services])
    shown = [member for member in staff if member.id in able]
    own = await own_hold(visit)
    if own is not None:
        # What one holds oneself is free for oneself.
        view = await seen_by_holder(visit.db, view, own[1])
    wish = visit.wish(view, services)
    context = _offered(visit, wish)
    if own is not None and [item.service_id for item in own[0].items] == [service.id for service in services]:
        context |= {"own": own[0], "own_token": own[1]}
    if refused is not None:
        near = nearest(wish, refused[1], refused[0].starts_at)
        context |= {"refused": refused[0], "sentence": sentence(refused[1]), "near": near}
    return visit.page(
        "times.html",
        409 if refused else 200,
        sold=sold,
        services=services,
        staff=shown,
        member=next((member for member in shown if member.id == visit.asked.staff), None),
        people=wish.seats,
        most_people=min(most_people(view, services), MOST_PEOPLE),
        most_services=MAXIMUM_ITEMS,
        **context,
    )


def sentence(refusal: InterlockError) -> str:
    """Return the key of what a client is told about a refusal."""
    if isinstance(refusal, SlotTaken | HoldExpired):
        return "taken"
    if refusal.fields.get("limit") == "client":
        return "why_client_limit"
    return "held_enough" if "live_holds" in refusal.fields else "offer_gone"


def nearest(wish: Wish, refusal: InterlockError, start: datetime) -> list[Time]:
    """Return the times near one that was refused; none where any other would be refused as well."""
    return [] if "live_holds" in refusal.fields else wish.nearest(start)


def _offered(visit: Visit, wish: Wish) -> dict[str, object]:
    following, count = wish.next(), MONTH if visit.asked.span == "month" else WEEK
    first = _first_day(visit, wish, following.starts_at.date() if following else wish.today)
    strip = wish.strip(first, count)
    days_free = [d.day for d in strip if d.free and d.day >= wish.today]
    day = visit.asked.day or next(iter(days_free), first)
    times = wish.times(day) if day >= wish.today else []
    return {
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
        "why": wish.why(day) if not times and day >= wish.today else None,
    }


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
