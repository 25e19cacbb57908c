"""What is offered to who wants several services, one after the other, and to who moves what they have booked.

They answer the questions of `offer.Wish`, from all times that start in some days.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from service.db.views import View
from service.queries import finding, slots
from service.queries.bookings import BookedItem
from service.queries.finding import ItemWanted, VisitWanted
from service.queries.slots import DayOfSlots, Slot, SlotsWanted
from service.web.offer import ALL, SUGGESTED_DAYS, SUGGESTIONS, Place, Suggestion, Time, Wish, part_of
from service.web.why import TOGETHER

LONGEST_WAIT = 30
"""Minutes between one service and the next, at most."""


@dataclass(frozen=True, slots=True)
class _FromFound(Wish):
    """A wish that is answered by `found` alone."""

    @abstractmethod
    def found(self, first: date, count: int, limit: int = ALL) -> list[Time]:
        """Return the first times that start on some local dates, in order."""

    def suggestions(self) -> list[Suggestion]:
        """Return of three parts of days, not of that of the next time, the first with the least waiting between."""
        free = self.found(self.today, SUGGESTED_DAYS)
        best: dict[object, Time] = {}
        for time in sorted(free, key=lambda time: (time is not free[0], time.ends_at - time.starts_at)):
            best.setdefault((time.starts_at.date(), part_of(time.starts_at)), time)
        chosen = sorted(list(best.values())[1 : SUGGESTIONS + 1], key=lambda time: time.starts_at)
        return [Suggestion(time, part_of(time.starts_at)) for time in chosen]

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
class VisitWish(_FromFound):
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
class Move(_FromFound):
    """Other times for one item that is booked: by who does it where they are free, by another where they are not."""

    standing: Place = field(kw_only=True)

    def found(self, first: date, count: int, limit: int = ALL) -> list[Time]:
        """Return the first times that start on some local dates, in order, each once; not the present one."""
        own, present = self.standing
        ranked = slots.find(self.view, self.days(first, count), self.now, limit=ALL, ranked=True)
        best: dict[datetime, Slot] = {}
        for slot in sorted(ranked, key=lambda slot: slot.staff_id != own):
            best.setdefault(slot.starts_at, slot)
        return [self._time(best[start]) for start in sorted(best.keys() - {present})[:limit]]


@dataclass(frozen=True, slots=True)
class Shift(_FromFound):
    """Other times for several items that are booked at `starts`: who does them and their distances stay."""

    starts: Sequence[datetime] = field(kw_only=True)

    def found(self, first: date, count: int, limit: int = ALL) -> list[Time]:
        """Return the first starts at which each item, by itself, could be; not the present one."""
        present, offsets = self.starts[0], [start - self.starts[0] for start in self.starts]
        start, end = slots.local_days(first, first + timedelta(days=count - 1), self.zone)
        ends: list[dict[datetime, datetime]] = []
        for item, offset in zip(self.items, offsets, strict=True):
            wanted = SlotsWanted(item.service_id, start + offset, end + offset, item.staff_ids, seats=self.seats)
            free = slots.find(self.view, wanted, self.now, limit=ALL)
            ends.append({slot.starts_at - offset: slot.ends_at for slot in free})
        starts = sorted(set[datetime].intersection(*map(set, ends)) - {present})
        return [self._shifted(start, ends[-1][start]) for start in starts[:limit]]

    def _shifted(self, start: datetime, end: datetime) -> Time:
        starts, ends = (moment.astimezone(self.zone) for moment in (start, end))
        [staff_id, *_] = self.items[0].staff_ids or ()
        return Time(starts, ends, ((staff_id, starts),), ())


def other_times(view: View, items: Sequence[BookedItem], zone: ZoneInfo, now: datetime, seats: int) -> Wish:
    """Return the wish for other times of what is booked, in a view where its own time is free."""
    if len(items) == 1:
        [item] = items
        return Move(view, (ItemWanted(item.service_id),), zone, now, seats, standing=(item.staff_id, item.starts_at))
    wanted = tuple(ItemWanted(item.service_id, (item.staff_id,)) for item in items)
    return Shift(view, wanted, zone, now, seats, starts=[item.starts_at for item in items])
