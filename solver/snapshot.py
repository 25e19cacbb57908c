"""A snapshot: all that slots and plans of one business are computed from, as immutable numpy arrays."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike

from solver.clock import DAY, utc_day, wall_spans, zone_named
from solver.errors import InvalidProblem
from solver.lanes import Gaps, Lane, Minutes

MAXIMUM_DAYS = 400
KEPT_TABLES = 64

Table = Mapping[str, ArrayLike]
"""Columns by name: a pandas DataFrame, or any mapping from names to sequences."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service; lengths in minutes, the advance in days."""

    id: Hashable
    duration: int
    buffer_before: int = 0
    buffer_after: int = 0
    slot_interval: int = 15
    minimum_notice: int = 0
    maximum_advance: int = 366

    def __post_init__(self) -> None:
        if not 1 <= self.duration <= DAY:
            raise InvalidProblem(f"services: {self.id!r} lasts {self.duration} minutes, not 1 to 1440")
        if min(self.buffer_before, self.buffer_after, self.minimum_notice) < 0:
            raise InvalidProblem(f"services: {self.id!r} has a negative buffer or notice")
        if self.slot_interval < 1 or DAY % self.slot_interval:
            raise InvalidProblem(
                f"services: {self.id!r} starts every {self.slot_interval} minutes: that divides no day"
            )
        if self.maximum_advance < 1:
            raise InvalidProblem(f"services: {self.id!r} can be booked {self.maximum_advance} days ahead")


