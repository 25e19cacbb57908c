"""Schedules: what a day or a week holds for staff, and what a client has booked; one statement each."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from models.errors import InvalidInput, NotFound
from service.db.database import Database
from service.queries.paging import WHOLE, Order, Page, PageOf, page_of

LONGEST_CLAIM = timedelta(days=31)
LAST_YEAR = 9000
SCHEDULE = """
SELECT staff_id, staff, day, kind, starts_at, ends_at, claim_starts_at, claim_ends_at, appointment_id, status, version,
       service, client_id, client, seats
FROM staff_daily_schedule
WHERE business_id = %(business)s AND (%(staff)s::uuid IS NULL OR staff_id = %(staff)s)
  AND claim_starts_at >= %(earliest)s AND claim_starts_at < %(end)s AND claim_ends_at > %(start)s
ORDER BY claim_starts_at, staff, staff_id, appointment_id
"""
KNOWN = "SELECT id FROM staff WHERE business_id = %s AND id = %s"
OF_CLIENT = """
SELECT appointment_id, position, status, version, fee_cents, series_id, occurrence, service_id, service, staff_id,
       staff, starts_at, ends_at, seats
FROM client_appointment_view WHERE business_id = %(business)s AND client_id = %(client)s
"""
NO_SHOWS = """
SELECT (SELECT count(*) FROM appointment a WHERE a.business_id = c.business_id AND a.client_id = c.id
        AND a.status = 'no_show') AS no_shows
FROM client c WHERE c.business_id = %(business)s AND c.id = %(client)s
"""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One thing that claims a staff member's time, on the local date on which it begins; times in UTC.

    `kind` is item, session (a seat in a group), time_off or external; the last two have no appointment.
    """

    staff_id: UUID
    staff: str
    day: date
    kind: str
    starts_at: datetime
    ends_at: datetime
    claim_starts_at: datetime
    claim_ends_at: datetime
    appointment_id: UUID | None
    status: str | None
    version: int | None
    service: str | None
    client_id: UUID | None
    client: str | None
    seats: int | None


@dataclass(frozen=True, slots=True)
class ClientItem:
    """One item that a client has booked, whatever became of it."""

    appointment_id: UUID
    position: int
    status: str
    version: int
    fee_cents: int | None
    series_id: UUID | None
    occurrence: date | None
    service_id: UUID
    service: str
    staff_id: UUID
    staff: str
    starts_at: datetime
    ends_at: datetime
    seats: int


@dataclass(frozen=True, slots=True)
class ClientBook:
    """What a client has booked, the latest first, and how often they did not come."""

    no_shows: int
    items: PageOf[ClientItem]


async def schedule(
    db: Database, business_id: UUID, zone: ZoneInfo, first_day: date, days: int, staff_id: UUID | None = None
) -> list[Scheduled]:
    """Return what claims time on local dates [first_day, first_day + days), by time; at most 31 days.

    Raises
    ------
    InvalidInput
        Too many days, or beyond the calendar.
    NotFound
        There is no such staff member.
    """
    if not 1 <= days <= 31 or first_day.year > LAST_YEAR:
        raise InvalidInput("A schedule shows 1 to 31 days.")
    start = datetime.combine(first_day, time(), zone)
    end = datetime.combine(first_day + timedelta(days=days), time(), zone)
    window = {"earliest": start - LONGEST_CLAIM, "start": start, "end": end}
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(SCHEDULE, {"business": business_id, "staff": staff_id, **window})
        if not rows and staff_id is not None and await tx.row(KNOWN, [business_id, staff_id]) is None:
            raise NotFound("There is no such staff member.")
    return [Scheduled(**row) for row in rows]


async def of_client(db: Database, business_id: UUID, client_id: UUID, page: Page = WHOLE) -> ClientBook:
    """Return a client's items, the latest first; raises `NotFound`."""
    asked = {"business": business_id, "client": client_id}
    order: Order = {"starts_at": "timestamptz", "appointment_id": "uuid", "position": "int"}
    async with db.transaction(business_id) as tx:
        known = await tx.row(NO_SHOWS, asked)
        if known is None:
            raise NotFound("There is no such client.")
        items = await page_of(tx, lambda row: ClientItem(**row), OF_CLIENT, asked, order, page, descending=True)
    return ClientBook(known["no_shows"], items)
