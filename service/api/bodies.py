"""Request bodies: JSON as RFC 8259 means it, no name twice, and no more of it than a request needs."""

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from service.api.answers import answered

DEEPEST = 20
"""Levels of nesting."""


class StrictRoute(APIRoute):
    """A route whose JSON bodies are read strictly, and whose answers to reads have what `answers` gives them all."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, given a request that reads strictly."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            strict = _StrictRequest(request.scope, request.receive)
            response = await handle(strict)
            return answered(strict, response, self.response_model) if request.method == "GET" else response

        return strictly


class _StrictRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401 - any JSON value
        return parsed(await self.body())


def parsed(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return what a JSON text means.

    Raises
    ------
    HTTPException
        400: not JSON in UTF-8, a name twice in one object, NaN or infinity, a lone surrogate, nested too deeply.
    """
    try:
        value = json.loads(
            body.decode(), object_pairs_hook=_no_name_twice, parse_constant=_no_constant, parse_float=_finite
        )
        _check(value, DEEPEST)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"The body is not the JSON that is expected: {error}.") from error
    return value


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _check(value: object, levels: int) -> None:
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict | list):
        if levels == 0:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
        for member in (*value, *value.values()) if isinstance(value, dict) else value:
            _check(member, levels - 1)
