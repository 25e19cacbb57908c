"""What is offered to who wants several services: visits, one after the other, and other times for one that is booked.

They answer the questions of `offer.Wish`, from all visits that start in some days.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from service.queries import finding, slots
from service.queries.finding import VisitWanted
from service.queries.slots import DayOfSlots, SlotsWanted
from service.web.offer import ALL, SUGGESTED_DAYS, SUGGESTIONS, Suggestion, Time, Wish, part_of
from service.web.why import TOGETHER

LONGEST_WAIT = 30
"""Minutes between one service and the next, at most."""


@dataclass(frozen=True, slots=True)
class _Several(Wish):
    """A wish that is answered by `found` alone."""

    @abstractmethod
    def found(self, first: date, count: int, limit: int = ALL) -> list[Time]:
        """Return the first times that start on some local dates, in order."""

    def suggestions(self) -> list[Suggestion]:
        """Return the soonest time, and of two other parts of days the first with the least waiting between items."""
        free = self.found(self.today, SUGGESTED_DAYS)
        best: dict[object, Time] = {}
        for time in sorted(free, key=lambda time: (time is not free[0], time.ends_at - time.starts_at)):
            best.setdefault((time.starts_at.date(), part_of(time.starts_at)), time)
        chosen = sorted(list(best.values())[:SUGGESTIONS], key=lambda time: time.starts_at)
        return [Suggestion(time, "soonest" if time is free[0] else part_of(time.starts_at)) for time in chosen]

    def strip(self, first: date, count: int) -> list[DayOfSlots]:
        """Return the days of a week or a month with how many times are free on each."""
        starts: dict[date, list[datetime]] = {first + timedelta(days=n): [] for n in range(count)}
        for time in self.found(first, count):
            starts[time.starts_at.date()].append(time.starts_at)
        return [DayOfSlots(day, len(free), min(free, default=None)) for day, free in starts.items()]

    def times(self, day: date) -> list[Time]:
        """Return the times of one day in order."""
        return self.found(day, 1)


@dataclass(frozen=True, slots=True)
class VisitWish(_Several):
    """Several services in the order asked for, each as soon after the one before as somebody is free."""

    def found(self, first: date, count: int, limit: int = ALL) -> list[Time]:
        """Return the first visits that start on some local dates, in order."""
        span = slots.local_days(first, first + timedelta(days=count - 1), self.zone)
        wanted = VisitWanted(self.items, *span, maximum_wait=LONGEST_WAIT, seats=self.seats)
        return [self._visit(visit) for visit in finding.visits(self.view, wanted, self.now, limit=limit)]

    def _visit(self, visit: finding.Visit) -> Time:
        starts, ends = (moment.astimezone(self.zone) for moment in (visit.starts_at, visit.ends_at))
        places = tuple((item.staff_id, item.starts_at.astimezone(self.zone)) for item in visit.items)
        return Time(starts, ends, places, tuple(dict.fromkeys(item.staff for item in visit.items)))

    def rule(self, day: date) -> str:
        """Return what rules one of the services out on a day, or that they do not fit one after the other."""
        alone = (Wish(self.view, (item,), self.zone, self.now, self.seats) for item in self.items)
        return next((wish.rule(day) for wish in alone if not wish.found(day, 1, 1)), TOGETHER)


@dataclass(frozen=True, slots=True)
class Shift(_Several):
    """Other times for several items that are booked: who does them and their distances stay.

    `offsets` is how long after the first each begins.
    """

    offsets: Sequence[timedelta] = ()

    def found(self, first: date, count: int, limit: int = ALL) -> list[Time]:
        """Return the first starts at which each item, by itself, could be."""
        start, end = slots.local_days(first, first + timedelta(days=count - 1), self.zone)
        ends: list[dict[datetime, datetime]] = []
        for item, offset in zip(self.items, self.offsets, strict=True):
            wanted = SlotsWanted(item.service_id, start + offset, end + offset, item.staff_ids, seats=self.seats)
            free = slots.find(self.view, wanted, self.now, limit=ALL)
            ends.append({slot.starts_at - offset: slot.ends_at for slot in free})
        starts = sorted(set[datetime].intersection(*map(set, ends)))
        return [self._shifted(start, ends[-1][start]) for start in starts[:limit]]

    def _shifted(self, start: datetime, end: datetime) -> Time:
        starts, ends = (moment.astimezone(self.zone) for moment in (start, end))
        [staff_id, *_] = self.items[0].staff_ids or ()
        return Time(starts, ends, ((staff_id, starts),), ())
