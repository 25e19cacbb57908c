"""A snapshot: all that slots and plans of one business are computed from, as immutable numpy arrays."""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike

from solver.arrays import check_known, durations_of, index_of, numbered, sorted_busy
from solver.clock import DAY, utc_day, zone_named
from solver.errors import InvalidProblem
from solver.hours import Hours, blocks, shifts, working_time
from solver.lanes import Lane, Minutes
from solver.offers import Kept
from solver.services import Requirement, Service

__all__ = ["MAXIMUM_DAYS", "Hours", "Requirement", "Service", "Snapshot", "working_time"]

MAXIMUM_DAYS = 400
MAXIMUM_SERVICES = 5_000

Table = Mapping[str, ArrayLike]
"""Columns by name: a pandas DataFrame, or any mapping from names to sequences."""

Limits = tuple[int | None, int | None]
"""Appointments of a staff member on one local date of the business, and from Monday to Sunday; None: no limit."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Snapshot:
    """One business at one moment: lanes with their gaps, services, allocations.

    Attributes
    ----------
    zone : ZoneInfo
        The business's; weekly hours are wall time in it, but for staff with a zone of their own in `zones`.
    first_day, days : date, int
        The horizon: UTC days [first_day, first_day + days).
    staff : tuple of ids
        In the order of `lanes`, which resources follow.
    durations : int64, shape (services, staff)
        Minutes that a staff member needs for a service, 0 where not allocated.
    start : int
        Epoch minute at which the horizon begins.
    lane_index : mapping from the id of a staff member or resource to its place in `lanes`
    resources : tuple of (id, kind)
    limits : mapping from a staff member's place to their limits
    kept : Kept
        What earlier queries left to be used again.
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
    lane_index: Mapping[Hashable, int]
    zones: Mapping[int, ZoneInfo] = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()
    limits: Mapping[int, Limits] = field(default_factory=dict)
    resources: tuple[tuple[Hashable, Hashable], ...] = ()
    kept: Kept = field(default_factory=Kept, repr=False)
    start: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", utc_day(self.first_day))
        object.__setattr__(self, "kept", Kept((self.services, self.durations, self.limits), self.kept))

    @property
    def end(self) -> int:
        """Epoch minute before which the horizon ends."""
        return self.start + self.days * DAY

    @staticmethod
    def build(  # noqa: PLR0913 - one argument a table, most of them optional
        *,
        zone: str,
        first_day: date,
        days: int,
        staff: Sequence[Hashable],
        hours: Mapping[Hashable, Hours],
        services: Sequence[Service],
        allocations: Iterable[tuple[Hashable, Hashable, int | None]],
        busy: Mapping[Hashable, ArrayLike],
        zones: Mapping[Hashable, str] | None = None,
        holidays: Collection[date] = (),
        limits: Mapping[Hashable, Limits] | None = None,
        resources: Sequence[tuple[Hashable, Hashable]] = (),
        booked: Mapping[Hashable, ArrayLike] | None = None,
        sessions: Mapping[Hashable, ArrayLike] | None = None,
    ) -> "Snapshot":
        """Return the snapshot of a business.

        Parameters
        ----------
        hours : mapping from staff or resource to its hours
            Staff without hours do not work, resources without hours are always open. Holidays close staff alone.
        allocations : iterable of (service, staff, own duration in minutes or None)
        busy : mapping from staff or resource to an array of shape (b, 2)
            Claimed time in epoch minutes, half-open, buffers included; in any order.
        zones : mapping from staff to the zone of their hours
        limits : mapping from staff to (daily, weekly)
        resources : sequence of (id, kind)
        booked : mapping from staff to an array of shape (n, 2)
            Bookings that count against limits: index of the service, start of the visit in epoch minutes.
        sessions : mapping from staff to an array of shape (m, 3)
            Groups that others are in: index of the service, start, seats left; `busy` holds their time.

        Raises
        ------
        InvalidProblem
            Unknown names, spans that end before they start or overlap, no such zone, a horizon beyond 400 days, more
            than 5,000 services.
        """
        if type(first_day) is not date or not 1901 <= first_day.year <= 9000:
            raise InvalidProblem(f"a snapshot begins on a date, not on {first_day!r}")
        if not hasattr(days, "__index__") or not 1 <= days <= MAXIMUM_DAYS:
            raise InvalidProblem(f"a snapshot spans 1 to {MAXIMUM_DAYS} days, not {days}")
        if len(services) > MAXIMUM_SERVICES:
            raise InvalidProblem(f"a snapshot has at most {MAXIMUM_SERVICES} services, not {len(services)}")
        staff_index = index_of("staff", staff)
        lane_index = index_of("staff and resources", [*staff, *(name for name, _ in resources)])
        service_index = index_of("services", [s.id for s in services])
        zones, limits, booked, sessions = zones or {}, limits or {}, booked or {}, sessions or {}
        check_known({"hours": hours, "busy": busy}, "staff member or resource", lane_index)
        of_staff = {"zones": zones, "limits": limits, "booked": booked, "sessions": sessions}
        check_known(of_staff, "staff member", staff_index)
        for member, pair in limits.items():
            if any(limit is not None and limit < 1 for limit in pair):
                raise InvalidProblem(f"limits: {member!r} has one below one")
        snapshot = Snapshot(
            zone_named(zone),
            first_day,
            days,
            tuple(staff),
            (),
            tuple(services),
            durations_of(services, allocations, staff_index, service_index),
            staff_index,
            service_index,
            lane_index,
            {staff_index[member]: zone_named(name) for member, name in zones.items()},
            frozenset(holidays),
            {staff_index[member]: limit for member, limit in limits.items()},
            tuple(resources),
        )
        calendar = _Calendar(snapshot)
        lanes = (
            calendar.lane(
                index,
                hours.get(name),
                sorted_busy(busy.get(name, ()), name),
                numbered("booked", booked.get(name, ()), 2, len(services)),
                numbered("sessions", sessions.get(name, ()), 3, len(services)),
            )
            for name, index in lane_index.items()
        )
        return replace(snapshot, lanes=tuple(lanes))

    @staticmethod
    def from_frames(  # noqa: PLR0913 - one argument a table, most of them optional
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
        appointment_only: Table | None = None,
        holidays: Table | None = None,
        resources: Table | None = None,
        windows: Table | None = None,
        requirements: Table | None = None,
    ) -> "Snapshot":
        """Return a snapshot from small tables, the analyst's way in.

        Times of day are wall minutes or "HH:MM", weekdays 0 (Monday) to 6; what is missing in an optional column is
        as if the rule were not there. In `hours`, `overrides` and `appointments`, `staff` may name a resource.

        Parameters
        ----------
        staff : columns staff, and optionally zone, daily_limit, weekly_limit
        hours : columns staff, weekday, opens, closes
        services : columns service, duration, and optionally the other fields of `Service` that are no tuples
        allocations : columns service, staff, and optionally duration (minutes; NaN: the service's)
        appointments : columns staff, starts_at, ends_at (aware), buffers included, and optionally service: then they
            count against limits, and those of a group service that start together share a group
        overrides, appointment_only : columns staff, day, opens, closes; opens = closes closes the day
        holidays : column day
        resources : columns resource, kind
        windows : columns service, weekday, opens, closes
        requirements : columns service, kind, and optionally after, length (minutes)

        Raises
        ------
        InvalidProblem
            As `build`, and for a missing column or value.
        """
        from solver.frames import tables_to_arguments  # noqa: PLC0415 - pandas is for analysts; bookings do without

        arguments: dict[str, Any] = tables_to_arguments(
            staff=staff,
            hours=hours,
            services=services,
            allocations=allocations,
            appointments=appointments,
            overrides=overrides,
            appointment_only=appointment_only,
            holidays=holidays,
            resources=resources,
            windows=windows,
            requirements=requirements,
        )
        return Snapshot.build(zone=zone, first_day=first_day, days=days, **arguments)

    def with_day(
        self,
        name: Hashable,
        day: date,
        busy: ArrayLike,
        booked: ArrayLike | None = None,
        sessions: ArrayLike | None = None,
    ) -> "Snapshot":
        """Return a snapshot in which a staff member's or resource's claims that begin on a UTC day are those of `busy`.

        `booked` and `sessions` replace what lies in claims that begin on that day; None leaves them as they are.
        """
        lane = self.lanes[self.lane_index[name]]
        start = utc_day(day)
        claims = lane.day_replaced(start, start + DAY, sorted_busy(busy, name))
        if booked is None and sessions is None:
            return self._with_lane(lane.with_busy(claims))
        return self._with_lane(
            lane.with_book(
                claims, self._replaced(lane.booked, booked, start), self._replaced(lane.sessions, sessions, start)
            )
        )

    def _replaced(self, rows: Minutes, new: ArrayLike | None, start: int) -> Minutes:
        if new is None:
            return rows
        claimed = rows[:, 1] - np.array([s.buffer_before for s in self.services], np.int64)[rows[:, 0]]
        others = rows[(claimed < start) | (claimed >= start + DAY)]
        return np.concatenate([others, numbered("booked", new, rows.shape[1], len(self.services))])

    def with_claims(self, claims: Iterable[tuple[int, int, int]]) -> "Snapshot":
        """Return a snapshot with more claims: (index of the lane, start, end) in epoch minutes."""
        more: dict[int, list[tuple[int, int]]] = {}
        for index, start, end in claims:
            more.setdefault(index, []).append((start, end))
        snapshot = self
        for index, spans in more.items():
            lane = self.lanes[index]
            busy = sorted_busy([*lane.busy.tolist(), *spans], index)
            snapshot = snapshot._with_lane(lane.with_busy(busy))
        return snapshot

    def with_hours(self, name: Hashable, hours: Hours | None) -> "Snapshot":
        """Return a snapshot in which a staff member or resource works other hours."""
        lane = self.lanes[self.lane_index[name]]
        return self._with_lane(_Calendar(self).lane(lane.index, hours, lane.busy, lane.booked, lane.sessions))

    def same_as(self, other: "Snapshot") -> bool:
        """Return whether both hold equal arrays: what increments must keep."""
        plain = ("zone", "first_day", "days", "staff", "services", "zones", "holidays", "limits", "resources")
        return (
            all(getattr(self, name) == getattr(other, name) for name in plain)
            and np.array_equal(self.durations, other.durations)
            and all(a.same_as(b) for a, b in zip(self.lanes, other.lanes, strict=True))
        )

    def _with_lane(self, lane: Lane) -> "Snapshot":
        lanes = list(self.lanes)
        lanes[lane.index] = lane
        return replace(self, lanes=tuple(lanes))


