"""What managers edit, over HTTP."""

import pytest

from tests.service.api.conftest import BASE, refused
from tests.service.worlds import ANA, CUT, MONDAY_10

DAY = str(MONDAY_10.date())
pytestmark = pytest.mark.anyio

SHOWN = {
    "changeBusiness": "test_the_business_is_renamed_once",
    "addService": "test_a_service_with_every_rule_is_added_read_and_changed",
    "readService": "test_a_service_with_every_rule_is_added_read_and_changed",
    "changeService": "test_a_service_with_every_rule_is_added_read_and_changed",
    "addStaff": "test_a_member_is_added_given_hours_and_retired",
    "readStaff": "test_a_member_is_added_given_hours_and_retired",
    "changeStaff": "test_a_member_is_added_given_hours_and_retired",
    "setWeeklyHours": "test_a_member_is_added_given_hours_and_retired",
    "allocate": "test_a_member_is_allocated_and_withdrawn",
    "withdrawAllocation": "test_a_member_is_allocated_and_withdrawn",
    "takeTimeOff": "test_time_off_is_taken_and_ended",
    "endTimeOff": "test_time_off_is_taken_and_ended",
    "addResource": "test_a_room_is_added_listed_and_renamed",
    "listResources": "test_a_room_is_added_listed_and_renamed",
    "changeResource": "test_a_room_is_added_listed_and_renamed",
    "addHolidays": "test_holidays_close_the_day",
    "listHolidays": "test_holidays_close_the_day",
    "removeHoliday": "test_holidays_close_the_day",
}


async def free(api, **params) -> int:
    asked = {"service_id": str(CUT), "from": f"{DAY}T00:00:00Z", "to": f"{DAY}T23:59:00Z", **params}
    return len((await api.get(f"{BASE}/slots", params=asked)).json())


async def test_the_business_is_renamed_once(api):
    changed = await api.patch(BASE, json={"name": "Salão", "colour": "#123abc"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"], changed.json()["version"]) == (200, '"2"', 2)
    refused(await api.patch(BASE, json={"name": "Other"}, headers={"If-Match": '"1"'}), 412, "stale-version")
    refused(await api.patch(BASE, json={"slug": "other"}), 422, "invalid-input")
    refused(await api.patch(BASE, json={"name": None}), 422, "invalid-input")


async def test_a_service_with_every_rule_is_added_read_and_changed(api):
    body = {
        "name": "Perm",
        "duration": 90,
        "buffer_after": 15,
        "anchor": "shift",
        "first_date": "2026-03-01",
        "client_weekly_limit": 1,
        "needs_approval": True,
        "windows": [{"weekday": 0, "opens": 540, "closes": 720}],
        "requirements": [{"kind": "chair"}],
        "staff_ids": [str(ANA)],
    }
    added = await api.post(f"{BASE}/services", json=body)
    assert added.status_code == 201
    address = f"{BASE}/services/{added.json()['id']}"
    read = (await api.get(address)).json()
    assert {name: read[name] for name in body if name not in {"staff_ids", "requirements"}} == {
        name: value for name, value in body.items() if name not in {"staff_ids", "requirements"}
    }
    assert [r["kind"] for r in read["requirements"]] == ["chair"]
    assert [p["staff_id"] for p in read["performers"]] == [str(ANA)]
    changed = await api.patch(address, json={"windows": [], "price_cents": 2500}, headers={"If-Match": '"1"'})
    assert changed.headers["etag"] == '"2"'
    read = (await api.get(address)).json()
    assert (read["windows"], read["price_cents"], read["duration"], read["version"]) == ([], 2500, 90, 2)


async def test_a_member_is_added_given_hours_and_retired(api):
    hours = [{"weekday": day, "opens": 540, "closes": 720} for day in range(5)]
    added = await api.post(f"{BASE}/staff", json={"name": "Cleo", "hours": hours, "weekly_limit": 20})
    address = f"{BASE}/staff/{added.json()['id']}"
    later = {"spans": [{"weekday": 1, "opens": 600, "closes": 900}], "valid_from": "2099-01-01"}
    told = (await api.put(f"{address}/hours", json=later)).json()
    assert told == {"claim_id": None, "displaced": [], "version": 2}
    read = (await api.get(address)).json()
    assert (read["name"], read["weekly_limit"], len(read["hours"])) == ("Cleo", 20, 6)
    retired = await api.patch(address, json={"active": False}, headers={"If-Match": '"2"'})
    assert retired.json()["version"] == 3
    assert "Cleo" not in {s["name"] for s in (await api.get(f"{BASE}/staff")).json()}


async def test_a_member_is_allocated_and_withdrawn(api):
    member = (await api.post(f"{BASE}/staff", json={"name": "Cleo"})).json()["id"]
    address = f"{BASE}/services/{CUT}/staff/{member}"
    assert (await api.put(address, json={"duration": 45})).status_code == 200
    performers = (await api.get(f"{BASE}/services/{CUT}")).json()["performers"]
    assert {"staff_id": member, "duration": 45, "price_cents": None} in performers
    assert (await api.delete(address)).status_code == 204
    refused(await api.delete(address), 404, "not-found")


async def test_time_off_is_taken_and_ended(api):
    before = await free(api, staff_id=str(ANA))
    absence = {"starts_at": f"{DAY}T10:00:00Z", "ends_at": f"{DAY}T11:00:00Z"}
    taken = await api.post(f"{BASE}/staff/{ANA}/time-off", json=absence)
    assert (taken.status_code, await free(api, staff_id=str(ANA)) < before) == (201, True)
    address = f"{BASE}/time-off/{taken.json()['claim_id']}"
    assert ((await api.delete(address)).status_code, await free(api, staff_id=str(ANA))) == (204, before)
    refused(await api.delete(address), 404, "not-found")


async def test_a_room_is_added_listed_and_renamed(api):
    added = (await api.post(f"{BASE}/resources", json={"name": "Room 1", "kind": "room"})).json()
    await api.patch(f"{BASE}/resources/{added['id']}", json={"name": "Room A"})
    [room] = (await api.get(f"{BASE}/resources")).json()
    told = {"id": added["id"], "name": "Room A", "kind": "room", "location_id": None, "active": True, "version": 2}
    assert room == told


async def test_holidays_close_the_day(api):
    before = await free(api)
    added = await api.post(f"{BASE}/holidays", json={"days": [{"day": DAY, "name": "Founders"}]})
    assert (added.status_code, added.json()["displaced"], await free(api)) == (201, [], 0)
    assert {"day": DAY, "name": "Founders"} in (await api.get(f"{BASE}/holidays")).json()
    assert ((await api.delete(f"{BASE}/holidays/{DAY}")).status_code, await free(api)) == (204, before)
    country = {"country": "PT", "years": [2026]}
    assert (await api.post(f"{BASE}/holidays", json=country)).status_code == 201
    assert len((await api.get(f"{BASE}/holidays")).json()) > 5
    refused(await api.post(f"{BASE}/holidays", json={"country": "XX", "years": [2026]}), 422, "invalid-input")
    refused(await api.post(f"{BASE}/holidays", json={}), 422, "invalid-input")
