"""Bad input over HTTP: a problem document with a 4xx status, nothing written, never a 5xx."""

from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import psycopg
import pytest

from service import bootstrap
from service.bootstrap import Interlock
from service.db.views import Views
from tests.service.worlds import ANA, CUT, NOW, client, salon

BASE = "/api/v1/businesses/salon"
TIMES = [
    1, "1", True, None, 1.5, "infinity", "",
    "2026-03-02T10:00:00",
    "2026-03-02T10:00:00+99:00",
    "2026-02-30T10:00:00Z",
    "2026-03-02T10:00:60Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z",
]  # fmt: skip
DATES = ["0001-01-01", "9999-12-31", "2026-02-30", "10000-01-01", "1", "today"]
BODIES = [
    b'{"name":"\\u0000"}',
    b'{"name":"\\ud800"}',
    b'{"name":"' + b"x" * 1_000_000 + b'"}',
    b"[" * 100_000,
    b'{"name":NaN}',
    b'{"name":' + b"1" * 5_000 + b"}",
    b"\xff\xfe",
    b"",
    b"null",
    b'{"name":"Mia","role":"admin"}',
    b'{"name":"Mia","business_id":"00000000-0000-0000-0000-000000000001"}',
    b'{"name":"   "}',
]
pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(db):
    """A client of the application on a salon."""
    scope = await salon(db)

    @asynccontextmanager
    async def running():
        yield Interlock(db, Views(db), lambda: NOW)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "running", running)
        app = bootstrap.server_app()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as api,
    ):
        api.client_id = str(await client(scope))
        yield api


@pytest.fixture
def nothing_written(owner_url, api):
    """Fail if the test leaves a row that was not there."""
    tables = ("appointment", "claim", "client", "waitlist_entry", "outbox_event", "audit_entry", "staff_day")

    def counts():
        with psycopg.connect(owner_url) as connection:
            return [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]

    before = counts()
    yield
    assert counts() == before


def refused(answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code"} <= answer.json().keys()


@pytest.mark.parametrize("bad", TIMES, ids=repr)
async def test_times(api, nothing_written, bad):
    slot = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": bad}
    refused(await api.post(f"{BASE}/holds", json=slot))
    refused(await api.post(f"{BASE}/bookings", json={**slot, "client_id": api.client_id}))
    for window in ({"start": bad, "end": "2026-03-09T00:00:00Z"}, {"start": "2026-03-01T00:00:00Z", "end": bad}):
        wish = {"client_id": api.client_id, "service_id": str(CUT), "windows": [window]}
        refused(await api.post(f"{BASE}/waitlist", json=wish))
    for page in ("slots", "slots/why-not", "bookings"):
        query = {"service_id": str(CUT), "from": str(bad), "to": "2026-03-09T00:00:00Z"}
        refused(await api.get(f"{BASE}/{page}", params=query))


@pytest.mark.parametrize("bad", DATES)
async def test_dates(api, nothing_written, bad):
    days = {"first_day": bad, "last_day": bad}
    refused(await api.get(f"{BASE}/slots/days", params={"service_id": str(CUT), **days}))
    refused(await api.post(f"{BASE}/optimisation-runs", json=days))
    refused(await api.put(f"{BASE}/staff/{ANA}/days/{bad}", json={"spans": [{"opens": 0, "closes": 60}]}))
    refused(await api.get("/board/salon", params={"day": bad}))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z"),
        ("2026-03-03T10:00:00Z", "2026-03-02T10:00:00Z"),
        ("2026-03-02T10:00:00Z", "2036-03-02T10:00:00Z"),
    ],
)
async def test_ranges(api, nothing_written, start, end):
    for page in ("slots", "bookings"):
        refused(await api.get(f"{BASE}/{page}", params={"service_id": str(CUT), "from": start, "to": end}))


@pytest.mark.parametrize("zone", ["../../etc/passwd", "ABC+99", "Mars/Olympus", "\x00", "a" * 5_000])
async def test_zones(api, nothing_written, zone):
    days = {"first_day": "2026-03-02", "last_day": "2026-03-02", "zone": zone}
    refused(await api.get(f"{BASE}/slots/days", params={"service_id": str(CUT), **days}))


@pytest.mark.parametrize("minutes", [True, "1_000", 2**63, -1, 0, 61, 1.5, None])
async def test_numbers(api, nothing_written, minutes):
    slot = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": "2026-03-02T11:00:00Z"}
    refused(await api.post(f"{BASE}/holds", json={**slot, "minutes": minutes}))


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:24]))
async def test_bodies(api, nothing_written, body):
    refused(await api.post(f"{BASE}/clients", content=body, headers={"content-type": "application/json"}))


async def test_a_body_of_another_type(api, nothing_written):
    refused(await api.post(f"{BASE}/clients", content=b"name=Mia", headers={"content-type": "text/plain"}))


@pytest.mark.parametrize("version", ['"x"', 'W/"1"', "9" * 30, '"-1"'])
async def test_versions(api, nothing_written, version):
    refused(await api.post(f"{BASE}/bookings/{uuid4()}/cancel", json={}, headers={"If-Match": version}))


async def test_an_idempotency_key_of_300_characters(api, nothing_written):
    refused(await api.post(f"{BASE}/clients", json={"name": "Mia"}, headers={"Idempotency-Key": "k" * 300}))


@pytest.mark.parametrize("path", [f"{BASE}x", "/api/v1/businesses/%00", "/api/v1/businesses/a'--", "/nope"])
async def test_paths(api, nothing_written, path):
    refused(await api.get(path))


async def test_what_is_not_there_is_404(api, nothing_written):
    for path in ("bookings", "optimisation-runs"):
        assert (await api.get(f"{BASE}/{path}/{uuid4()}")).status_code == 404
    assert (await api.post(f"{BASE}/optimisation-runs/{uuid4()}/apply", json={})).status_code == 404
