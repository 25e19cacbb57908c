"""Businesses, locations, staff, services, resources and clients: made, deleted, restored, and what that means."""

from datetime import timedelta

import psycopg
import pytest

from models.permissions import Role
from service.api import tenants
from tests.service.api.conftest import BASE, refused, row_counts
from tests.service.people import caller, somebody
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10

DAY = str(MONDAY_10.date())
AT_10 = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat()}
ASKED = {"service_id": str(CUT), "from": f"{DAY}T00:00:00Z", "to": f"{DAY}T23:59:00Z"}
NEW = {"name": "Aurora", "slug": "aurora", "zone": "Europe/Lisbon", "currency": "USD"}
SHOWN = {
    "listBusinesses": "test_a_platform_admin_opens_and_lists_businesses",
    "createBusiness": "test_a_platform_admin_opens_and_lists_businesses",
    "deleteBusiness": "test_a_deleted_business_is_gone_until_it_is_restored",
    "restoreBusiness": "test_a_deleted_business_is_gone_until_it_is_restored",
    "listLocations": "test_staff_are_placed_at_a_location_and_found_there",
    "readLocation": "test_staff_are_placed_at_a_location_and_found_there",
    "addLocation": "test_staff_are_placed_at_a_location_and_found_there",
    "changeLocation": "test_staff_are_placed_at_a_location_and_found_there",
    "deleteLocation": "test_a_deleted_location_takes_nobody_in",
    "restoreLocation": "test_a_deleted_location_takes_nobody_in",
    "deleteService": "test_what_is_deleted_is_not_offered_and_what_is_booked_stays",
    "restoreService": "test_what_is_deleted_is_not_offered_and_what_is_booked_stays",
    "deleteStaff": "test_what_is_deleted_is_not_offered_and_what_is_booked_stays",
    "restoreStaff": "test_what_is_deleted_is_not_offered_and_what_is_booked_stays",
    "deleteResource": "test_a_deleted_room_is_not_there_for_new_visits",
    "restoreResource": "test_a_deleted_room_is_not_there_for_new_visits",
    "deleteClient": "test_a_deleted_client_is_not_found_and_keeps_what_is_booked",
    "restoreClient": "test_a_deleted_client_is_not_found_and_keeps_what_is_booked",
}
pytestmark = pytest.mark.anyio


async def free(api, **params) -> list[dict]:
    return (await api.get(f"{BASE}/slots", params={**ASKED, **params})).json()


async def booked(api, client_id) -> str:
    answer = await api.post(f"{BASE}/bookings", json={**AT_10, "client_id": client_id})
    assert answer.status_code == 201, answer.text
    return f"{BASE}/bookings/{answer.json()['id']}"


async def test_a_platform_admin_opens_and_lists_businesses(app, scope, owner_url):
    async with caller(app, await somebody(scope, Role.PLATFORM_ADMIN)) as admin:
        keyed = {"Idempotency-Key": "open"}
        made = await admin.post("/api/v1/businesses", json=NEW, headers=keyed)
        assert made.status_code == 201, made.text
        assert (made.status_code, made.headers["location"]) == (201, "/api/v1/businesses/aurora")
        assert (made.json()["name"], made.json()["currency"], made.json()["version"]) == ("Aurora", "USD", 1)
        assert (await admin.post("/api/v1/businesses", json=NEW, headers=keyed)).json() == made.json()
        refused(await admin.post("/api/v1/businesses", json={**NEW, "name": "Other"}, headers=keyed), 422, "key-reused")
        refused(await admin.post("/api/v1/businesses", json=NEW), 422, "invalid-input")
        assert row_counts(owner_url)["business"] == 2
        slugs = [business["slug"] for business in (await admin.get("/api/v1/businesses")).json()]
        assert slugs == ["aurora", "salon"]
        added = await admin.post("/api/v1/businesses/aurora/services", json={"name": "Cut", "duration": 30})
        assert added.status_code == 201
    async with caller(app, await somebody(scope, Role.OWNER)) as owner:
        refused(await owner.post("/api/v1/businesses", json={**NEW, "slug": "mine"}), 403, "forbidden")
        refused(await owner.get("/api/v1/businesses"), 403, "forbidden")


