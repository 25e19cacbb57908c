"""When lanes work: weekly hours, dates that replace them, holidays, blocks that only staff may book."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from solver.clock import DAY, utc_day, wall_spans
from solver.errors import InvalidProblem
from solver.lanes import Minutes

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Hours:
    """When one staff member works: weekly spans with their validity, and dates that replace them.

    `weekly` holds (weekday with 0 = Monday, opens, closes, valid from, valid to); `overrides` maps a local date to
    its spans (none: closed), on holidays too. Spans are wall minutes [opens, closes); `closes` beyond 1440 runs past
    midnight. `appointment_only` maps a local date to spans inside the hours that staff alone may book.
    """

    weekly: tuple[tuple[int, int, int, date | None, date | None], ...] = ()
    overrides: Mapping[date, Spans] = field(default_factory=dict)
    appointment_only: Mapping[date, Spans] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for opens, closes in (span for spans in self.appointment_only.values() for span in spans):
            if not 0 <= opens < closes <= 2 * DAY:
                raise InvalidProblem(f"hours: a block for appointments only, [{opens}, {closes}), is no span of a day")

    def on(self, day: date, holidays: Collection[date] = ()) -> list[tuple[int, int]]:
        """Return the spans of the shifts that begin on a local date."""
        if day in self.overrides:
            return sorted(self.overrides[day])
        if day in holidays:
            return []
        weekday = day.weekday()
        return sorted(
            (opens, closes)
            for wd, opens, closes, valid_from, valid_to in self.weekly
            if wd == weekday and (valid_from is None or valid_from <= day) and (valid_to is None or day < valid_to)
        )


def working_time(zone: ZoneInfo, first_day: date, days: int, hours: Hours, holidays: Collection[date] = ()) -> Minutes:
    """Return the working time of a lane, int64 of shape (w, 3): start, end, UTC offset; sorted, disjoint.

    Shifts belong to the local date they begin on, so the dates beside the horizon count too.
    """
    return shifts(zone, first_day, days, hours, holidays)[:, :3]


def shifts(zone: ZoneInfo, first_day: date, days: int, hours: Hours, holidays: Collection[date] = ()) -> Minutes:
    """Return working time with the minute each span's shift begins, int64 of shape (w, 4); as `working_time`."""
    spans: list[tuple[int, int, int, int]] = []
    closed_from = 0
    for ahead in range(-2, days + 2):
        day = first_day + timedelta(days=ahead)
        for opens, closes in hours.on(day, holidays):
            if closes <= opens:
                raise InvalidProblem(f"hours: the shift that opens at minute {opens} of {day} ends before it starts")
            if utc_day(day) + opens < closed_from:
                raise InvalidProblem(f"hours: the shift that opens at minute {opens} of {day} overlaps another")
            closed_from = utc_day(day) + closes
            parts = wall_spans(zone, day, opens, closes)
            spans += [(start, end, offset, parts[0][0]) for start, end, offset in parts]
    start, end = utc_day(first_day), utc_day(first_day) + days * DAY
    spans = sorted((max(s, start), min(e, end), o, begun) for s, e, o, begun in spans if s < end and e > start)
    work = np.array(spans, np.int64).reshape(-1, 4)
    # Shifts that are apart on the wall may meet where an hour repeats.
    work[1:, 0] = np.maximum(work[1:, 0], np.maximum.accumulate(work[:, 1])[:-1])
    return work[work[:, 0] < work[:, 1]]


def blocks(zone: ZoneInfo, hours: Hours) -> Minutes:
    """Return the time for appointments only, int64 of shape (k, 2): start, end; sorted, disjoint."""
    spans = sorted(
        (start, end)
        for day, of_day in hours.appointment_only.items()
        for opens, closes in of_day
        for start, end, _ in wall_spans(zone, day, opens, closes)
    )
    found: list[tuple[int, int]] = []
    for start, end in spans:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return np.array(found, np.int64).reshape(-1, 2)
