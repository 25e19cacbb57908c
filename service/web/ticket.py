"""What a client takes: each service with whom and when, how long all of it takes and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.queries import storefronts
from service.queries.storefronts import Item
from service.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Line:
    """One service of a ticket; local to its reader, half-open. The price is for everybody who comes."""

    service: str
    staff: str
    starts: datetime
    ends: datetime
    price_cents: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """The services of one visit in order, for so many people."""

    lines: tuple[Line, ...]
    people: int
    zone_named: tuple[str, str]

    @property
    def starts(self) -> datetime:
        """When the first begins."""
        return self.lines[0].starts

    @property
    def minutes(self) -> int:
        """From the first's start to the last's end."""
        return int((self.lines[-1].ends - self.lines[0].starts).total_seconds() // 60)

    @property
    def price_cents(self) -> int:
        """What all of it costs."""
        return sum(line.price_cents for line in self.lines)

    @property
    def services(self) -> list[str]:
        """The services' names."""
        return [line.service for line in self.lines]

    @property
    def staff(self) -> list[str]:
        """Who does them, each once."""
        return list(dict.fromkeys(line.staff for line in self.lines))


async def ticket(visit: Visit, items: Sequence[Item]) -> Ticket:
    """Return what some items are called, take and cost; raises `NotFound`."""
    sold = await storefronts.sold(visit.db, visit.store.id, [(item.service_id, item.staff_id) for item in items])
    lines = []
    for item, what in zip(items, sold, strict=True):
        starts = item.starts_at.astimezone(visit.zone)
        ends = item.ends_at or item.starts_at + timedelta(minutes=what.minutes)
        price = what.price_cents * item.seats
        lines.append(Line(what.service, what.staff, starts, ends.astimezone(visit.zone), price))
    return Ticket(tuple(lines), items[0].seats, visit.words.zone(visit.zone, lines[0].starts))
