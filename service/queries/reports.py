"""What a manager asks of a span of days: how full, how many no-shows, what was earned; by staff, service or week."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from service.db.database import Database

By = Literal["staff", "service", "week"]
KEYS: dict[By, LiteralString] = {
    "staff": "st.name",
    "service": "v.name",
    "week": "to_char(i.starts_at AT TIME ZONE b.zone, 'IYYY-\"W\"IW')",
}
# A group takes its staff member's time once, however many come; each of its seats is paid for.
LINES: LiteralString = """
WITH item AS (
    SELECT i.*, a.status, a.created_at, kept, row_number() OVER (PARTITION BY coalesce(i.session_id, i.id), kept) AS nth
    FROM appointment_item i
    JOIN appointment a ON a.business_id = i.business_id AND a.id = i.appointment_id
    CROSS JOIN LATERAL (SELECT a.status IN ('pending', 'confirmed', 'checked_in', 'completed') AS kept) k
    WHERE i.business_id = %(business)s AND i.starts_at >= %(start)s AND i.starts_at < %(end)s
      AND a.status NOT IN ('hold', 'released', 'expired', 'declined')
)
SELECT {key} AS name,
       count(DISTINCT i.appointment_id) FILTER (WHERE kept) AS booked,
       count(DISTINCT i.appointment_id) FILTER (WHERE i.status = 'no_show') AS no_shows,
       count(DISTINCT i.appointment_id) FILTER (WHERE i.status = 'cancelled') AS cancelled,
       coalesce(sum(extract(epoch FROM i.ends_at - i.starts_at) / 60) FILTER (WHERE kept AND nth = 1), 0)::bigint
           AS minutes,
       coalesce(sum(i.seats * coalesce(al.price_cents, v.price_cents)) FILTER (WHERE kept), 0)::bigint
           AS revenue_cents,
       coalesce(avg(extract(epoch FROM i.starts_at - i.created_at) / 86400)
           FILTER (WHERE i.starts_at > i.created_at), 0)::float8 AS lead_days
FROM item i
JOIN business b ON b.id = i.business_id
JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
JOIN staff st ON st.business_id = i.business_id AND st.id = i.staff_id
LEFT JOIN allocation al ON al.business_id = i.business_id AND al.service_id = v.id AND al.staff_id = st.id
GROUP BY 1 ORDER BY 1
"""
WAITLIST = """
SELECT count(*) AS joined, count(*) FILTER (WHERE status = 'placed') AS placed FROM waitlist_entry
WHERE business_id = %(business)s AND since >= %(start)s AND since < %(end)s
"""
WAITLISTS: LiteralString = """
SELECT {key} AS name, count(*) AS joined, count(*) FILTER (WHERE w.status = 'placed') AS placed
FROM waitlist_entry w
JOIN business b ON b.id = w.business_id
JOIN service v ON v.business_id = w.business_id AND v.id = w.service_id
WHERE w.business_id = %(business)s AND w.since >= %(start)s AND w.since < %(end)s
GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One staff member, service or week: visits, minutes booked, cents, and days between booking and visit."""

    name: str
    booked: int = 0
    no_shows: int = 0
    cancelled: int = 0
    minutes: int = 0
    revenue_cents: int = 0
    lead_days: float = 0.0

    @property
    def no_show_share(self) -> float:
        """No-shows among all who were to come, 0 to 1."""
        return self.no_shows / max(self.booked + self.no_shows, 1)


@dataclass(frozen=True, slots=True)
class Conversion:
    """Who joined the waitlist in a span, and how many of them were placed."""

    joined: int
    placed: int


async def lines(db: Database, business_id: UUID, start: datetime, end: datetime, by: By) -> list[Line]:
    """Return the lines of a report over visits that start in [start, end)."""
    async with db.transaction(business_id) as tx:
        sql = LINES.replace("{key}", KEYS[by])
        rows = await tx.rows(sql, {"business": business_id, "start": start, "end": end})
    return [Line(**row) for row in rows]


async def conversion(db: Database, business_id: UUID, start: datetime, end: datetime) -> Conversion:
    """Return how the waitlist of a span was served."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(WAITLIST, {"business": business_id, "start": start, "end": end})
    return Conversion(**(row or {"joined": 0, "placed": 0}))


async def conversions(
    db: Database, business_id: UUID, start: datetime, end: datetime, by: Literal["service", "week"]
) -> dict[str, Conversion]:
    """Return how the waitlist of a span was served, by service or by the week of joining."""
    key: LiteralString = KEYS[by].replace("i.starts_at", "w.since")
    async with db.transaction(business_id) as tx:
        sql = WAITLISTS.replace("{key}", key)
        rows = await tx.rows(sql, {"business": business_id, "start": start, "end": end})
    return {row["name"]: Conversion(row["joined"], row["placed"]) for row in rows}
