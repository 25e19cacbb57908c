"""The one place where things are wired: settings, database, clock, views."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from service.db import embedded
from service.db.database import Database
from service.db.migrate import upgrade
from service.db.views import Views
from service.settings import Settings, settings

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


def database_urls(chosen: Settings) -> tuple[str, str]:
    """Return the owner's and the app's URL: those set, else of the embedded server, started on demand."""
    if chosen.database_url is not None:
        return chosen.database_owner_url or chosen.database_url, chosen.database_url
    server = embedded.ensure_running(chosen.home)
    return server.owner_url(), server.app_url()


@asynccontextmanager
async def running(chosen: Settings | None = None, clock: Clock = system_clock) -> AsyncIterator[Interlock]:
    """Yield an installation on a migrated database, and close its pool at the end."""
    chosen = chosen or settings()
    owner_url, app_url = database_urls(chosen)
    upgrade(owner_url)
    async with Database(app_url, chosen.pool_size) as db:
        yield Interlock(db, Views(db), clock)
