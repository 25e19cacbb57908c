"""The waitlist for clients: days and times when they could come."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Response

from models.errors import KeyReused
from service.commands import clients, waitlist
from service.queries import businesses
from service.web.details import Details, Typed
from service.web.mine import remember
from service.web.pages import PageRoute
from service.web.visit import Visit, Visiting, local_moment, most_people

router = APIRouter(include_in_schema=False, route_class=PageRoute)
LONGEST, USUAL = 62, 14
"""Days: the most, and those that stand in the form at first."""
MONDAY = date(2026, 3, 2)


@dataclass(frozen=True, slots=True)
class Days:
    """When a client could come, as typed: dates, weekdays (0 = Monday), and hours of those days."""

    first: str
    last: str
    weekdays: tuple[int, ...]
    after: str
    before: str

    def windows(self, visit: Visit, minutes: int) -> list[tuple[datetime, datetime]] | str:
        """Return the windows in the visit's zone, or the key of the sentence why there are none."""
        try:
            first, last = date.fromisoformat(self.first), date.fromisoformat(self.last)
            after, before = time.fromisoformat(self.after), time.fromisoformat(self.before)
        except ValueError:
            return "wait_times"
        if first < _today(visit) or (last - first).days >= LONGEST:
            return "wait_range"
        if last < first:
            return "wait_order"
        if _minute(before) - _minute(after) < minutes:
            return "wait_short"
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        chosen = [day for day in days if day.weekday() in self.weekdays]
        spans = [_span(day, after, before, visit) for day in chosen]
        return [span for span in spans if span[1] > visit.now] or "wait_needs_day"


def _today(visit: Visit) -> date:
    return visit.now.astimezone(visit.zone).date()


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _span(day: date, after: time, before: time, visit: Visit) -> tuple[datetime, datetime]:
    start, end = (local_moment(day, clock, visit.zone) for clock in (after, before))
    return start, end


async def typed_days(
    first: Annotated[str, Form(max_length=10)] = "",
    last: Annotated[str, Form(max_length=10)] = "",
    after: Annotated[str, Form(max_length=8)] = "",
    before: Annotated[str, Form(max_length=8)] = "",
    weekdays: Annotated[list[int] | None, Form(max_length=7)] = None,
) -> Days:
    """Return what a form sent."""
    return Days(first, last, tuple(weekdays or ()), after, before)


@router.get("/b/{slug}/waitlist")
async def form(visit: Visiting) -> Response:
    """The form, with the coming two weeks in it."""
    furthest = _today(visit) + timedelta(days=LONGEST - 1)
    first = min(max(visit.asked.day or _today(visit), _today(visit)), furthest)
    last = min(first + timedelta(days=USUAL), furthest)
    usual = Days(str(first), str(last), tuple(range(7)), "08:00", "20:00")
    return await _form(visit, usual, Details())


@router.post("/b/{slug}/waitlist")
async def join(
    visit: Visiting,
    details: Typed,
    days: Annotated[Days, Depends(typed_days)],
    once: Annotated[UUID | None, Form()] = None,
) -> Response:
    """Put the client on the waitlist; a form sent twice does so once."""
    [service, *_] = await visit.chosen()
    windows = days.windows(visit, service.duration)
    if details.problems or isinstance(windows, str):
        return await _form(visit, days, details, problem=windows if isinstance(windows, str) else None, status=422)
    client_id = await clients.recognise(visit.scope, clients.NewClient(details.name, *details.contact))
    staff = visit.staff_for(await visit.view(), service.id)
    joining = waitlist.Joining(client_id, service.id, tuple(windows), staff, seats=await _people(visit, service))
    entry = await _joined(visit, joining, once)
    (after, _), (_, before) = windows[0], windows[-1]
    answer = visit.page("waiting.html", 200, **await _asked(visit), after=after, before=before)
    remember(visit, answer, entries=[entry.id])
    return answer


async def _joined(visit: Visit, joining: waitlist.Joining, once: UUID | None) -> waitlist.Entry:
    if once is not None:
        try:
            return await waitlist.join(replace(visit.scope, key=f"wait-{once}"), joining, now=visit.now)
        except KeyReused:
            # Gone back to, and changed: it is another wish.
            pass
    return await waitlist.join(visit.scope, joining, now=visit.now)


async def _people(visit: Visit, service: businesses.Service) -> int:
    return min(visit.asked.people, most_people(await visit.view(), [service]))


async def _asked(visit: Visit) -> dict[str, object]:
    """Return what is waited for, as both pages show it; `staff` are the names of who was asked for."""
    [service, *_] = await visit.chosen()
    asked = visit.staff_for(await visit.view(), service.id) or ()
    known = await businesses.staff(visit.db, visit.store.id) if asked else ()
    staff = [member.name for member in known if member.id in asked]
    people = await _people(visit, service)
    return {"service": service, "staff": staff, "people": people, "zone_named": visit.words.zone(visit.zone, visit.now)}


async def _form(
    visit: Visit, days: Days, details: Details, *, problem: str | None = None, status: int = 200
) -> Response:
    week = [(n, visit.words.weekday(MONDAY + timedelta(days=n), spelled=True)) for n in range(7)]
    start = visit.words.locale.first_week_day
    return visit.page(
        "wait.html",
        status,
        **await _asked(visit),
        once=uuid4(),
        days=days,
        offered=[_today(visit) + timedelta(days=n) for n in range(LONGEST)],
        week=week[start:] + week[:start],
        details=details,
        problem=problem,
    )
