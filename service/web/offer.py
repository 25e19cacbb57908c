"""What the booking page offers: the next time, three suggestions, a strip of days, the times of one day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from service.db.views import View
from service.queries import finding, slots
from service.queries.slots import DayOfSlots, Slot, SlotsWanted
from service.web.why import Why, why
from solver.slots import MAXIMUM_RANGE_DAYS

SUGGESTED_DAYS, SUGGESTIONS = 14, 3
"""How far suggestions look ahead, and how many there are."""
WEEK, MONTH = 7, 35

Part = Literal["morning", "afternoon", "evening"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A time with the key of the sentence why it is suggested."""

    slot: Slot
    reason: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client looks for: a service, by anyone or one of the staff, in the zone they read times in."""

    view: View
    service_id: UUID
    staff_id: UUID | None
    zone: ZoneInfo
    now: datetime

    @property
    def today(self) -> date:
        """The present date in the zone."""
        return self.now.astimezone(self.zone).date()

    def days(self, first: date, count: int) -> SlotsWanted:
        """Return the question for `count` whole local dates."""
        staff = None if self.staff_id is None else [self.staff_id]
        return slots.whole_days(self.service_id, first, first + timedelta(days=count - 1), self.zone, staff)

    def next(self) -> Slot | None:
        """Return the first time that is free."""
        found = slots.find(self.view, self.days(self.today, MAXIMUM_RANGE_DAYS), self.now, limit=1)
        return self._local(found[0]) if found else None

    def suggestions(self) -> list[Suggestion]:
        """Return the finder's best times, no two on one day in the same part of it, by start, each with a reason."""
        wanted = self.days(self.today, SUGGESTED_DAYS)
        soonest = slots.find(self.view, wanted, self.now, limit=1)
        best = finding.suggestions(self.view, wanted, self.now, near=None, zone=self.zone, count=SUGGESTIONS)
        told = reasons(best, soonest[0].starts_at, self.zone) if best else []
        return sorted(
            (Suggestion(self._local(_slot(found)), reason) for found, reason in zip(best, told, strict=True)),
            key=lambda suggestion: suggestion.slot.starts_at,
        )

    def strip(self, first: date, count: int) -> list[DayOfSlots]:
        """Return the days of a week or a month with how many times are free on each."""
        last = first + timedelta(days=count - 1)
        return slots.by_day(self.view, self.days(first, count), self.now, first, last, self.zone)

    def times(self, day: date) -> list[Slot]:
        """Return the times of one day in order, each once, with the best staff member for it."""
        ranked = slots.find(self.view, self.days(day, 1), self.now, limit=100_000, ranked=True)
        best: dict[datetime, Slot] = {}
        for slot in ranked:
            best.setdefault(slot.starts_at, slot)
        return [self._local(best[start]) for start in sorted(best)]

    def nearest(self, start: datetime, count: int = SUGGESTIONS) -> list[Slot]:
        """Return the free times nearest to a moment, in order, each once."""
        wanted = self.days(max(self.today, start.astimezone(self.zone).date() - timedelta(days=7)), 15)
        free: dict[datetime, Slot] = {}
        for slot in slots.find(self.view, wanted, self.now, limit=100_000):
            free.setdefault(slot.starts_at, slot)
        near = sorted(free.values(), key=lambda slot: (abs(slot.starts_at - start), slot.starts_at))[:count]
        return [self._local(slot) for slot in sorted(near, key=lambda slot: slot.starts_at)]

    def _local(self, slot: Slot) -> Slot:
        starts, ends = (moment.astimezone(self.zone) for moment in (slot.starts_at, slot.ends_at))
        return replace(slot, starts_at=starts, ends_at=ends)

    def why(self, first: date, count: int) -> Why:
        """Return why some days have no time, and the nearest searches that have one."""
        return why(self.view, self.days(first, count), self.now, self.zone)


def part_of(moment: datetime) -> Part:
    """Return the part of the day in which a local time lies."""
    if moment.hour < 12:
        return "morning"
    return "afternoon" if moment.hour < 17 else "evening"


def by_part(times: Iterable[Slot]) -> dict[Part, list[Slot]]:
    """Return times by the part of the day, the empty parts left out."""
    parts: dict[Part, list[Slot]] = {}
    for slot in times:
        parts.setdefault(part_of(slot.starts_at), []).append(slot)
    return parts


def reasons(best: Sequence[finding.Suggestion], soonest: datetime, zone: ZoneInfo) -> list[str]:
    """Return for each suggestion the key of what speaks for it beside the others, by the parts of its score.

    The soonest time of all; else one that leaves no gap where another would; else one where less is booked than with
    the others; else the part of the day in which it is.
    """
    return [_reason(found, best, soonest, zone) for found in best]


def _reason(found: finding.Suggestion, best: Sequence[finding.Suggestion], soonest: datetime, zone: ZoneInfo) -> str:
    if found.starts_at == soonest:
        return "soonest"
    if found.fragment == 0 and any(other.fragment > 0 for other in best):
        return "fits"
    if found.load < min((other.load for other in best if other is not found), default=0):
        return "calm"
    return part_of(found.starts_at.astimezone(zone))


def _slot(found: finding.Suggestion) -> Slot:
    return Slot(found.staff_id, found.staff, found.starts_at, found.ends_at, found.score, found.seats_left)
