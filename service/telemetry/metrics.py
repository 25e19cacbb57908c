"""Metrics of this process, in Prometheus's text format: https://prometheus.io/docs/instrumenting/exposition_formats."""

from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server

REGISTRY = CollectorRegistry()
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
REQUESTS = Histogram(
    "interlock_request_seconds",
    "Time to the last byte of an answer; operation findSlots is the slots' latency.",
    ("operation", "status"),
    buckets=SECONDS,
    registry=REGISTRY,
)
COMMITS = Counter("interlock_commits_total", "Changes committed.", registry=REGISTRY)
CONFLICTS = Counter(
    "interlock_conflicts_total",
    "Changes tried again (contended), or refused as taken or stale, by the refusal's code.",
    ("why",),
    registry=REGISTRY,
)
PROBLEMS = Counter("interlock_problems_total", "Answers that were problem documents.", ("code",), registry=REGISTRY)
GAP = Histogram(
    "interlock_solver_gap",
    "How far a finished run may be from the best, as a share of its objective.",
    buckets=(0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1),
    registry=REGISTRY,
)
QUEUE = Gauge(
    "interlock_queue_depth",
    "Jobs that wait, run, or have failed for good, over all processes.",
    ("status",),
    registry=REGISTRY,
)
STREAMS = Gauge("interlock_event_streams", "Event streams that are open in this process.", registry=REGISTRY)


def serve(port: int) -> tuple[WSGIServer, Thread]:
    """Answer on 127.0.0.1 with the metrics of a process that serves nothing else; returns server and its thread.

    Raises
    ------
    OSError
        The port is taken.
    """
    return start_http_server(port, "127.0.0.1", REGISTRY)


def exposition() -> bytes:
    """Return every metric as text."""
    return generate_latest(REGISTRY)
