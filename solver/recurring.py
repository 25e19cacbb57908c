"""Recurring visits: the first dates of a series on which one local time is free, and why the others are not."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from solver.booked import with_slot
from solver.clock import DAY, MINUTE, epoch_minute, moment
from solver.errors import InvalidProblem
from solver.lanes import Minutes
from solver.limits import limited
from solver.slots import SlotQuery, Slots, find_slots
from solver.snapshot import Snapshot
from solver.whynot import Ruled, ruled_out

if TYPE_CHECKING:
    import pandas as pd

MAXIMUM_OCCURRENCES = 366


class Skipped(StrEnum):
    """Why no rule of the finder had to be asked about a date."""

    NO_SUCH_TIME = "no_such_time"
    """The clocks skip the time on that date."""
    OFF_GRID = "off_grid"
    """The service does not start at that time."""


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """Which series is wanted.

    Parameters
    ----------
    service : id
    first : datetime
        Aware; the first date, and the local time of all of them.
    count : int
        Dates to find, 1 to 366.
    every : int
        Days from one date to the next, 1 to 366: 7 weekly, 14 fortnightly.
    staff : sequence of ids, optional
        Who may do it; None: anyone allocated.
    same_staff : bool
        One staff member on all dates: who completes the series first. Else the one of the date before, where free.
    zone : ZoneInfo, optional
        Whose local time is kept; the business's by default.
    until : date, optional
        The last local date to try; by default the snapshot's horizon is the end. No more than 366 are tried.
    by_staff, client_booked : bool, sequence of datetime
        As in a `SlotQuery`.
    """

    service: Hashable
    first: datetime
    count: int
    every: int = 7
    staff: Sequence[Hashable] | None = None
    same_staff: bool = False
    zone: ZoneInfo | None = None
    until: date | None = None
    by_staff: bool = False
    client_booked: Sequence[datetime] = ()

    def __post_init__(self) -> None:
        if self.first.tzinfo is None:
            raise InvalidProblem("the first date of a series needs an offset")
        if self.first.second or self.first.microsecond:
            raise InvalidProblem("a series starts at a whole minute")
        if not 1 <= self.count <= MAXIMUM_OCCURRENCES:
            raise InvalidProblem(f"a series has 1 to {MAXIMUM_OCCURRENCES} dates, not {self.count}")
        if not 1 <= self.every <= MAXIMUM_OCCURRENCES:
            raise InvalidProblem(f"a series comes every 1 to {MAXIMUM_OCCURRENCES} days, not {self.every}")
        if self.staff is not None:
            object.__setattr__(self, "staff", tuple(self.staff))


@dataclass(frozen=True, slots=True)
class ExceptionDate:
    """A date of a series on which its time is not free.

    `cause` is what keeps the nearest candidate from being a slot: of the rules that rule candidates out, the last one
    in their order. `ruled_out` counts the candidates, one a staff member, by rule.
    """

    day: date
    cause: Ruled | Skipped
    ruled_out: dict[Ruled, int]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The dates of a series, in order; int64 of shape (n,), epoch minutes, half-open, as in `Slots`.

    `exceptions` are the dates tried in vain; `complete` says whether there are as many dates as were asked for.
    """

    snapshot: Snapshot
    zone: ZoneInfo
    lane: Minutes
    start: Minutes
    end: Minutes
    claim_start: Minutes
    claim_end: Minutes
    exceptions: tuple[ExceptionDate, ...]
    complete: bool

    def __len__(self) -> int:
        return len(self.start)

    @property
    def last_day(self) -> date:
        """The local date of the last date found."""
        return moment(int(self.start[-1])).astimezone(self.zone).date()

    def to_frame(self) -> "pd.DataFrame":
        """One row a date tried: day, staff, starts_at, ends_at in the zone of the series, or the cause."""
        import pandas as pd  # noqa: PLC0415 - half a second that a booking never pays

        rows: list[tuple[object, ...]] = [
            (moment(start).astimezone(self.zone).date(), self.snapshot.staff[lane], moment(start), moment(end), None)
            for lane, start, end in zip(self.lane.tolist(), self.start.tolist(), self.end.tolist(), strict=True)
        ]
        rows += [(e.day, None, None, None, e.cause.value) for e in self.exceptions]
        frame = pd.DataFrame(rows, columns=["day", "staff", "starts_at", "ends_at", "cause"])
        frame = frame.sort_values("day", ignore_index=True)
        for name in ("starts_at", "ends_at"):
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.tz_convert(self.zone.key)
        return frame


