"""Members of a business: invited, given a role, removed."""

from dataclasses import dataclass, field
from uuid import UUID

from uuid_utils.compat import uuid7

from models.errors import InvalidInput, NotAllowed, NotFound
from models.permissions import Role
from service.commands import accounts
from service.db.command import command
from service.db.database import Database, Transaction
from service.db.ledger import record
from service.db.limits import Limiter
from service.security import tokens

INVITATION_DAYS = 7
ACCEPT = """
UPDATE invitation SET accepted_at = clock_timestamp()
WHERE business_id = %s AND token_hash = %s AND accepted_at IS NULL AND revoked_at IS NULL
  AND expires_at > clock_timestamp()
RETURNING id, role, staff_id, client_id
"""
OTHER_OWNERS = "SELECT 1 FROM membership WHERE business_id = %s AND role = 'owner' AND account_id <> %s FOR UPDATE"


@dataclass(frozen=True, slots=True)
class Place:
    """A role, and which staff member or client of the business it is."""

    role: Role
    staff_id: UUID | None = None
    client_id: UUID | None = None

    def __post_init__(self) -> None:
        if self.role is Role.PLATFORM_ADMIN:
            raise InvalidInput("A business has owners, managers, staff and clients.")
        if (self.role is Role.CLIENT) != (self.client_id is not None):
            raise InvalidInput("A client's place names the client, and nobody else's does.")
        if self.role is Role.CLIENT and self.staff_id is not None:
            raise InvalidInput("A client's place names no staff member.")


@dataclass(frozen=True, slots=True)
class Invited:
    """Whom to invite, and the place that is kept for them."""

    email: str
    place: Place


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation with its token, which is shown once."""

    id: UUID
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A place for an account."""

    account_id: UUID
    place: Place


@command
async def invite(tx: Transaction, request: Invited) -> Invitation:
    """Keep a place for whoever comes with the token within a week."""
    made, place = Invitation(uuid7(), tokens.drawn("ili", tx.business_id)), request.place
    await tx.execute(
        "INSERT INTO invitation (business_id, id, email, role, staff_id, client_id, token_hash, invited_by, "
        "expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp() + make_interval(days => %s))",
        [
            tx.business_id,
            made.id,
            request.email.lower(),
            place.role.value,
            place.staff_id,
            place.client_id,
            tokens.digest(made.token),
            tx.actor,
            INVITATION_DAYS,
        ],
    )
    await record(tx, "invitation.made", made.id, 1, after={"role": place.role.value})
    return made


@command
async def revoke_invitation(tx: Transaction, invitation_id: UUID) -> UUID:
    """Take an invitation back; raises `NotFound` where it is not open."""
    done = await tx.execute(
        "UPDATE invitation SET revoked_at = clock_timestamp() "
        "WHERE business_id = %s AND id = %s AND accepted_at IS NULL AND revoked_at IS NULL",
        [tx.business_id, invitation_id],
    )
    if not done:
        raise NotFound("There is no such open invitation.")
    await record(tx, "invitation.revoked", invitation_id, 2, after={})
    return invitation_id


async def accept(db: Database, token: str, account_id: UUID) -> UUID:
    """Take the place that an invitation keeps, and return its business.

    Raises
    ------
    NotFound
        The invitation is over, or there never was one.
    """
    business_id = tokens.owner_of(token, "ili")

    async def work(tx: Transaction) -> UUID:
        tx.act_as(account_id)
        row = await tx.row(ACCEPT, [business_id, tokens.digest(token)])
        if row is None:
            raise NotFound("The invitation has been used, taken back, or has run out.")
        place = Place(Role(row["role"]), row["staff_id"], row["client_id"])
        await _assign(tx, Assignment(account_id, place))
        return business_id

    return await db.transact(business_id, work, f"account:{account_id}")


async def invited(db: Database, token: str) -> str:
    """Return the address that an open invitation was made for; raises `NotFound`."""
    business_id = tokens.owner_of(token, "ili")
    async with db.transaction(business_id) as tx:
        row = await tx.row(
            "SELECT email FROM invitation WHERE business_id = %s AND token_hash = %s AND accepted_at IS NULL "
            "AND revoked_at IS NULL AND expires_at > clock_timestamp()",
            [business_id, tokens.digest(token)],
        )
    if row is None:
        raise NotFound("The invitation has been used, taken back, or has run out.")
    return str(row["email"])


@command
async def assign(tx: Transaction, request: Assignment) -> UUID:
    """Give an account a place in the business, or another one.

    Raises
    ------
    NotAllowed
        It is the last owner.
    NotFound
        There is no such account, staff member or client.
    """
    return await _assign(tx, request)


@command
async def change(tx: Transaction, request: Assignment) -> UUID:
    """Give a member another place; who is none yet has to be invited. Raises as `assign` does."""
    is_member = "SELECT 1 FROM membership WHERE business_id = %s AND account_id = %s"
    if await tx.row(is_member, [tx.business_id, request.account_id]) is None:
        raise NotFound("There is no such member.")
    return await _assign(tx, request)


async def _assign(tx: Transaction, request: Assignment) -> UUID:
    place = request.place
    if place.role is not Role.OWNER:
        await _leave_an_owner(tx, request.account_id)
    await tx.execute(
        "INSERT INTO membership (business_id, account_id, role, staff_id, client_id) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (business_id, account_id) DO UPDATE SET role = excluded.role, staff_id = excluded.staff_id, "
        "client_id = excluded.client_id",
        [tx.business_id, request.account_id, place.role.value, place.staff_id, place.client_id],
    )
    await record(tx, "member.assigned", request.account_id, None, after={"role": place.role.value})
    return request.account_id


@command
async def remove(tx: Transaction, account_id: UUID) -> UUID:
    """End a membership. Raises as `assign` does."""
    await _leave_an_owner(tx, account_id)
    done = await tx.execute(
        "DELETE FROM membership WHERE business_id = %s AND account_id = %s", [tx.business_id, account_id]
    )
    if not done:
        raise NotFound("There is no such member.")
    await record(tx, "member.removed", account_id, None, after={})
    return account_id


async def _leave_an_owner(tx: Transaction, account_id: UUID) -> None:
    # Two owners who demote each other at once wait here for one another's row.
    mine = await tx.row(
        "SELECT role FROM membership WHERE business_id = %s AND account_id = %s FOR UPDATE",
        [tx.business_id, account_id],
    )
    if mine is None or mine["role"] != "owner":
        return
    if await tx.row(OTHER_OWNERS, [tx.business_id, account_id]) is None:
        raise NotAllowed("A business keeps at least one owner.")


async def welcome(limiter: Limiter, token: str, name: str, password: str) -> tuple[UUID, UUID]:
    """Take an invitation up with a new account, or with the one that its address has; return account and business."""
    db = limiter.db
    email = await invited(db, token)
    try:
        await accounts.by_email(db, email)
    except NotFound:
        account_id = await accounts.add(db, accounts.NewAccount(email, name, password))
    else:
        account_id = await accounts.checked(limiter, email, password)
    return account_id, await accept(db, token, account_id)
