"""Rate limits, shared by all processes: a token bucket a caller, kept in an unlogged table.

Each process takes tokens in advance, a few at a time, so that most requests cost no statement.
"""

import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network
from typing import Any

from models.errors import TooManyRequests, Unavailable
from service.db.database import Database

STOCK_S = 2.0
"""How long a token taken in advance is good for."""
MOST_STOCKS = 50_000
# The generic cell rate algorithm (ITU-T I.371): `tat` is when the bucket will be full again.
TAKE = """
INSERT INTO edge.rate_limit AS kept (caller, tat)
VALUES (%(caller)s, clock_timestamp() + %(cost)s * interval '1 second')
ON CONFLICT (caller) DO UPDATE
SET tat = greatest(kept.tat, clock_timestamp()) + %(cost)s * interval '1 second'
WHERE greatest(kept.tat, clock_timestamp()) + %(cost)s * interval '1 second'
      <= clock_timestamp() + %(full)s * interval '1 second'
RETURNING extract(epoch FROM kept.tat - clock_timestamp())::float8 AS used
"""
USED = """
SELECT greatest(extract(epoch FROM tat - clock_timestamp())::float8, 0) AS used FROM edge.rate_limit
WHERE caller = %(caller)s
"""
PRUNE_SHARE = 0.001
PRUNE = "DELETE FROM edge.rate_limit WHERE tat < clock_timestamp() - interval '1 hour'"


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests a window of seconds; `lease` of them are taken at a time."""

    name: str
    requests: int
    seconds: int = 60
    lease: int = 1

    @property
    def policy(self) -> str:
        """Return the member of the RateLimit-Policy header."""
        return f'"{self.name}";q={self.requests};w={self.seconds}'


ADDRESS = Limit("address", 1200, lease=20)
SIGN_IN = Limit("sign-in", 10)
KEY = Limit("key", 6000, lease=50)
PERSON = Limit("account", 20, 900)
"""Looks at the password of one e-mail address, from wherever they come."""
BUSINESS = Limit("business", 30_000, lease=100)


def address_of(scope: Mapping[str, Any]) -> str:
    """Return whom the address of an ASGI request stands for: IPv6 gives everybody a network of 64 bits (RFC 6177)."""
    host = str((scope.get("client") or ("unknown",))[0])
    if ":" not in host:
        return host
    try:
        address = IPv6Address(host)
    except ValueError:
        return host[:45]
    return str(address.ipv4_mapped or IPv6Network((int(address) >> 64 << 64, 64)))


@dataclass(slots=True)
class Limiter:
    """The limits of this process, on one database; without `is_on` nobody is limited."""

    db: Database
    is_on: bool = True
    _stocks: dict[str, tuple[int, float, float]] = field(default_factory=dict)

    def spare(self, limit: Limit, who: str) -> float | None:
        """Take one request's token and return how many are left, if the database need not be asked; else None."""
        if not self.is_on:
            return float(limit.requests)
        caller = f"{limit.name}:{who}"
        left, since, beyond = self._stocks.get(caller, (0, 0.0, 0.0))
        if left <= 0 or time.monotonic() - since >= STOCK_S:
            return None
        self._stocks[caller] = (left - 1, since, beyond)
        return beyond + left - 1

    async def take(self, limit: Limit, who: str) -> float:
        """Take one request's token and return how many are left.

        Raises
        ------
        TooManyRequests
            None is left; its `retry_after_s` says when one will be.
        """
        if (left := self.spare(limit, who)) is not None:
            return left
        caller, now = f"{limit.name}:{who}", time.monotonic()
        try:
            taken, beyond = await self._lease(limit, caller)
        except Unavailable:
            # The route will say so itself; a limiter that is down must not take everything down.
            return float(limit.requests)
        if len(self._stocks) >= MOST_STOCKS:
            self._stocks.clear()
        self._stocks[caller] = (taken - 1, now, beyond)
        return beyond + taken - 1

    async def _lease(self, limit: Limit, caller: str) -> tuple[int, float]:
        if random.random() < PRUNE_SHARE:  # noqa: S311 - now and then, no secret
            await self.db.anywhere(PRUNE)
        each = limit.seconds / limit.requests
        for tokens in sorted({limit.lease, 1}, reverse=True):
            asked = {"caller": caller, "cost": each * tokens, "full": float(limit.seconds)}
            rows = await self.db.anywhere(TAKE, asked)
            if rows:
                return tokens, (limit.seconds - rows[0]["used"]) / each
        used = (await self.db.anywhere(USED, {"caller": caller}))[0]["used"]
        wait = max(1, math.ceil(used + each - limit.seconds))
        raise TooManyRequests(f"Too many requests; try again in {wait} s.", retry_after_s=wait, policy=limit.policy)
