"""What the state of things does not allow is refused, and no row changed."""

import pytest

from tests.service.api.conftest import BASE, refused
from tests.service.api.test_bad_lifecycle import AT, FREE, NOBODY, digests
from tests.service.worlds import ANA, CUT, MONDAY_10

pytestmark = pytest.mark.anyio

DAY = str(MONDAY_10.date())
WINDOW = {"start": f"{DAY}T09:00:00Z", "end": f"{DAY}T12:00:00Z"}
STATES = [
    ("POST", "bookings/{cancelled}/cancel", {}, 409, "not-allowed"),
    ("POST", "bookings/{cancelled}/reschedule", {"starts_at": FREE["starts_at"]}, 409, "not-allowed"),
    ("POST", "bookings/{cancelled}/check-in", None, 409, "not-allowed"),
    ("PUT", "bookings/{cancelled}/allowance", {"locked": True}, 409, "not-allowed"),
    ("PUT", f"staff/{ANA}/days/{DAY}", {"spans": []}, 409, "displaces-bookings"),
    ("PUT", f"staff/{ANA}/days/{DAY}", {"spans": [{"opens": 540, "closes": 620}]}, 409, "displaces-bookings"),
    ("PUT", f"staff/{ANA}/hours", {"spans": [], "valid_from": DAY}, 409, "displaces-bookings"),
    ("POST", "holidays", {"days": [{"day": DAY, "name": "Fair"}]}, 409, "displaces-bookings"),
    ("POST", f"staff/{ANA}/time-off", {"starts_at": WINDOW["start"], "ends_at": WINDOW["end"]}, 409, "slot-taken"),
    ("POST", "waitlist", {"client_id": NOBODY, "service_id": str(CUT), "windows": [WINDOW]}, 404, "not-found"),
    ("DELETE", f"waitlist/{NOBODY}", None, 404, "not-found"),
    ("DELETE", "time-off/999999", None, 404, "not-found"),
    ("DELETE", f"holidays/{DAY}", None, 404, "not-found"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), STATES, ids=lambda value: str(value)[:30])
async def test_what_its_state_does_not_allow_changes_no_row(
    api, client_id, owner_url, method, path, body, status, code
):
    await api.post(f"{BASE}/bookings", json={**AT, "client_id": client_id})
    gone = (await api.post(f"{BASE}/bookings", json={**FREE, "client_id": client_id})).json()["id"]
    await api.post(f"{BASE}/bookings/{gone}/cancel", json={})
    before = digests(owner_url)
    answer = await api.request(method, f"{BASE}/{path.format(cancelled=gone)}", json=body)
    refused(answer, status, code)
    assert digests(owner_url) == before
