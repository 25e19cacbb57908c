"""Every domain error on the wire: an RFC 9457 problem document with its status and its stable code."""

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from models.errors import InterlockError
from service.api.same_origin import CrossSite
from service.commands import availability, bookings
from service.db.views import Views
from tests.service.api.conftest import BASE, finished_run, refused, row_counts
from tests.service.worlds import ANA, BEN, COLOUR, CUT, MONDAY_10, NOW

DAY = str(MONDAY_10.date())
pytestmark = pytest.mark.anyio


def slot(start=MONDAY_10, staff=ANA, service=CUT) -> dict[str, str]:
    return {"service_id": str(service), "staff_id": str(staff), "starts_at": start.isoformat()}


@pytest.mark.parametrize(
    ("wanted", "status", "code"),
    [
        (slot(NOW - timedelta(days=3)), 422, "past"),
        (slot(NOW + timedelta(days=1, minutes=-15), service=COLOUR), 422, "past"),
        (slot(MONDAY_10 + timedelta(minutes=5)), 422, "outside-policy"),
        (slot(MONDAY_10 + timedelta(days=70)), 422, "outside-policy"),
        (slot(MONDAY_10 - timedelta(days=1)), 422, "closed"),
        (slot(staff=BEN, service=COLOUR), 422, "not-allocated"),
        (slot(staff=uuid4()), 404, "not-found"),
        (slot(service=uuid4()), 404, "not-found"),
    ],
)
async def test_what_is_not_on_offer(api, client_id, nothing_written, wanted, status, code):
    refused(await api.post(f"{BASE}/holds", json=wanted), status, code)
    refused(await api.post(f"{BASE}/bookings", json={**wanted, "client_id": client_id}), status, code)


async def test_what_is_taken(api, client_id, owner_url):
    await api.post(f"{BASE}/holds", json=slot())
    before = row_counts(owner_url)
    refused(await api.post(f"{BASE}/holds", json=slot()), 409, "slot-taken")
    refused(await api.post(f"{BASE}/bookings", json={**slot(), "client_id": client_id}), 409, "slot-taken")
    assert row_counts(owner_url) == before


async def test_a_hold_that_is_not_theirs_or_not_there(api, client_id, owner_url):
    hold = (await api.post(f"{BASE}/holds", json=slot())).json()
    before = row_counts(owner_url)
    confirm = {"hold_id": hold["id"], "token": "guess", "client_id": client_id}
    refused(await api.post(f"{BASE}/bookings", json=confirm), 409, "hold-expired")
    address = f"{BASE}/holds/{hold['id']}"
    refused(await api.delete(address, headers={"Hold-Token": "guess"}), 409, "hold-expired")
    refused(await api.delete(address), 422, "invalid-input")
    refused(await api.post(f"{BASE}/bookings", json={**confirm, "hold_id": str(uuid4())}), 404, "not-found")
    refused(await api.delete(f"{BASE}/holds/{uuid4()}", headers={"Hold-Token": "guess"}), 404, "not-found")
    refused(await api.post(f"{BASE}/bookings", json={"hold_id": hold["id"], "client_id": client_id}), 422)
    assert row_counts(owner_url) == before


async def test_a_hold_that_ran_out(api, client_id, owner_url):
    hold = (await api.post(f"{BASE}/holds", json=slot())).json()
    with psycopg.connect(owner_url) as connection:
        connection.execute("UPDATE appointment SET expires_at = clock_timestamp()")
    confirm = {"hold_id": hold["id"], "token": hold["token"], "client_id": client_id}
    refused(await api.post(f"{BASE}/bookings", json=confirm), 409, "hold-expired")


async def test_a_client_who_is_not_there(api, client_id, nothing_written):
    nobody = {"client_id": str(uuid4())}
    refused(await api.post(f"{BASE}/bookings", json={**slot(), **nobody}), 404, "not-found")
    wish = {"service_id": str(CUT), "windows": [{"start": f"{DAY}T09:00:00Z", "end": f"{DAY}T12:00:00Z"}]}
    refused(await api.post(f"{BASE}/waitlist", json={**wish, **nobody}), 404, "not-found")
    known = {**wish, "client_id": client_id}
    refused(await api.post(f"{BASE}/waitlist", json={**known, "service_id": str(uuid4())}), 404, "not-found")
    refused(await api.post(f"{BASE}/waitlist", json={**known, "staff_ids": [str(uuid4())]}), 404, "not-found")
    colour = {**known, "service_id": str(COLOUR), "staff_ids": [str(BEN)]}
    refused(await api.post(f"{BASE}/waitlist", json=colour), 422, "not-allocated")


async def test_cancelling_twice_and_a_stale_version(api, client_id):
    booking = (await api.post(f"{BASE}/bookings", json={**slot(), "client_id": client_id})).json()
    address = f"{BASE}/bookings/{booking['id']}/cancel"
    stale = await api.post(address, json={}, headers={"If-Match": '"7"'})
    refused(stale, 412, "stale-version")
    assert stale.json()["version"] == 1
    assert (await api.post(address, json={}, headers={"If-Match": "*"})).status_code == 200
    refused(await api.post(address, json={}), 409, "not-allowed")
    refused(await api.post(f"{BASE}/bookings/{uuid4()}/cancel", json={}), 404, "not-found")


async def test_hours_withdrawn_under_a_booking_and_a_stale_day(api, client_id, owner_url):
    booking = (await api.post(f"{BASE}/bookings", json={**slot(), "client_id": client_id})).json()
    address = f"{BASE}/staff/{ANA}/days/{DAY}"
    before = row_counts(owner_url)
    displaced = await api.put(address, json={"spans": []})
    refused(displaced, 409, "displaces-bookings")
    assert displaced.json()["appointments"] == [booking["id"]]
    assert row_counts(owner_url) == before
    assert (await api.put(address, json={"spans": [{"opens": 540, "closes": 720}]})).json()["version"] == 1
    refused(await api.put(address, json={"spans": None}, headers={"If-Match": '"9"'}), 412, "stale-version")
    refused(await api.put(f"{BASE}/staff/{uuid4()}/days/{DAY}", json={"spans": []}), 404, "not-found")


