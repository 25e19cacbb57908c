"""Clients: found by address or number, one of them, and everything that is known of one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from models.errors import NotFound
from service.db.database import Database, Transaction
from service.queries.paging import WHOLE, Page, PageOf, page_of

COLUMNS = """
SELECT id, name, email, phone, created_at, version FROM client WHERE business_id = %(business)s AND erased_at IS NULL
"""
FOUND = (
    COLUMNS
    + """
AND (%(email)s::bytea IS NULL OR email_hash = %(email)s) AND (%(phone)s::bytea IS NULL OR phone_hash = %(phone)s)
AND (deleted_at IS NOT NULL) = %(deleted)s
"""
)
ABOUT: dict[str, LiteralString] = {
    "bookings": """
SELECT a.id, a.status, a.source, a.created_at, i.starts_at, i.ends_at, v.name AS service, s.name AS staff
FROM appointment a
JOIN appointment_item i ON i.business_id = a.business_id AND i.appointment_id = a.id
JOIN service v ON v.business_id = a.business_id AND v.id = i.service_id
JOIN staff s ON s.business_id = a.business_id AND s.id = i.staff_id
WHERE a.business_id = %(business)s AND a.client_id = %(id)s ORDER BY i.starts_at, i.id
""",
    "waitlist": """
SELECT w.id, w.status, w.since, w.priority, w.seats, w.windows::text AS windows, v.name AS service
FROM waitlist_entry w JOIN service v ON v.business_id = w.business_id AND v.id = w.service_id
WHERE w.business_id = %(business)s AND w.client_id = %(id)s ORDER BY w.since, w.id
""",
    "audit": """
SELECT at.created_at, at.action, at.actor, at.before, at.after FROM audit_entry at
WHERE at.business_id = %(business)s AND at.aggregate_id IN (
    SELECT %(id)s::uuid UNION ALL SELECT id FROM appointment WHERE business_id = %(business)s AND client_id = %(id)s
    UNION ALL SELECT id FROM waitlist_entry WHERE business_id = %(business)s AND client_id = %(id)s)
ORDER BY at.id
""",
}


@dataclass(frozen=True, slots=True)
class KnownClient:
    """Who comes."""

    id: UUID
    name: str
    email: str | None
    phone: str | None
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Everything:
    """All that an installation knows of one client (GDPR, article 15)."""

    client: KnownClient
    bookings: list[dict[str, Any]]
    waitlist: list[dict[str, Any]]
    audit: list[dict[str, Any]]


async def find(
    db: Database,
    business_id: UUID,
    page: Page = WHOLE,
    *,
    email: str | None = None,
    phone: str | None = None,
    deleted: bool = False,
) -> PageOf[KnownClient]:
    """Return the clients with an e-mail and a phone number, all where neither is given, in order of registration."""
    async with db.transaction(business_id) as tx:
        asked = {
            "business": business_id,
            "deleted": deleted,
            "email": tx.vault.hash(business_id, "email", email),
            "phone": tx.vault.hash(business_id, "phone", phone),
        }
        return await page_of(tx, lambda row: KnownClient(**row), FOUND, asked, {"id": "uuid"}, page)


async def read(db: Database, business_id: UUID, client_id: UUID) -> KnownClient:
    """Return one client; raises `NotFound`."""
    async with db.transaction(business_id) as tx:
        return await _read(tx, client_id)


async def _read(tx: Transaction, client_id: UUID) -> KnownClient:
    row = await tx.row(COLUMNS + "AND id = %(id)s", {"business": tx.business_id, "id": client_id})
    if row is None:
        raise NotFound("There is no such client.")
    return KnownClient(**row)


async def everything(db: Database, business_id: UUID, client_id: UUID) -> Everything:
    """Return all that is known of one client; raises `NotFound`."""
    async with db.transaction(business_id, one_snapshot=True) as tx:
        client, asked = await _read(tx, client_id), {"business": business_id, "id": client_id}
        return Everything(client, **{part: await tx.rows(sql, asked) for part, sql in ABOUT.items()})
