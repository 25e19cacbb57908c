"""One clinic's weeks: requests, cancellations and evenings in the order of their clock, through the real commands."""

import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from service.commands import bookings, optimisation, waitlist
from service.jobs.optimise import plan_waitlist
from service.jobs.replay.book import plan_outcome
from service.jobs.replay.draw import Clinic, Wish
from service.jobs.replay.opening import Opened
from service.jobs.replay.own_view import Claim, OwnViews
from service.jobs.replay.requests import ZONE, Request
from service.jobs.replay.result import COMMANDS
from service.queries.slots import SlotsWanted, find
from solver.answer import Effort
from solver.clock import epoch_minute

EVENING_HOUR = 22
COMING_DAYS = 14
"""The optimiser places entries from tomorrow to this many days ahead."""

CANCELLATION, REQUEST, EVENING = range(3)
"""What happens at one moment happens in this order."""


@dataclass(slots=True)
class Visit:
    """A request that has become a booking."""

    appointment: UUID
    staff: UUID
    starts_at: datetime
    claim: Claim
    placed: bool
    live: bool = True


@dataclass(slots=True)
class Waiting:
    """A request on the waitlist: the local days [first, last] of its window, and why the last run left it there."""

    request: int
    first: date
    last: date
    code: str = "never_considered"


