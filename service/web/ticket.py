"""What a client takes: each service with whom and when, how long all of it takes and what it costs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.queries import storefronts
from service.queries.storefronts import Item, Sold
from service.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Line:
    """One service of a ticket; local to its reader, half-open. The price is for everybody who comes."""

    service: str
    staff: str
    starts: datetime
    ends: datetime
    price_cents: int
    terms: Sold


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
    def needs_approval(self) -> bool:
        """Whether the house has to confirm it."""
        return any(line.terms.needs_approval for line in self.lines)

    @property
    def last_change(self) -> datetime:
        """Until when it can be cancelled online."""
        return min(line.starts - timedelta(minutes=line.terms.last_cancellation) for line in self.lines)

    @property
    def last_move(self) -> datetime:
        """Until when it can be moved online, too: until cancelling costs a fee."""
        return min(self.last_change, self.free_until or self.last_change)

    @property
    def free_until(self) -> datetime | None:
        """Until when cancelling costs nothing; None where it never costs anything."""
        return min((until for until, _ in self._fees()), default=None)

    def fee_cents(self, now: datetime | None = None) -> int:
        """Return what cancelling costs at a moment, or at the last."""
        return sum(fee for until, fee in self._fees() if now is None or now > until)

    def _fees(self) -> Iterator[tuple[datetime, int]]:
        for line in self.lines:
            if line.terms.free_cancellation is not None and line.terms.cancellation_fee_cents:
                until = line.starts - timedelta(minutes=line.terms.free_cancellation)
                yield until, line.terms.cancellation_fee_cents

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
        lines.append(Line(what.service, what.staff, starts, ends.astimezone(visit.zone), price, what))
    return Ticket(tuple(lines), items[0].seats, visit.words.zone(visit.zone, lines[0].starts))