@pytest.mark.parametrize(
    "bad",
    [{"slug": "Aurora"}, {"slug": "a--b"}, {"zone": "EST5EDT"}, {"currency": "eur"}, {"colour": "red"}, {"name": ""},
     {"id": "00000000-0000-0000-0000-000000000001"}, {"locale": "x" * 9}],
)  # fmt: skip
async def test_a_business_that_cannot_be_is_not_opened(app, scope, bad, owner_url):
    async with caller(app, await somebody(scope, Role.PLATFORM_ADMIN)) as admin:
        refused(await admin.post("/api/v1/businesses", json={**NEW, **bad}), 422, "invalid-input")
    assert row_counts(owner_url)["business"] == 1


async def test_a_deleted_business_is_gone_until_it_is_restored(app, api, anybody, scope, client_id, monkeypatch):
    booking = await booked(api, client_id)
    async with (
        caller(app, await somebody(scope, Role.OWNER)) as owner,
        caller(app, await somebody(scope, Role.PLATFORM_ADMIN)) as admin,
    ):
        refused(await owner.delete(BASE, headers={"If-Match": '"7"'}), 412, "stale-version")
        assert (await owner.delete(BASE)).status_code == 204
        for who in (owner, api, anybody):
            for path in ("", "/services", "/bookings"):
                refused(await who.get(f"{BASE}{path}", params=ASKED), 404, "not-found")
        refused(await anybody.get(f"{BASE}/slots", params=ASKED), 404)
        refused(await anybody.post(f"{BASE}/holds", json={**AT_10, "staff_id": str(BEN)}), 404)
        assert (await anybody.get("/b/salon")).status_code == 404
        refused(await owner.post(f"{BASE}/restore"), 404)
        gone = (await admin.get("/api/v1/businesses", params={"deleted": "true"})).json()
        assert [business["slug"] for business in gone] == ["salon"]
        assert (await admin.get(BASE)).json()["deleted_at"] is not None
        assert (await admin.post(f"{BASE}/restore")).status_code == 200
        refused(await admin.post(f"{BASE}/restore"), 409, "not-allowed")
    assert (await api.get(booking)).json()[0]["status"] == "confirmed"
    assert len(await free(anybody)) > 0


async def test_another_process_finds_no_time_of_a_deleted_business_at_once(api, anybody, scope, owner_url):
    """It may believe for some seconds that the business is there; its arrays are not that old."""
    assert len(await free(anybody)) > 0
    assert tenants.KNOWN_S > 1
    with psycopg.connect(owner_url) as elsewhere:
        elsewhere.execute("UPDATE business SET deleted_at = now()")
    refused(await anybody.get(f"{BASE}/slots", params=ASKED), 404, "not-found")
    refused(await anybody.post(f"{BASE}/holds", json=AT_10), 404, "not-found")


async def test_staff_are_placed_at_a_location_and_found_there(api, scope):
    made = await api.post(f"{BASE}/locations", json={"name": "Chiado", "address": "Rua Garrett 12"})
    place = made.json()["id"]
    assert (made.status_code, await free(api, location_id=place)) == (201, [])
    assert (await api.patch(f"{BASE}/staff/{BEN}", json={"location_id": place})).status_code == 200
    assert {slot["staff_id"] for slot in await free(api, location_id=place)} == {str(BEN)}
    assert await free(api, location_id=place, staff_id=str(ANA)) == []
    days = {"service_id": str(CUT), "first_day": DAY, "last_day": DAY, "location_id": place}
    assert (await api.get(f"{BASE}/slots/days", params=days)).json()[0]["free"] > 0
    assert [s["id"] for s in (await api.get(f"{BASE}/staff", params={"location_id": place})).json()] == [str(BEN)]
    address = f"{BASE}/locations/{place}"
    assert (await api.patch(address, json={"address": "Rua Nova 1"}, headers={"If-Match": '"1"'})).status_code == 200
    read = (await api.get(address)).json()
    assert (read["name"], read["address"], read["version"]) == ("Chiado", "Rua Nova 1", 2)
    assert [location["id"] for location in (await api.get(f"{BASE}/locations")).json()] == [place]
    there = {"name": "Room 9", "kind": "room", "location_id": place}
    assert (await api.post(f"{BASE}/resources", json=there)).status_code == 201
    refused(await api.post(f"{BASE}/locations", json={"name": "x", "address": "a\nb"}), 422, "invalid-input")


