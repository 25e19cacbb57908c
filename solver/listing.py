"""Listing an answer: by local day, counted for a month, page by page; the first start, and the next after a moment."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from solver.clock import DAY, MINUTE, epoch_minute, local_minutes, moment, utc_day
from solver.errors import InvalidProblem
from solver.lanes import Minutes
from solver.slots import MAXIMUM_RANGE_DAYS, SlotQuery, Slots, find_slots
from solver.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd

LARGEST_PAGE = 1000
LOOK_AHEAD = (timedelta(days=1), timedelta(days=7))
"""How far the first start is looked for, before the whole range is."""


@dataclass(frozen=True, slots=True, eq=False)
class Month:
    """What each local date of a range offers, for a calendar; arrays of shape (days,), int64.

    Attributes
    ----------
    first_day : date
        Row i is `first_day` + i days.
    starts : distinct start times
    slots : starts counted once for each staff member who is free; of visits the same as `starts`
    first : epoch minute of the day's first start, -1 where there is none
    """

    first_day: date
    starts: Minutes
    slots: Minutes
    first: Minutes

    def to_frame(self) -> "pd.DataFrame":
        """One row a date: day, starts, slots, and the first start (UTC)."""
        import pandas as pd  # noqa: PLC0415 - half a second that a booking never pays

        days = [self.first_day + timedelta(days=i) for i in range(len(self.starts))]
        first = pd.to_datetime(np.where(self.first < 0, np.nan, self.first * 60.0), unit="s", utc=True)
        return pd.DataFrame({"day": days, "starts": self.starts, "slots": self.slots, "first": first})


class Answer(Protocol):
    """What can be counted by day: slots, or visits."""

    @property
    def snapshot(self) -> Snapshot:
        """What it was found in."""
        ...

    @property
    def start(self) -> Minutes:
        """When each begins, sorted."""
        ...


def count_days(slots: Answer, first_day: date, last_day: date, zone: ZoneInfo | None = None) -> Month:
    """Return how many starts each local date has, `last_day` included, in a zone (the business's by default).

    Raises
    ------
    InvalidProblem
        The last day comes before the first, or more than 62 days are asked for.
    """
    days = (last_day - first_day).days + 1
    if not 1 <= days <= MAXIMUM_RANGE_DAYS:
        raise InvalidProblem(f"a calendar shows 1 to {MAXIMUM_RANGE_DAYS} days, not {days}")
    day = local_minutes(zone or slots.snapshot.zone, slots.start) // DAY - utc_day(first_day) // DAY
    inside = (day >= 0) & (day < days)
    day, start = day[inside], slots.start[inside]
    distinct = np.flatnonzero(np.diff(start, prepend=-1))
    first = np.full(days, -1, np.int64)
    # Sorted by start: written backwards, the earliest start of each day is the one that stays.
    first[day[distinct][::-1]] = start[distinct][::-1]
    starts, counted = np.bincount(day[distinct], minlength=days), np.bincount(day, minlength=days)
    return Month(first_day, starts, counted, first)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last slot of a page: its start (epoch minute) and staff member.

    It names a place in the order, no row: what is booked or freed meanwhile shifts no later page.
    """

    start: int
    staff: Hashable


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Slots in order, and the cursor of the next page; None at the end."""

    slots: Slots
    following: Cursor | None


def page(slots: Slots, size: int, after: Cursor | None = None) -> Page:
    """Return the first `size` slots behind a cursor, by start, then by the order of the staff.

    Where the cursor's staff member is no longer there, the page begins with that start again: better shown twice
    than never.

    Raises
    ------
    InvalidProblem
        A page of fewer than 1 or more than 1,000 slots.
    """
    if not 1 <= size <= LARGEST_PAGE:
        raise InvalidProblem(f"a page holds 1 to {LARGEST_PAGE} slots, not {size}")
    begin = 0 if after is None else _place(slots, after)
    shown = slots.take(slice(begin, begin + size))
    if begin + size >= len(slots):
        return Page(shown, None)
    return Page(shown, Cursor(int(shown.start[-1]), slots.snapshot.staff[int(shown.lane[-1])]))


def _place(slots: Slots, cursor: Cursor) -> int:
    lo, hi = slots.place(cursor.start), slots.place(cursor.start + 1)
    lane = slots.snapshot.staff_index.get(cursor.staff, -1)
    return lo + int(np.searchsorted(slots.take(slice(lo, hi)).lane, lane, side="right"))


def first_available(snapshot: Snapshot, query: SlotQuery, now: datetime) -> Slots:
    """Return the query's first slot: one row, or none; near days are looked at first.

    Raises as `find_slots`.
    """
    begin = query.start
    for ahead in (*LOOK_AHEAD, query.end - query.start):
        end = min(query.start + ahead, query.end)
        if end > begin:
            found = find_slots(snapshot, replace(query, start=begin, end=end), now)
            if len(found):
                return found.take(slice(0, 1))
            begin = end
    return found


def next_after(snapshot: Snapshot, query: SlotQuery, after: datetime, now: datetime) -> Slots:
    """Return the query's first slot that starts later than a moment: one row, or none.

    Raises as `find_slots`.
    """
    begin = max(query.start, moment(epoch_minute(after)) + MINUTE)
    if begin >= query.end:
        return find_slots(snapshot, query, now).take(slice(0, 0))
    return first_available(snapshot, replace(query, start=begin), now)
