"""What does a slot query cost through the whole application, in process, beside a route that returns ready bytes?

A salon of 5 staff over 7 days, the range another at each request. In process: ASGI without a socket. Each request looks
at the database once, so that it sees every change: that round trip is measured beside.
"""

import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from fastapi import FastAPI, Response

from service import bootstrap
from service.bootstrap import Interlock
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff, Span
from service.db import embedded
from service.db.command import Scope
from service.db.database import Database
from service.db.migrate import upgrade
from service.db.views import Views
from service.telemetry import logs

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
WEEK = tuple(Span(day, opens, closes) for day in range(5) for opens, closes in ((540, 750), (810, 1050)))
CUT = UUID(int=11)
ROUNDS, REQUESTS = 5, 200


async def asked(
    app: FastAPI, path: str, query: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> tuple[int, bytes]:
    """Send one request through the application and return status and body."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), *headers], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    status, body = 0, b""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")

    await app(scope, receive, send)
    return status, body


async def median_us(one: Callable[[int], Awaitable[object]]) -> float:
    """Return the median of some rounds' mean, microseconds a request."""
    means = []
    for turn in range(ROUNDS):
        begun = time.perf_counter()
        for number in range(REQUESTS):
            await one(turn * REQUESTS + number)
        means.append((time.perf_counter() - begun) / REQUESTS * 1e6)
    return round(statistics.median(means), 1)


def query(number: int) -> str:
    """Return another week's question at each number."""
    start = NOW + timedelta(minutes=15 * (number % 400))
    return urlencode(
        {"service_id": CUT, "limit": 30, "from": start.isoformat(), "to": (start + timedelta(days=7)).isoformat()}
    )


async def measured(url: str) -> dict[str, Any]:
    """Return the figures of one salon on one database."""
    async with Database(url) as db:
        scope, staff = Scope(db, uuid4()), tuple(NewStaff(f"Staff {n}", WEEK) for n in range(5))
        await open_business(scope, Opening("Salon", "salon", "Europe/Lisbon", staff, (NewService("Cut", 30, id=CUT),)))

        @asynccontextmanager
        async def running():  # noqa: ANN202 - stands in for the installation's
            yield Interlock(db, Views(db), lambda: NOW)

        bootstrap.running = running
        app, ready = bootstrap.server_app(), FastAPI()
        path = "/api/v1/businesses/salon/slots"
        async with app.router.lifespan_context(app):
            _, body = await asked(app, path, query(0))
            ready.add_api_route(path, lambda: Response(body, media_type="application/json"))
            return {
                "bytes": len(body),
                "slots_us": await median_us(lambda n: asked(app, path, query(n))),
                "ready_bytes_us": await median_us(lambda n: asked(ready, path, query(n))),
                "look_us": await median_us(lambda _: app.state.interlock.views.current(scope.business_id, NOW)),
            }


def run() -> dict[str, Any]:
    """Measure on a server of its own."""
    logs.install(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="interlock-http-") as folder:
        Path(folder).chmod(0o755)
        server = embedded.ensure_running(Path(folder))
        try:
            upgrade(server.owner_url())
            figures = asyncio.run(measured(server.app_url()))
        finally:
            embedded.remove(Path(folder))
    print(figures)
    return figures
