"""A business's rows as files: CSV for spreadsheets, iCalendar for calendars."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from models.cells import guarded
from models.errors import InvalidInput
from models.week import written
from service.db.database import Database
from service.queries.calendar_file import Entry, calendar_file

CLIENTS = """
SELECT name, email, phone FROM client WHERE business_id = %(business)s AND erased_at IS NULL AND deleted_at IS NULL
ORDER BY id
"""
STAFF = """
SELECT s.name, s.zone, coalesce(h.spans, '[]') AS hours FROM staff s
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(weekday, opens, closes) ORDER BY weekday, opens) AS spans FROM working_hours
    WHERE business_id = s.business_id AND lane_no = s.lane_no
      AND (valid_from IS NULL OR valid_from <= clock_timestamp()::date)
      AND (valid_to IS NULL OR valid_to > clock_timestamp()::date)) h ON true
WHERE s.business_id = %(business)s AND s.active ORDER BY s.name, s.id
"""
SERVICES = """
SELECT name, duration, buffer_before, buffer_after, slot_interval, minimum_notice, maximum_advance, price_cents,
       (SELECT string_agg(s.name, '; ' ORDER BY s.name) FROM allocation a
        JOIN staff s ON s.business_id = a.business_id AND s.id = a.staff_id AND s.active
        WHERE a.business_id = v.business_id AND a.service_id = v.id) AS staff
FROM service v WHERE business_id = %(business)s AND active ORDER BY name, id
"""
BOOKINGS = """
SELECT i.id, a.status, a.version, v.name AS service, s.name AS staff, i.starts_at, i.ends_at, c.name AS client, c.email,
       c.phone, b.zone
FROM appointment_item i
JOIN appointment a ON a.business_id = i.business_id AND a.id = i.appointment_id
JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
JOIN staff s ON s.business_id = i.business_id AND s.id = i.staff_id
JOIN business b ON b.id = i.business_id
LEFT JOIN client c ON c.business_id = a.business_id AND c.id = a.client_id
WHERE i.business_id = %(business)s AND i.starts_at >= %(start)s AND i.starts_at < %(end)s
  AND a.status IN ('pending', 'confirmed', 'checked_in', 'completed', 'no_show')
ORDER BY i.starts_at, i.id
"""
Range = tuple[datetime, datetime]


async def table(db: Database, business_id: UUID, kind: str, days: Range) -> str:
    """Return the CSV text of all clients, staff or services, or of the bookings that start in [start, end).

    The columns are those that `commands.imports` takes back; a cell that a spreadsheet would compute gets an
    apostrophe in front.

    Raises
    ------
    InvalidInput
        There is no such kind.
    """
    statements: Mapping[str, LiteralString] = {
        "clients": CLIENTS,
        "staff": STAFF,
        "services": SERVICES,
        "bookings": BOOKINGS,
    }
    if kind not in statements:
        raise InvalidInput(f"{kind!r} cannot be exported; {', '.join(statements)} can.")
    rows = [_row(kind, row) for row in await _read(db, business_id, statements[kind], days)]
    if kind == "clients":
        # Their names are sealed in the database: it cannot sort by them.
        rows.sort(key=lambda row: str(row["name"]))
    columns = {
        "clients": ("name", "email", "phone"),
        "staff": ("name", "zone", "hours"),
        "services": (
            "name", "duration", "buffer_before", "buffer_after", "slot_interval", "minimum_notice",
            "maximum_advance", "price", "staff",
        ),
        "bookings": ("service", "staff", "starts_at", "ends_at", "client", "email", "phone"),
    }  # fmt: skip
    return csv_text(columns[kind], rows)


async def calendar(db: Database, business_id: UUID, days: Range) -> bytes:
    """Return the bookings that start in [start, end) as an iCalendar file (RFC 5545)."""
    now = datetime.now(UTC)
    return calendar_file(_entry(row, now) for row in await _read(db, business_id, BOOKINGS, days))


def _entry(row: DictRow, now: datetime) -> Entry:
    title = f"{row['service']}: {row['client'] or 'held'} with {row['staff']}"
    named = {"categories": [row["service"]], "resources": row["staff"], "contact": row["client"] or ""}
    return Entry(row["id"], title, None, row["starts_at"], row["ends_at"], now, row["version"], named=named)


async def _read(db: Database, business_id: UUID, sql: LiteralString, days: Range) -> list[DictRow]:
    async with db.transaction(business_id) as tx:
        return await tx.rows(sql, {"business": business_id, "start": days[0], "end": days[1]})


def _row(kind: str, row: DictRow) -> dict[str, object]:
    if kind == "staff":
        return {**row, "hours": "; ".join(written(tuple(span) for span in row["hours"]))}
    if kind == "services":
        return {**row, "price": f"{row['price_cents'] / 100:.2f}"}
    if kind == "bookings":
        zone = ZoneInfo(row["zone"])
        times = {name: row[name].astimezone(zone).isoformat(timespec="minutes") for name in ("starts_at", "ends_at")}
        return {**row, **times}
    return dict(row)


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as CSV; a cell that a spreadsheet would compute gets an apostrophe in front."""
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([guarded(row[column]) for column in columns] for row in rows)
    return text.getvalue()