@dataclass(slots=True)
class Simulation:
    """The state of one clinic's replay. `run` does it all; what came of it is read from the fields."""

    clinic: Clinic
    requests: list[Request]
    opened: Opened
    views: OwnViews
    effort: Effort
    visits: dict[int, Visit] = field(default_factory=dict)
    waiting: dict[UUID, Waiting] = field(default_factory=dict)
    unplaced: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in COMMANDS})
    agenda: list[tuple[datetime, int, int]] = field(default_factory=list)
    touched: bool = False

    async def run(
        self, told: Callable[[], None], *, until: datetime | None = None, last_evening: date = date.max
    ) -> None:
        """Replay every request, cancellation and evening up to a moment; `told` is called after each request."""
        self.agenda = [(request.requested_at, REQUEST, i) for i, request in enumerate(self.requests)]
        evenings = (day for day in self._evenings() if day <= last_evening)
        self.agenda += [(evening_of(day), EVENING, day.toordinal()) for day in evenings]
        heapq.heapify(self.agenda)
        while self.agenda and (until is None or self.agenda[0][0] <= until):
            now, kind, number = heapq.heappop(self.agenda)
            if kind == REQUEST:
                await self._request(number, now)
                told()
            elif kind == CANCELLATION:
                await self._cancel(number, now)
            else:
                await self._optimise(date.fromordinal(number), now)
        self._give_up(date.max)

    def _evenings(self) -> Iterator[date]:
        first = self.requests[0].requested_at.astimezone(ZONE).date()
        last = max(
            r.day + timedelta(days=w.window_days) for r, w in zip(self.requests, self.clinic.wishes, strict=True)
        )
        return (first + timedelta(days=i) for i in range((last - first).days))

    async def _request(self, number: int, now: datetime) -> None:
        """Book the best slot of the wanted day, or join the waitlist."""
        request, wish = self.requests[number], self.clinic.wishes[number]
        service, staff = self.opened.services[wish.service], self._staff(wish)
        wanted = SlotsWanted(service, midnight(request.day), midnight(request.day + timedelta(days=1)), staff)
        with self._timed("slots"):
            offers = find(self.views.view, wanted, now, limit=1, ranked=True)
        if not offers:
            await self._join(number, now)
            return
        best, client = offers[0], self.opened.clients[request.client]
        order = bookings.BookRequest(service, best.staff_id, best.starts_at, client, source="replay")
        with self._timed("book"):
            booking = await bookings.book(self.opened.scope, order, view=self.views.view, now=now)
        self.counts["booked"] += 1
        self._take_note(number, booking.id, best.staff_id, best.starts_at, now, placed=False)

    async def _join(self, number: int, now: datetime) -> None:
        request, wish = self.requests[number], self.clinic.wishes[number]
        last = request.day + timedelta(days=wish.window_days)
        joining = waitlist.Joining(
            self.opened.clients[request.client],
            self.opened.services[wish.service],
            ((max(now, midnight(request.day)), midnight(last + timedelta(days=1))),),
            self._staff(wish),
            wish.priority,
        )
        with self._timed("waitlist"):
            entry = await waitlist.join(self.opened.scope, joining, now=now)
        self.counts["waitlisted"] += 1
        self.waiting[entry.id] = Waiting(number, request.day, last)
        self.touched = True

    async def _cancel(self, number: int, now: datetime) -> None:
        visit = self.visits[number]
        with self._timed("cancel"):
            await bookings.cancel(self.opened.scope, bookings.Cancellation(visit.appointment, version=1), now=now)
        self.counts["cancelled"] += 1
        visit.live = False
        self.views.release(visit.staff, visit.claim)
        self.touched = True

    async def _optimise(self, today: date, now: datetime) -> None:
        """Plan the waitlist for the coming days and apply the plan, unless nothing could have changed."""
        first, last = today + timedelta(days=1), today + timedelta(days=COMING_DAYS)
        self._give_up(first)
        coming = [entry for entry in self.waiting.values() if entry.first <= last]
        if not coming or not (self.touched or any(entry.last >= last for entry in coming)):
            return
        scope = self.opened.scope
        with self._timed("optimise"):
            run_id = await plan_waitlist(scope, self.views, (first, last), now, effort=self.effort)
        with self._timed("apply"):
            applied = await optimisation.apply(scope, run_id, now=now)
        self.counts["evenings"] += 1
        self.counts["stale"] += len(applied.stale)
        await self._follow(run_id, now)
        self.touched = False

    async def _follow(self, run_id: UUID, now: datetime) -> None:
        """Take note of what a plan has placed, and why it left the others waiting."""
        placed, left = await plan_outcome(self.opened.scope, run_id)
        for entry_id, appointment, staff, starts_at in placed:
            number = self.waiting.pop(entry_id).request
            self.counts["placed"] += 1
            self._take_note(number, appointment, staff, starts_at, now, placed=True)
        for entry_id, code in left:
            self.waiting[entry_id].code = code

    def _take_note(
        self, number: int, appointment: UUID, staff: UUID, starts_at: datetime, now: datetime, *, placed: bool
    ) -> None:
        """Keep the visit, advance the view, and put its cancellation on the agenda if the client will cancel."""
        wish = self.clinic.wishes[number]
        service = self.clinic.services[wish.service]
        start = epoch_minute(starts_at)
        claim = (start - service.buffer_before, start + service.duration + service.buffer_after)
        self.visits[number] = Visit(appointment, staff, starts_at, claim, placed)
        self.views.claim(staff, claim)
        if wish.cancels:
            heapq.heappush(self.agenda, (cancels_at(wish, starts_at, now), CANCELLATION, number))

    def _give_up(self, today: date) -> None:
        """Let go of entries whose last day has passed."""
        for entry_id in [entry_id for entry_id, entry in self.waiting.items() if entry.last < today]:
            self.unplaced[self.waiting.pop(entry_id).code] += 1

    def _staff(self, wish: Wish) -> tuple[UUID, ...] | None:
        return None if wish.staff is None else (self.opened.staff[wish.staff],)

    @contextmanager
    def _timed(self, command: str) -> Iterator[None]:
        since = time.perf_counter()
        yield
        self.seconds[command].append(time.perf_counter() - since)


def midnight(day: date) -> datetime:
    """Return when a local date of the clinics begins."""
    return datetime.combine(day, datetime.min.time(), ZONE)


def evening_of(day: date) -> datetime:
    """Return when the optimiser runs on a date."""
    return midnight(day).replace(hour=EVENING_HOUR)


def cancels_at(wish: Wish, starts_at: datetime, now: datetime) -> datetime:
    """Return when a client cancels: before the day of the visit; one booked for that day, before the visit."""
    eve = midnight(starts_at.astimezone(ZONE).date())
    return now + wish.cancels_after * ((eve if eve > now else starts_at) - now)
