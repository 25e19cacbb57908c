"""What the booking page offers: the next time, three suggestions, a strip of days, the times of one day."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from service.db.views import View
from service.queries import slots
from service.queries.slots import DayOfSlots, Slot, SlotsWanted
from service.web.words import Words
from solver.slots import MAXIMUM_RANGE_DAYS

SUGGESTED_DAYS, RANKED, SUGGESTIONS = 14, 600, 3
"""How far suggestions look ahead, among how many of the best times, and how many there are."""
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

    def suggestions(self, first: date) -> list[Suggestion]:
        """Return the soonest time and the best that differ from it, in the days from `first` on."""
        wanted = self.days(first, SUGGESTED_DAYS)
        soonest = slots.find(self.view, wanted, self.now, limit=1)
        ranked = slots.find(self.view, wanted, self.now, limit=RANKED, ranked=True)
        return different([self._local(slot) for slot in (*soonest, *ranked)])

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
        return Slot(slot.staff_id, slot.staff, starts, ends, slot.score)

    def why(self, first: date, count: int, words: Words, service: str, staff: str | None) -> str:
        """Return in a sentence why some days have no time, and the next that is free."""
        told = slots.why_none(self.view, self.days(first, count), self.now)
        rule = max(told.ruled_out, key=_telling(told.ruled_out), default="closed")
        sentences = [words(f"why_{rule}", service=service, name=staff or "")]
        if (following := self.next()) is not None:
            sentences.append(words("why_next", when=words.when(following.starts_at)))
        return " ".join(sentences)


def _telling(ruled_out: dict[str, int]) -> Callable[[str], tuple[int, int]]:
    # Closing hours rule most candidates out on any day: they are the reason only where nothing else is.
    order = ["closed", "not_allocated", "advance", "notice", "buffer", "booked"]
    return lambda rule: (order.index(rule) if rule in order else -1, ruled_out[rule])


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


def different(best: Sequence[Slot]) -> list[Suggestion]:
    """Return the first time, then the best in another part of the day, then the best on another day, in order."""
    if not best:
        return []
    soonest = best[0]
    chosen = [Suggestion(soonest, "soonest")]
    elsewhere = next((s for s in best if part_of(s.starts_at) != part_of(soonest.starts_at)), None)
    if elsewhere is not None:
        chosen.append(Suggestion(elsewhere, part_of(elsewhere.starts_at)))
    days = {s.slot.starts_at.date() for s in chosen}
    other = next((s for s in best if s.starts_at.date() not in days), None)
    if other is not None:
        chosen.append(Suggestion(other, "another_day"))
    return sorted(chosen, key=lambda s: s.slot.starts_at)
