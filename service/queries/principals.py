"""Who asks: from a credential to a principal, with its role in one business. Asked anew at every request."""

from typing import Any
from uuid import UUID

from models.errors import Unauthenticated
from models.permissions import Principal, Role
from service.db.database import Database
from service.security import tokens
from service.security.keyring import Keyring

NOBODY = UUID(int=0)
OF_ACCOUNT = """
SELECT a.platform_admin, m.role, m.staff_id, m.client_id
FROM account a
JOIN session s ON s.account_id = a.id AND s.id = %(session)s
    AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
LEFT JOIN membership m ON m.account_id = a.id AND m.business_id = %(business)s
WHERE a.id = %(account)s AND a.disabled_at IS NULL
"""
LIVE_KEY = """
SELECT id, business_id, prefix, secret_hash, scopes,
       last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute' AS unnoted
FROM api_key
WHERE prefix = %(prefix)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
"""
NOTE_USE = "UPDATE api_key SET last_used_at = clock_timestamp() WHERE business_id = %s AND id = %s"
# Who is deleted keeps what they have booked; who is erased is nobody any more.
OF_LINK = "SELECT 1 FROM client WHERE business_id = %(business)s AND id = %(client)s AND erased_at IS NULL"
LINK_SCOPES = frozenset({"bookings:read", "bookings:write", "waitlist:write"})


async def of_bearer(db: Database, keyring: Keyring, token: str, business_id: UUID | None) -> Principal:
    """Return whom a bearer token speaks for: an API key, a signed link, or an access token.

    Raises
    ------
    Unauthenticated
        It is not good, or not any more.
    """
    if token.startswith("ilk_"):
        return await of_key(db, token)
    if token.startswith("link."):
        return await of_link(db, keyring, token.removeprefix("link."))
    claims = tokens.read(keyring, token, tokens.API)
    kind, _, subject = str(claims["sub"]).partition(":")
    scopes = frozenset(str(claims.get("scope", "")).split()) or None
    if kind == "key":
        return await _of_key_token(db, subject, scopes)
    return await of_session(db, _uuid(subject), _uuid(claims.get("sid")), business_id, scopes)


async def of_session(
    db: Database, account_id: UUID, session_id: UUID, business_id: UUID | None, scopes: frozenset[str] | None = None
) -> Principal:
    """Return the principal of a live session of an account; raises `Unauthenticated`."""
    async with db.transaction(business_id or NOBODY) as tx:
        tx.act_as(account_id)
        row = await tx.only_row(OF_ACCOUNT, {"account": account_id, "session": session_id, "business": business_id})
    if row is None:
        raise Unauthenticated("The session is over; sign in again.")
    role = Role.PLATFORM_ADMIN if row["platform_admin"] else Role(row["role"]) if row["role"] else None
    return Principal(
        f"account:{account_id}",
        role,
        scopes,
        account_id=account_id,
        session_id=session_id,
        client_id=row["client_id"],
        staff_id=row["staff_id"],
    )


async def of_cookie(db: Database, keyring: Keyring, cookie: str, business_id: UUID | None) -> Principal:
    """Return the principal of a browser's session cookie; raises `Unauthenticated`."""
    claims = tokens.read(keyring, cookie, tokens.WEB)
    return await of_session(db, _uuid(claims["sub"]), _uuid(claims.get("sid")), business_id)


async def of_key(db: Database, key: str) -> Principal:
    """Return the principal of a live API key, and note its use once a minute; raises `Unauthenticated`."""
    row = await _key_row(db, tokens.prefix_of(key))
    if row is None or not tokens.is_digest(bytes(row["secret_hash"]), key):
        raise Unauthenticated("The key is not valid, or not any more.")
    if row["unnoted"]:
        async with db.transaction(row["business_id"]) as tx:
            await tx.execute(NOTE_USE, [row["business_id"], row["id"]])
    return _of_key_row(row, None)


async def _of_key_token(db: Database, prefix: str, scopes: frozenset[str] | None) -> Principal:
    row = await _key_row(db, prefix)
    if row is None:
        raise Unauthenticated("The key behind this token is not valid any more.")
    return _of_key_row(row, scopes)


async def _key_row(db: Database, prefix: str) -> dict[str, Any] | None:
    async with db.transaction(NOBODY) as tx:
        tx.show_key(prefix)
        return await tx.only_row(LIVE_KEY, {"prefix": prefix})


def _of_key_row(row: dict[str, Any], scopes: frozenset[str] | None) -> Principal:
    granted = frozenset(row["scopes"])
    return Principal(
        f"key:{row['prefix']}",
        scopes=granted if scopes is None else granted & scopes,
        business_id=row["business_id"],
    )


async def of_link(db: Database, keyring: Keyring, token: str) -> Principal:
    """Return the principal of a signed link: a client about one booking, without an account.

    Raises
    ------
    Unauthenticated
        It is not good, or its client has been erased.
    """
    claims = tokens.read(keyring, token, tokens.LINK)
    client_id, business_id = _uuid(claims["sub"]), _uuid(claims.get("business"))
    async with db.transaction(business_id) as tx:
        if await tx.only_row(OF_LINK, {"business": business_id, "client": client_id}) is None:
            raise Unauthenticated("The link's client is not known any more.")
    return Principal(
        f"link:{client_id}",
        Role.CLIENT,
        LINK_SCOPES,
        business_id=business_id,
        client_id=client_id,
        booking_id=_uuid(claims.get("booking")),
    )


def _uuid(text: object) -> UUID:
    try:
        return UUID(str(text))
    except ValueError as error:
        raise Unauthenticated("The token is not valid.") from error
