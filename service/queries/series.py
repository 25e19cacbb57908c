"""Series: the rule, and each occurrence as it stands; and arrays that reach as far as a series does."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from models.errors import NotFound
from service.db.database import Database
from service.db.views import DAYS_BACK, View, load

DAYS = 400
READ = """
SELECT s.id, s.client_id, s.service_id, s.rule, s.first_day, s.minute, s.zone, v.appointment_id, v.occurrence, v.status,
       v.version, v.staff_id, v.starts_at, v.ends_at
FROM series s
LEFT JOIN client_appointment_view v ON v.business_id = s.business_id AND v.series_id = s.id
WHERE s.business_id = %s AND s.id = %s ORDER BY v.occurrence
"""


@dataclass(frozen=True, slots=True)
class SeriesItem:
    """One occurrence: the local date that its rule set, and the appointment as it is now."""

    occurrence: date
    appointment_id: UUID
    status: str
    version: int
    staff_id: UUID
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class SeriesRead:
    """A rule (RFC 5545) from a local date on, at a wall minute of a zone, and the occurrences that were booked."""

    id: UUID
    client_id: UUID
    service_id: UUID
    rule: str
    first_day: date
    minute: int
    zone: str
    items: tuple[SeriesItem, ...]


async def read(db: Database, business_id: UUID, series_id: UUID) -> SeriesRead:
    """Return a series; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        rows = await tx.rows(READ, [business_id, series_id])
    if not rows:
        raise NotFound("There is no such series.")
    own = ("id", "client_id", "service_id", "rule", "first_day", "minute", "zone")
    of_item = ("occurrence", "appointment_id", "status", "version", "staff_id", "starts_at", "ends_at")
    items = [SeriesItem(**{name: row[name] for name in of_item}) for row in rows if row["appointment_id"]]
    return SeriesRead(**{name: rows[0][name] for name in own}, items=tuple(items))


async def far_view(db: Database, business_id: UUID, now: datetime) -> View:
    """Return arrays that reach more than a year ahead, read anew."""
    return await load(db, business_id, now.date() - timedelta(days=DAYS_BACK), DAYS)
