"""Sessions: opened by a password or a link, kept alive by refresh tokens that are good once, ended by revoking."""

from dataclasses import dataclass, field
from uuid import UUID

from uuid_utils.compat import uuid7

from models.errors import InvalidGrant, NotFound, Unauthenticated
from service.commands.accounts import NOBODY, log
from service.db.database import Database, Transaction
from service.security import tokens
from service.security.keyring import Keyring

ACCESS_SECONDS = 600
"""How long an access token holds; the session behind it is looked at anyway."""
API_DAYS, WEB_DAYS, REFRESH_DAYS = 90, 14, 30

OPEN = """
INSERT INTO session (id, account_id, kind, agent, scope, expires_at)
SELECT %(session)s, id, %(kind)s, %(agent)s, %(scope)s, clock_timestamp() + make_interval(days => %(days)s)
FROM account WHERE id = %(account)s AND disabled_at IS NULL
"""
KEEP = """
INSERT INTO refresh_token (hash, account_id, session_id, expires_at)
VALUES (%(hash)s, %(account)s, %(session)s, clock_timestamp() + make_interval(secs => %(seconds)s))
"""
USE = """
UPDATE refresh_token t SET used_at = clock_timestamp() FROM session s, account a
WHERE t.hash = %(hash)s AND t.used_at IS NULL AND t.expires_at > clock_timestamp()
  AND s.id = t.session_id AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
  AND a.id = t.account_id AND a.disabled_at IS NULL
RETURNING t.session_id, s.scope
"""
REVOKE = """
UPDATE session SET revoked_at = clock_timestamp(), revoked_because = %(because)s
WHERE account_id = %(account)s AND revoked_at IS NULL
  AND id = coalesce(%(session)s, (SELECT session_id FROM refresh_token WHERE hash = %(hash)s))
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """What the token endpoint answers (RFC 6749, section 5.1)."""

    access_token: str = field(repr=False)
    expires_in: int
    scope: str
    refresh_token: str | None = field(default=None, repr=False)
    token_type: str = "Bearer"  # noqa: S105 - the name of a kind


async def open_session(db: Database, account_id: UUID, kind: str, agent: str | None = None) -> UUID:
    """Open a session (`kind` is ``api`` or ``web``) and return its id; raises `InvalidGrant` where disabled."""
    session_id = uuid7()

    async def work(tx: Transaction) -> UUID:
        tx.act_as(account_id)
        await _open(tx, account_id, session_id, kind, agent)
        return session_id

    return await db.transact(NOBODY, work)


async def _open(
    tx: Transaction, account_id: UUID, session_id: UUID, kind: str, agent: str | None, scope: str = ""
) -> None:
    row = {
        "session": session_id,
        "account": account_id,
        "kind": kind,
        "agent": agent and agent[:200],
        "scope": scope,
        "days": WEB_DAYS if kind == "web" else API_DAYS,
    }
    if not await tx.execute(OPEN, row):
        raise InvalidGrant("There is no such account.", error="invalid_grant")


async def grant(db: Database, keyring: Keyring, account_id: UUID, scope: str = "", agent: str | None = None) -> Grant:
    """Open a session for somebody who has just proved who they are, and return its first tokens."""
    session_id, refresh = uuid7(), tokens.drawn("ilr", account_id)

    async def work(tx: Transaction) -> None:
        tx.act_as(account_id)
        await _open(tx, account_id, session_id, "api", agent, scope)
        await _keep(tx, refresh, account_id, session_id, REFRESH_DAYS * 86_400)

    await db.transact(NOBODY, work)
    return Grant(access(keyring, account_id, session_id, scope), ACCESS_SECONDS, scope, refresh)


def access(keyring: Keyring, account_id: UUID, session_id: UUID, scope: str = "") -> str:
    """Return an access token of a session; an empty scope is all that the account may."""
    return tokens.signed(
        keyring, tokens.API, ACCESS_SECONDS, sub=f"account:{account_id}", sid=str(session_id), scope=scope
    )


async def rotated(db: Database, keyring: Keyring, refresh: str, scope: str = "") -> Grant:
    """Return new tokens for a refresh token, which is used up by it (RFC 6749, section 6).

    Without a scope the access token has what was granted at first; a narrower one narrows this access token alone.

    Raises
    ------
    InvalidGrant
        More scope than was granted: the refresh token stays good. Expired, revoked, unknown; or used before: then
        somebody has a copy, and the whole session is revoked.
    """
    account_id = tokens.owner_of(refresh, "ilr")
    following = tokens.drawn("ilr", account_id)

    async def work(tx: Transaction) -> tuple[UUID, str] | None:
        tx.act_as(account_id)
        row = await tx.row(USE, {"hash": tokens.digest(refresh)})
        if row is None:
            await _revoke_if_reused(tx, account_id, refresh)
            return None
        kept = _within(scope, row["scope"])
        await _keep(tx, following, account_id, row["session_id"], REFRESH_DAYS * 86_400)
        return row["session_id"], kept

    used = await db.transact(NOBODY, work)
    if used is None:
        raise InvalidGrant("The refresh token is not good any more; sign in again.", error="invalid_grant")
    session_id, scope = used
    return Grant(access(keyring, account_id, session_id, scope), ACCESS_SECONDS, scope, following)


def _within(scope: str, granted: str) -> str:
    """Return the scope that is asked for, what was granted where none is; raises `InvalidGrant` where it is more."""
    if granted and not set(scope.split()) <= set(granted.split()):
        raise InvalidGrant("The refresh token was not granted all of these scopes.", error="invalid_scope")
    return scope or granted


async def _keep(tx: Transaction, token: str, account_id: UUID, session_id: UUID, seconds: int) -> None:
    row = {"hash": tokens.digest(token), "account": account_id, "session": session_id, "seconds": seconds}
    await tx.execute(KEEP, row)


async def _revoke_if_reused(tx: Transaction, account_id: UUID, refresh: str) -> None:
    kept = {"hash": tokens.digest(refresh)}
    used = await tx.row("SELECT session_id FROM refresh_token WHERE hash = %(hash)s AND used_at IS NOT NULL", kept)
    if used is not None:
        row = {"account": account_id, "session": used["session_id"], "because": "refresh token reused", "hash": b""}
        await tx.execute(REVOKE, row)


async def revoke(db: Database, account_id: UUID, session_id: UUID) -> None:
    """End one of an account's sessions; raises `NotFound`."""

    async def work(tx: Transaction) -> int:
        tx.act_as(account_id)
        row = {"account": account_id, "session": session_id, "because": "signed out", "hash": b""}
        return await tx.execute(REVOKE, row)

    if not await db.transact(NOBODY, work):
        raise NotFound("There is no such session.")
    log.info("account %s: session %s signed out", account_id, session_id)


