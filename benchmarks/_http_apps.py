"""The applications that are compared: ours, a route that returns ready bytes, a route that reads one indexed row."""

import gc
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID

from fastapi import FastAPI, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from service import bootstrap
from service.api import edge, security, slots
from service.bootstrap import Interlock
from service.db.database import Database
from service.db.limits import BUSINESS, Limit
from service.db.views import Views
from service.telemetry import logs

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
CUT = UUID(int=11)
PATH = "/api/v1/businesses/salon/slots"


def query(number: int) -> str:
    """Return another week's question at each number."""
    start = NOW + timedelta(days=1, minutes=15 * (number % 1000))
    times = {"from": start.isoformat(), "to": (start + timedelta(days=7)).isoformat()}
    return urlencode({"service_id": CUT, "limit": 30, **times})


def limited(url: str) -> FastAPI:
    """Return the whole application; a business may ask as often as in the product, but save up for two seconds alone.

    Every request of a benchmark comes from one address, which has no limit.
    """
    security.limits.BUSINESS = slots.BUSINESS = Limit("business", BUSINESS.requests * 2 // BUSINESS.seconds, 2, 100)
    return _wired(url)


def interlock(url: str) -> FastAPI:
    """Return the whole application; its rate limits are on, and higher than the load."""
    security.limits.BUSINESS = slots.BUSINESS = Limit("business", 10**9, lease=10_000)
    security.limits.KEY = Limit("key", 10**9, lease=10_000)
    return _wired(url)


def _wired(url: str) -> FastAPI:
    edge.ADDRESS = Limit("address", 10**9, lease=10_000)

    @asynccontextmanager
    async def running() -> AsyncIterator[Interlock]:
        async with Database(url) as db:
            yield Interlock(db, Views(db), lambda: NOW)

    bootstrap.running = running
    return bootstrap.server_app()


def ready(body: bytes) -> FastAPI:
    """Return a plain application whose route has its bytes ready."""
    app = FastAPI()

    async def slots_ready() -> Response:
        return Response(body, media_type="application/json")

    app.add_api_route(PATH, slots_ready)
    return app


def one_row(url: str) -> FastAPI:
    """Return a plain application whose route reads one row by its primary key, with SQLAlchemy and its pool."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+psycopg://"), pool_size=10)
    app, statement = FastAPI(), text("SELECT id, name FROM peer WHERE id = :id")

    async def read() -> Response:
        async with engine.connect() as connection:
            row = (await connection.execute(statement, {"id": 7})).one()
        return Response(row.name, media_type="application/json")

    app.add_api_route(PATH, read)
    return app


def main(kind: str, url: str, port: int, body: str) -> None:
    """Serve one of them on 127.0.0.1, with the settings of `interlock serve`."""
    import uvicorn  # noqa: PLC0415 - the benchmark itself does without

    logs.install(logging.WARNING)
    app = {"interlock": lambda: interlock(url), "limited": lambda: limited(url), "one row": lambda: one_row(url)}.get(
        kind, lambda: ready(Path(body).read_bytes())
    )()
    gc.freeze()
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, server_header=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
