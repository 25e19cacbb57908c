"""Around every request: its id, one line of log, one observation, and an answer whatever happens."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils.compat import uuid7

from models.errors import InterlockError
from service.api.problems import problem_response
from service.db.database import REQUEST_ID
from service.telemetry.metrics import REQUESTS

HEADER = b"x-request-id"
QUIET = ("/health/", "/metrics", "/static/")
UNEXPECTED = InterlockError("The request could not be served.")
log = structlog.get_logger("interlock.http")


class Observed:
    """Give each request an id, the caller's where it can be kept; log and measure how it was answered.

    The id travels in the request's headers, so that commands write it into audit and events; it comes back in the
    answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, status, begun, answering = _identify(scope), 500, time.perf_counter(), False

        async def noted(message: Message) -> None:
            nonlocal status, answering
            if message["type"] == "http.response.start":
                answering = True
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (HEADER, request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, noted)
            except Exception:
                # What went wrong is in the log; it is nobody else's business.
                log.exception("failed", operation=_operation(scope))
                if answering:
                    raise
                await problem_response(UNEXPECTED.problem())(scope, receive, noted)
            finally:
                _tell(scope, status, time.perf_counter() - begun)


def _identify(scope: Scope) -> str:
    headers = [(name, value) for name, value in scope["headers"] if name != HEADER]
    given = next((value for name, value in scope["headers"] if name == HEADER), b"").decode("latin-1")
    request_id = given if REQUEST_ID.fullmatch(given) else str(uuid7().hex)
    scope["headers"] = [*headers, (HEADER, request_id.encode())]
    return request_id


def _operation(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "operation_id", None) or getattr(route, "name", "none"))


def _tell(scope: Scope, status: int, seconds: float) -> None:
    # The route, never the address: that carries ids, tokens and search terms.
    operation = _operation(scope)
    REQUESTS.labels(operation, status).observe(seconds)
    if not scope["path"].startswith(QUIET):
        log.info("request", method=scope["method"], operation=operation, status=status, ms=round(seconds * 1000, 2))
