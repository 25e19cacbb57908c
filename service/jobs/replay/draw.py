"""A business for each clinic: staff, weekly hours, services, and how flexible each client is, from a seed.

Every clinic has random streams of its own, seeded by the seed and its name, so it comes out the same
whichever other clinics are replayed beside it. Its capacity is set to 92 % of the demand of its busiest tenth
of days: full days must then turn someone away, ordinary ones need not.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from service.jobs.replay.requests import Request

CAPACITY, BUSIEST = 0.92, 0.1
DURATIONS = (15, 20, 30, 40)
DURATION_WEIGHTS = (6.0, 8.0, 7.0, 4.0)
"""Dirichlet weights of the mix of services."""
BUFFER_BEFORE, BUFFER_AFTER = (0, 0, 0, 5), (0, 5)
PERFORMS = 0.75
"""Chance that a staff member performs a service."""
SHIFT, LUNCH_FROM, LUNCH = 480, 300, 60
OPENS, CLOSES, GRID = 7 * 60, 18 * 60, 5
"""Minutes of the local day; shifts begin and end on the grid."""
WINDOW_DAYS = (3, 5, 7, 10, 14)
ONE_STAFF = 0.3
"""Chance that a client wants one staff member rather than any."""
PRIORITIES, PRIORITY_SHARES = (1, 2, 5), (0.85, 0.1, 0.05)
CANCELS = 0.06

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Service:
    """What is sold: minutes, the buffers beside them."""

    name: str
    duration: int
    buffer_before: int
    buffer_after: int

    @property
    def occupied(self) -> int:
        """Return the lane minutes that one visit takes."""
        return self.buffer_before + self.duration + self.buffer_after


@dataclass(frozen=True, slots=True)
class Staff:
    """Who performs which services (by index); `hours` [opens, closes) in local minutes, Monday to Friday."""

    name: str
    services: tuple[int, ...]
    hours: tuple[Span, ...]

    @property
    def minutes(self) -> int:
        """Return the minutes worked a day."""
        return sum(closes - opens for opens, closes in self.hours)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request means here.

    `service` and `staff` are indices (staff None: any). The client would come up to `window_days` later than
    the day asked for. One that `cancels` does so after the share `cancels_after` of the time from the booking
    to the day of the visit.
    """

    service: int
    staff: int | None
    window_days: int
    priority: int
    cancels: bool
    cancels_after: float


@dataclass(frozen=True, slots=True)
class Clinic:
    """A clinic as a business, with one wish for each of its requests, in the same order."""

    name: str
    services: tuple[Service, ...]
    staff: tuple[Staff, ...]
    wishes: tuple[Wish, ...]

    @property
    def capacity(self) -> int:
        """Return the lane minutes of a working day."""
        return sum(member.minutes for member in self.staff)


def draw(name: str, requests: list[Request], seed: int, capacity: float = CAPACITY) -> Clinic:
    """Draw the business of a clinic and the wish behind each of its requests, given in order of time."""
    shape, wanting, cancelling = _streams(name, seed)
    services = _services(shape)
    mix = shape.dirichlet(DURATION_WEIGHTS)
    wanted = wanting.choice(len(services), len(requests), p=mix)
    minutes = _busy_minutes(daily_demand(requests, np.array([s.occupied for s in services])[wanted]))
    staff = _staff(max(minutes * capacity, *(s.occupied for s in services)), len(services), shape)
    wishes = _wishes(wanted, staff, wanting, cancelling)
    return Clinic(name, services, staff, wishes)


def daily_demand(requests: list[Request], minutes: NDArray[np.int64]) -> dict[date, int]:
    """Return the lane minutes asked for on each day that anyone asked for."""
    demand: dict[date, int] = {}
    for request, occupied in zip(requests, minutes.tolist(), strict=True):
        demand[request.day] = demand.get(request.day, 0) + occupied
    return demand


def busiest_days(demand: dict[date, int]) -> list[date]:
    """Return the tenth of the days with the highest demand, at least one."""
    ranked = sorted(demand, key=lambda day: (-demand[day], day))
    return ranked[: math.ceil(len(ranked) * BUSIEST)]


def _busy_minutes(demand: dict[date, int]) -> float:
    busiest = busiest_days(demand)
    return sum(demand[day] for day in busiest) / len(busiest)


def _streams(name: str, seed: int) -> list[np.random.Generator]:
    digest = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
    return [np.random.default_rng(s) for s in np.random.SeedSequence([seed, digest]).spawn(3)]


def _services(rng: np.random.Generator) -> tuple[Service, ...]:
    before, after = rng.choice(BUFFER_BEFORE, len(DURATIONS)), rng.choice(BUFFER_AFTER, len(DURATIONS))
    return tuple(
        Service(f"Visit of {minutes} minutes", minutes, int(before[i]), int(after[i]))
        for i, minutes in enumerate(DURATIONS)
    )


def _staff(minutes: float, services: int, rng: np.random.Generator) -> tuple[Staff, ...]:
    count = math.ceil(minutes / SHIFT)
    ends = np.round(np.arange(count + 1) * minutes / count / GRID).astype(int) * GRID
    performs = rng.random((count, services)) < PERFORMS
    for service in range(services):
        performs[service % count, service] = True
    performs[np.arange(count), rng.integers(services, size=count)] = True
    return tuple(
        Staff(f"Staff {i + 1:02}", tuple(np.flatnonzero(performs[i]).tolist()), _hours(int(worked), rng))
        for i, worked in enumerate(np.diff(ends))
    )


def _hours(worked: int, rng: np.random.Generator) -> tuple[Span, ...]:
    lunch = LUNCH if worked > LUNCH_FROM else 0
    opens = OPENS + int(rng.integers(0, (CLOSES - OPENS - worked - lunch) // GRID + 1)) * GRID
    if not lunch:
        return ((opens, opens + worked),)
    half = worked // 2 // GRID * GRID
    return ((opens, opens + half), (opens + half + lunch, opens + worked + lunch))


def _wishes(
    wanted: NDArray[np.int64],
    staff: tuple[Staff, ...],
    rng: np.random.Generator,
    cancelling: np.random.Generator,
) -> tuple[Wish, ...]:
    count = len(wanted)
    performers = [
        [i for i, member in enumerate(staff) if service in member.services] for service in range(len(DURATIONS))
    ]
    particular, pick = rng.random(count) < ONE_STAFF, rng.random(count)
    windows = rng.choice(WINDOW_DAYS, count)
    priorities = rng.choice(PRIORITIES, count, p=PRIORITY_SHARES)
    cancels, after = cancelling.random(count) < CANCELS, cancelling.random(count)
    return tuple(
        Wish(
            service,
            performers[service][int(pick[i] * len(performers[service]))] if particular[i] else None,
            int(windows[i]),
            int(priorities[i]),
            bool(cancels[i]),
            float(after[i]),
        )
        for i, service in enumerate(wanted.tolist())
    )
