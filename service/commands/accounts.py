"""Accounts: who signs in. They belong to no business, so these commands run as the account itself."""

import logging
from dataclasses import dataclass, field
from uuid import UUID

from uuid_utils.compat import uuid7

from models.errors import InvalidGrant, InvalidInput, NotFound
from service.db.database import Database, Transaction
from service.db.limits import PERSON, Limiter
from service.security import passwords

NOBODY = UUID(int=0)
"""The business of a transaction that is about no business."""
log = logging.getLogger("interlock.accounts")
"""What is about no business is in no business's audit: it is logged, with the request's id."""
BY_EMAIL = "SELECT id, name, password_hash, disabled_at FROM account WHERE email = %s"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """Somebody to sign in; without a password they come by link or invitation."""

    email: str
    name: str
    password: str | None = field(default=None, repr=False)
    platform_admin: bool = False

    def __post_init__(self) -> None:
        if not 3 <= len(self.email) <= 254 or "@" not in self.email:
            raise InvalidInput(f"{self.email!r} is no e-mail address.")


@dataclass(frozen=True, slots=True)
class Known:
    """An account as it is found by its address."""

    id: UUID
    name: str
    password_hash: str | None = field(repr=False)
    disabled: bool = False


async def add(db: Database, request: NewAccount) -> UUID:
    """Add an account and return its id; raises `InvalidInput` where the address has one already."""
    password_hash = None if request.password is None else await passwords.hashed(request.password)
    account_id = uuid7()

    async def work(tx: Transaction) -> UUID:
        tx.act_as(account_id)
        await tx.execute(
            "INSERT INTO account (id, email, name, password_hash, platform_admin) VALUES (%s, %s, %s, %s, %s)",
            [account_id, request.email.lower(), request.name, password_hash, request.platform_admin],
        )
        return account_id

    return await db.transact(NOBODY, work)


async def by_email(db: Database, email: str) -> Known:
    """Return the account of an address; raises `NotFound`."""

    async def work(tx: Transaction) -> Known:
        await tx.execute("SELECT set_config('app.email', %s, true)", [email.lower()])
        row = await tx.row(BY_EMAIL, [email.lower()])
        if row is None:
            raise NotFound(f"There is no account {email!r}.")
        return Known(row["id"], row["name"], row["password_hash"], row["disabled_at"] is not None)

    return await db.transact(NOBODY, work)


async def checked(limiter: Limiter, email: str, password: str) -> UUID:
    """Return the account of an address whose password is right; as slow for an address that nobody has.

    Raises
    ------
    TooManyRequests
        Too many tries at this address, wherever they come from.
    InvalidGrant
        No such account, another password, or disabled: nobody is told which.
    """
    email = email.strip()
    await limiter.take(PERSON, email.lower())
    try:
        known = await by_email(limiter.db, email)
    except NotFound:
        known = Known(NOBODY, "", None)
    if not await passwords.is_right(password, known.password_hash) or known.disabled:
        raise InvalidGrant("The e-mail or the password is not right.", error="invalid_grant")
    return known.id


async def set_password(db: Database, account_id: UUID, password: str, *, keep: UUID | None = None) -> None:
    """Set a password and end every session but `keep`."""
    password_hash = await passwords.hashed(password)

    async def work(tx: Transaction) -> None:
        tx.act_as(account_id)
        if not await tx.execute("UPDATE account SET password_hash = %s WHERE id = %s", [password_hash, account_id]):
            raise NotFound("There is no such account.")
        await _end_sessions(tx, account_id, "password changed", keep)

    await db.transact(NOBODY, work)
    log.info("account %s: password changed %s", account_id, "from outside" if keep is None else f"in session {keep}")


async def disable(db: Database, account_id: UUID) -> None:
    """Let an account in no more, and end its sessions."""

    async def work(tx: Transaction) -> None:
        tx.act_as(account_id)
        await tx.execute(
            "UPDATE account SET disabled_at = clock_timestamp() WHERE id = %s AND disabled_at IS NULL", [account_id]
        )
        await _end_sessions(tx, account_id, "account disabled")

    await db.transact(NOBODY, work)
    log.info("account %s: disabled", account_id)


async def _end_sessions(tx: Transaction, account_id: UUID, because: str, keep: UUID | None = None) -> None:
    await tx.execute(
        "UPDATE session SET revoked_at = clock_timestamp(), revoked_because = %s "
        "WHERE account_id = %s AND revoked_at IS NULL AND id IS DISTINCT FROM %s",
        [because, account_id, keep],
    )
