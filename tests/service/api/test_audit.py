"""The audit over HTTP."""

import psycopg
import pytest

from service.db import audit
from tests.service.api.conftest import BASE, refused
from tests.service.people import caller, everything
from tests.service.worlds import ANA, CUT, MONDAY_10

SHOWN = {
    "listAudit": "test_a_change_is_listed_with_address_and_request_id",
    "verifyAudit": "test_the_chain_is_verified",
}
pytestmark = pytest.mark.anyio


async def test_a_change_is_listed_with_address_and_request_id(api, client_id):
    slot = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat(), "client_id": client_id}
    booked = await api.post(f"{BASE}/bookings", json=slot, headers={"X-Request-ID": "desk-7"})
    [entry] = (await api.get(f"{BASE}/audit", params={"of": booked.json()["id"]})).json()
    assert (entry["action"], entry["address"], entry["request_id"]) == ("appointment.confirmed", "127.0.0.1", "desk-7")
    await api.post(f"{BASE}/clients", json={"name": "Ada"}, headers={"X-Request-ID": "no good'; --"})
    [entry] = (await api.get(f"{BASE}/audit", params={"action": "client", "limit": 1})).json()
    assert len(entry["request_id"]) == 32


async def test_anothers_entries_are_not_listed(app, api, rival):
    theirs = {"of": str(rival.ids["booking"])}
    assert (await api.get(f"{BASE}/audit", params=theirs)).json() == []
    async with caller(app, await everything(rival.scope)) as other:
        assert len((await other.get("/api/v1/businesses/rival/audit", params=theirs)).json()) == 1


async def test_the_chain_is_verified(api, scope, owner_url):
    await scope.db.transact(scope.business_id, audit.seal)
    verdict = (await api.get(f"{BASE}/audit/verification")).json()
    assert (verdict["sealed"], verdict["unsealed"], verdict["broken"]) == (1, 0, None)
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE audit_entry SET actor = 'somebody else'")
    broken = (await api.get(f"{BASE}/audit/verification")).json()
    assert broken["broken"] == "The entry at position 1 is not what was sealed."


@pytest.mark.parametrize(
    "asked",
    [{"of": "x"}, {"limit": "0"}, {"limit": "1001"}, {"cursor": "-1"}, {"cursor": "WyIxZTMiXQ"}, {"from": "1"},
     {"action": "\u0000"}],
)  # fmt: skip
async def test_a_filter_that_cannot_be_is_refused(api, asked):
    refused(await api.get(f"{BASE}/audit", params=asked), 422, "invalid-input")


async def test_a_head_that_cannot_be_is_refused(api):
    refused(await api.get(f"{BASE}/audit/verification", params={"head": "x"}), 422, "invalid-input")