async def test_a_deleted_location_takes_nobody_in(api, scope):
    place = (await api.post(f"{BASE}/locations", json={"name": "Chiado"})).json()["id"]
    await api.patch(f"{BASE}/staff/{BEN}", json={"location_id": place})
    address = f"{BASE}/locations/{place}"
    assert (await api.delete(address)).status_code == 204
    refused(await api.delete(address), 404, "not-found")
    refused(await api.patch(f"{BASE}/staff/{ANA}", json={"location_id": place}), 404, "not-found")
    refused(await api.get(f"{BASE}/slots", params={**ASKED, "location_id": place}), 404, "not-found")
    assert str(BEN) in {slot["staff_id"] for slot in await free(api)}, "who works there still works"
    assert (await api.get(f"{BASE}/locations")).json() == []
    assert (await api.post(f"{address}/restore", headers={"If-Match": '"2"'})).json()["version"] == 3
    refused(await api.post(f"{address}/restore"), 409, "not-allowed")
    assert {slot["staff_id"] for slot in await free(api, location_id=place)} == {str(BEN)}


@pytest.mark.parametrize("what", [f"staff/{ANA}", f"services/{CUT}"])
async def test_what_is_deleted_is_not_offered_and_what_is_booked_stays(api, scope, client_id, what):
    booking = await booked(api, client_id)
    before = await free(api, staff_id=str(ANA))
    refused(await api.delete(f"{BASE}/{what}", headers={"If-Match": '"9"'}), 412, "stale-version")
    assert (await api.delete(f"{BASE}/{what}", headers={"If-Match": '"1"'})).status_code == 204
    refused(await api.get(f"{BASE}/slots", params={**ASKED, "staff_id": str(ANA)}), 404, "not-found")
    later = {**AT_10, "starts_at": (MONDAY_10 + timedelta(hours=4)).isoformat()}
    refused(await api.post(f"{BASE}/holds", json=later))
    refused(await api.post(f"{booking}/reschedule", json={"starts_at": later["starts_at"]}))
    [item] = (await api.get(f"{BASE}/bookings", params={**ASKED, "client_id": client_id})).json()
    assert (item["status"], item["starts_at"]) == ("confirmed", f"{DAY}T10:00:00Z")
    kind = what.partition("/")[0]
    assert what.partition("/")[2] not in {row["id"] for row in (await api.get(f"{BASE}/{kind}")).json()}
    assert (await api.post(f"{BASE}/{what}/restore")).status_code == 200
    assert await free(api, staff_id=str(ANA)) == before
    assert (await api.delete(f"{BASE}/{what}")).status_code == 204
    assert (await api.post(f"{booking}/cancel", json={})).status_code == 200, "and can be cancelled"


async def test_a_deleted_room_is_not_there_for_new_visits(api, scope):
    room = (await api.post(f"{BASE}/resources", json={"name": "Room 1", "kind": "room"})).json()["id"]
    await api.patch(f"{BASE}/services/{CUT}", json={"requirements": [{"kind": "room"}]})
    assert len(await free(api)) > 0
    assert (await api.delete(f"{BASE}/resources/{room}")).status_code == 204
    assert (await free(api), (await api.get(f"{BASE}/resources")).json()) == ([], [])
    assert (await api.post(f"{BASE}/resources/{room}/restore")).status_code == 200
    assert len(await free(api)) > 0


async def test_a_deleted_client_is_not_found_and_keeps_what_is_booked(api, scope):
    mia = {"name": "Mia", "email": "mia@example.org"}
    client_id = (await api.post(f"{BASE}/clients", json=mia)).json()["id"]
    booking = await booked(api, client_id)
    address, found = f"{BASE}/clients/{client_id}", {"email": mia["email"]}
    assert (await api.delete(address)).status_code == 204
    refused(await api.delete(address), 404, "not-found")
    assert (await api.get(f"{BASE}/clients", params=found)).json() == []
    gone = (await api.get(f"{BASE}/clients", params={**found, "deleted": "true"})).json()
    assert [client["id"] for client in gone] == [client_id]
    assert (await api.get(booking)).json()[0]["client"] == "Mia"
    hold = (await api.post(f"{BASE}/holds", json={**AT_10, "staff_id": str(BEN)})).json()
    again = {"hold_id": hold["id"], "token": hold["token"], "client": mia}
    other = (await api.get(f"{BASE}/bookings/{(await api.post(f'{BASE}/bookings', json=again)).json()['id']}")).json()
    assert other[0]["client_id"] != client_id, "who comes back is somebody new"
    assert (await api.post(f"{address}/restore")).json() == {"id": client_id, "version": 3}
    assert (await api.get(address)).json()["name"] == "Mia"
    refused(await api.post(f"{address}/restore"), 404, "not-found")
    assert len((await api.get(f"{BASE}/clients", params=found)).json()) == 2
