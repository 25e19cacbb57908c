"""Tables in and out over HTTP."""

import pytest

from tests.service.api.conftest import BASE, refused
from tests.service.worlds import MONDAY_10

pytestmark = pytest.mark.anyio
SHOWN = {
    "importTable": "test_bookings_go_in_and_come_out",
    "importCalendar": "test_a_calendar_goes_in_as_it_came_out",
    "exportTable": "test_bookings_go_in_and_come_out",
    "exportCalendar": "test_bookings_go_in_and_come_out",
}
BOOKINGS = "service,staff,starts_at,client,email\nCut,Ana,2026-03-02T10:00,Maria Costa,maria@example.org\n"
CSV, ICS = {"Content-Type": "text/csv"}, {"Content-Type": "text/calendar"}
MARCH = {"from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}


async def test_bookings_go_in_and_come_out(api):
    tried = await api.post(f"{BASE}/imports/bookings", content=BOOKINGS, headers=CSV, params={"dry_run": True})
    assert tried.json() == {"kind": "bookings", "rows": 1, "dry_run": True}
    assert (await api.get(f"{BASE}/bookings", params=MARCH)).json() == []
    done = await api.post(f"{BASE}/imports/bookings", content=BOOKINGS, headers=CSV)
    assert done.json() == {"kind": "bookings", "rows": 1, "dry_run": False}
    [booked] = (await api.get(f"{BASE}/bookings", params=MARCH)).json()
    assert (booked["client"], booked["starts_at"]) == ("Maria Costa", f"{MONDAY_10:%Y-%m-%dT%H:%M:%SZ}")
    table = await api.get(f"{BASE}/exports/bookings.csv", params=MARCH)
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert (
        table.text.splitlines()[1]
        == "Cut,Ana,2026-03-02T10:00+00:00,2026-03-02T10:30+00:00,Maria Costa,maria@example.org,"
    )
    calendar = await api.get(f"{BASE}/exports/bookings.ics", params=MARCH)
    assert "DTSTART:20260302T100000Z" in calendar.text
    assert "SUMMARY:Cut: Maria Costa with Ana" in calendar.text


async def test_a_calendar_goes_in_as_it_came_out(api):
    longer = BOOKINGS.replace("starts_at,", "starts_at,ends_at,").replace("T10:00,", "T10:00,2026-03-02T10:45,")
    await api.post(f"{BASE}/imports/bookings", content=longer, headers=CSV)
    calendar = (await api.get(f"{BASE}/exports/bookings.ics", params=MARCH)).content
    [booked] = (await api.get(f"{BASE}/bookings", params=MARCH)).json()
    refused(await api.post(f"{BASE}/imports/bookings.ics", content=calendar, headers=ICS), 422, "invalid-input")
    await api.post(f"{BASE}/bookings/{booked['id']}/cancel", json={})
    tried = await api.post(f"{BASE}/imports/bookings.ics", content=calendar, headers=ICS, params={"dry_run": True})
    assert tried.json() == {"kind": "bookings", "rows": 1, "dry_run": True}
    assert (await api.get(f"{BASE}/bookings", params=MARCH)).json() == []
    done = await api.post(f"{BASE}/imports/bookings.ics", content=calendar, headers=ICS)
    assert done.json() == {"kind": "bookings", "rows": 1, "dry_run": False}
    [again] = (await api.get(f"{BASE}/bookings", params=MARCH)).json()
    told = ("service_id", "staff_id", "client", "starts_at", "ends_at", "claim_ends_at")
    assert [again[name] for name in told] == [booked[name] for name in told]
    assert again["ends_at"] == "2026-03-02T10:45:00Z"


async def test_bad_rows_are_listed(api):
    again = BOOKINGS + "Cut,Ana,2026-03-02T10:10,Zoe,\nPerm,Ana,2026-03-02T12:00,Zoe,\n"
    answer = await api.post(f"{BASE}/imports/bookings", content=again, headers=CSV)
    refused(answer, 422, "invalid-input")
    assert [row["line"] for row in answer.json()["rows"]] == [3, 4]
    assert (await api.get(f"{BASE}/bookings", params=MARCH)).json() == []


@pytest.mark.usefixtures("nothing_written")
async def test_what_is_no_table_is_refused(api):
    for content in (b"\xff\xfe", b"", b"name\n", b"title\nx\n", b"name,email\nonly one\n", b'name\n"open'):
        refused(await api.post(f"{BASE}/imports/clients", content=content, headers=CSV), None)
        refused(await api.post(f"{BASE}/imports/bookings.ics", content=content, headers=ICS), 422, "invalid-input")
    refused(await api.post(f"{BASE}/imports/rockets", content=b"name\nx\n", headers=CSV), 422)
    refused(await api.get(f"{BASE}/exports/rockets.csv"), 422)
