"""Structured logs: one JSON object a line, with the request's id, and nothing that is anybody's secret."""

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any, TextIO

import orjson
import structlog

from service.telemetry.traces import trace_id

MASK = "***"
PRIVATE = frozenset(
    [
        "password",
        "secret",
        "token",
        "access_token",
        "refresh_token",
        "client_secret",
        "authorization",
        "cookie",
        "set_cookie",
        "api_key",
        "x_api_key",
        "hold_token",
        "key",
        "email",
        "phone",
        "name",
        "client",
        "address",
    ]
)
"""Fields whose values are never written."""
CREDENTIALS = re.compile(
    r"\b(?:il[kroi]_[A-Za-z0-9]+_[\w-]+|(?:link\.)?eyJ[\w-]+\.[\w-]+\.[\w-]*)"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
"""Keys and tokens of ours, and a database address's user and password."""
ADDRESSES = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
Event = MutableMapping[str, Any]


def masked(_: object, __: str, event: Event) -> Event:
    """Replace what is private in an event: fields by name, credentials and e-mail addresses wherever they stand."""
    return {name: _masked(name, value) for name, value in event.items()}


def _masked(name: str, value: object) -> object:
    if _is_private(name):
        return MASK
    if isinstance(value, str):
        shown = CREDENTIALS.sub(MASK, value)
        return ADDRESSES.sub(MASK, shown) if "@" in shown else shown
    if isinstance(value, dict):
        return {str(inner): _masked(str(inner), of) for inner, of in value.items()}
    if isinstance(value, list | tuple):
        return [_masked("", member) for member in value]
    return value


@lru_cache(maxsize=1000)
def _is_private(name: str) -> bool:
    return name.lower().replace("-", "_") in PRIVATE


def _traced(_: object, __: str, event: Event) -> Event:
    found = trace_id()
    return event if found is None else {**event, "trace_id": found}


def _written(event: Event, **options: Any) -> str:  # noqa: ANN401 - json's own
    try:
        return orjson.dumps(event, **options).decode()
    except TypeError:
        # Lone surrogates and numbers beyond 64 bits.
        return json.dumps(event, **options)


class Lines:
    """What one logger of ours writes: lines, without the standard library's records, which take four times as long."""

    def __init__(self, stream: TextIO, name: str = "") -> None:
        self._stream, self.name = stream, name

    def msg(self, line: str) -> None:
        """Write a line; where none can be written, such as on a full disk, what was done stays done."""
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass

    debug = info = warning = error = critical = exception = msg


def install(level: int = logging.INFO) -> None:
    """Send every log of this process, those of libraries too, to stderr as JSON lines."""
    stream = sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _traced,
        structlog.processors.format_exc_info,
        masked,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendered = structlog.processors.JSONRenderer(_written)
    structlog.configure(
        processors=[*shared, rendered],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *name: Lines(stream, *name),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, rendered],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = name != "uvicorn.access"
