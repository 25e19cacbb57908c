"""Series over HTTP."""

import pytest

from tests.service.api.conftest import BASE, refused, row_counts
from tests.service.api.test_routes import AT_10
from tests.service.worlds import BEN

pytestmark = pytest.mark.anyio

SHOWN = {
    "bookSeries": "test_a_series_is_booked_read_moved_and_cancelled",
    "readSeries": "test_a_series_is_booked_read_moved_and_cancelled",
    "rescheduleSeries": "test_a_series_is_booked_read_moved_and_cancelled",
    "cancelSeries": "test_a_series_is_booked_read_moved_and_cancelled",
}


async def test_a_series_is_booked_read_moved_and_cancelled(api, client_id):
    wanted = {**AT_10, "client_id": client_id, "rule": "FREQ=WEEKLY;COUNT=3"}
    made = await api.post(f"{BASE}/series", json=wanted)
    assert (made.status_code, [o["version"] for o in made.json()["occurrences"]]) == (201, [1, 1, 1])
    address = f"{BASE}/series/{made.json()['id']}"
    read = (await api.get(address)).json()
    assert (read["rule"], read["minute"], read["zone"]) == ("FREQ=WEEKLY;COUNT=3", 600, "Europe/Lisbon")
    first, second, _ = (item["appointment_id"] for item in read["items"])
    moved = await api.post(f"{BASE}/bookings/{second}/series/reschedule", json={"staff_id": str(BEN)})
    assert [o["conflict"] for o in moved.json()["occurrences"]] == [None, None]
    stale = {"If-Match": '"7"'}
    refused(await api.post(f"{BASE}/bookings/{first}/series/cancel", json={}, headers=stale), 412, "stale-version")
    cancelled = await api.post(f"{BASE}/bookings/{first}/series/cancel", json={"extent": "all"})
    assert len(cancelled.json()["occurrences"]) == 3
    assert {item["status"] for item in (await api.get(address)).json()["items"]} == {"cancelled"}


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY;COUNT=3",
        "FREQ=DAILY;INTERVAL=0;COUNT=3",
        "FREQ=DAILY;UNTIL=99991231",
        "FREQ=DAILY;UNTIL=20360301",
        "FREQ=DAILY;COUNT=367",
        "FREQ=MONTHLY;BYMONTHDAY=31;COUNT=3",
        "FREQ=DAILY",
        "FREQ=DAILY;COUNT=2\u0000",
        "x" * 501,
        "",
        None,
        7,
    ],
)
async def test_rules_that_cannot_be_are_refused_and_nothing_is_written(api, client_id, owner_url, rule):
    before = row_counts(owner_url)
    wanted = {**AT_10, "client_id": client_id, "rule": rule}
    refused(await api.post(f"{BASE}/series", json=wanted), 422, "invalid-input")
    assert row_counts(owner_url) == before
