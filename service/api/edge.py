"""One layer around every request: id, limit of its address, deadline, safe headers, compression, a line of log.

They stand in one place because a request pays for each layer: what it says is read once, its answer is headed once.
"""

import logging
import time
from functools import cache

import structlog
from prometheus_client import Histogram
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars
from uuid_utils import uuid7

from models.errors import InterlockError, TooManyRequests
from service.api.headers import CREDENTIALS, Head, refused, safe
from service.api.problems import problem_response, refusal_headers
from service.db.limits import ADDRESS, SIGN_IN, Limit, Limiter, address_of
from service.db.origin import REQUEST_ID
from service.db.session import LONGEST_S, answer_by
from service.telemetry.metrics import REQUESTS

ID = b"x-request-id"
OURS = ("/health/", "/metrics", "/static/")
"""Asked for often, and by everybody: neither limited nor logged."""
# The sign-in page asks for itself, to say so in words.
SIGNING_IN = frozenset({"/api/v1/token", "/api/v1/invitations/accept", "/api/v1/account/password"})
SMALLEST = 1000
"""Bytes of an answer that is worth compressing."""
CLOSING = (b"connection", b"close")
UNEXPECTED = InterlockError("The request could not be served.")
log = structlog.get_logger("interlock.http")
lines = logging.getLogger("interlock.http")


class Passage:
    """A request on its way: what its head says, and what will be added to the head of its answer.

    The id is the caller's where it can be kept. It travels on in the request's headers, so that commands write it into
    audit and events, and comes back in the answer.
    """

    __slots__ = ("_limited", "_scope", "_send", "begun", "given", "id", "is_quiet", "status")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send, self._limited = scope, send, Head()
        self.begun, self.status, self.is_quiet = time.perf_counter(), 0, scope["path"].startswith(OURS)
        self.given = dict(scope["headers"])
        named = self.given.get(ID, b"").decode("latin-1")
        self.id = named if REQUEST_ID.fullmatch(named) else uuid7().hex
        headers = [pair for pair in scope["headers"] if pair[0] != ID] if ID in self.given else scope["headers"]
        scope["headers"] = [*headers, (ID, self.id.encode())]

    async def limited(self) -> None:
        """Take the token of a request from its address's bucket; raises `TooManyRequests`.

        The answer tells what is left, as "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers).
        """
        scope = self._scope
        limiter: Limiter = scope["app"].state.limiter
        is_signing_in = scope["path"] in SIGNING_IN and scope["method"] not in ("GET", "OPTIONS")
        limit, who = SIGN_IN if is_signing_in else ADDRESS, address_of(scope)
        left = limiter.spare(limit, who)
        if left is None:
            left = await limiter.take(limit, who)
        state = f'"{limit.name}";r={max(0, int(left))};t={limit.seconds}'
        self._limited = [(b"ratelimit-policy", _policy(limit)), (b"ratelimit", state.encode())]

    async def send(self, message: Message) -> None:
        """Send a part of the answer; its head with what every answer carries and the route has not said otherwise."""
        if message["type"] == "http.response.start":
            self.status, head = message["status"], message.get("headers", ())
            names = {name for name, _ in head}
            is_private = not CREDENTIALS.isdisjoint(self.given)
            added = safe(names, is_secure=self._scope["scheme"] == "https", is_private=is_private)
            limited = [] if b"ratelimit" in names else self._limited
            message["headers"] = [*head, *added, *limited, (ID, self.id.encode())]
            # While the process drains, whoever is answered is told not to come back (RFC 9112, section 9.6).
            if getattr(self._scope["app"].state, "draining", False):
                message["headers"].append(CLOSING)
        await self._send(message)

    def tell(self) -> None:
        """Observe how the request was answered, and log a line of it."""
        seconds, status, operation = time.perf_counter() - self.begun, self.status or 500, _operation(self._scope)
        _requests(operation, status).observe(seconds)
        if lines.isEnabledFor(logging.INFO) and not self.is_quiet:
            # The route, never the address: that carries ids, tokens and search terms.
            method, ms = self._scope["method"], round(seconds * 1000, 2)
            log.info("request", method=method, operation=operation, status=status, ms=ms)


class Edge:
    """The outermost layer: no answer leaves without its headers and its line of log, whatever happens."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.compressing = app, GZipMiddleware(app, SMALLEST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        passage = Passage(scope, send)
        # What a request asks of the database waits no longer than the database's own limits, all in all.
        answer_by.set(time.monotonic() + LONGEST_S)
        bound = bind_contextvars(request_id=passage.id)
        try:
            await self._pass(passage, scope, receive)
        except Exception:
            # What went wrong is in the log; it is nobody else's business.
            log.exception("failed", operation=_operation(scope))
            if passage.status:
                raise
            await refused(problem_response(UNEXPECTED.problem()), scope, receive, passage.send)
        finally:
            passage.tell()
            reset_contextvars(**bound)

    async def _pass(self, passage: Passage, scope: Scope, receive: Receive) -> None:
        try:
            if not passage.is_quiet:
                await passage.limited()
        except TooManyRequests as error:
            response = problem_response(error.problem(), refusal_headers(error))
            await refused(response, scope, receive, passage.send)
            return
        app = self.compressing if b"gzip" in passage.given.get(b"accept-encoding", b"") else self.app
        await app(scope, receive, passage.send)


@cache
def _policy(limit: Limit) -> bytes:
    return limit.policy.encode()


@cache
def _requests(operation: str, status: int) -> Histogram:
    return REQUESTS.labels(operation, status)


def _operation(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "operation_id", None) or getattr(route, "name", "none"))
