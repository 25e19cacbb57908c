"""The whole application on a test's database: a salon, and a rival whose rows are nobody's business."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from models.permissions import Role
from service import bootstrap
from service.bootstrap import Interlock
from service.commands import availability, bookings, catalogue, keys, members, requests, waitlist
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff
from service.db.command import Scope
from service.db.database import Database
from service.db.views import Views
from service.jobs.optimise import plan_waitlist
from service.jobs.queue import queue_on
from tests.service.people import account, caller, cookie, everything
from tests.service.worlds import MONDAY_10, NOW, WEEK, client, salon

BASE = "/api/v1/businesses/salon"
TABLES = (
    "account",
    "api_key",
    "appointment",
    "appointment_item",
    "audit_entry",
    "allocation",
    "allowance",
    "booking_request",
    "business",
    "claim",
    "client",
    "holiday",
    "idempotency_key",
    "invitation",
    "lane",
    "location",
    "membership",
    "optimisation_run",
    "outbox_event",
    "planned_move",
    "refresh_token",
    "requirement",
    "resource",
    "service",
    "service_window",
    "session",
    "staff",
    "staff_day",
    "unplaced_entry",
    "waitlist_entry",
    "working_hours",
)


@pytest.fixture
async def scope(db: Database) -> Scope:
    """The salon's."""
    return await salon(db)


@pytest.fixture
async def client_id(scope: Scope) -> str:
    """A client of the salon."""
    return str(await client(scope))


@dataclass
class Clock:
    """A clock that stands until a test moves it."""

    moment: datetime = NOW

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
async def app(db: Database) -> AsyncIterator[FastAPI]:
    """The whole application on the test's database and clock."""

    clock = Clock()

    @asynccontextmanager
    async def running():
        yield Interlock(db, Views(db), clock)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "running", running)
        app = bootstrap.server_app()
    app.state.clock = clock
    async with app.router.lifespan_context(app):
        # The transport of these tests reads an answer whole.
        app.state.hub.lasts_s = 0.1
        yield app


@pytest.fixture
async def api(app: FastAPI, scope: Scope) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application that carries a key of the salon with every scope a key may have.

    To pages it is a browser in which the owner is signed in. `api.clock` is the application's.
    """
    async with caller(app, await everything(scope)) as api:
        api.clock = app.state.clock
        api.cookies.update(await cookie(scope))
        yield api


@pytest.fixture
async def anybody(app: FastAPI, scope: Scope) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application without any credential."""
    async with caller(app) as anybody:
        yield anybody


@dataclass(frozen=True)
class Rival:
    """Another business on the same installation, with one of everything."""

    scope: Scope
    ids: dict[str, UUID | int | None]


@pytest.fixture
async def rival(db: Database, app_url: str) -> Rival:
    """A barber with staff, service, client, hold, booking, entries, hours of a day, and a plan."""
    scope = Scope(db, uuid4(), actor="rival")
    staff, service = uuid4(), uuid4()
    opening = Opening(
        "Rival", "rival", "Europe/Lisbon", (NewStaff("Rita", WEEK, staff),), (NewService("Shave", 30, id=service),)
    )
    await open_business(scope, opening)
    who, views = await client(scope, "Secret Sam"), Views(db)
    view = await views.current(scope.business_id, NOW)
    held = await bookings.hold(scope, bookings.HoldRequest(service, staff, MONDAY_10), view=view, now=NOW)
    request = bookings.BookRequest(service, staff, MONDAY_10 + timedelta(hours=1), who)
    booking = await bookings.book(scope, request, view=view, now=NOW)
    wish = waitlist.Joining(who, service, ((MONDAY_10, MONDAY_10 + timedelta(days=1)),))
    entry = await waitlist.join(scope, wish, now=NOW)
    await availability.set_day(scope, availability.DayHours(staff, MONDAY_10.date() + timedelta(days=2), ()))
    evening = MONDAY_10 + timedelta(hours=4)
    absence = await availability.take_time_off(
        scope, availability.TimeOff(staff, evening, evening + timedelta(minutes=15))
    )
    room = await catalogue.add_resource(scope, catalogue.NewResource("Back room", "room"))
    run = await plan_waitlist(scope, views, (MONDAY_10.date(), MONDAY_10.date()), NOW)
    async with db.transaction(scope.business_id) as tx:
        move = await tx.row("SELECT id FROM planned_move WHERE run_id = %s", [run])
    later = bookings.BookRequest(service, staff, MONDAY_10 + timedelta(hours=4), who)
    request_id = await requests.ask(scope, later, view=view, now=NOW)
    queue = queue_on(app_url)
    async with queue.open_async():
        job = await queue.configure_task("rivals.work").defer_async(business_id=str(scope.business_id))
    ids = {
        "staff": staff,
        "service": service,
        "client": who,
        "hold": held.id,
        "booking": booking.id,
        "entry": entry.id,
        "absence": absence.claim_id,
        "resource": room.id,
        "location": (await catalogue.add_location(scope, catalogue.NewLocation("Back street"))).id,
        "run": run,
        "move": move["id"],
        "request": request_id,
        "job": job,
        "account": await account(scope, Role.OWNER),
        "invitation": (
            await members.invite(scope, members.Invited("new@rival.example", members.Place(Role.STAFF, staff)))
        ).id,
        "key": (await keys.create(scope, keys.NewKey("rival", ("bookings:read",)))).id,
    }
    return Rival(scope, ids)


async def finished_run(api: httpx.AsyncClient, body: dict[str, object], *, of: str = BASE) -> dict:
    """Start a run over HTTP, ask for it until it is over, and return it."""
    started = await api.post(f"{of}/optimisation-runs", json=body)
    assert started.status_code == 202, started.text
    return await over(api, started.headers["location"])


async def over(api: httpx.AsyncClient, address: str) -> dict:
    """Ask for a run until it is over, and return it."""
    while (run := (await api.get(address)).json())["status"] == "running":  # noqa: ASYNC110 - as a browser does
        await asyncio.sleep(0.05)
    return run


def row_counts(owner_url: str) -> dict[str, int]:
    """Count the rows of every table that a request may write to."""
    with psycopg.connect(owner_url) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


@pytest.fixture
def nothing_written(owner_url: str, api: httpx.AsyncClient, client_id: str):
    """Fail if the test leaves a row that was not there."""
    before = row_counts(owner_url)
    yield
    assert row_counts(owner_url) == before


def refused(answer: httpx.Response, status: int | None = None, code: str | None = None) -> None:
    """Assert that an answer is a problem document (RFC 9457) of a client's error."""
    sent = answer.request
    seen = f"{sent.method} {str(sent.url)[:300]} {sent.content[:300]!r}: {answer.status_code} {answer.text}"
    assert 400 <= answer.status_code < 500, seen
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= problem.keys()
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"urn:interlock:problem:{problem['code']}"
    assert status in (None, answer.status_code), seen
    assert code in (None, problem["code"]), seen
