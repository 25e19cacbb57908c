"""What the booking page offers: the next time, three suggestions, a strip of days, the times of one day."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from service.db.views import View
from service.queries import finding, slots
from service.queries.finding import ItemWanted
from service.queries.slots import DayOfSlots, Slot, SlotsWanted
from service.web.why import SEATS, WayOut, Why, rule
from solver.slots import MAXIMUM_RANGE_DAYS
from solver.whynot import Change

SUGGESTED_DAYS, SUGGESTIONS = 14, 3
"""How far suggestions look ahead, and how many there are."""
WEEK, MONTH = 7, 35
AROUND = 7
"""Days on either side of a time that is gone, in which others near it are looked for."""
ALL = 100_000

Part = Literal["morning", "afternoon", "evening"]
Place = tuple[UUID, datetime]
"""With whom, and when it starts."""


@dataclass(frozen=True, slots=True)
class Time:
    """A time on offer, in the reader's zone: a place for each service, and for a group how many seats are left."""

    starts_at: datetime
    ends_at: datetime
    places: tuple[Place, ...]
    staff: tuple[str, ...]
    seats_left: int | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A time with the key of the sentence why it is suggested."""

    time: Time
    reason: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client looks for: a service, by anyone or one of the staff, for so many; in the zone they read times in.

    What looks for several services (`several`) answers the same questions.
    """

    view: View
    items: tuple[ItemWanted, ...]
    zone: ZoneInfo
    now: datetime
    seats: int = 1

    @property
    def today(self) -> date:
        """The present date in the zone."""
        return self.now.astimezone(self.zone).date()

    def days(self, first: date, count: int) -> SlotsWanted:
        """Return the question for `count` whole local dates."""
        [item] = self.items
        span = slots.local_days(first, first + timedelta(days=count - 1), self.zone)
        return SlotsWanted(item.service_id, *span, item.staff_ids, seats=self.seats)

    def found(self, first: date, count: int, limit: int = ALL) -> list[Time]:
        """Return the first times that start on some local dates, in order, each once."""
        free: dict[datetime, Slot] = {}
        for slot in slots.find(self.view, self.days(first, count), self.now, limit=limit):
            free.setdefault(slot.starts_at, slot)
        return [self._time(slot) for slot in free.values()]

    def next(self) -> Time | None:
        """Return the first time that is free."""
        return next(iter(self.found(self.today, MAXIMUM_RANGE_DAYS, 1)), None)

    def suggestions(self) -> list[Suggestion]:
        """Return the best times beside the next, no two on one day in the same part of it, by start, with reasons."""
        wanted = self.days(self.today, SUGGESTED_DAYS)
        soonest = {slot.starts_at for slot in slots.find(self.view, wanted, self.now, limit=1)}
        found = finding.suggestions(self.view, wanted, self.now, near=None, zone=self.zone, count=SUGGESTIONS + 1)
        best = [one for one in found if one.starts_at not in soonest][:SUGGESTIONS]
        return sorted(
            (Suggestion(self._time(one), reason) for one, reason in zip(best, reasons(best, self.zone), strict=True)),
            key=lambda suggestion: suggestion.time.starts_at,
        )

    def strip(self, first: date, count: int) -> list[DayOfSlots]:
        """Return the days of a week or a month with how many times are free on each."""
        last = first + timedelta(days=count - 1)
        return slots.by_day(self.view, self.days(first, count), self.now, first, last, self.zone)

    def times(self, day: date) -> list[Time]:
        """Return the times of one day in order, each once, with the best staff member for it."""
        ranked = slots.find(self.view, self.days(day, 1), self.now, limit=ALL, ranked=True)
        best: dict[datetime, Slot] = {}
        for slot in ranked:
            best.setdefault(slot.starts_at, slot)
        return [self._time(best[start]) for start in sorted(best)]

    def nearest(self, start: datetime) -> list[Time]:
        """Return the free times nearest to a moment, in order."""
        first = max(self.today, start.astimezone(self.zone).date() - timedelta(days=AROUND))
        free = self.found(first, 2 * AROUND + 1)
        near = sorted(free, key=lambda time: (abs(time.starts_at - start), time.starts_at))[:SUGGESTIONS]
        return sorted(near, key=lambda time: time.starts_at)

    def why(self, day: date) -> Why:
        """Return why a day has no time, and the nearest searches that have one: by anyone, later, earlier."""
        return Why(self.rule(day), tuple(self._ways(day)))

    def rule(self, day: date) -> str:
        """Return what rules out the times of a day, a key of `why_`."""
        if self.seats > 1 and replace(self, seats=1).found(day, 1, 1):
            return SEATS
        return rule(self.view, self.days(day, 1), self.now)

    def _ways(self, day: date) -> Iterator[WayOut]:
        if any(item.staff_ids is not None for item in self.items):
            anyone = replace(self, items=tuple(replace(item, staff_ids=None) for item in self.items))
            yield from (WayOut(Change.STAFF, time.starts_at) for time in anyone.found(day, 1, 1))
        later = self.found(day + timedelta(days=1), MAXIMUM_RANGE_DAYS, 1)
        yield from (WayOut(Change.LATER, time.starts_at) for time in later)
        if day > self.today:
            first = max(self.today, day - timedelta(days=SUGGESTED_DAYS))
            earlier = self.found(first, (day - first).days)
            yield from (WayOut(Change.EARLIER, time.starts_at) for time in earlier[-1:])

    def _time(self, slot: Slot | finding.Suggestion) -> Time:
        starts, ends = (moment.astimezone(self.zone) for moment in (slot.starts_at, slot.ends_at))
        return Time(starts, ends, ((slot.staff_id, starts),), (slot.staff,), slot.seats_left)


def part_of(moment: datetime) -> Part:
    """Return the part of the day in which a local time lies."""
    if moment.hour < 12:
        return "morning"
    return "afternoon" if moment.hour < 17 else "evening"


def by_part(times: Iterable[Time]) -> dict[Part, list[Time]]:
    """Return times by the part of the day, the empty parts left out."""
    parts: dict[Part, list[Time]] = {}
    for time in times:
        parts.setdefault(part_of(time.starts_at), []).append(time)
    return parts


def reasons(best: Sequence[finding.Suggestion], zone: ZoneInfo) -> list[str]:
    """Return for each suggestion the key of what speaks for it beside the others, by the parts of its score.

    One that leaves no gap where another would; else one where less is booked than with the others; else the part of the
    day in which it is.
    """
    return [_reason(found, best, zone) for found in best]


def _reason(found: finding.Suggestion, best: Sequence[finding.Suggestion], zone: ZoneInfo) -> str:
    if found.fragment == 0 and any(other.fragment > 0 for other in best):
        return "fits"
    if found.load < min((other.load for other in best if other is not found), default=0):
        return "calm"
    return part_of(found.starts_at.astimezone(zone))
