"""The one place where things are wired: settings, database, clock, views."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from service.commands.optimisation import Accepted
from service.db import embedded
from service.db.command import Scope
from service.db.database import Database
from service.db.migrate import upgrade
from service.db.views import Views
from service.jobs.accept import accept
from service.jobs.background import BackgroundRuns
from service.jobs.optimise import Wanted, carry_out, plan_waitlist, start
from service.security.keyring import Keyring, installed, keyring_of
from service.security.vault import Vault
from service.settings import Settings, settings
from solver.answer import Effort

if TYPE_CHECKING:
    from fastapi import FastAPI

    from service.jobs.events import Consumers

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
    runs: BackgroundRuns = field(default_factory=BackgroundRuns)
    keyring: Keyring = field(default_factory=installed)

    async def start_run(self, scope: Scope, *, days: tuple[date, date], **choices: Any) -> tuple[UUID, ...]:  # noqa: ANN401
        """Open a run (and its alternatives) and carry it out in the background; returns the ids, its own first.

        The choices are those of `jobs.optimise.Wanted`.
        """
        now = self.clock()
        ids = await start(scope, self.views, Wanted(days, **choices), now)
        self.runs.begin(carry_out, replace(scope, key=None), self.views, ids, now)
        return ids

    async def apply_plan(self, scope: Scope, run_id: UUID, moves: Sequence[UUID] | None = None) -> Accepted:
        """Apply all planned moves of a run or those named, and plan again what is refused, as `jobs.accept`."""
        return await accept(scope, self.views, run_id, moves, self.clock())

    async def close(self) -> None:
        """End what runs in the background, each run with its best plan so far."""
        await self.runs.close()

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


def prepare(chosen: Settings) -> Keyring:
    """Derive the keys, see that there is a database, and bring its schema up to date.

    Raises
    ------
    NotConfigured
        There is no secret where there must be one, no database, or one that cannot be migrated.
    """
    keyring = keyring_of(chosen)
    upgrade(database_urls(chosen)[0])
    return keyring


@asynccontextmanager
async def running(chosen: Settings | None = None, clock: Clock = system_clock) -> AsyncIterator[Interlock]:
    """Yield an installation on a migrated database, and close its pool at the end."""
    chosen = chosen or settings()
    keyring = prepare(chosen)
    async with Database(_pool_url(chosen), chosen.pool_size, Vault(keyring)) as db:
        interlock = Interlock(db, Views(db), clock, keyring=keyring)
        try:
            yield interlock
        finally:
            await interlock.close()


def consumers() -> "Consumers":
    """Return who hears of events in the worker, by name."""
    from service.jobs.offers import OFFERS  # noqa: PLC0415 - other commands do without the job queue

    return {"offers": OFFERS}


async def run_worker(stop: asyncio.Event, chosen: Settings | None = None, *, once: bool = False) -> None:
    """Do the work that waits in the background, until `stop` is set or, with `once`, until nothing waits."""
    from service.jobs import worker  # noqa: PLC0415 - other commands do without the job queue

    chosen = chosen or settings()
    async with running(chosen) as interlock:
        url = _pool_url(chosen)
        if once:
            await worker.drain(interlock, url, consumers())
        else:
            await worker.run(interlock, url, stop, consumers())


def server_app() -> "FastAPI":
    """Return the whole application: API, board, static files; it opens its installation at start-up."""
    from service.api.app import create_app  # noqa: PLC0415 - other commands do without the web stack
    from service.web import routers  # noqa: PLC0415
    from service.web.pages import HERE, Assets, compiled  # noqa: PLC0415

    compiled()
    app = create_app(running())
    for router in routers():
        app.include_router(router)
    app.mount("/static", Assets(directory=HERE / "static"))
    return app
