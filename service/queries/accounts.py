"""Accounts as they see themselves: memberships and sessions."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.errors import NotFound
from service.db.database import Database
from service.queries.paging import WHOLE, Order, Page, PageOf, page_of

NOBODY = UUID(int=0)
SESSIONS = """
SELECT id, kind, agent, created_at, expires_at FROM session
WHERE account_id = %(account)s AND revoked_at IS NULL AND expires_at > clock_timestamp()
"""


@dataclass(frozen=True, slots=True)
class Membership:
    """A business that an account belongs to, and as what."""

    business_id: UUID
    slug: str
    name: str
    role: str
    staff_id: UUID | None
    client_id: UUID | None


@dataclass(frozen=True, slots=True)
class Account:
    """An account with the businesses that it belongs to."""

    id: UUID
    email: str
    name: str
    platform_admin: bool
    memberships: list[Membership]


@dataclass(frozen=True, slots=True)
class Session:
    """A live sign-in."""

    id: UUID
    kind: str
    agent: str | None
    created_at: datetime
    expires_at: datetime


async def read(db: Database, account_id: UUID) -> Account:
    """Return one account; raises `NotFound`."""
    async with db.transaction(NOBODY) as tx:
        tx.act_as(account_id)
        row = await tx.row("SELECT id, email, name, platform_admin FROM account WHERE id = %s", [account_id])
        places = await tx.rows(
            "SELECT business_id, role, staff_id, client_id FROM membership WHERE account_id = %s ORDER BY created_at",
            [account_id],
        )
    if row is None:
        raise NotFound("There is no such account.")
    return Account(**row, memberships=[await _membership(db, place) for place in places])


async def _membership(db: Database, place: dict[str, object]) -> Membership:
    async with db.transaction(UUID(str(place["business_id"]))) as tx:
        row = await tx.row("SELECT slug, name FROM business WHERE id = %s", [place["business_id"]])
    return Membership(**(place | (row or {})))  # type: ignore[arg-type]  # the columns are the fields


async def sessions(db: Database, account_id: UUID, page: Page = WHOLE) -> PageOf[Session]:
    """Return where an account is signed in, the newest first."""
    order: Order = {"created_at": "timestamptz", "id": "uuid"}
    async with db.transaction(NOBODY) as tx:
        tx.act_as(account_id)
        asked = {"account": account_id}
        return await page_of(tx, lambda row: Session(**row), SESSIONS, asked, order, page, descending=True)
