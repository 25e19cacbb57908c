"""The waitlist for clients: days and times when they could come."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Response

from service.commands import clients, waitlist
from service.web.details import Details, Typed
from service.web.mine import remember
from service.web.pages import PageRoute
from service.web.visit import Visit, Visiting

router = APIRouter(include_in_schema=False, route_class=PageRoute)
LONGEST, USUAL = 62, 14
"""Days: the most, and those that stand in the form at first."""


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
            return "wait_order"
        today = visit.now.astimezone(visit.zone).date()
        if first < today or (last - first).days >= LONGEST:
            return "wait_range"
        if last < first or _minute(before) - _minute(after) < minutes:
            return "wait_order"
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        chosen = [day for day in days if day.weekday() in self.weekdays]
        spans = [_span(day, after, before, visit) for day in chosen]
        return [span for span in spans if span[1] > visit.now] or "wait_needs_day"


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _span(day: date, after: time, before: time, visit: Visit) -> tuple[datetime, datetime]:
    start, end = (datetime.combine(day, clock.replace(tzinfo=None), visit.zone) for clock in (after, before))
    return start, end


def typed_days(
    first: Annotated[str, Form(max_length=10)],
    last: Annotated[str, Form(max_length=10)],
    after: Annotated[str, Form(max_length=8)],
    before: Annotated[str, Form(max_length=8)],
    weekdays: Annotated[list[int] | None, Form(max_length=7)] = None,
) -> Days:
    """Return what a form sent."""
    return Days(first, last, tuple(weekdays or ()), after, before)


@router.get("/b/{slug}/waitlist")
async def form(visit: Visiting) -> Response:
    """The form, with the coming two weeks in it."""
    today = visit.now.astimezone(visit.zone).date()
    first = max(visit.asked.day or today, today)
    usual = Days(str(first), str(first + timedelta(days=USUAL)), tuple(range(7)), "08:00", "20:00")
    return await _form(visit, usual, Details())


@router.post("/b/{slug}/waitlist")
async def join(visit: Visiting, details: Typed, days: Annotated[Days, Depends(typed_days)]) -> Response:
    """Put the client on the waitlist."""
    [service, *_] = await visit.chosen()
    windows = days.windows(visit, service.duration)
    if details.problems or isinstance(windows, str):
        return await _form(visit, days, details, problem=windows if isinstance(windows, str) else None, status=422)
    client_id = await clients.recognise(visit.scope, clients.NewClient(details.name, *details.contact))
    staff = None if visit.asked.staff is None else (visit.asked.staff,)
    joining = waitlist.Joining(client_id, service.id, tuple(windows), staff)
    entry = await waitlist.join(visit.scope, joining, now=visit.now)
    answer = visit.page("waiting.html", service=service)
    remember(visit, answer, entries=[entry.id])
    return answer


async def _form(
    visit: Visit, days: Days, details: Details, *, problem: str | None = None, status: int = 200
) -> Response:
    monday = date(2026, 3, 2)
    week = [(n, visit.words.weekday(monday + timedelta(days=n))) for n in range(7)]
    start = visit.words.locale.first_week_day
    return visit.page(
        "wait.html",
        status,
        service=(await visit.chosen())[0],
        days=days,
        week=week[start:] + week[:start],
        details=details,
        problem=problem,
        zone_named=visit.words.zone(visit.zone, visit.now),
    )
