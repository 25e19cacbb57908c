"""People and keys of one business."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.db.database import Database
from service.queries.paging import WHOLE, Order, Page, PageOf, page_of

MEMBERS = """
SELECT m.account_id, a.email, a.name, m.role, m.staff_id, m.client_id, m.created_at AS since
FROM membership m JOIN account a ON a.id = m.account_id
WHERE m.business_id = %(business)s AND (%(role)s::text IS NULL OR m.role = %(role)s)
"""
INVITATIONS = """
SELECT id, email, role, staff_id, client_id, invited_by, created_at, expires_at FROM invitation
WHERE business_id = %(business)s AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > clock_timestamp()
"""
KEYS = """
SELECT id, prefix, name, scopes, created_by, created_at, expires_at, last_used_at, revoked_at FROM api_key
WHERE business_id = %(business)s AND (%(revoked)s::boolean IS NULL OR (revoked_at IS NOT NULL) = %(revoked)s)
"""
MADE: Order = {"created_at": "timestamptz", "id": "uuid"}


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


async def members(db: Database, business_id: UUID, page: Page = WHOLE, *, role: str | None = None) -> PageOf[Member]:
    """Return who belongs to a business, the first first."""
    asked = {"business": business_id, "role": role}
    order: Order = {"since": "timestamptz", "account_id": "uuid"}
    async with db.transaction(business_id) as tx:
        return await page_of(tx, lambda row: Member(**row), MEMBERS, asked, order, page)


async def invitations(db: Database, business_id: UUID, page: Page = WHOLE) -> PageOf[OpenInvitation]:
    """Return the invitations that nobody has taken up yet."""
    async with db.transaction(business_id) as tx:
        return await page_of(tx, lambda row: OpenInvitation(**row), INVITATIONS, {"business": business_id}, MADE, page)


async def keys(
    db: Database, business_id: UUID, page: Page = WHOLE, *, revoked: bool | None = None
) -> PageOf[ListedKey]:
    """Return the keys, all of them or those revoked or not, the first first."""
    asked = {"business": business_id, "revoked": revoked}
    async with db.transaction(business_id) as tx:
        return await page_of(tx, lambda row: ListedKey(**row), KEYS, asked, MADE, page)
