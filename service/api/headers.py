"""Headers that keep browsers from doing harm, and those that let a business's own sites call the API (CORS)."""

import time
from collections.abc import Set as AbstractSet

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import InterlockError
from service.queries import businesses

Head = list[tuple[bytes, bytes]]
SAFE: Head = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    # What an answer may load that does not say for itself: nothing.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
NAMES = frozenset(name for name, _ in SAFE)
PRIVATE = (b"cache-control", b"private, no-cache")
CREDENTIALS = frozenset({b"authorization", b"cookie", b"x-api-key"})
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
KNOWN_S, MOST_KNOWN = 10.0, 10_000
"""How long a business's origins are believed, and of how many businesses they are kept."""
API = "/api/v1/businesses/"
METHODS = b"GET, POST, PUT, PATCH, DELETE"
ASKED = (
    b"Authorization, Content-Type, Hold-Token, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-API-Key, "
    b"X-Request-ID"
)
SHOWN = b"ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"


def safe(present: AbstractSet[bytes], *, is_secure: bool, is_private: bool) -> Head:
    """Return what an answer with some headers should carry besides; private: it may depend on who asks."""
    added = SAFE if present.isdisjoint(NAMES) else [pair for pair in SAFE if pair[0] not in present]
    if is_secure:
        added = [*added, STRICT_TRANSPORT]
    return [*added, PRIVATE] if is_private and b"cache-control" not in present else added


class BusinessOrigins:
    """Let the sites that a business names call its part of the API from a browser, without cookies."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._known: dict[str, tuple[frozenset[str], float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass the request on and allow its origin to read the answer."""
        origin = next((value for name, value in scope.get("headers", ()) if name == b"origin"), None)
        if scope["type"] != "http" or origin is None or not scope["path"].startswith(API):
            await self.app(scope, receive, send)
            return
        allowed = origin.decode("latin-1") in await self._origins(scope)
        headers = [(b"vary", b"Origin")]
        if allowed:
            headers += [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", SHOWN)]
        if scope["method"] == "OPTIONS" and "access-control-request-method" in Request(scope).headers:
            await _preflight(send, headers, allowed=allowed)
            return

        async def with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self.app(scope, receive, with_origin)

    async def _origins(self, scope: Scope) -> frozenset[str]:
        slug, now = scope["path"].removeprefix(API).partition("/")[0], time.monotonic()
        known, until = self._known.get(slug, (frozenset(), 0.0))
        if now >= until:
            try:
                known = await businesses.origins(scope["app"].state.interlock.db, slug)
            except InterlockError:
                return frozenset()
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[slug] = (known, now + KNOWN_S)
        return known


async def _preflight(send: Send, headers: list[tuple[bytes, bytes]], *, allowed: bool) -> None:
    if allowed:
        headers += [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", ASKED),
            (b"access-control-max-age", b"600"),
        ]
    await send({"type": "http.response.start", "status": 204 if allowed else 403, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
