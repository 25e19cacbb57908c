"""The whole application on a test's database: a salon, and a rival whose rows are nobody's business."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from service import bootstrap
from service.bootstrap import Interlock
from service.commands import availability, bookings, catalogue, waitlist
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff
from service.db.command import Scope
from service.db.database import Database
from service.db.views import Views
from service.jobs.optimise import plan_waitlist
from tests.service.worlds import MONDAY_10, NOW, WEEK, client, salon

BASE = "/api/v1/businesses/salon"
TABLES = (
    "appointment",
    "appointment_item",
    "audit_entry",
    "allocation",
    "business",
    "claim",
    "client",
    "holiday",
    "idempotency_key",
    "lane",
    "optimisation_run",
    "outbox_event",
    "planned_move",
    "requirement",
    "resource",
    "service",
    "service_window",
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
async def api(db: Database, scope: Scope) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application; the paths it asks for begin after the salon's address."""

    clock = Clock()

    @asynccontextmanager
    async def running():
        yield Interlock(db, Views(db), clock)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "running", running)
        app = bootstrap.server_app()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as api,
    ):
        api.clock = clock
        yield api


@dataclass(frozen=True)
class Rival:
    """Another business on the same installation, with one of everything."""

    scope: Scope
    ids: dict[str, UUID | int | None]


@pytest.fixture
async def rival(db: Database) -> Rival:
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
    ids = {
        "staff": staff,
        "service": service,
        "client": who,
        "hold": held.id,
        "booking": booking.id,
        "entry": entry.id,
        "absence": absence.claim_id,
        "resource": room.id,
        "run": run,
        "move": move["id"],
    }
    return Rival(scope, ids)


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
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= problem.keys()
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"urn:interlock:problem:{problem['code']}"
    assert status in (None, answer.status_code), answer.text
    assert code in (None, problem["code"]), answer.text
