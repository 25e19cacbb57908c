"""Headers that keep browsers from doing harm, and those that let a business's own sites call the API (CORS)."""

import time
from collections.abc import Set as AbstractSet

from starlette.requests import Request
from starlette.responses import Response
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
OF_ACCOUNTS = ("/api/v1/token", "/api/v1/account", "/api/v1/invitations/")
"""What is about no business: any site's page may ask, since only what it sends itself says for whom, never a cookie."""
UNKNOWN: tuple[frozenset[str], float] = (frozenset(), 0.0)
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass the request on and allow its origin to read the answer."""
        if scope["type"] != "http" or _origin(scope) is None or not scope["path"].startswith((API, *OF_ACCOUNTS)):
            await self.app(scope, receive, send)
            return
        if scope["path"].startswith(API):
            await _look_up(scope)
        headers = readable(scope)
        if _is_preflight(scope):
            await _preflight(send, headers)
            return

        async def with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self.app(scope, receive, with_origin)


async def refused(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a refusal that is made before any route, so that a page that may call the API can read it.

    The database is not asked: who is refused for asking too often causes no more work. A preflight is answered, or the
    page would never see the refusal that comes after it.
    """
    headers = readable(scope)
    if len(headers) > 1 and _is_preflight(scope):
        await _preflight(send, headers)
        return
    response.raw_headers.extend(headers)
    await response(scope, receive, send)


def readable(scope: Scope) -> Head:
    """Return what lets the page that asks read the answer, as far as its business's origins are in memory."""
    origin, path = _origin(scope), scope["path"]
    if origin is None:
        return []
    if path.startswith(OF_ACCOUNTS):
        return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", SHOWN)]
    named, _ = scope["app"].state.origins.get(_slug(path), UNKNOWN) if path.startswith(API) else UNKNOWN
    headers = [(b"vary", b"Origin")]
    if origin.decode("latin-1") in named:
        headers += [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", SHOWN)]
    return headers


async def _look_up(scope: Scope) -> None:
    """Have the origins that a business names in memory, as they were ten seconds ago at the most."""
    known, slug, now = scope["app"].state.origins, _slug(scope["path"]), time.monotonic()
    if now < known.get(slug, UNKNOWN)[1]:
        return
    try:
        named = await businesses.origins(scope["app"].state.interlock.db, slug)
    except InterlockError:
        return
    if len(known) >= MOST_KNOWN:
        known.clear()
    known[slug] = (named, now + KNOWN_S)


def _origin(scope: Scope) -> bytes | None:
    return next((value for name, value in scope.get("headers", ()) if name == b"origin"), None)


def _slug(path: str) -> str:
    return path.removeprefix(API).partition("/")[0]


def _is_preflight(scope: Scope) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in Request(scope).headers


async def _preflight(send: Send, headers: Head) -> None:
    allowed = len(headers) > 1
    if allowed:
        headers = [
            *headers,
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", ASKED),
            (b"access-control-max-age", b"600"),
        ]
    await send({"type": "http.response.start", "status": 204 if allowed else 403, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
