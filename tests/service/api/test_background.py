"""Bookings asked for in a burst, jobs and dead letters, over HTTP."""

import pytest

from models.permissions import Role
from service.bootstrap import Interlock
from service.db.views import Views
from service.jobs import worker
from service.jobs.events import Consumer
from tests.races.races import owner_does
from tests.service.api.conftest import BASE, refused
from tests.service.people import caller, somebody
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client

pytestmark = pytest.mark.anyio
SHOWN = {
    "askForBooking": "test_a_booking_is_asked_for_polled_and_made",
    "readBookingRequest": "test_a_booking_is_asked_for_polled_and_made",
    "listJobs": "test_dead_letters_are_listed_and_put_back",
    "requeueJob": "test_dead_letters_are_listed_and_put_back",
}
AT_10 = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat()}


@pytest.fixture
def work(db, app_url):
    """Do what waits in the background; events of clients are more than their consumer can bear."""

    async def fail(*_) -> None:
        raise RuntimeError("no")

    async def work() -> None:
        consumers = {"failing": Consumer(frozenset({"client"}), fail)}
        await worker.drain(Interlock(db, Views(db), lambda: NOW), app_url, consumers)

    return work


async def test_a_booking_is_asked_for_polled_and_made(api, client_id, work):
    asked = await api.post(f"{BASE}/booking-requests", json={**AT_10, "client_id": client_id})
    assert (asked.status_code, asked.json()["status"], asked.json()["ahead"]) == (202, "queued", 0)
    late = await api.post(f"{BASE}/booking-requests", json={**AT_10, "client_id": client_id})
    address = asked.headers["Location"]
    assert (await api.get(address)).headers["Retry-After"] == "1"
    await work()
    answered = await api.get(address)
    assert "Retry-After" not in answered.headers
    assert (answered.json()["status"], answered.json()["problem"]) == ("booked", None)
    booking = await api.get(f"{BASE}/bookings/{answered.json()['booking']['id']}")
    assert booking.json()[0]["status"] == "confirmed"
    told = (await api.get(late.headers["Location"])).json()
    assert (told["status"], told["problem"]["code"], told["booking"]) == ("refused", "slot-taken", None)
    refused(await api.post(f"{BASE}/booking-requests", json={**AT_10, "client_id": client_id}), 409, "slot-taken")


async def test_asking_twice_under_one_key_is_asking_once(api, client_id):
    first, second = [
        await api.post(
            f"{BASE}/booking-requests", json={**AT_10, "client_id": client_id}, headers={"Idempotency-Key": "k"}
        )
        for _ in range(2)
    ]
    assert first.headers["Location"] == second.headers["Location"]


async def test_anothers_request_is_not_there(api, rival):
    refused(await api.get(f"{BASE}/booking-requests/{rival.ids['request']}"), 404, "not-found")


async def test_a_client_asks_for_themselves_and_polls_what_they_asked_for(app, scope, client_id, work, owner_url):
    """What they ask for may have to be approved, as what they book; what the house asks for does not."""
    owner_does(owner_url, "UPDATE service SET needs_approval = true")
    mine, others = [await somebody(scope, Role.CLIENT, client_id=who) for who in (client_id, await client(scope))]
    owner = await somebody(scope, Role.OWNER)
    async with caller(app, mine) as me, caller(app, others) as other, caller(app, owner) as house:
        asked = await me.post(f"{BASE}/booking-requests", json={**AT_10, "client_id": client_id})
        assert asked.status_code == 202
        refused(await other.post(f"{BASE}/booking-requests", json={**AT_10, "client_id": client_id}), 403, "forbidden")
        theirs = {**AT_10, "staff_id": str(BEN), "client_id": client_id}
        at_the_desk = await house.post(f"{BASE}/booking-requests", json=theirs)
        await work()
        told = await me.get(asked.headers["Location"])
        assert (told.status_code, told.json()["booking"]["status"]) == (200, "pending")
        refused(await other.get(asked.headers["Location"]), 404, "not-found")
        assert (await me.get(at_the_desk.headers["Location"])).json()["booking"]["status"] == "confirmed"


async def test_seats_are_asked_for_together(api, client_id, work, owner_url):
    owner_does(owner_url, "UPDATE service SET seats = 3")
    wanted = {**AT_10, "client_id": client_id, "seats": 2}
    first, second = [await api.post(f"{BASE}/booking-requests", json=wanted) for _ in range(2)]
    refused(await api.post(f"{BASE}/booking-requests", json={**wanted, "seats": 4}), 422, "outside-policy")
    await work()
    assert [(await api.get(one.headers["Location"])).json()["status"] for one in (first, second)] == [
        "booked",
        "refused",
    ]


async def test_a_full_queue_says_when_to_come_again(api, client_id, monkeypatch):
    monkeypatch.setattr("service.commands.requests.LONGEST_QUEUE", 1)
    body = {**AT_10, "client_id": client_id}
    assert (await api.post(f"{BASE}/booking-requests", json=body)).status_code == 202
    assert (await api.post(f"{BASE}/booking-requests", json=body)).status_code == 202
    full = await api.post(f"{BASE}/booking-requests", json=body)
    assert (full.status_code, full.json()["code"], full.headers["retry-after"]) == (503, "unavailable", "1")


async def test_dead_letters_are_listed_and_put_back(api, client_id, work, owner_url):
    await work()
    [job] = (await api.get(f"{BASE}/jobs")).json()
    assert (job["status"], job["error"]) == ("todo", "RuntimeError: no")
    refused(await api.post(f"{BASE}/jobs/{job['id']}/requeue"), 409, "not-allowed")
    owner_does(owner_url, "SET search_path = jobs", "UPDATE procrastinate_jobs SET status = 'failed'")
    [dead] = (await api.get(f"{BASE}/jobs", params={"status": "failed"})).json()
    assert dead["id"] == job["id"]
    assert (await api.post(f"{BASE}/jobs/{job['id']}/requeue")).json() == {"id": job["id"]}
    assert (await api.get(f"{BASE}/jobs", params={"status": "failed"})).json() == []
    refused(await api.post(f"{BASE}/jobs/{2**62}/requeue"), 404, "not-found")
    refused(await api.get(f"{BASE}/jobs", params={"status": "lost"}), 422, "invalid-input")
