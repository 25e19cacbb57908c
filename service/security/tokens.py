"""Tokens: signed ones that say who for a while (JWT, RFC 7519), and random ones of which the hash is kept."""

import hashlib
import hmac
import secrets
import time
from typing import Any
from uuid import UUID

import jwt

from models.errors import Unauthenticated
from service.security.keyring import Keyring

ISSUER, ALGORITHM = "interlock", "HS256"
REQUIRED: jwt.types.Options = {"require": ["exp", "iat", "sub", "aud", "iss"]}
API, WEB, LINK, MINE = "interlock:api", "interlock:web", "interlock:link", "interlock:mine"
"""Audiences: what is made for one is refused by the others."""
COOKIE = "interlock_session"
"""The cookie that carries a browser's session."""
PREFIX_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def signed(keyring: Keyring, audience: str, seconds: int, **claims: object) -> str:
    """Return a token that holds for some seconds."""
    now = int(time.time())
    standard = {"iss": ISSUER, "aud": audience, "iat": now, "exp": now + seconds, "jti": secrets.token_hex(8)}
    return jwt.encode({**standard, **claims}, keyring.signing, ALGORITHM)


def read(keyring: Keyring, token: str, audience: str) -> dict[str, Any]:
    """Return the claims of a token of ours.

    Raises
    ------
    Unauthenticated
        Not signed by us with our algorithm, for another audience, expired, or no token at all.
    """
    try:
        return jwt.decode(
            token, keyring.signing, algorithms=[ALGORITHM], audience=audience, issuer=ISSUER, options=REQUIRED
        )
    except jwt.ExpiredSignatureError as error:
        raise Unauthenticated("The token has expired.") from error
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Unauthenticated("The token is not valid.") from error


def drawn(kind: str, owner: UUID) -> str:
    """Return a random token of 256 bits that names whose rows its hash is among: ``kind_owner_secret``."""
    return f"{kind}_{owner.hex}_{secrets.token_urlsafe(32)}"


def owner_of(token: str, kind: str) -> UUID:
    """Return whom a token says that it belongs to; only its hash can tell whether that is true.

    Raises
    ------
    Unauthenticated
        It does not look like one of its kind.
    """
    parts = token.split("_", 2)
    if len(parts) == 3 and parts[0] == kind and len(parts[1]) == 32:
        try:
            return UUID(hex=parts[1])
        except ValueError:
            pass
    raise Unauthenticated("The token is not valid.")


def drawn_key() -> tuple[str, str]:
    """Return a new API key's prefix and the whole key, ``ilk_prefix_secret``."""
    prefix = "".join(secrets.choice(PREFIX_LETTERS) for _ in range(12))
    return prefix, f"ilk_{prefix}_{secrets.token_urlsafe(32)}"


def prefix_of(key: str) -> str:
    """Return the prefix of what looks like an API key; raises `Unauthenticated`."""
    parts = key.split("_", 2)
    if len(parts) != 3 or parts[0] != "ilk" or len(parts[1]) != 12 or not parts[1].isascii() or not parts[1].isalnum():
        raise Unauthenticated("The key is not valid.")
    return parts[1]


def digest(token: str) -> bytes:
    """Return what is kept of a random token: 256 random bits are not guessed, so one SHA-256 is enough."""
    return hashlib.sha256(token.encode()).digest()


def is_digest(kept: bytes, token: str) -> bool:
    """Return whether a token is the one that is kept, in constant time."""
    return hmac.compare_digest(kept, digest(token))
