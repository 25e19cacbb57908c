"""What is sold: a service, its rules, and the resources that a visit needs."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from solver.clock import DAY
from solver.errors import InvalidProblem

SHORTEST_INTERVAL, LONGEST_INTERVAL = 5, 120
MOST_SEATS = 100_000


@dataclass(frozen=True, slots=True)
class Requirement:
    """A resource of a kind, from `after` minutes into the visit for `length` minutes (None: to its end)."""

    kind: Hashable
    after: int = 0
    length: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.after <= DAY or not (self.length is None or 1 <= self.length <= DAY):
            raise InvalidProblem(f"requirements: {self.kind!r} from minute {self.after} for {self.length} minutes")


@dataclass(frozen=True, slots=True)
class Service:
    """A service; lengths in minutes, the advance in days.

    Attributes
    ----------
    slot_interval, slot_offset, anchor : int, int, 'clock' or 'shift'
        A visit may start `slot_offset` minutes after midnight, local to the staff member, or after the shift begins,
        and every `slot_interval` minutes from there.
    first_date, last_date, windows : date or None, date or None, tuple of (weekday, opens, closes)
        Local dates of the business, both included, and its wall minutes [opens, closes) in which a visit may start;
        weekday 0 is Monday, no windows: always.
    daily_limit, weekly_limit : int or None
        Visits of the service on one local date of the business, or Monday to Sunday; joining a group is none.
    client_daily_limit, client_weekly_limit : int or None
        The same for one client.
    seats : int
        Clients at one start, 1 unless a group.
    requirements : tuple of Requirement
    """

    id: Hashable
    duration: int
    buffer_before: int = 0
    buffer_after: int = 0
    slot_interval: int = 15
    minimum_notice: int = 0
    maximum_advance: int = 366
    slot_offset: int = 0
    anchor: Literal["clock", "shift"] = "clock"
    first_date: date | None = None
    last_date: date | None = None
    windows: tuple[tuple[int, int, int], ...] = ()
    daily_limit: int | None = None
    weekly_limit: int | None = None
    client_daily_limit: int | None = None
    client_weekly_limit: int | None = None
    seats: int = 1
    requirements: tuple[Requirement, ...] = ()

    def __post_init__(self) -> None:
        for wrong, what in (*self._wrong_lengths(), *self._wrong_rules()):
            if wrong:
                raise InvalidProblem(f"services: {self.id!r} {what}")

    def _wrong_lengths(self) -> tuple[tuple[bool, str], ...]:
        interval = self.slot_interval
        buffers = (self.buffer_before, self.buffer_after)
        return (
            (not 1 <= self.duration <= DAY, f"lasts {self.duration} minutes, not 1 to 1440"),
            (min(*buffers, self.minimum_notice) < 0, "has a negative buffer or notice"),
            (max(buffers) > DAY, "has a buffer beyond 1440 minutes"),
            (not SHORTEST_INTERVAL <= interval <= LONGEST_INTERVAL, f"starts every {interval} minutes, not 5 to 120"),
            (not 0 <= self.slot_offset < interval, f"starts {self.slot_offset} minutes off a grid of {interval}"),
            (self.maximum_advance < 1, f"can be booked {self.maximum_advance} days ahead"),
        )

    def _wrong_rules(self) -> tuple[tuple[bool, str], ...]:
        limits = (self.daily_limit, self.weekly_limit, self.client_daily_limit, self.client_weekly_limit)
        dates = self.first_date is not None and self.last_date is not None and self.first_date > self.last_date
        return (
            (self.anchor not in ("clock", "shift"), f"is anchored to {self.anchor!r}, not 'clock' or 'shift'"),
            (dates, "has a last date before its first"),
            (any(limit is not None and limit < 1 for limit in limits), "has a limit below one"),
            (not 1 <= self.seats <= MOST_SEATS, f"has {self.seats} seats"),
            (
                any(not 0 <= day <= 6 or not 0 <= opens < closes <= DAY for day, opens, closes in self.windows),
                "has a window that is no span of a weekday",
            ),
        )

    def grid(self) -> tuple[int, int, str]:
        """Return interval, offset and anchor: what decides where starts lie."""
        return self.slot_interval, self.slot_offset, self.anchor
