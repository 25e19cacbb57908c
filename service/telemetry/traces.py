"""Traces by OpenTelemetry, where its extra is installed and an OTLP endpoint is set; nothing is imported otherwise."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from models.errors import NotConfigured

if TYPE_CHECKING:
    from fastapi import FastAPI
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""One of them asks for traces (the OpenTelemetry specification, OTLP exporter configuration)."""
_tracers: list["Tracer"] = []


def wanted() -> bool:
    """Return whether the environment asks for traces."""
    return any(os.environ.get(name) for name in ENDPOINTS) and os.environ.get("OTEL_SDK_DISABLED") != "true"


def install(app: "FastAPI | None" = None, provider: "TracerProvider | None" = None) -> None:
    """Trace the statements and jobs of this process, and an application's requests.

    Raises
    ------
    NotConfigured
        The extra is not installed.
    """
    try:
        from service.telemetry import spans  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise NotConfigured("Traces are asked for, but OpenTelemetry is missing: install interlock[otel].") from error
    _tracers[:] = [spans.instrument(provider or spans.provider_to(), app)]


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """Trace what is done inside, where anything is traced."""
    if not _tracers:
        yield
        return
    with _tracers[0].start_as_current_span(name, attributes=attributes):
        yield


def trace_id() -> str | None:
    """Return the present trace's id, None where there is none."""
    if not _tracers:
        return None
    from service.telemetry import spans  # noqa: PLC0415 - installed, or there would be no tracer

    return spans.trace_id()
