"""What becomes of OpenTelemetry's spans; imported only where its extra is installed and traces are wanted.

Spans say what was done and how long it took, never for whom: addresses with their tokens are left out, literals of
statements too, and what the logs mask is masked (`service.telemetry.logs`).
"""

import os
import re
from collections.abc import Mapping, Sequence

import structlog
from fastapi import FastAPI
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer, format_trace_id, get_current_span
from opentelemetry.util.types import AttributeValue

from service.telemetry.logs import masked

LEFT_OUT = frozenset(
    [
        "client.address",
        "client.port",
        "http.target",
        "http.url",
        "http.user_agent",
        "net.peer.ip",
        "net.peer.port",
        "url.full",
        "url.path",
        "url.query",
        "user_agent.original",
    ]
)
"""Attributes that tell who asked, or carry addresses as they were asked for: ids, tokens, search terms."""
STATEMENTS = ("db.statement", "db.query.text")
LITERAL = re.compile(r"'(?:[^']|'')*'")
UNTRACED = "/health/,/metrics,/static/"


def provider_to(exporter: SpanExporter | None = None) -> TracerProvider:
    """Return what makes spans and sends them on; in batches, to the OTLP endpoint of the environment by default."""
    resource = Resource.create({} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "interlock"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(OfRequest())
    provider.add_span_processor(BatchSpanProcessor(Masked(exporter or OTLPSpanExporter())))
    return provider


def instrument(provider: TracerProvider, app: FastAPI | None) -> Tracer:
    """Have every statement make a span, and every request of an application; return what makes others."""
    PsycopgInstrumentor().instrument(tracer_provider=provider)
    if app is not None:
        FastAPIInstrumentor.instrument_app(
            app, tracer_provider=provider, excluded_urls=UNTRACED, exclude_spans=["receive", "send"]
        )
    return provider.get_tracer(__name__)


def trace_id() -> str | None:
    """Return the present trace's id, as W3C writes it, None outside one."""
    context = get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None


class OfRequest(SpanProcessor):
    """Gives a span the id of the request that it is part of, or that caused its job."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Set the attribute `request_id`, where there is one."""
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        if request_id is not None:
            span.set_attribute("request_id", str(request_id))


class Masked(SpanExporter):
    """Another exporter, which gets spans without secrets."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Pass spans on."""
        return self._inner.export([_masked(span) for span in spans])

    def shutdown(self) -> None:
        """End the other one."""
        self._inner.shutdown()


def _masked(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_without_secrets(span.attributes or {}),
        events=[Event(e.name, _without_secrets(e.attributes or {}), e.timestamp) for e in span.events],
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
    )


def _without_secrets(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    kept = {name: value for name, value in attributes.items() if name not in LEFT_OUT}
    kept |= {name: LITERAL.sub("?", str(kept[name])) for name in STATEMENTS if name in kept}
    return dict(masked(None, "", kept))
