"""Structured logs: one JSON object a line, with the request's id, and nothing that is anybody's secret."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

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
    if name.lower().replace("-", "_") in PRIVATE:
        return MASK
    if isinstance(value, str):
        return ADDRESSES.sub(MASK, CREDENTIALS.sub(MASK, value))
    if isinstance(value, dict):
        return {str(inner): _masked(str(inner), of) for inner, of in value.items()}
    if isinstance(value, list | tuple):
        return [_masked("", member) for member in value]
    return value


def _traced(_: object, __: str, event: Event) -> Event:
    found = trace_id()
    return event if found is None else {**event, "trace_id": found}


def install(level: int = logging.INFO) -> None:
    """Send every log of this process, those of libraries too, to stderr as JSON lines."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _traced,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        masked,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = name != "uvicorn.access"
