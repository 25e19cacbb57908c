"""The FastAPI application: routes, errors, and the installation behind them."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from fastapi import FastAPI

from service.api import audit, bookings, businesses, catalogue, lifecycle, optimisation, problems, waitlist
from service.db.database import Database
from service.db.views import Views

DESCRIPTION = "Slots, holds, bookings, the waitlist and its optimiser. Errors are problem documents (RFC 9457)."


class Installation(Protocol):
    """What the routes need of the wired installation."""

    @property
    def db(self) -> Database:
        """The pool."""

    @property
    def views(self) -> Views:
        """The arrays."""


def create_app(installation: AbstractAsyncContextManager[Installation]) -> FastAPI:
    """Return the application; it opens the installation at start-up and closes it at the end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with installation as app.state.interlock:
            app.state.businesses = {}
            yield

    app = FastAPI(title="Interlock", version="0.1.0", description=DESCRIPTION, lifespan=lifespan)
    problems.install(app)
    for part in (businesses, catalogue, bookings, lifecycle, waitlist, optimisation, audit):
        app.include_router(part.router, prefix="/api/v1/businesses/{business}")
    return app
