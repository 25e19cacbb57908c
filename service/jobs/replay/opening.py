"""Opening a drawn clinic in the database: the business through its command, its clients as a bulk of rows.

Ids follow from the seed and the names, so that a book can be looked up again in another run.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from unicodedata import normalize
from uuid import UUID, uuid5

from models.errors import InvalidInput
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff, Span
from service.db.command import Scope
from service.db.database import Database
from service.jobs.replay.draw import Clinic, Staff
from service.jobs.replay.draw import Service as DrawnService
from service.jobs.replay.requests import ZONE, Request
from solver.snapshot import MAXIMUM_DAYS

NAMESPACE = UUID("5f0f2b06-6a3e-5d0e-9b8f-1d6d3b1c9a52")
SLOT_INTERVAL, MAXIMUM_ADVANCE = 5, 366
SPARE_DAYS = 21
"""Days of the horizon after the last one asked for: as far as a waitlist window can reach, and some."""

INSERT_CLIENTS = """
INSERT INTO client (business_id, id, name)
SELECT %s, c.id, c.name FROM unnest(%s::uuid[], %s::text[]) AS c(id, name)
"""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days that anyone asked for, ascending; a weekday among them without a request is a holiday."""

    days: tuple[date, ...]

    @staticmethod
    def of(requests: Iterable[Request]) -> "Calendar":
        """Return the calendar of all requests of a file; raises `InvalidInput` where it outgrows a snapshot."""
        days = tuple(sorted({request.day for request in requests}))
        if (days[-1] - days[0]).days > MAXIMUM_DAYS - SPARE_DAYS - 2:
            reach = f"{days[0]} to {days[-1]}"
            raise InvalidInput(f"the days asked for, {reach}, are more than {MAXIMUM_DAYS - SPARE_DAYS} apart")
        return Calendar(days)

    @property
    def horizon(self) -> tuple[date, int]:
        """Return the first day of the snapshots, and their days."""
        return self.days[0] - timedelta(days=1), (self.days[-1] - self.days[0]).days + SPARE_DAYS + 2

    def holidays(self) -> list[date]:
        """Return the weekdays in between on which nobody asked to come."""
        between = (self.days[0] + timedelta(days=i) for i in range((self.days[-1] - self.days[0]).days))
        return sorted({day for day in between if day.weekday() < 5} - set(self.days))


@dataclass(frozen=True, slots=True)
class Opened:
    """A clinic in the database: its scope, and the ids of its staff and services in the order drawn."""

    scope: Scope
    staff: tuple[UUID, ...]
    services: tuple[UUID, ...]
    clients: dict[int, UUID]


async def open_clinic(
    db: Database,
    clinic: Clinic,
    requests: list[Request],
    calendar: Calendar,
    seed: int,
    *,
    slug: str | None = None,
    client_name: Callable[[int], str] = "Client {}".format,
) -> Opened:
    """Create the clinic's business, and a client for each number in its requests."""
    key = uuid5(NAMESPACE, f"{seed}/{clinic.name}")
    scope = Scope(db, key, actor="replay")
    staff = tuple(uuid5(key, member.name) for member in clinic.staff)
    # Ascending, because services are read by id: equal plans need equal orders.
    services = tuple(sorted(uuid5(key, f"service {i}") for i in range(len(clinic.services))))
    clients = {number: uuid5(key, f"client {number}") for number in sorted({r.client for r in requests})}
    staffed = tuple(zip(clinic.staff, staff, strict=True))
    opening = Opening(
        name=clinic.name,
        slug=slug or _slug(clinic.name),
        zone=ZONE.key,
        staff=tuple(_staff(member, member_id, calendar) for member, member_id in staffed),
        services=tuple(
            _service(service, services[i], [member_id for member, member_id in staffed if i in member.services])
            for i, service in enumerate(clinic.services)
        ),
    )
    await open_business(scope, opening)
    async with db.transaction(key, scope.actor) as tx:
        names = [client_name(number) for number in clients]
        await tx.execute(INSERT_CLIENTS, [key, list(clients.values()), names])
    return Opened(scope, staff, services, clients)


def _slug(name: str) -> str:
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    return "-".join([*words, hashlib.blake2b(name.encode(), digest_size=3).hexdigest()])


def _staff(member: Staff, member_id: UUID, calendar: Calendar) -> NewStaff:
    spans = [
        Span(weekday, opens, closes, valid_from, valid_to)
        for weekday in range(5)
        for valid_from, valid_to in open_stretches(weekday, calendar)
        for opens, closes in member.hours
    ]
    return NewStaff(member.name, tuple(spans), member_id)


def open_stretches(weekday: int, calendar: Calendar) -> list[tuple[date, date | None]]:
    """Return the validity of one weekday's hours: from the first day on, but for the holidays."""
    bounds: list[date] = [calendar.days[0]]
    for day in calendar.holidays():
        if day.weekday() == weekday:
            bounds += [day, day + timedelta(days=1)]
    return list(zip(bounds[::2], [*bounds[1::2], None], strict=True))


def _service(service: DrawnService, service_id: UUID, staff: list[UUID]) -> NewService:
    return NewService(
        service.name,
        service.duration,
        buffer_before=service.buffer_before,
        buffer_after=service.buffer_after,
        slot_interval=SLOT_INTERVAL,
        maximum_advance=MAXIMUM_ADVANCE,
        staff=tuple(staff),
        id=service_id,
    )
