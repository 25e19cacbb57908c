"""Live updates over HTTP: in order, resumed where they stopped, none passed over."""

import asyncio
from uuid import UUID

import orjson
import psycopg
import pytest

from service.api import events as api_events
from service.queries import events
from service.queries.events import Cursor
from tests.service.api.conftest import BASE, finished_run, refused
from tests.service.nights import monday, waits
from tests.service.worlds import ANA, CUT, MONDAY_10

AT_10 = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat()}
SHOWN = {"streamEvents": "test_what_happens_is_told_and_resumed"}
pytestmark = pytest.mark.anyio


@pytest.fixture
def short(app):
    """Streams that end soon, for the test's transport reads them whole."""
    app.state.hub.lasts_s = 1.5
    return app


def parsed(text: str) -> list[tuple[str, str, dict]]:
    """Return id, name and data of each event of a stream."""
    blocks = [
        dict(line.split(": ", 1) for line in block.split("\n")) for block in text.split("\n\n") if "data:" in block
    ]
    return [(block["id"], block["event"], orjson.loads(block["data"])) for block in blocks]


async def test_what_happens_is_told_and_resumed(short, api, client_id):
    async def change():
        await asyncio.sleep(0.4)
        await api.post(f"{BASE}/bookings", json={**AT_10, "client_id": client_id})
        await api.post(f"{BASE}/clients", json={"name": "Mia"})

    answer, _ = await asyncio.gather(api.get(f"{BASE}/events"), change())
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.startswith("retry: 3000\n\n")
    # While a transaction of anybody's is open, what was committed just before may be told again.
    first, second = parsed(answer.text)[-2:]
    assert (first[1], second[1]) == ("appointment.confirmed", "client.registered")
    assert first[2]["version"] == 1
    resumed = await api.get(f"{BASE}/events", headers={"Last-Event-ID": first[0]})
    assert parsed(resumed.text) == [second]
    only = await api.get(f"{BASE}/events", params={"topic": "appointment"}, headers={"Last-Event-ID": first[0]})
    assert parsed(only.text) == []


async def test_changes_of_hours_and_plans_are_told_as_well_as_bookings(short, api, scope):
    start = await events.now(scope.db, scope.business_id)
    await waits(scope, monday(9), monday(12))
    hours = {"spans": [{"opens": 540, "closes": 1020}]}
    assert (await api.put(f"{BASE}/staff/{ANA}/days/{MONDAY_10.date()}", json=hours)).status_code == 200
    run = await finished_run(api, {"first_day": str(MONDAY_10.date()), "last_day": str(MONDAY_10.date())})
    await api.post(f"{BASE}/optimisation-runs/{run['id']}/apply", json={})
    expected = {"availability.day_set", "plan.recorded", "plan.applied", "appointment.confirmed"}
    told: dict[str, dict] = {}
    # A stream ends soon here, and waits for every transaction that was open before: ask until all is told.
    async with asyncio.timeout(60):
        while not (first := await events.after(scope.db, scope.business_id, start)):
            continue
        while not expected <= told.keys():
            answer = await api.get(f"{BASE}/events", headers={"Last-Event-ID": str(first[0][0])})
            told = {name: event for _, name, event in parsed(answer.text)}
    assert told["availability.day_set"]["aggregate_id"] == str(ANA)
    assert told["plan.applied"]["aggregate_id"] == told["plan.recorded"]["aggregate_id"] == run["id"]


async def test_a_stream_goes_on_beyond_the_time_in_which_an_answer_is_due(short, api, monkeypatch):
    short.state.hub.lasts_s = 3.0
    monkeypatch.setattr("service.api.edge.LONGEST_S", 1.0)

    async def change():
        await asyncio.sleep(1.3)
        monkeypatch.undo()
        await api.post(f"{BASE}/clients", json={"name": "Mia"})

    answer, _ = await asyncio.gather(api.get(f"{BASE}/events"), change())
    assert "client.registered" in [name for _, name, _ in parsed(answer.text)]


async def test_an_event_that_is_not_kept_is_a_reset(short, api, client_id):
    event, *_ = parsed((await api.get(f"{BASE}/events", headers={"Last-Event-ID": "1-1"})).text)
    assert event[1:] == ("reset", {"topic": "reset"})


@pytest.mark.parametrize("bad", ["x", "1", "-", "1-x", "9" * 19 + "-1", "1-1'; --"])
async def test_what_is_no_id(api, bad):
    refused(await api.get(f"{BASE}/events", headers={"Last-Event-ID": bad}), 422, "invalid-input")


async def test_what_commits_late_is_not_passed_over(scope, owner_url, app_url):
    """A cursor that follows the last number seen would have passed the first event over."""
    start = await events.now(scope.db, scope.business_id)
    insert = (
        "INSERT INTO outbox_event (business_id, topic, aggregate_id, aggregate_version, payload) "
        "VALUES (%s, %s, gen_random_uuid(), 1, '{}') RETURNING id"
    )
    with psycopg.connect(owner_url) as slow, psycopg.connect(owner_url, autocommit=True) as quick:
        first = slow.execute(insert, [scope.business_id, "slow"]).fetchone()[0]
        second = quick.execute(insert, [scope.business_id, "quick"]).fetchone()[0]
        assert first < second
        early = await events.after(scope.db, scope.business_id, start)
        assert [event for _, event in early if event["topic"] in ("slow", "quick")] == []
        slow.commit()
    told: list = []
    # Events wait for every transaction that was open before them, be it of another test's worker.
    async with asyncio.timeout(20):
        while len(told) < 2:
            later = await events.after(scope.db, scope.business_id, start)
            told = [(place, event) for place, event in later if event["topic"] in ("slow", "quick")]
    assert [event["topic"] for _, event in told] == ["slow", "quick"]
    by_number = [event["topic"] for place, event in told if place.id > second]
    assert by_number == [], "the slow one is behind the number that a reader had seen"


async def test_anothers_events_are_not_told(short, api, rival):
    everything_since = str(Cursor(1, 1))
    answer = await api.get(f"{BASE}/events", headers={"Last-Event-ID": everything_since})
    assert parsed(answer.text)[0][1] == "reset"
    # A job's number is a small integer that any time of day may contain; identifiers say whose they are.
    theirs = [name for name, value in rival.ids.items() if isinstance(value, UUID) and str(value) in answer.text]
    assert theirs == []


async def test_streams_are_bounded_and_end_when_it_drains(short, api, monkeypatch):
    monkeypatch.setattr(api_events, "MOST_OF_ONE", 0)
    full = await api.get(f"{BASE}/events")
    assert (full.status_code, full.json()["code"], full.headers["retry-after"]) == (503, "unavailable", "1")
    monkeypatch.undo()
    short.state.hub.lasts_s = 60
    short.state.hub.draining.set()
    assert parsed((await api.get(f"{BASE}/events")).text) == []
    assert short.state.hub._streams == short.state.hub._tails == {}
