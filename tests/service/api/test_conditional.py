"""Slots with an ETag: what has not changed is not sent again."""

import pytest

from tests.service.api.conftest import BASE
from tests.service.worlds import ANA, CUT, MONDAY_10

ASKED = {"service_id": str(CUT), "from": "2026-03-02T09:00:00Z", "to": "2026-03-02T12:30:00Z"}
pytestmark = pytest.mark.anyio


async def test_slots_that_have_not_changed_are_not_sent_again(api, client_id):
    first = await api.get(f"{BASE}/slots", params=ASKED)
    etag = first.headers["etag"]
    for known in (etag, f'"x", W/{etag}', "*"):
        again = await api.get(f"{BASE}/slots", params=ASKED, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (await api.get(f"{BASE}/slots", params=ASKED, headers={"If-None-Match": '"x"'})).status_code == 200
    slot = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat(), "client_id": client_id}
    assert (await api.post(f"{BASE}/bookings", json=slot)).status_code == 201
    changed = await api.get(f"{BASE}/slots", params=ASKED, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.headers["etag"] != etag) == (200, True)


async def test_an_answer_is_what_its_schema_says(app, api):
    slot = (await api.get(f"{BASE}/slots", params=ASKED)).json()[0]
    schema = app.openapi()["components"]["schemas"]["Slot"]
    assert set(schema["required"]) <= slot.keys() <= schema["properties"].keys()
    assert slot["starts_at"] == "2026-03-02T09:00:00Z"
