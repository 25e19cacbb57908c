"""What an installation tells of itself: a request's id wherever its effects go, and traces without secrets."""

import io
import json
import logging
import os
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager, redirect_stderr

import pytest
import structlog
from fastapi import FastAPI
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from models.errors import NotConfigured
from service import telemetry
from service.bootstrap import Interlock, consumers
from service.cli import worker as cli_worker
from service.db.database import Database
from service.db.views import Views
from service.jobs import events, worker
from service.jobs.events import Consumer
from service.jobs.queue import queue_on
from service.telemetry import logs, metrics, spans, traces
from service.telemetry.metrics import REGISTRY
from tests.races.races import owner_does
from tests.service.api.conftest import BASE, api, app, client_id, finished_run, scope
from tests.service.worlds import ANA, CUT, MONDAY_10, NOW

__all__ = ["api", "app", "client_id", "scope"]
pytestmark = pytest.mark.anyio
AT_10 = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat()}


@contextmanager
def written():
    """Yield a list that gets the lines logged inside, as JSON."""
    root, lines, stream = logging.getLogger(), [], io.StringIO()
    handlers, level = root.handlers[:], root.level
    try:
        with redirect_stderr(stream):
            logs.install()
            yield lines
    finally:
        lines += [json.loads(line) for line in stream.getvalue().splitlines()]
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()


async def desk_7(api, db, app_url, client_id) -> tuple[list, list]:
    """Book with a request id, at once and by queue; return the jobs' lines of log and the audit."""

    async def speak(*_) -> None:
        logging.getLogger("consumer").warning("heard")

    with written() as lines:
        structlog.contextvars.clear_contextvars()
        named = {"X-Request-ID": "desk-7"}
        assert (await api.post(f"{BASE}/bookings", json={**AT_10, "client_id": client_id}, headers=named)).is_success
        speaking = {"speaking": Consumer(frozenset({"appointment"}), speak)}
        await worker.drain(Interlock(db, Views(db), lambda: NOW), app_url, speaking)
    heard = [line for line in lines if line["event"] == "heard"]
    ended = [line for line in lines if line["event"] == "job" and line["task"] == events.HANDLE]
    return heard, ended


async def a_requests_id_stands_in_its_jobs(api, db, app_url, client_id):
    for found in await desk_7(api, db, app_url, client_id):
        assert [line["request_id"] for line in found] == ["desk-7"]


async def test_a_requests_id_stands_in_the_logs_of_the_jobs_that_it_caused(api, db, app_url, client_id):
    await a_requests_id_stands_in_its_jobs(api, db, app_url, client_id)


async def test_without_its_id_in_the_job_nobody_knows_who_caused_it(api, db, app_url, client_id, monkeypatch):
    monkeypatch.setattr(worker, "_cause", lambda _: {})
    with pytest.raises(KeyError, match="request_id"):
        await a_requests_id_stands_in_its_jobs(api, db, app_url, client_id)


async def test_what_a_job_does_names_the_request_in_events_and_audit(api, db, app_url, client_id):
    """An offer made for freed time is the work of a job: it names the cancellation's request."""
    booked = (await api.post(f"{BASE}/bookings", json={**AT_10, "client_id": client_id})).json()
    window = {"start": MONDAY_10.isoformat(), "end": MONDAY_10.replace(hour=12).isoformat()}
    wish = {"client_id": client_id, "service_id": str(CUT), "windows": [window]}
    await api.post(f"{BASE}/waitlist", json=wish)
    await api.post(f"{BASE}/bookings/{booked['id']}/cancel", json={}, headers={"X-Request-ID": "cancel-3"})
    await worker.drain(Interlock(db, Views(db), lambda: NOW), app_url, consumers())
    audit = (await api.get(f"{BASE}/audit")).json()
    offered = [entry for entry in audit if entry["action"] == "waitlist.offered"]
    assert [entry["request_id"] for entry in offered] == ["cancel-3"]


@pytest.fixture
def kept_spans():
    """An exporter that keeps spans, and what sends them to it; afterwards nothing is traced."""
    exporter = InMemorySpanExporter()
    yield exporter, spans.provider_to(exporter)
    PsycopgInstrumentor().uninstrument()
    traces._tracers.clear()


async def test_a_request_and_its_statements_are_one_trace_without_secrets(kept_spans, app: FastAPI, app_url, api):
    exporter, provider = kept_spans
    traces.install(app, provider)
    async with Database(app_url) as traced:
        app.state.interlock = Interlock(traced, Views(traced), lambda: NOW)
        with written() as lines:
            answer = await api.get(
                "/b/salon/booking/eyJhbGciOi.eyJzdWIi.c2ln?lang=en", headers={"X-Request-ID": "link-1"}
            )
            assert answer.status_code < 500
            await api.get(f"{BASE}/waitlist", headers={"X-Request-ID": "wait-2"})
    provider.force_flush()
    told = exporter.get_finished_spans()
    [served] = [s for s in told if s.attributes.get("http.route", "").endswith("/waitlist")]
    statements = [s for s in told if s.parent and s.parent.span_id == served.context.span_id]
    assert {s.attributes["request_id"] for s in statements} == {"wait-2"}
    assert any("waitlist_entry" in s.attributes["db.statement"] for s in statements)
    [line] = [line for line in lines if line.get("operation") == "listWaitlist"]
    assert int(line["trace_id"], 16) == served.context.trace_id
    everything = " ".join(s.to_json() for s in told)
    for secret in ("eyJ", "ilk_", str(api.headers["authorization"]), "127.0.0.1/b", "set_config('"):
        assert secret not in everything


