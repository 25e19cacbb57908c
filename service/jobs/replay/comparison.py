"""The same requests, clinics and capacity, three ways to place the waitlist each evening; in memory, on arrays."""

import heapq
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from service.jobs.replay.draw import CAPACITY, Clinic, draw
from service.jobs.replay.opening import MAXIMUM_ADVANCE, SLOT_INTERVAL, Calendar, open_stretches
from service.jobs.replay.requests import ZONE, Request, RequestFile
from service.jobs.replay.simulation import CANCELLATION, COMING_DAYS, EVENING, REQUEST, cancels_at, evening_of, midnight
from service.jobs.replay.strategies import STRATEGIES, Strategy
from solver.clock import DAY, epoch_minute, moment
from solver.columns import Entry
from solver.placement import placement_problem
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Hours, Service, Snapshot
from solver.suggestions import rank

EPOCH = date(1970, 1, 1).toordinal()


@dataclass(slots=True)
class Tally:
    """What one strategy came to.

    Attributes
    ----------
    booked, waitlisted, placed : int
        Requests booked at once, those that joined the waitlist, and those of them that were placed.
    points, points_waitlisted : int
        Priority points of those placed, and of all who waited.
    days_waited : int
        Days from joining to being placed, over those placed.
    minutes : int
        Lane minutes sold, buffers included, cancellations given back.
    overlaps : int
        Claims that begin before an earlier one of their lane has ended; none.
    seconds : float
        Spent on placing.
    """

    booked: int = 0
    waitlisted: int = 0
    placed: int = 0
    points: int = 0
    points_waitlisted: int = 0
    days_waited: int = 0
    minutes: int = 0
    overlaps: int = 0
    seconds: float = 0.0

    def add(self, other: "Tally") -> None:
        """Add another clinic's."""
        for f in fields(self):
            setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Each clinic's tally by strategy, the busiest clinic first."""

    source: str
    seed: int
    capacity: float
    clinics: tuple[tuple[str, int, dict[str, Tally]], ...]
    elapsed_seconds: float

    @property
    def totals(self) -> dict[str, Tally]:
        """The sum over the clinics, by strategy."""
        found = {name: Tally() for name in STRATEGIES}
        for _, _, tallies in self.clinics:
            for name, tally in tallies.items():
                found[name].add(tally)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return everything as one JSON-serialisable object."""
        by_clinic = [{"clinic": name, "requests": count, "strategies": of} for name, count, of in self.clinics]
        return {
            "source": self.source,
            "seed": self.seed,
            "capacity": self.capacity,
            "clinics": len(self.clinics),
            "requests": sum(requests for _, requests, _ in self.clinics),
            "elapsed_seconds": round(self.elapsed_seconds, 2),
            "strategies": self.totals,
            "by_clinic": by_clinic,
        }


@dataclass(slots=True)
class _Timeline:
    """One clinic under one strategy, from the first request to the last evening."""

    clinic: Clinic
    requests: Sequence[Request]
    snapshot: Snapshot
    place: Strategy
    tally: Tally = field(default_factory=Tally)
    claims: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    waiting: dict[int, tuple[datetime, date, date]] = field(default_factory=dict)
    agenda: list[tuple[datetime, int, int]] = field(default_factory=list)
    touched: bool = False

    def run(self) -> Tally:
        self.agenda = [(request.requested_at, REQUEST, i) for i, request in enumerate(self.requests)]
        first = self.requests[0].requested_at.astimezone(ZONE).date()
        wishes = zip(self.requests, self.clinic.wishes, strict=True)
        last = max(r.day + timedelta(days=w.window_days) for r, w in wishes)
        evenings = (first + timedelta(days=i) for i in range((last - first).days))
        self.agenda += [(evening_of(day), EVENING, day.toordinal()) for day in evenings]
        heapq.heapify(self.agenda)
        while self.agenda:
            now, kind, number = heapq.heappop(self.agenda)
            {REQUEST: self._request, CANCELLATION: self._cancel, EVENING: self._evening}[kind](number, now)
        self.tally.minutes = sum(end - start for _, start, end in self.claims.values())
        self.tally.overlaps = _overlaps(self.snapshot)
        return self.tally

    def _request(self, number: int, now: datetime) -> None:
        request, wish = self.requests[number], self.clinic.wishes[number]
        day = (midnight(request.day), midnight(request.day + timedelta(days=1)))
        staff = None if wish.staff is None else [wish.staff]
        found = find_slots(self.snapshot, SlotQuery(wish.service, *day, staff), now)
        if len(found):
            best = rank(found, 1).slots
            self._claim(number, int(best.lane[0]), int(best.claim_start[0]), int(best.claim_end[0]))
            self.tally.booked += 1
            self._will_cancel(number, int(best.start[0]), now)
            return
        self.waiting[number] = (now, request.day, request.day + timedelta(days=wish.window_days))
        self.tally.waitlisted += 1
        self.tally.points_waitlisted += wish.priority
        self.touched = True

    def _cancel(self, number: int, _: datetime) -> None:
        lane, start, end = self.claims.pop(number)
        busy = self._busy(lane, start)
        self._set(lane, start, busy[~((busy[:, 0] == start) & (busy[:, 1] == end))])
        self.touched = True

    def _evening(self, ordinal: int, now: datetime) -> None:
        """Place who could come in the next days, unless nothing could have changed."""
        first = date.fromordinal(ordinal) + timedelta(days=1)
        last = date.fromordinal(ordinal) + timedelta(days=COMING_DAYS)
        self.waiting = {number: wait for number, wait in self.waiting.items() if wait[2] >= first}
        coming = [number for number, (_, begins, _) in self.waiting.items() if begins <= last]
        if not coming or not (self.touched or any(self.waiting[number][2] >= last for number in coming)):
            return
        entries = [self._entry(number, first, last) for number in coming]
        problem = placement_problem(self.snapshot, entries, now)
        since = time.perf_counter()
        chosen = self.place(problem)
        self.tally.seconds += time.perf_counter() - since
        c = problem.columns
        for column in chosen:
            number = int(str(problem.entries[c.entry[column]].id))
            claim = (int(c.lane[column]), int(c.occupied_start[column]), int(c.occupied_end[column]))
            self._claim(number, *claim)
            self._placed(number, int(c.start[column]), now)
        self.touched = False

    def _entry(self, number: int, first: date, last: date) -> Entry:
        wish, (since, begins, ends) = self.clinic.wishes[number], self.waiting[number]
        opens = epoch_minute(max(since, midnight(max(begins, first))), up=True)
        closes = epoch_minute(midnight(min(ends, last) + timedelta(days=1)))
        staff = None if wish.staff is None else (wish.staff,)
        return Entry(
            number,
            priority=wish.priority,
            since=epoch_minute(since),
            service=wish.service,
            windows=((opens, closes),),
            staff=staff,
        )

    def _placed(self, number: int, start: int, now: datetime) -> None:
        since, _, _ = self.waiting.pop(number)
        self.tally.placed += 1
        self.tally.points += self.clinic.wishes[number].priority
        self.tally.days_waited += (now - since).days
        self._will_cancel(number, start, now)

    def _will_cancel(self, number: int, start: int, now: datetime) -> None:
        wish = self.clinic.wishes[number]
        if wish.cancels:
            heapq.heappush(self.agenda, (cancels_at(wish, moment(start), now), CANCELLATION, number))

    def _claim(self, number: int, lane: int, start: int, end: int) -> None:
        self.claims[number] = (lane, start, end)
        self._set(lane, start, np.vstack([self._busy(lane, start), [(start, end)]]))

    def _busy(self, lane: int, start: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The lane's claims that begin on the UTC day of a minute."""
        busy, day = self.snapshot.lanes[lane].busy, start // DAY
        first, last = np.searchsorted(busy[:, 0], [day * DAY, (day + 1) * DAY])
        return busy[first:last]

    def _set(self, lane: int, start: int, busy: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        self.snapshot = self.snapshot.with_day(lane, date.fromordinal(EPOCH + start // DAY), busy)


def _overlaps(snapshot: Snapshot) -> int:
    count = 0
    for lane in snapshot.lanes:
        reach = np.maximum.accumulate(lane.busy[:, 1])
        count += int((lane.busy[1:, 0] < reach[:-1]).sum())
    return count


def empty_snapshot(clinic: Clinic, calendar: Calendar) -> Snapshot:
    """Return a drawn clinic as arrays; staff and services by their numbers."""
    first_day, days = calendar.horizon
    return Snapshot.build(
        zone=ZONE.key,
        first_day=first_day,
        days=days,
        staff=range(len(clinic.staff)),
        hours={
            i: Hours(
                tuple(
                    (weekday, opens, closes, valid_from, valid_to)
                    for weekday in range(5)
                    for valid_from, valid_to in open_stretches(weekday, calendar)
                    for opens, closes in member.hours
                )
            )
            for i, member in enumerate(clinic.staff)
        },
        services=[
            Service(i, s.duration, s.buffer_before, s.buffer_after, SLOT_INTERVAL, 0, MAXIMUM_ADVANCE)
            for i, s in enumerate(clinic.services)
        ],
        allocations=[(s, i, None) for i, member in enumerate(clinic.staff) for s in member.services],
        busy={},
    )


def compare_clinic(
    name: str, requests: Sequence[Request], calendar: Calendar, seed: int, capacity: float = CAPACITY
) -> dict[str, Tally]:
    """Return one clinic's tally by strategy, each from the same empty book.

    `capacity` is its open time as a share of what is asked for on its busiest tenth of days.
    """
    clinic = draw(name, list(requests), seed, capacity)
    empty = empty_snapshot(clinic, calendar)
    return {way: _Timeline(clinic, requests, empty, place).run() for way, place in STRATEGIES.items()}


def compare(
    source: str,
    file: RequestFile,
    clinics: Sequence[tuple[str, list[Request]]],
    chosen: tuple[int, int, float],
    told: Callable[[int, int], None],
) -> Comparison:
    """Compare the strategies over some clinics, in `chosen` (seed, processes, capacity); `told` gets requests done."""
    seed, jobs, capacity = chosen
    since, calendar, found = time.perf_counter(), Calendar.of(file.requests), {}
    count, done = sum(len(requests) for _, requests in clinics), 0
    with ProcessPoolExecutor(min(jobs, len(clinics)), mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = {
            pool.submit(compare_clinic, name, of, calendar, seed, capacity): (name, len(of)) for name, of in clinics
        }
        for future in as_completed(waiting):
            name, requests = waiting[future]
            found[name] = (name, requests, future.result())
            done += requests
            told(done, count)
    ordered = sorted(found.values(), key=lambda row: (-row[1], row[0]))
    return Comparison(source, seed, capacity, tuple(ordered), time.perf_counter() - since)
