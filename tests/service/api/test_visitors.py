"""Who books without an account: in one transaction, with keys that no other visitor shares."""

import dataclasses
from datetime import timedelta

import httpx
import psycopg
import pytest

from service.commands import clients
from service.db import command
from tests.service.api.conftest import BASE, refused, row_counts
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10

AT_10 = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat()}
MIA = {"name": "Mia", "email": "mia@example.org"}
pytestmark = pytest.mark.anyio


def visitor(app, address: str) -> httpx.AsyncClient:
    """Return a client without a credential at an address of its own."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


async def held(api, starts_at=MONDAY_10) -> dict[str, str]:
    hold = (await api.post(f"{BASE}/holds", json={**AT_10, "starts_at": starts_at.isoformat()})).json()
    return {"hold_id": hold["id"], "token": hold["token"]}


async def test_an_address_without_an_account_has_three_live_holds_whatever_keys_it_names(app, scope):
    places = [(staff, MONDAY_10 + timedelta(hours=hours)) for hours in (0, 1) for staff in (ANA, BEN)]
    bodies = [
        {**AT_10, "staff_id": str(staff), "starts_at": start.isoformat(), "client_key": f"key {n}"}
        for n, (staff, start) in enumerate(places)
    ]
    async with (
        visitor(app, "2001:db8::1") as one,
        visitor(app, "2001:db8::2") as same,
        visitor(app, "10.0.0.2") as other,
    ):
        for caller, body in zip((one, same, one), bodies, strict=False):
            assert (await caller.post(f"{BASE}/holds", json=body)).status_code == 201
        refused(await same.post(f"{BASE}/holds", json=bodies[3]), 409, "limit-reached")
        assert (await other.post(f"{BASE}/holds", json=bodies[3])).status_code == 201


async def test_holds_of_the_pages_and_of_the_api_count_together(app, scope):
    places = [(staff, MONDAY_10 + timedelta(hours=hours)) for hours in (0, 1, 4) for staff in (ANA, BEN)]
    page = f"/b/salon/hold?service={CUT}&lang=en"

    async def on_page(caller: httpx.AsyncClient, place) -> httpx.Response:
        caller.cookies.clear()
        return await caller.post(page, data={"at": f"{place[0]}~{place[1].isoformat()}"})

    async with visitor(app, "10.0.0.1") as one, visitor(app, "10.0.0.2") as other:
        for place in places[:2]:
            assert (await on_page(one, place)).status_code == 303
        body = {**AT_10, "staff_id": str(places[2][0]), "starts_at": places[2][1].isoformat()}
        assert (await one.post(f"{BASE}/holds", json=body)).status_code == 201
        fourth = await on_page(one, places[3])
        assert (fourth.status_code, "Three times are held from here" in fourth.text) == (409, True)
        body |= {"staff_id": str(places[3][0]), "starts_at": places[3][1].isoformat()}
        refused(await one.post(f"{BASE}/holds", json=body), 409, "limit-reached")
        assert (await on_page(other, places[3])).status_code == 303
        # Who holds one may change it for another.
        again = await other.post(page, data={"at": f"{places[4][0]}~{places[4][1].isoformat()}"})
        assert again.status_code == 303


async def test_a_confirmation_that_fails_leaves_no_client(app, scope, anybody, owner_url):
    hold = await held(anybody)
    before = row_counts(owner_url)
    refused(await anybody.post(f"{BASE}/bookings", json={**hold, "token": "guess", "client": MIA}), 409, "hold-expired")
    assert row_counts(owner_url) == before
    assert (await anybody.post(f"{BASE}/bookings", json={**hold, "client": MIA})).status_code == 201
    assert row_counts(owner_url)["client"] == before["client"] + 1


async def test_where_the_client_is_added_first_one_is_left_behind(app, scope, anybody, owner_url):
    """The two steps that it must not be, with the same refusal in between."""
    hold = await held(anybody)
    before = row_counts(owner_url)
    await clients.register(scope, clients.NewClient(**MIA))
    refused(await anybody.post(f"{BASE}/bookings", json={**hold, "token": "guess", "client": MIA}), 409)
    assert row_counts(owner_url)["client"] == before["client"] + 1


async def test_who_comes_again_is_recognised_and_counted(app, scope, anybody, owner_url):
    with psycopg.connect(owner_url) as connection:
        connection.execute("UPDATE service SET client_daily_limit = 1 WHERE id = %s", [CUT])
    first = await anybody.post(f"{BASE}/bookings", json={**await held(anybody), "client": MIA})
    later = await held(anybody, MONDAY_10.replace(hour=15))
    known = {**MIA, "name": "mia"}
    refused(await anybody.post(f"{BASE}/bookings", json={**later, "client": known}), 409, "limit-reached")
    other = await anybody.post(f"{BASE}/bookings", json={**later, "client": {**MIA, "name": "Max"}})
    assert (first.status_code, other.status_code, row_counts(owner_url)["client"]) == (201, 201, 2)


async def anothers_answer(app) -> httpx.Response:
    """Hold a time as one visitor, and send the same request under the same key as another."""
    keyed = {"Idempotency-Key": "1"}
    async with visitor(app, "192.0.2.1") as one, visitor(app, "192.0.2.2") as two:
        answers = [await api.post(f"{BASE}/holds", json=AT_10, headers=keyed) for api in (one, one, two)]
    assert answers[0].status_code == 201
    assert answers[1].json() == answers[0].json()
    return answers[2]


async def test_a_visitor_does_not_get_anothers_answer_under_the_same_key(app, scope):
    refused(await anothers_answer(app), 409, "slot-taken")


async def test_with_one_key_space_for_all_anothers_key_would_be_in_the_way(app, scope, monkeypatch):
    keys_of = command._key_row

    def shared(scope, route, request):
        return keys_of(dataclasses.replace(scope, visitor=None), route, request)

    monkeypatch.setattr(command, "_key_row", shared)
    refused(await anothers_answer(app), 422, "key-reused")