async def test_unmasked_spans_would_carry_the_links_token(kept_spans, app, app_url, api, monkeypatch):
    monkeypatch.setattr(spans, "_masked", lambda span: span)
    with pytest.raises(AssertionError, match="eyJ"):
        await test_a_request_and_its_statements_are_one_trace_without_secrets(kept_spans, app, app_url, api)


async def test_a_job_is_a_span(kept_spans, api, db, app_url, client_id):
    exporter, provider = kept_spans
    traces.install(None, provider)
    await desk_7(api, db, app_url, client_id)
    provider.force_flush()
    found = [s for s in exporter.get_finished_spans() if s.name == "job" and s.attributes["task"] == events.HANDLE]
    assert [s.attributes["request_id"] for s in found] == ["desk-7"]


def test_traces_are_wanted_where_an_endpoint_is_set(monkeypatch):
    for name in (*traces.ENDPOINTS, "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    assert not traces.wanted()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert traces.wanted()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not traces.wanted()


def test_where_the_extra_is_missing_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "service.telemetry.spans", None)
    monkeypatch.delattr(telemetry, "spans")
    with pytest.raises(NotConfigured, match=r"interlock\[otel\]"):
        traces.install()


def test_nothing_of_it_is_imported_unless_it_is_wanted():
    program = (
        "import sys; from service.telemetry import logs, metrics, traces; logs.install();"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert ran.stdout.strip() == "[]"


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_what_is_measured_is_measured_where_it_happens(api, app, db, app_url, owner_url, client_id):
    day = {"from": "2026-03-02T09:00:00Z", "to": "2026-03-02T17:00:00Z"}
    watched = {
        "slot latency": ("interlock_request_seconds_count", {"operation": "findSlots", "status": "200"}),
        "commits": ("interlock_commits_total", {}),
        "conflicts": ("interlock_conflicts_total", {"why": "slot-taken"}),
        "stale": ("interlock_conflicts_total", {"why": "stale-version"}),
        "gap": ("interlock_solver_gap_count", {}),
    }

    async def grown(steps) -> dict[str, float]:
        before = {what: sample(name, **labels) for what, (name, labels) in watched.items()}
        await steps
        after = {what: sample(name, **labels) for what, (name, labels) in watched.items()}
        return {what: after[what] - before[what] for what in watched if after[what] != before[what]}

    slot = {**AT_10, "client_id": client_id}
    assert await grown(api.get(f"{BASE}/slots", params={"service_id": str(CUT), **day})) == {"slot latency": 1}
    assert await grown(api.post(f"{BASE}/bookings", json=slot)) == {"commits": 1}
    assert await grown(api.post(f"{BASE}/bookings", json={**slot, "staff_id": str(ANA)})) == {"conflicts": 1}
    booked = (await api.get(f"{BASE}/bookings", params=day)).json()[0]["id"]
    stale = {"If-Match": '"9"'}
    assert await grown(api.post(f"{BASE}/bookings/{booked}/cancel", json={}, headers=stale)) == {"stale": 1}
    assert (await grown(finished_run(api, {"first_day": "2026-03-02", "last_day": "2026-03-02"})))["gap"] == 1


async def test_the_queues_depth_and_its_dead_letters_are_told(api, db, app_url, owner_url, client_id):
    installation, deaf = Interlock(db, Views(db), lambda: NOW), {"deaf": Consumer(frozenset({"client"}), None)}
    await worker.do_round(installation, worker.duties(installation, queue_on(app_url, *worker.TASKS), deaf))
    assert 'interlock_queue_depth{status="todo"} 1.0' in (await api.get("/metrics")).text
    owner_does(owner_url, "SET search_path = jobs", "UPDATE procrastinate_jobs SET status = 'failed'")
    text = (await api.get("/metrics")).text
    assert 'interlock_queue_depth{status="todo"} 0.0' in text
    assert 'interlock_queue_depth{status="failed"} 1.0' in text


def test_a_workers_metrics_are_served_on_this_machine_alone(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server, thread = metrics.serve(port)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b"interlock_solver_gap" in answer.read()
        assert server.server_address[0] == "127.0.0.1"
        with pytest.raises(NotConfigured, match=str(port)):
            cli_worker._serve_metrics(port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
