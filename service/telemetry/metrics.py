"""Metrics of this process, in Prometheus's text format: https://prometheus.io/docs/instrumenting/exposition_formats."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
REQUESTS = Histogram(
    "interlock_request_seconds",
    "Time to the last byte of an answer; operation findSlots is the slots' latency.",
    ("operation", "status"),
    buckets=SECONDS,
    registry=REGISTRY,
)
COMMITS = Counter("interlock_commits_total", "Transactions committed.", registry=REGISTRY)
CONFLICTS = Counter(
    "interlock_conflicts_total", "Transactions tried again, or refused as taken.", ("why",), registry=REGISTRY
)
PROBLEMS = Counter("interlock_problems_total", "Answers that were problem documents.", ("code",), registry=REGISTRY)
GAP = Histogram(
    "interlock_solver_gap",
    "How far a finished run may be from the best, as a share of its objective.",
    buckets=(0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1),
    registry=REGISTRY,
)
QUEUE = Gauge("interlock_queue_depth", "Jobs that wait or run, over all processes.", ("status",), registry=REGISTRY)
STREAMS = Gauge("interlock_event_streams", "Event streams that are open in this process.", registry=REGISTRY)


def exposition() -> bytes:
    """Return every metric as text."""
    return generate_latest(REGISTRY)
