"""How long until the booking page's first byte, with a warm snapshot, and how many bytes does a phone load?

The page is asked for through the whole application in process, without a socket: its first byte leaves when all of it
is written. A salon of 5 staff with its mornings booked. CPU beside wall time, for machines that do other things.
"""

import asyncio
import gzip
import logging
import statistics
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from fastapi import FastAPI

from benchmarks._server import own_server
from benchmarks.http import CUT, NOW, WEEK, asked
from service import bootstrap
from service.bootstrap import Interlock
from service.commands import bookings
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff
from service.commands.clients import NewClient, register
from service.db.command import Scope
from service.db.database import Database
from service.db.migrate import upgrade
from service.db.views import Views
from service.telemetry import logs
from service.web.pages import HERE

STAFF, BOOKED_DAYS, REQUESTS = 5, 12, 200
FIRST_BYTE_MS, LARGEST = 30.0, 60 * 1024
PAGES = {"week": "", "month": "span=month", "persian": "lang=fa", "day": "day=2026-03-09"}
FILES = ("booking.css", "booking.js", "vendor/htmx-4.0.1.min.js")


async def filled(db: Database) -> Scope:
    """Open a salon and book every other half hour of its mornings."""
    scope, staff = Scope(db, uuid4()), tuple(NewStaff(f"Staff {n}", WEEK, uuid4()) for n in range(STAFF))
    await open_business(scope, Opening("Salon", "salon", "Europe/Lisbon", staff, (NewService("Cut", 30, id=CUT),)))
    client, views = await register(scope, NewClient("Maria Costa", "maria@example.org")), Views(db)
    for day in (NOW + timedelta(days=n) for n in range(1, BOOKED_DAYS)):
        if day.weekday() < 5:
            for member in staff:
                for hour in (9, 10, 11):
                    request = bookings.BookRequest(CUT, member.id or uuid4(), day.replace(hour=hour), client)
                    view = await views.current(scope.business_id, NOW)
                    await bookings.book(scope, request, view=view, now=NOW)
    return scope


async def timed(app: FastAPI, query: str) -> dict[str, float]:
    """Return milliseconds until a page is written: the median, the 95th percentile, and CPU a request."""
    for _ in range(10):
        status, *_ = await asked(app, "/b/salon", query)
        assert status == 200  # noqa: S101 - a benchmark of an error page is none
    walls, begun = [], time.process_time()
    for _ in range(REQUESTS):
        at = time.perf_counter()
        await asked(app, "/b/salon", query)
        walls.append(1000 * (time.perf_counter() - at))
    cpu = 1000 * (time.process_time() - begun) / REQUESTS
    quantiles = statistics.quantiles(walls, n=20)
    return {"median_ms": round(quantiles[9], 2), "p95_ms": round(quantiles[18], 2), "cpu_ms": round(cpu, 2)}


async def measured(url: str) -> dict[str, Any]:
    """Return the figures of one salon on one database."""
    async with Database(url) as db:
        await filled(db)

        @asynccontextmanager
        async def running():  # noqa: ANN202 - stands in for the installation's
            yield Interlock(db, Views(db), lambda: NOW)

        bootstrap.running = running
        app = bootstrap.server_app()
        async with app.router.lifespan_context(app):
            pages = {name: await timed(app, query) for name, query in PAGES.items()}
            _, body, *_ = await asked(app, "/b/salon")
    sizes = {name: len(gzip.compress((HERE / "static" / name).read_bytes())) for name in FILES}
    sizes["page"] = len(gzip.compress(body))
    return {"pages": pages, "gzip_bytes": sizes, "gates": _gates(pages, sum(sizes.values()))}


def _gates(pages: dict[str, dict[str, float]], loaded: int) -> list[dict[str, Any]]:
    slowest = max(page["cpu_ms"] for page in pages.values())
    shares = (("30 ms over the first byte's CPU", FIRST_BYTE_MS / slowest), ("60 KB over what loads", LARGEST / loaded))
    return [{"name": name, "measured": round(share, 2), "at_least": 1, "held": share >= 1} for name, share in shares]


def run() -> dict[str, Any]:
    """Measure on a server of its own."""
    logs.install(logging.WARNING)
    with own_server() as (server, _):
        upgrade(server.owner_url())
        figures = asyncio.run(measured(server.app_url()))
    print(figures)
    return figures
