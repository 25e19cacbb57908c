"""Schedules: what a day or a week holds for staff, and what a client has booked; one statement each."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from models.errors import InvalidInput, NotFound
from service.db.database import Database

LONGEST_CLAIM = timedelta(days=31)
MOST = 1000
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
SELECT c.id AS known, v.appointment_id, v.status, v.version, v.fee_cents, v.series_id, v.occurrence, v.service_id,
       v.service, v.staff_id, v.staff, v.starts_at, v.ends_at, v.seats,
       (SELECT count(*) FROM appointment WHERE business_id = c.business_id AND client_id = c.id AND status = 'no_show')
           AS no_shows
FROM client c LEFT JOIN client_appointment_view v ON v.business_id = c.business_id AND v.client_id = c.id
WHERE c.business_id = %s AND c.id = %s ORDER BY v.starts_at DESC, v.appointment_id, v.position LIMIT %s
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
    items: tuple[ClientItem, ...]


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


async def of_client(db: Database, business_id: UUID, client_id: UUID) -> ClientBook:
    """Return a client's latest items, a thousand at the most; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(OF_CLIENT, [business_id, client_id, MOST])
    if not rows:
        raise NotFound("There is no such client.")
    no_shows = rows[0]["no_shows"]
    items = [{k: v for k, v in row.items() if k not in ("known", "no_shows")} for row in rows]
    return ClientBook(no_shows, tuple(ClientItem(**item) for item in items if item["appointment_id"] is not None))