async def test_a_version_of_a_day_that_nobody_has_set(api, nothing_written):
    address = f"{BASE}/staff/{ANA}/days/{DAY}"
    refused(await api.put(address, json={"spans": []}, headers={"If-Match": '"3"'}), 412, "stale-version")


async def test_hours_that_run_into_the_next_day(api, client_id, nothing_written):
    overlapping = {"spans": [{"opens": 1200, "closes": 1440 + 600}]}
    refused(await api.put(f"{BASE}/staff/{ANA}/days/{DAY}", json=overlapping), 422, "invalid-input")


async def test_hours_that_changed_after_the_look(api, scope, client_id, monkeypatch):
    stale = await Views(scope.db).current(scope.business_id, NOW)
    await availability.set_day(scope, availability.DayHours(ANA, MONDAY_10.date(), ((540, 750),)))

    async def current(*_):
        return stale

    monkeypatch.setattr(Views, "current", current)
    refused(await api.post(f"{BASE}/holds", json=slot()), 409, "stale-snapshot")


async def test_a_key_with_another_request(api, client_id, owner_url):
    keyed = {"Idempotency-Key": "k"}
    await api.post(f"{BASE}/clients", json={"name": "Mia"}, headers=keyed)
    before = row_counts(owner_url)
    refused(await api.post(f"{BASE}/clients", json={"name": "Noa"}, headers=keyed), 422, "key-reused")
    assert row_counts(owner_url) == before


async def test_plans_that_are_not_there_or_over(api, client_id):
    refused(await api.get(f"{BASE}/optimisation-runs/latest"), 404, "not-found")
    for path in ("", "/apply", "/discard"):
        method = "POST" if path else "GET"
        address = f"{BASE}/optimisation-runs/{uuid4()}{path}"
        refused(await api.request(method, address, json={} if path == "/apply" else None), 404, "not-found")
    run = (await finished_run(api, {"first_day": DAY, "last_day": DAY}))["id"]
    refused(await api.post(f"{BASE}/optimisation-runs/{run}/apply", json={"moves": [str(uuid4())]}), 404, "not-found")
    assert (await api.post(f"{BASE}/optimisation-runs/{run}/discard")).status_code == 200
    refused(await api.post(f"{BASE}/optimisation-runs/{run}/discard"), 409, "not-allowed")
    refused(await api.post(f"{BASE}/optimisation-runs/{run}/apply", json={}), 409, "not-allowed")


async def test_leaving_twice(api, client_id):
    window = {"start": f"{DAY}T09:00:00Z", "end": f"{DAY}T12:00:00Z"}
    wish = {"service_id": str(CUT), "client_id": client_id, "windows": [window]}
    entry = (await api.post(f"{BASE}/waitlist", json=wish)).json()["id"]
    assert (await api.delete(f"{BASE}/waitlist/{entry}")).status_code == 204
    refused(await api.delete(f"{BASE}/waitlist/{entry}"), 409, "not-allowed")
    refused(await api.delete(f"{BASE}/waitlist/{uuid4()}"), 404, "not-found")


async def test_a_database_that_does_not_answer(api, db):
    await db.close()
    answer = await api.get(BASE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unavailable"


async def test_what_nobody_foresaw_says_nothing_of_itself(api, scope, monkeypatch):
    async def fail(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr(Views, "current", fail)
    answer = await api.post(f"{BASE}/holds", json=slot())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


async def test_routes_and_methods_that_are_not_there(api):
    refused(await api.get(f"{BASE}/nothing"), 404, "not-found")
    refused(await api.get("/api/v1/businesses/nobody"), 404, "not-found")
    for path, allowed in (
        ("/clients", "GET, POST"),
        (f"/clients/{uuid4()}", "DELETE, GET, PATCH"),
        ("/no-show-rules", "GET, PUT"),
        ("/exports/clients.csv", "GET"),
    ):
        wrong = await api.request("PROPFIND", BASE + path)
        refused(wrong, 405, "method-not-allowed")
        assert wrong.headers["allow"] == allowed, path


def test_codes_are_stable_and_each_names_one_error():
    codes = {error.code: error for error in (InterlockError, *every_error()) if error is not CrossSite}
    assert len(codes) == len({*every_error()} - {CrossSite}) + 1 - 1, "Contended is Unavailable by another name"
    assert {code: error.status for code, error in codes.items()} == {
        "internal": 500,
        "invalid-input": 422,
        "not-found": 404,
        "slot-taken": 409,
        "hold-expired": 409,
        "link-expired": 410,
        "not-allowed": 409,
        "inseparable-moves": 409,
        "displaces-bookings": 409,
        "stale-version": 412,
        "stale-snapshot": 409,
        "key-reused": 422,
        "past": 422,
        "outside-policy": 422,
        "closed": 422,
        "not-allocated": 422,
        "too-many-requests": 429,
        "unauthenticated": 401,
        "invalid-grant": 400,
        "invalid-client": 401,
        "unknown-host": 400,
        "forbidden": 403,
        "limit-reached": 409,
        "unavailable": 503,
        "not-configured": 500,
    }
    assert bookings.HOLD_MINUTES == 5


def every_error(root: type[InterlockError] = InterlockError) -> set[type[InterlockError]]:
    return set(root.__subclasses__()).union(*(every_error(sub) for sub in root.__subclasses__()))
