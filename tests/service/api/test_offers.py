"""Offers and schedules over HTTP."""

from datetime import timedelta

import pytest

from service.commands import offers
from service.db.views import Views
from tests.service.api.conftest import BASE, refused
from tests.service.api.test_routes import AT_10, DAY, waits
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW

pytestmark = pytest.mark.anyio

SHOWN = {
    "listOffers": "test_freed_time_is_offered_accepted_and_declined",
    "acceptOffer": "test_freed_time_is_offered_accepted_and_declined",
    "declineOffer": "test_freed_time_is_offered_accepted_and_declined",
    "readSchedule": "test_a_day_a_week_and_a_client_are_read",
    "listClientBookings": "test_a_day_a_week_and_a_client_are_read",
}


async def test_freed_time_is_offered_accepted_and_declined(api, scope, client_id, db):
    entry = await waits(api, client_id)
    for how, status in (("decline", "released"), ("accept", "confirmed")):
        start = MONDAY_10 + timedelta(hours=how == "accept")
        freed = offers.Freed(BEN, start, start + timedelta(minutes=40))
        view = await Views(db).current(scope.business_id, NOW)
        [made] = await offers.pass_on(scope, freed, view=view, now=NOW)
        [shown] = (await api.get(f"{BASE}/offers")).json()
        assert (shown["id"], shown["entry_id"], shown["client"]) == (str(made.id), entry, "Maria Costa")
        answer = await api.post(f"{BASE}/offers/{made.id}/{how}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
        refused(await api.post(f"{BASE}/offers/{made.id}/{how}"), 409, "not-allowed")
    assert (await api.get(f"{BASE}/offers")).json() == []
    assert (await api.get(f"{BASE}/waitlist")).json() == []


async def test_a_day_a_week_and_a_client_are_read(api, client_id):
    at = {**AT_10, "client_id": client_id}
    first = (await api.post(f"{BASE}/bookings", json=at)).json()["id"]
    other = {**at, "staff_id": str(BEN), "starts_at": "2026-03-04T10:00:00Z"}
    second = (await api.post(f"{BASE}/bookings", json=other)).json()["id"]
    day = (await api.get(f"{BASE}/schedule", params={"first_day": DAY})).json()
    assert [(row["appointment_id"], row["day"], row["staff"], row["client"]) for row in day] == [
        (first, DAY, "Ana", "Maria Costa")
    ]
    week = {"first_day": DAY, "days": "7"}
    assert [r["appointment_id"] for r in (await api.get(f"{BASE}/schedule", params=week)).json()] == [first, second]
    bens = (await api.get(f"{BASE}/schedule", params={**week, "staff_id": str(BEN)})).json()
    assert [row["appointment_id"] for row in bens] == [second]
    await api.post(f"{BASE}/bookings/{first}/cancel", json={})
    assert (await api.get(f"{BASE}/schedule", params={"first_day": DAY})).json() == []
    book = (await api.get(f"{BASE}/clients/{client_id}/bookings")).json()
    assert [(i["appointment_id"], i["status"]) for i in book["items"]] == [(second, "confirmed"), (first, "cancelled")]
    assert book["no_shows"] == 0
    refused(await api.get(f"{BASE}/clients/{ANA}/bookings"), 404, "not-found")
    for bad in ({"first_day": DAY, "days": "32"}, {"first_day": "soon"}, {"first_day": "9999-12-31"}):
        refused(await api.get(f"{BASE}/schedule", params=bad), 422, "invalid-input")


async def test_a_taken_slot_comes_with_the_three_nearest_free_ones(api, client_id):
    await api.post(f"{BASE}/holds", json=AT_10)
    for answer in (
        await api.post(f"{BASE}/holds", json=AT_10),
        await api.post(f"{BASE}/bookings", json={**AT_10, "client_id": client_id}),
    ):
        refused(answer, 409, "slot-taken")
        near = answer.json()["nearest"]
        assert len(near) == 3
        assert all(abs(int(n["starts_at"][11:13]) * 60 + int(n["starts_at"][14:16]) - 600) <= 45 for n in near)
        assert "Nearest free: Mon 02 Mar 09:45 with Ben" in answer.json()["detail"]
        taken = {**AT_10, "staff_id": near[0]["staff_id"], "starts_at": near[0]["starts_at"]}
        held = await api.post(f"{BASE}/holds", json=taken)
        assert held.status_code == 201
        await api.delete(f"{BASE}/holds/{held.json()['id']}", headers={"Hold-Token": held.json()["token"]})
    assert str(CUT) == AT_10["service_id"]
