"""People and keys of one business."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.db.database import Database

MEMBERS = """
SELECT m.account_id, a.email, a.name, m.role, m.staff_id, m.client_id, m.created_at AS since
FROM membership m JOIN account a ON a.id = m.account_id
WHERE m.business_id = %s ORDER BY m.created_at, m.account_id LIMIT 1000
"""
INVITATIONS = """
SELECT id, email, role, staff_id, client_id, invited_by, created_at, expires_at FROM invitation
WHERE business_id = %s AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > clock_timestamp()
ORDER BY created_at, id LIMIT 1000
"""
KEYS = """
SELECT id, prefix, name, scopes, created_by, created_at, expires_at, last_used_at, revoked_at FROM api_key
WHERE business_id = %s ORDER BY revoked_at NULLS FIRST, created_at, id LIMIT 1000
"""


@dataclass(frozen=True, slots=True)
class Member:
    """An account with its place in the business."""

    account_id: UUID
    email: str
    name: str
    role: str
    staff_id: UUID | None
    client_id: UUID | None
    since: datetime


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """A place that waits."""

    id: UUID
    email: str
    role: str
    staff_id: UUID | None
    client_id: UUID | None
    invited_by: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key without its secret."""

    id: UUID
    prefix: str
    name: str
    scopes: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


async def members(db: Database, business_id: UUID) -> list[Member]:
    """Return who belongs to a business, the first first."""
    async with db.transaction(business_id) as tx:
        return [Member(**row) for row in await tx.rows(MEMBERS, [business_id])]


async def invitations(db: Database, business_id: UUID) -> list[OpenInvitation]:
    """Return the invitations that nobody has taken up yet."""
    async with db.transaction(business_id) as tx:
        return [OpenInvitation(**row) for row in await tx.rows(INVITATIONS, [business_id])]


async def keys(db: Database, business_id: UUID) -> list[ListedKey]:
    """Return the keys, the live ones first."""
    async with db.transaction(business_id) as tx:
        return [ListedKey(**row) for row in await tx.rows(KEYS, [business_id])]