def find_series(snapshot: Snapshot, query: SeriesQuery, now: datetime) -> Series:
    """Return the first dates of a series on which its local time is free.

    A time that comes twice on a date is taken as `first` means it; one that the clocks skip is an exception (RFC 5545,
    3.3.5, would move it).

    Raises
    ------
    InvalidProblem
        Unknown service or staff member, `now` without an offset.
    """
    offering = _offering(snapshot, query, now)
    if not query.same_staff or not offering:
        return _walked(snapshot, query, query.staff, now)
    best = _walked(snapshot, query, offering[:1], now)
    for member in offering[1:]:
        # Nobody is better who has not finished by then.
        until = best.last_day if best.complete else query.until
        series = _walked(snapshot, replace(query, until=until), (member,), now)
        best = min(best, series, key=_rank)
    return best


def _offering(snapshot: Snapshot, query: SeriesQuery, now: datetime) -> list[Hashable]:
    """Return who of those asked for is allocated; raises as the finder for who is not there."""
    find_slots(snapshot, SlotQuery(query.service, query.first, query.first + MINUTE, query.staff), now)
    offered = snapshot.durations[snapshot.service_index[query.service]] > 0
    asked = snapshot.staff if query.staff is None else query.staff
    return [member for member in dict.fromkeys(asked) if offered[snapshot.staff_index[member]]]


def _rank(series: Series) -> tuple[int, int]:
    """Return what is smaller for the better series: more dates, then an earlier last one."""
    return -len(series), int(series.start[-1]) if len(series) else 0


def _walked(snapshot: Snapshot, query: SeriesQuery, staff: Sequence[Hashable] | None, now: datetime) -> Series:
    """Return the series that takes each date on which the time is free."""
    zone, linked = query.zone or snapshot.zone, _linked(snapshot, query)
    rows: list[Row] = []
    exceptions: list[ExceptionDate] = []
    book, client = snapshot, list(query.client_booked)
    for day, start in _dates(query, zone, snapshot.end):
        if len(rows) == query.count:
            break
        if start is None:
            exceptions.append(ExceptionDate(day, Skipped.NO_SUCH_TIME, {}))
            continue
        asked = SlotQuery(
            query.service, moment(start), moment(start + 1), staff, by_staff=query.by_staff, client_booked=client
        )
        found = find_slots(book, asked, now)
        if len(found) == 0:
            exceptions.append(_exception(book, day, asked, now))
            continue
        place = _place(found, rows[-1][0] if rows else -1)
        rows.append(tuple(int(getattr(found, name)[place]) for name in COLUMNS))
        if linked:
            book = with_slot(found, place)
            client = [*client, moment(start)]
    lane, begins, ends, claim_start, claim_end = np.array(rows, np.int64).reshape(-1, len(COLUMNS)).T
    complete = len(rows) == query.count
    return Series(snapshot, zone, lane, begins, ends, claim_start, claim_end, tuple(exceptions), complete)


COLUMNS = ("lane", "start", "end", "claim_start", "claim_end")
Row = tuple[int, ...]


def _dates(query: SeriesQuery, zone: ZoneInfo, end: int) -> Iterator[tuple[date, int | None]]:
    """Yield the dates to try with the epoch minute of their time, None where the clocks skip it."""
    first = query.first.astimezone(zone)
    for number in range(MAXIMUM_OCCURRENCES):
        wall = (first + timedelta(days=number * query.every)).replace(fold=first.fold)
        instant = wall.astimezone(UTC)
        if (query.until is not None and wall.date() > query.until) or epoch_minute(instant) >= end:
            return
        exists = instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None)
        yield wall.date(), epoch_minute(instant) if exists else None


def _linked(snapshot: Snapshot, query: SeriesQuery) -> bool:
    """Return whether a date's booking can stand in the way of the next: through what it claims, or a week's limit."""
    row = snapshot.service_index[query.service]
    service, longest = snapshot.services[row], int(snapshot.durations[row].max(initial=0))
    held = [longest + service.buffer_after, *(r.after + (r.length or 0) for r in service.requirements)]
    # No clock shifts by more than a day.
    reaches = service.buffer_before + max(held) > (query.every - 1) * DAY
    return reaches or (query.every < 7 and limited(service, snapshot.limits.values()))


def _place(found: Slots, before: int) -> int:
    """Return the row of the lane of the date before, or the first."""
    same = np.flatnonzero(found.lane == before)
    return int(same[0]) if len(same) else 0


def _exception(snapshot: Snapshot, day: date, asked: SlotQuery, now: datetime) -> ExceptionDate:
    counts = ruled_out(snapshot, asked, now)
    return ExceptionDate(day, list(counts)[-1] if counts else Skipped.OFF_GRID, counts)