async def revoke_token(db: Database, refresh: str) -> None:
    """End the session of a refresh token; as RFC 7009 has it, an unknown one is no error."""
    try:
        account_id = tokens.owner_of(refresh, "ilr")
    except Unauthenticated:
        return

    async def work(tx: Transaction) -> int:
        tx.act_as(account_id)
        row = {"account": account_id, "session": None, "because": "token revoked", "hash": tokens.digest(refresh)}
        return await tx.execute(REVOKE, row)

    if await db.transact(NOBODY, work):
        log.info("account %s: session ended by its refresh token", account_id)


async def sign_in_link(db: Database, account_id: UUID, seconds: int = 86_400) -> str:
    """Return a token that opens one browser's session, once, within some time."""
    session_id, token = uuid7(), tokens.drawn("ilo", account_id)

    async def work(tx: Transaction) -> None:
        tx.act_as(account_id)
        await _open(tx, account_id, session_id, "web", None)
        await _keep(tx, token, account_id, session_id, seconds)

    await db.transact(NOBODY, work)
    return token


async def follow_link(db: Database, token: str) -> tuple[UUID, UUID]:
    """Use a sign-in link up and return its account and session; raises `Unauthenticated` where it is not good."""
    account_id = tokens.owner_of(token, "ilo")

    async def work(tx: Transaction) -> UUID | None:
        tx.act_as(account_id)
        row = await tx.row(USE, {"hash": tokens.digest(token)})
        return None if row is None else row["session_id"]

    session_id = await db.transact(NOBODY, work)
    if session_id is None:
        raise Unauthenticated("The link has been used or has expired.")
    return account_id, session_id
