"""Runs, plans, allowances and rules over HTTP."""

from uuid import uuid4

import pytest

from service.jobs import optimise
from tests.service.api.conftest import BASE, finished_run, over, refused, row_counts
from tests.service.nights import booked, fragmented, monday, waits
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10

DAY = str(MONDAY_10.date())
DAYS = {"first_day": DAY, "last_day": DAY}
REBALANCE = {**DAYS, "kind": "rebalance"}
RUNS = f"{BASE}/optimisation-runs"
pytestmark = pytest.mark.anyio

SHOWN = {
    "startRun": "test_a_plan_is_made_read_and_applied",
    "readLatestRun": "test_a_plan_is_made_read_and_applied",
    "readRun": "test_a_plan_is_made_read_and_applied",
    "applyRun": "test_a_plan_is_made_read_and_applied",
    "discardRun": "test_a_plan_is_discarded",
    "listRuns": "test_alternatives_by_policy_stand_beside_a_run",
    "listAlternatives": "test_alternatives_by_policy_stand_beside_a_run",
    "stopRun": "test_a_run_is_stopped_and_keeps_its_plan",
    "readAllowance": "test_what_a_client_allows_is_read_and_set",
    "setAllowance": "test_what_a_client_allows_is_read_and_set",
    "readRules": "test_rules_are_read_and_set",
    "setRules": "test_rules_are_read_and_set",
}


async def test_a_plan_is_made_read_and_applied(api, scope):
    appointment, entry = await fragmented(scope)
    run = await finished_run(api, {**REBALANCE, "seed": 1, "seconds": 20})
    assert (run["status"], run["kind"], run["gap"], run["phase"]) == ("planned", "rebalance", 0.0, "done")
    assert {move["kind"]: move["appointment_id"] or move["entry_id"] for move in run["moves"]} == {
        "move": str(appointment),
        "place": str(entry),
    }
    address = f"{RUNS}/{run['id']}"
    assert (await api.get(f"{RUNS}/latest")).json() == (await api.get(address)).json() == run
    some = {"moves": [move["id"] for move in run["moves"] if move["kind"] == "place"]}
    part = await api.post(f"{address}/apply", json=some)
    refused(part, 409, "inseparable-moves")
    assert part.json()["others"] == [move["id"] for move in run["moves"] if move["kind"] == "move"]
    applied = await api.post(f"{address}/apply", json={})
    assert applied.json() == {"run_id": run["id"], "applied": 2, "stale": [], "replanned_by": None}
    items = (await api.get(f"{BASE}/bookings", params={"from": f"{DAY}T09:00:00Z", "to": f"{DAY}T12:30:00Z"})).json()
    assert [item["service"] for item in items] in (["Cut", "Colour"], ["Colour", "Cut"])
    assert (await api.get(address)).json()["status"] == "applied"


async def test_a_plan_is_discarded(api, scope):
    await waits(scope, monday(9), monday(12))
    run = await finished_run(api, DAYS)
    discarded = (await api.post(f"{RUNS}/{run['id']}/discard")).json()
    assert (discarded["status"], [move["status"] for move in discarded["moves"]]) == ("discarded", ["discarded"])
    assert len((await api.get(f"{BASE}/waitlist")).json()) == 1


async def test_alternatives_by_policy_stand_beside_a_run(api, scope):
    await fragmented(scope)
    run = await finished_run(api, {**REBALANCE, "policy": "gentle", "alternatives": True})
    address = f"{RUNS}/{run['id']}/alternatives"
    for line in (await api.get(address)).json():
        await over(api, f"{RUNS}/{line['id']}")
    lines = (await api.get(address)).json()
    assert [line["policy"] for line in lines] == ["gentle", "balanced", "full"]
    assert lines[0]["id"] == run["id"]
    assert all((line["placed"], line["moved"]) == (1, 1) for line in lines[1:])
    assert {line["id"] for line in (await api.get(RUNS)).json()} == {line["id"] for line in lines}
    await api.post(f"{RUNS}/{lines[2]['id']}/apply", json={})
    after = {line["policy"]: line["status"] for line in (await api.get(address)).json()}
    assert after == {"gentle": "discarded", "balanced": "discarded", "full": "applied"}


async def test_a_run_is_stopped_and_keeps_its_plan(api, scope, monkeypatch):
    await fragmented(scope)
    monkeypatch.setattr(optimise, "TOLD_EVERY", 0.02)
    search = optimise.solve

    def slowly(problem, effort):
        found = search(problem, effort)
        while not effort.stopped:
            pass
        return found

    monkeypatch.setattr(optimise, "solve", slowly)
    [started] = (await api.post(RUNS, json=REBALANCE)).json()
    address = f"{RUNS}/{started['id']}"
    refused(await api.post(RUNS, json=REBALANCE), 409, "not-allowed")
    refused(await api.post(f"{address}/apply", json={}), 409, "not-allowed")
    stopped = await api.post(f"{address}/stop")
    assert (stopped.status_code, stopped.json()["stop_requested"]) == (202, True)
    run = await over(api, address)
    assert (run["status"], len(run["moves"])) == ("planned", 2)
    refused(await api.post(f"{address}/stop"), 409, "not-allowed")


