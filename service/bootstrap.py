"""The one place where things are wired: settings, database, clock, views."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from service.db import embedded
from service.db.command import Scope
from service.db.database import Database
from service.db.migrate import upgrade
from service.db.views import Views
from service.jobs.optimise import plan_waitlist
from service.settings import Settings, settings
from solver.answer import Effort

if TYPE_CHECKING:
    from fastapi import FastAPI

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Interlock:
    """A wired installation: what requests, jobs and the command line work with."""

    db: Database
    views: Views
    clock: Clock = system_clock

    async def plan_waitlist(self, scope: Scope, days: tuple[date, date], *, effort: Effort | None = None) -> UUID:
        """Plan the waitlist over some local dates, as `jobs.optimise.plan_waitlist`; returns the run's id."""
        return await plan_waitlist(scope, self.views, days, self.clock(), effort=effort)


def database_urls(chosen: Settings) -> tuple[str, str]:
    """Return the owner's and the app's URL: those set, else of the embedded server, started on demand."""
    if chosen.database_url is not None:
        return chosen.database_owner_url or chosen.database_url, chosen.database_url
    server = embedded.ensure_running(chosen.home)
    return server.owner_url(), server.app_url()


def _pool_url(chosen: Settings) -> str | Callable[[], Awaitable[str]]:
    """Return where a pool connects: a server of ours that was killed is started again on the way."""
    if chosen.database_url is not None:
        return chosen.database_url

    async def revived() -> str:
        server = await asyncio.to_thread(embedded.ensure_running, chosen.home, unless_stopped=True)
        return server.app_url()

    return revived


@asynccontextmanager
async def running(chosen: Settings | None = None, clock: Clock = system_clock) -> AsyncIterator[Interlock]:
    """Yield an installation on a migrated database, and close its pool at the end."""
    chosen = chosen or settings()
    owner_url, _ = database_urls(chosen)
    upgrade(owner_url)
    async with Database(_pool_url(chosen), chosen.pool_size) as db:
        yield Interlock(db, Views(db), clock)


def server_app() -> "FastAPI":
    """Return the whole application: API, board, static files; it opens its installation at start-up."""
    from fastapi.staticfiles import StaticFiles  # noqa: PLC0415 - other commands do without the web stack
    from starlette.middleware.trustedhost import TrustedHostMiddleware  # noqa: PLC0415

    from service.api.app import create_app  # noqa: PLC0415
    from service.api.same_origin import SameOriginForms  # noqa: PLC0415
    from service.web import routers  # noqa: PLC0415
    from service.web.pages import HERE  # noqa: PLC0415

    app = create_app(running())
    for router in routers():
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    app.add_middleware(SameOriginForms)
    # Without accounts, a name that resolves here from elsewhere must not reach the book.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    return app
