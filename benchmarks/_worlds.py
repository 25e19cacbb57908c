"""Seeded businesses of any size, as raw intervals and as the snapshot made of them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np
from numpy.typing import NDArray

from solver.clock import utc_day
from solver.snapshot import Hours, Service, Snapshot

SEED = 1
FIRST = date(2026, 3, 2)
SPANS = ((540, 750), (810, 1050))
"""09:00-12:30 and 13:30-17:30 on the wall."""
ZONES = ("Europe/Lisbon", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Sydney")
"""Their clocks change within the range, or are off by quarters of an hour."""

DURATION, AFTER, STEP = 30, 10, 15
SERVICE = Service("x", DURATION, buffer_after=AFTER, slot_interval=STEP)

Spans = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """One business: by lane, when it works and what is claimed (epoch minutes, half-open, sorted, disjoint)."""

    days: int
    snapshot: Snapshot
    work: list[Spans]
    busy: list[Spans]

    @property
    def start(self) -> int:
        """The epoch minute at which the range begins."""
        return utc_day(FIRST)

    @property
    def appointments(self) -> int:
        """How many there are."""
        return sum(map(len, self.busy))


def world(staff: int, days: int, appointments: int = 8, services: tuple[Service, ...] = (SERVICE,)) -> World:
    """Return `staff` lanes over `days` dates with so many appointments of 15 to 60 minutes a staff-day.

    The horizon has a day more at each end, so that no zone's first or last shift is cut.
    """
    lanes = range(staff)
    week = tuple((day, opens, closes, None, None) for day in range(7) for opens, closes in SPANS)
    hours = Hours(week)
    empty = Snapshot.build(
        zone="UTC",
        first_day=date.fromordinal(FIRST.toordinal() - 1),
        days=days + 2,
        staff=list(lanes),
        hours=dict.fromkeys(lanes, hours),
        zones={lane: ZONES[lane % len(ZONES)] for lane in lanes},
        services=list(services),
        allocations=[(service.id, lane, None) for service in services for lane in lanes],
        busy={},
    )
    rng = np.random.default_rng(SEED)
    busy = [booked(rng, lane.work[:, :2], appointments) for lane in empty.lanes]
    full = Snapshot.build(
        zone="UTC",
        first_day=empty.first_day,
        days=empty.days,
        staff=list(lanes),
        hours=dict.fromkeys(lanes, hours),
        zones={lane: ZONES[lane % len(ZONES)] for lane in lanes},
        services=list(services),
        allocations=[(service.id, lane, None) for service in services for lane in lanes],
        busy=dict(enumerate(busy)),
    )
    return World(days, full, [lane.work[:, :2].copy() for lane in full.lanes], busy)


def booked(rng: np.random.Generator, work: Spans, appointments: int) -> Spans:
    """Return appointments in fives of minutes, as many in each working span, anywhere in it."""
    if appointments == 0 or len(work) == 0:
        return np.empty((0, 2), np.int64)
    each = -(-appointments // len(SPANS))
    fives = (work[:, 1] - work[:, 0])[:, None] // 5
    longer = rng.integers(0, 10, (len(work), each))
    # Too much for a span: all of them shorter, none below a quarter of an hour.
    room = fives - 3 * each
    longer = np.minimum(longer, longer * room // np.maximum(longer.sum(axis=1, keepdims=True), 1))
    lengths = 3 + longer
    free = fives - lengths.sum(axis=1, keepdims=True)
    before = np.sort(rng.integers(0, free + 1, (len(work), each)), axis=1)
    ends = before + lengths.cumsum(axis=1)
    spans = np.stack([ends - lengths, ends], axis=2) * 5 + work[:, :1, None]
    return spans.reshape(-1, 2)


def moments(number: int, days: int) -> tuple[int, int]:
    """Return the range [lo, hi) of a call, in epoch minutes: another at every call."""
    lo = utc_day(FIRST) + number % 61
    return lo, lo + days * 1440


BASE = datetime.combine(FIRST, time(0), UTC)