class _Calendar:
    """Hours in UTC; those that several lanes share are worked out once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known: dict[tuple[str, int], tuple[Minutes, Minutes, Minutes]] = {}

    def lane(self, index: int, hours: Hours | None, busy: Minutes, booked: Minutes, sessions: Minutes) -> Lane:
        """Return the lane; resources without hours are always open."""
        if hours is None and index >= len(self._snapshot.staff):
            always = np.array([[self._snapshot.start, self._snapshot.end, 0]], np.int64)
            return Lane.made(index, always, busy, None, None, booked, sessions)
        work, begun, only = self._time(index, hours or _NONE)
        return Lane.made(index, work, busy, begun, only, booked, sessions)

    def _time(self, index: int, hours: Hours) -> tuple[Minutes, Minutes, Minutes]:
        snapshot = self._snapshot
        zone = snapshot.zones.get(index, snapshot.zone)
        holidays = snapshot.holidays if index < len(snapshot.staff) else ()
        key = f"{zone.key} {bool(holidays)}", id(hours)
        if key not in self._known:
            spans = shifts(zone, snapshot.first_day, snapshot.days, hours, holidays)
            self._known[key] = spans[:, :3].copy(), spans[:, 3].copy(), blocks(zone, hours)
        return self._known[key]


_NONE = Hours()
