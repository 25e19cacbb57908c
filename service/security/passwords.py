"""Passwords: argon2id (RFC 9106), off the event loop, a few at a time."""

from functools import cache

import anyio
import anyio.to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from models.errors import InvalidInput

SHORTEST, LONGEST = 12, 200
AT_ONCE = 2
"""Each takes 64 MiB and a core for a while; more at once would only wait for each other."""
_hasher = PasswordHasher()
_turns = anyio.CapacityLimiter(AT_ONCE)


async def hashed(password: str) -> str:
    """Return the hash to keep of a password.

    Raises
    ------
    InvalidInput
        Shorter than 12 characters, longer than 200, or fewer than 5 different ones (NIST SP 800-63B asks for length
        and asks for no other rule).
    """
    if not SHORTEST <= len(password) <= LONGEST or len(set(password)) < 5:
        raise InvalidInput(f"A password has {SHORTEST} to {LONGEST} characters, and not the same few all along.")
    return await anyio.to_thread.run_sync(_hasher.hash, password, limiter=_turns)


async def is_right(password: str, kept: str | None) -> bool:
    """Return whether a password is the one whose hash is kept; without one it takes as long to say no."""
    right = await anyio.to_thread.run_sync(_matches, kept or _of_nobody(), password, limiter=_turns)
    return right and kept is not None


def _matches(kept: str, password: str) -> bool:
    try:
        return _hasher.verify(kept, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


@cache
def _of_nobody() -> str:
    return _hasher.hash("nobody has this password")
