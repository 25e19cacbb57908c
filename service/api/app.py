"""The FastAPI application: routes, errors, and the installation behind them."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from fastapi import Depends, FastAPI

from service.api import (
    accounts,
    audit,
    bookings,
    businesses,
    clients,
    described,
    events,
    exchange,
    finding,
    health,
    holidays,
    jobs,
    lifecycle,
    links,
    members,
    offers,
    optimisation,
    origins,
    places,
    problems,
    schedules,
    security,
    series,
    services,
    slots,
    staff,
    waitlist,
)
from service.api.edge import Edge
from service.api.headers import BusinessOrigins
from service.api.hosts import KnownHosts
from service.api.same_origin import SameOriginForms
from service.api.size import BodyLimit
from service.api.tenants import Tenants
from service.db.database import Database
from service.db.limits import Limiter
from service.db.views import Views
from service.security.keyring import Keyring
from service.settings import settings

DESCRIPTION = "Slots, holds, bookings, the waitlist and its optimiser. Errors are problem documents (RFC 9457)."


class Installation(Protocol):
    """What the routes need of the wired installation."""

    @property
    def db(self) -> Database:
        """The pool."""

    @property
    def views(self) -> Views:
        """The arrays."""

    @property
    def keyring(self) -> Keyring:
        """What signs and seals."""


def create_app(installation: AbstractAsyncContextManager[Installation]) -> FastAPI:
    """Return the application; it opens the installation at start-up and closes it at the end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with installation as app.state.interlock:
            app.state.tenants = Tenants(app.state.interlock.db)
            app.state.limiter = Limiter(app.state.interlock.db, settings().rate_limits)
            app.state.hub = events.Hub(app.state.interlock.db)
            async with app.state.interlock.views.followed():
                yield

    app = FastAPI(
        title="Interlock",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # FastAPI's own spans carry addresses with their tokens; ours are masked (`service.telemetry.spans`).
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.origins = {}
    problems.install(app)
    permitted = [Depends(security.permitted)]
    for of_all in (accounts.router, businesses.installation):
        app.include_router(of_all, prefix="/api/v1", dependencies=permitted)
    parts = (
        businesses,
        services,
        staff,
        places,
        holidays,
        slots,
        bookings,
        lifecycle,
        schedules,
        series,
        links,
        clients,
        waitlist,
        offers,
        optimisation,
        audit,
        jobs,
        members,
        exchange,
        finding,
        events,
        origins,
    )
    for part in parts:
        app.include_router(part.router, prefix="/api/v1/businesses/{business}", dependencies=permitted)
    security.check(app)
    described.install(app)
    app.include_router(health.router)
    _surround(app)
    return app


def _surround(app: FastAPI) -> None:
    """Add what stands around every route; each stands around those before it."""
    app.add_middleware(BodyLimit)
    app.add_middleware(SameOriginForms)
    app.add_middleware(slots.AtHand)
    app.add_middleware(BusinessOrigins)
    app.add_middleware(KnownHosts, names=settings().hosts.split(","))
    app.add_middleware(Edge)