@dataclass(frozen=True, slots=True)
class Hours:
    """When one staff member works: weekly spans with their validity, and dates that replace them.

    `weekly` holds (weekday with 0 = Monday, opens, closes, valid from, valid to); `overrides` maps a local date to
    its spans (none: closed). Spans are wall minutes [opens, closes); `closes` beyond 1440 runs past midnight.
    """

    weekly: tuple[tuple[int, int, int, date | None, date | None], ...] = ()
    overrides: Mapping[date, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def on(self, day: date) -> list[tuple[int, int]]:
        """Return the spans of the shifts that begin on a local date."""
        if day in self.overrides:
            return sorted(self.overrides[day])
        weekday = day.weekday()
        return sorted(
            (opens, closes)
            for wd, opens, closes, valid_from, valid_to in self.weekly
            if wd == weekday and (valid_from is None or valid_from <= day) and (valid_to is None or day < valid_to)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One business at one moment: lanes with their gaps, services, allocations.

    Attributes
    ----------
    zone : ZoneInfo
        The business's; weekly hours are wall time in it.
    first_day, days : date, int
        The horizon: UTC days [first_day, first_day + days).
    staff : tuple of ids
        In the order of `lanes`.
    durations : int64, shape (services, staff)
        Minutes that a staff member needs for a service, 0 where not allocated.
    """

    zone: ZoneInfo
    first_day: date
    days: int
    staff: tuple[Hashable, ...]
    lanes: tuple[Lane, ...]
    services: tuple[Service, ...]
    durations: Minutes
    staff_index: Mapping[Hashable, int]
    service_index: Mapping[Hashable, int]
    _joined: dict[tuple[int, ...], Gaps] = field(default_factory=dict, init=False, repr=False)

    def gaps_of(self, lanes: tuple[int, ...]) -> Gaps:
        """Return the gaps of some lanes in one table; kept, since the same lanes are asked for again and again."""
        if lanes not in self._joined:
            if len(self._joined) >= KEPT_TABLES:
                self._joined.clear()
            self._joined[lanes] = Gaps.joined([self.lanes[i].gaps for i in lanes])
        return self._joined[lanes]

    @property
    def start(self) -> int:
        """Epoch minute at which the horizon begins."""
        return utc_day(self.first_day)

    @property
    def end(self) -> int:
        """Epoch minute before which the horizon ends."""
        return self.start + self.days * DAY

    @staticmethod
    def build(
        *,
        zone: str,
        first_day: date,
        days: int,
        staff: Sequence[Hashable],
        hours: Mapping[Hashable, Hours],
        services: Sequence[Service],
        allocations: Iterable[tuple[Hashable, Hashable, int | None]],
        busy: Mapping[Hashable, ArrayLike],
    ) -> "Snapshot":
        """Return the snapshot of a business.

        Parameters
        ----------
        allocations : iterable of (service, staff, own duration in minutes or None)
        busy : mapping from staff to an array of shape (b, 2)
            Claimed time in epoch minutes, half-open, buffers included; in any order.

        Raises
        ------
        InvalidProblem
            Unknown names, spans that end before they start or overlap, no such zone, a horizon beyond 400 days.
        """
        if not 1 <= days <= MAXIMUM_DAYS:
            raise InvalidProblem(f"a snapshot spans 1 to {MAXIMUM_DAYS} days, not {days}")
        the_zone = zone_named(zone)
        staff_index = _index("staff", staff)
        service_index = _index("services", [s.id for s in services])
        for table, names in (("hours", hours), ("busy", busy)):
            _known(table, "staff member", names, staff_index)
        lanes = tuple(
            Lane.made(
                i,
                working_time(the_zone, first_day, days, hours.get(member, Hours())),
                _sorted_busy(busy.get(member, ()), member),
            )
            for i, member in enumerate(staff)
        )
        return Snapshot(
            the_zone,
            first_day,
            days,
            tuple(staff),
            lanes,
            tuple(services),
            _durations(services, allocations, staff_index, service_index),
            staff_index,
            service_index,
        )

    @staticmethod
    def from_frames(
        *,
        staff: Table,
        hours: Table,
        services: Table,
        allocations: Table,
        appointments: Table,
        zone: str,
        first_day: date,
        days: int,
        overrides: Table | None = None,
    ) -> "Snapshot":
        """Return a snapshot from small tables, the analyst's way in.

        Parameters
        ----------
        staff : columns staff
        hours : columns staff, weekday (0 = Monday), opens, closes (wall minutes of the day or "HH:MM")
        services : columns service, duration, and optionally buffer_before, buffer_after, slot_interval,
            minimum_notice (minutes), maximum_advance (days)
        allocations : columns service, staff, and optionally duration (minutes; NaN: the service's)
        appointments : columns staff, starts_at, ends_at (aware), buffers included
        overrides : columns staff, day, opens, closes; opens = closes closes the day

        Raises
        ------
        InvalidProblem
            As `build`, and for a missing column.
        """
        from solver.frames import tables_to_arguments  # noqa: PLC0415 - pandas is for analysts; bookings do without

        arguments: dict[str, Any] = tables_to_arguments(staff, hours, services, allocations, appointments, overrides)
        return Snapshot.build(zone=zone, first_day=first_day, days=days, **arguments)

    def with_day(self, staff: Hashable, day: date, busy: ArrayLike) -> "Snapshot":
        """Return a snapshot in which a staff member's claims that begin on a UTC day are those of `busy`."""
        lane = self.lanes[self.staff_index[staff]]
        start = utc_day(day)
        return self._with_lane(lane.with_day(start, start + DAY, _sorted_busy(busy, staff)))

    def with_claims(self, claims: Iterable[tuple[int, int, int]]) -> "Snapshot":
        """Return a snapshot with more claims: (index of the lane, start, end) in epoch minutes."""
        more: dict[int, list[tuple[int, int]]] = {}
        for index, start, end in claims:
            more.setdefault(index, []).append((start, end))
        snapshot = self
        for index, spans in more.items():
            lane = self.lanes[index]
            busy = _sorted_busy([*lane.busy.tolist(), *spans], self.staff[index])
            snapshot = snapshot._with_lane(Lane.made(index, lane.work, busy))
        return snapshot

    def with_hours(self, staff: Hashable, hours: Hours) -> "Snapshot":
        """Return a snapshot in which a staff member works other hours."""
        lane = self.lanes[self.staff_index[staff]]
        work = working_time(self.zone, self.first_day, self.days, hours)
        return self._with_lane(Lane.made(lane.index, work, lane.busy.copy()))

    def same_as(self, other: "Snapshot") -> bool:
        """Return whether both hold equal arrays: what increments must keep."""
        plain = ("zone", "first_day", "days", "staff", "services")
        return (
            all(getattr(self, name) == getattr(other, name) for name in plain)
            and np.array_equal(self.durations, other.durations)
            and all(a.same_as(b) for a, b in zip(self.lanes, other.lanes, strict=True))
        )

    def _with_lane(self, lane: Lane) -> "Snapshot":
        return replace(self, lanes=(*self.lanes[: lane.index], lane, *self.lanes[lane.index + 1 :]))


def working_time(zone: ZoneInfo, first_day: date, days: int, hours: Hours) -> Minutes:
    """Return the working time of a lane, int64 of shape (w, 3): start, end, UTC offset; sorted, disjoint.

    Shifts belong to the local date they begin on, so the dates beside the horizon count too.
    """
    spans: list[tuple[int, int, int]] = []
    closed_from = 0
    for ahead in range(-2, days + 2):
        day = first_day + timedelta(days=ahead)
        for opens, closes in hours.on(day):
            if utc_day(day) + opens < closed_from:
                raise InvalidProblem(f"hours: the shift that opens at minute {opens} of {day} overlaps another")
            closed_from = utc_day(day) + closes
            spans += wall_spans(zone, day, opens, closes)
    start, end = utc_day(first_day), utc_day(first_day) + days * DAY
    spans = sorted((max(s, start), min(e, end), o) for s, e, o in spans if s < end and e > start)
    work = np.array(spans, np.int64).reshape(-1, 3)
    # Shifts that are apart on the wall may meet where an hour repeats.
    work[1:, 0] = np.maximum(work[1:, 0], np.maximum.accumulate(work[:, 1])[:-1])
    return work[work[:, 0] < work[:, 1]]


def _sorted_busy(busy: ArrayLike, member: Hashable) -> Minutes:
    array = np.array(busy, np.int64).reshape(-1, 2)
    if np.any(array[:, 1] <= array[:, 0]):
        raise InvalidProblem(f"appointments: one of {member!r} ends before it starts")
    return array[np.lexsort((array[:, 1], array[:, 0]))]


def _durations(
    services: Sequence[Service],
    allocations: Iterable[tuple[Hashable, Hashable, int | None]],
    staff_index: Mapping[Hashable, int],
    service_index: Mapping[Hashable, int],
) -> Minutes:
    durations = np.zeros((len(services), len(staff_index)), np.int64)
    for service, member, own in allocations:
        _known("allocations", "service", [service], service_index)
        _known("allocations", "staff member", [member], staff_index)
        row = service_index[service]
        durations[row, staff_index[member]] = services[row].duration if own is None else own
    if np.any(durations < 0):
        raise InvalidProblem("allocations: an own duration is negative")
    durations.flags.writeable = False
    return durations


def _index(table: str, names: Sequence[Hashable]) -> dict[Hashable, int]:
    index = {name: i for i, name in enumerate(names)}
    if len(index) < len(names):
        raise InvalidProblem(f"{table}: an id stands twice")
    return index


def _known(table: str, what: str, names: Iterable[Hashable], index: Mapping[Hashable, int]) -> None:
    for name in names:
        if name not in index:
            raise InvalidProblem(f"{table}: there is no {what} {name!r}")