async def test_what_a_client_allows_is_read_and_set(api, scope):
    appointment, _ = await fragmented(scope)
    address = f"{BASE}/bookings/{appointment}/allowance"
    read = await api.get(address)
    assert (read.json()["windows"], read.json()["locked"]) == (None, False)
    version = read.headers["etag"]
    assert version.startswith('"1-')
    window = {"start": f"{DAY}T09:00:00Z", "end": f"{DAY}T17:30:00Z"}
    body = {"windows": [window], "staff": "named", "staff_ids": [str(BEN)], "locked": False}
    stored = await api.put(address, json=body, headers={"If-Match": version})
    assert (stored.json(), stored.headers["etag"]) == ({"appointment_id": str(appointment), "version": 2}, '"2"')
    read = (await api.get(address)).json()
    assert (read["windows"], read["staff_allowed"]) == ([window], "named")
    assert read["staff_ids"] == [str(BEN)]
    refused(await api.put(address, json=body, headers={"If-Match": '"1"'}), 412, "stale-version")
    await api.put(address, json={"locked": True})
    assert (await finished_run(api, REBALANCE))["moves"] == []


async def test_what_a_client_allows_is_said_when_booking(api, client_id):
    at = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": monday(10).isoformat()}
    booked_at_once = await api.post(
        f"{BASE}/bookings", json={**at, "client_id": client_id, "allowance": {"locked": True}}
    )
    assert booked_at_once.status_code == 201
    held = (await api.post(f"{BASE}/holds", json={**at, "staff_id": str(BEN)})).json()
    body = {"hold_id": held["id"], "token": held["token"], "client_id": client_id, "allowance": {"staff": "any"}}
    assert (await api.post(f"{BASE}/bookings", json=body)).status_code == 201
    for booking, told in ((booked_at_once.json(), (True, None)), (held, (False, "any"))):
        read = (await api.get(f"{BASE}/bookings/{booking['id']}/allowance")).json()
        assert (read["locked"], read["staff_allowed"]) == told
    wrong = {**at, "starts_at": monday(11).isoformat(), "client_id": client_id, "allowance": {"staff": "named"}}
    refused(await api.post(f"{BASE}/bookings", json=wrong), 422, "invalid-input")


async def test_rules_are_read_and_set(api, scope):
    address = f"{BASE}/optimisation-rules"
    defaults = (await api.get(address)).json()
    assert (defaults["minutes"], defaults["staff"], defaults["frozen_hours"]) == (60, "same", 24)
    await fragmented(scope)
    still = (await api.put(address, json={"minutes": 0})).json()
    assert still == {**defaults, "minutes": 0}
    assert (await finished_run(api, REBALANCE))["moves"] == []
    await api.put(address, json={})
    assert (await api.get(address)).json() == defaults
    assert len((await finished_run(api, REBALANCE))["moves"]) == 2


@pytest.mark.parametrize(
    "body",
    [
        {**DAYS, "kind": "guess"},
        {**DAYS, "policy": "ruthless"},
        {**DAYS, "policy": None},
        {**DAYS, "seconds": 0},
        {**DAYS, "seconds": 601},
        {**DAYS, "seconds": "20"},
        {**DAYS, "seconds": 1.5},
        {**DAYS, "alternatives": "yes"},
        {**DAYS, "days": 3},
        {"first_day": "2025-01-01", "last_day": "2025-01-02"},
        {"first_day": DAY, "last_day": "2026-05-30"},
        {"first_day": DAY, "last_day": "2026-03-01"},
    ],
)
async def test_a_run_that_cannot_be_is_refused(api, client_id, owner_url, body):
    before = row_counts(owner_url)
    refused(await api.post(RUNS, json=body), 422, "invalid-input")
    assert row_counts(owner_url) == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("allowance", {"staff": "named"}),
        ("allowance", {"staff": "any", "staff_ids": [str(ANA)]}),
        ("allowance", {"staff_ids": []}),
        ("allowance", {"staff": "everyone"}),
        ("allowance", {"windows": []}),
        ("allowance", {"windows": [{"start": f"{DAY}T10:00:00Z", "end": f"{DAY}T10:00:00Z"}]}),
        ("allowance", {"windows": [{"start": f"{DAY}T10:00:00", "end": f"{DAY}T11:00:00"}]}),
        ("allowance", {"locked": "yes"}),
        ("allowance", {"version": 3}),
        ("rules", {"minutes": -1}),
        ("rules", {"minutes": 1441}),
        ("rules", {"minutes": True}),
        ("rules", {"staff": "named"}),
        ("rules", {"frozen_hours": None}),
        ("rules", {"seconds": 0}),
        ("rules", {"moves_a_day": -1}),
        ("rules", {"weights": {}}),
    ],
)
async def test_allowances_and_rules_that_cannot_be_are_refused(api, scope, owner_url, path, body):
    appointment = await booked(scope, monday(10))
    address = f"{BASE}/bookings/{appointment}/allowance" if path == "allowance" else f"{BASE}/optimisation-rules"
    before = row_counts(owner_url)
    refused(await api.put(address, json=body), 422)
    assert row_counts(owner_url) == before


async def test_what_is_not_there_has_no_allowance(api, scope):
    address = f"{BASE}/bookings/{uuid4()}/allowance"
    refused(await api.get(address), 404, "not-found")
    refused(await api.put(address, json={}), 404, "not-found")
    gone = await booked(scope, monday(10))
    await api.post(f"{BASE}/bookings/{gone}/cancel", json={})
    refused(await api.put(f"{BASE}/bookings/{gone}/allowance", json={}), 409, "not-allowed")
    kept = await booked(scope, monday(10))
    someone = {"staff": "named", "staff_ids": [str(uuid4())]}
    refused(await api.put(f"{BASE}/bookings/{kept}/allowance", json=someone), 422, "not-allocated")
