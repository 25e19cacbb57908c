"""Errors on the wire: RFC 9457 problem documents, for every error and every status."""

import re
from functools import cache
from http import HTTPStatus
from typing import cast

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from models.errors import InterlockError, InvalidClient, TooManyRequests, Unauthenticated, Unavailable
from service.telemetry.metrics import PROBLEMS


def problem_response(problem: dict[str, object], headers: dict[str, str] | None = None) -> Response:
    """Return a problem document with its own status."""
    PROBLEMS.labels(problem["code"]).inc()
    return Response(
        orjson.dumps(problem, default=str),
        status_code=int(str(problem["status"])),
        media_type="application/problem+json",
        headers=headers,
    )


CODES = {
    400: "malformed-body",
    404: "not-found",
    405: "method-not-allowed",
    408: "body-too-slow",
    413: "body-too-large",
}
"""Codes of what is refused before it reaches a route."""


async def _domain(_: Request, error: Exception) -> Response:
    domain = cast("InterlockError", error)
    headers = {}
    if isinstance(domain, Unavailable):
        headers["Retry-After"] = str(domain.retry_after_s)
    if isinstance(domain, TooManyRequests):
        headers |= refusal_headers(domain)
    if isinstance(domain, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="interlock"'
    if isinstance(domain, InvalidClient):
        headers["WWW-Authenticate"] = 'Basic realm="interlock"'
    return problem_response(domain.problem(), headers)


def refusal_headers(error: TooManyRequests) -> dict[str, str]:
    """Return the headers of a refusal: when to come again, and the limit that was reached."""
    wait, policy = str(error.fields["retry_after_s"]), str(error.fields["policy"])
    return {
        "Retry-After": wait,
        "RateLimit-Policy": policy,
        "RateLimit": f"{policy.partition(';')[0]};r=0;t={wait}",
    }


async def _invalid(_: Request, error: Exception) -> Response:
    invalid = cast("RequestValidationError", error)
    places = [{"at": "/".join(str(part) for part in e["loc"]), "message": e["msg"]} for e in invalid.errors()[:20]]
    return problem_response(
        {
            "type": "urn:interlock:problem:invalid-input",
            "title": "The input is not valid",
            "status": 422,
            "detail": f"{places[0]['at']}: {places[0]['message']}" if places else "The request is not valid.",
            "code": "invalid-input",
            "errors": places,
        }
    )


async def _http(request: Request, error: Exception) -> Response:
    http = cast("HTTPException", error)
    code = CODES.get(http.status_code, "http-error")
    problem: dict[str, object] = {
        "type": f"urn:interlock:problem:{code}",
        "title": HTTPStatus(http.status_code).phrase,
        "status": http.status_code,
        "detail": str(http.detail),
        "code": code,
    }
    headers = dict(http.headers or {})
    if http.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (allowed := _allowed(request)):
        headers["Allow"] = allowed
    return problem_response(problem, headers)


def _allowed(request: Request) -> str:
    """Return the methods of a path, all of them: the router knows those of the first route alone."""
    paths = request.app.openapi()["paths"]
    found = {method.upper() for path in paths if _form(path).match(request.url.path) for method in paths[path]}
    return ", ".join(sorted(found))


@cache
def _form(path: str) -> re.Pattern[str]:
    return compile_path(path)[0]


def install(app: FastAPI) -> None:
    """Make every error of an app a problem document."""
    app.add_exception_handler(InterlockError, _domain)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
