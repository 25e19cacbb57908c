"""Every list page by page, every read with an ETag and with chosen members: one way for all of them."""

import re
from datetime import timedelta

import httpx
import pytest

from models.permissions import Role
from service.api.answers import SPARSE
from service.bootstrap import server_app
from tests.service.api.conftest import BASE, finished_run, refused
from tests.service.people import caller, somebody
from tests.service.worlds import ANA, BEN, COLOUR, CUT, MONDAY_10

DAY = str(MONDAY_10.date())
DAYS = {"from": f"{DAY}T00:00:00Z", "to": "2026-03-08T00:00:00Z"}
WINDOW = {"start": DAYS["from"], "end": DAYS["to"]}
pytestmark = pytest.mark.anyio


async def filled(api: httpx.AsyncClient) -> str:
    """Put at least three rows into every list, and return a client that has booked three times."""
    for n in range(3):
        await api.post(f"{BASE}/resources", json={"name": "Room", "kind": "room"})
        await api.post(f"{BASE}/services", json={"name": "Wash", "duration": 15})
        await api.post(f"{BASE}/staff", json={"name": "Cleo"})
        await api.post(f"{BASE}/holidays", json={"days": [{"day": f"2026-12-2{n}", "name": "Winter"}]})
        await api.post(f"{BASE}/clients", json={"name": f"Mia {n}"})
        await finished_run(api, {"first_day": DAY, "last_day": DAY, "seconds": 1})
    client_id = (await api.post(f"{BASE}/clients", json={"name": "Zoë"})).json()["id"]
    for n, staff in ((0, ANA), (0, BEN), (1, ANA)):
        at = (MONDAY_10 + timedelta(hours=n)).isoformat()
        body = {"service_id": str(CUT), "staff_id": str(staff), "starts_at": at, "client_id": client_id}
        assert (await api.post(f"{BASE}/bookings", json=body)).status_code == 201
        wish = {"client_id": client_id, "service_id": str(COLOUR), "windows": [WINDOW]}
        assert (await api.post(f"{BASE}/waitlist", json=wish)).status_code == 201
    return client_id


def lists() -> list[str]:
    """Return the paths of every list that has pages, from the OpenAPI document."""
    paths = server_app().openapi()["paths"]
    return [
        path
        for path, methods in paths.items()
        if any(parameter["name"] == "cursor" for parameter in methods.get("get", {}).get("parameters", []))
    ]


async def walked(api: httpx.AsyncClient, address: str, params: dict[str, str]) -> list[dict]:
    """Follow the Link headers from the first page to the last, and return every row."""
    rows: list[dict] = []
    answer = await api.get(address, params={**params, "limit": "1"})
    while True:
        assert answer.status_code == 200, answer.text
        page = answer.json()
        rows += page["items"] if isinstance(page, dict) else page
        assert len(rows) < 100
        if "link" not in answer.headers:
            return rows
        answer = await api.get(re.fullmatch(r'<(.+)>; rel="next"', answer.headers["link"])[1])


async def test_every_list_is_the_same_page_by_page(app, api, scope):
    client_id = await filled(api)
    owner, admin = await somebody(scope, Role.OWNER), await somebody(scope, Role.PLATFORM_ADMIN)
    few = {"/account/sessions", "/offers", "/invitations", "/members", "/keys", "/jobs", "/businesses", "/locations"}
    async with caller(app, owner) as of_business, caller(app, admin) as of_platform:
        for path in lists():
            person = of_platform if path.endswith("/businesses") else of_business
            address = path.format(business="salon", client_id=client_id)
            params = DAYS if path.endswith("{business}/bookings") else {}
            whole = (await person.get(address, params=params)).json()
            rows = whole["items"] if isinstance(whole, dict) else whole
            assert await walked(person, address, params) == rows, path
            assert len(rows) >= 3 or path.endswith(tuple(few)), path
    assert len(lists()) >= 16


@pytest.mark.parametrize(
    "cursor", ["x", "e30", "W10", "WyJ4Il0", "WyJhIiwieCJd", "", "a b", "WyJhIiwiYSIsImIiXQ", "_" * 2001]
)
async def test_what_is_no_cursor(api, scope, cursor):
    for path in ("staff", "audit", "clients"):
        refused(await api.get(f"{BASE}/{path}", params={"cursor": cursor}), 422, "invalid-input")


async def test_a_page_has_a_size(api, scope):
    for limit in ("0", "1001", "-1", "x"):
        refused(await api.get(f"{BASE}/staff", params={"limit": limit}), 422, "invalid-input")


async def test_lists_are_narrowed(api, scope):
    client_id = await filled(api)
    ours = {**DAYS, "client_id": client_id}
    assert len((await api.get(f"{BASE}/bookings", params={**ours, "staff_id": str(ANA)})).json()) == 2
    assert (await api.get(f"{BASE}/bookings", params={**ours, "status": "pending"})).json() == []
    assert (await api.get(f"{BASE}/bookings", params={**ours, "service_id": str(COLOUR)})).json() == []
    refused(await api.get(f"{BASE}/bookings", params={**ours, "status": "gone"}), 422, "invalid-input")
    assert len((await api.get(f"{BASE}/waitlist", params={"service_id": str(COLOUR)})).json()) == 3
    assert (await api.get(f"{BASE}/waitlist", params={"service_id": str(CUT)})).json() == []
    later = {"from": "2026-04-01T00:00:00Z", "to": "2026-04-02T00:00:00Z"}
    assert (await api.get(f"{BASE}/waitlist", params=later)).json() == []
    backwards = {"from": later["to"], "to": later["from"]}
    refused(await api.get(f"{BASE}/waitlist", params=backwards), 422, "invalid-input")
    colours = (await api.get(f"{BASE}/staff", params={"service_id": str(COLOUR)})).json()
    assert [member["id"] for member in colours] == [str(ANA)]
    assert (await api.get(f"{BASE}/resources", params={"kind": "chair"})).json() == []
    assert len((await api.get(f"{BASE}/optimisation-runs", params={"kind": "waitlist"})).json()) == 3
    assert (await api.get(f"{BASE}/optimisation-runs", params={"status": "failed"})).json() == []


async def test_what_has_not_changed_is_not_sent_again(api, scope):
    for path in ("", "/staff", f"/staff/{ANA}", f"/services/{CUT}", "/waitlist", "/optimisation-rules", "/origins"):
        first = await api.get(f"{BASE}{path}")
        again = await api.get(f"{BASE}{path}", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"]), path
    etag = (await api.get(f"{BASE}/services/{CUT}")).headers["etag"]
    await api.delete(f"{BASE}/services/{CUT}/staff/{BEN}")
    changed = await api.get(f"{BASE}/services/{CUT}", headers={"If-None-Match": etag})
    assert changed.status_code == 200, "who performs it has no version, and shows all the same"


async def test_the_etag_of_a_read_is_what_if_match_takes(api, scope):
    etag = (await api.get(f"{BASE}/services/{CUT}")).headers["etag"]
    assert etag.startswith('"1-')
    assert (
        await api.patch(f"{BASE}/services/{CUT}", json={"duration": 45}, headers={"If-Match": etag})
    ).status_code == 200
    refused(await api.patch(f"{BASE}/services/{CUT}", json={"duration": 30}, headers={"If-Match": etag}), 412)


async def test_only_the_members_asked_for_are_sent(api, scope):
    asked = await api.get(f"{BASE}/staff", params={"fields": "name,id", "limit": "1"})
    assert asked.headers["content-type"] == SPARSE
    assert asked.json() == [{"name": "Ana", "id": str(ANA)}]
    assert "fields=" in asked.headers["link"]
    whole = await api.get(f"{BASE}/services/{CUT}", params={"fields": "duration"})
    assert whole.json() == {"duration": 30}
    for bad in ("", "name,secret", "name,", "__class__", "x" * 2000):
        refused(await api.get(f"{BASE}/staff", params={"fields": bad}), 422, "invalid-input")
    again = await api.get(f"{BASE}/staff", params={"fields": "name"}, headers={"If-None-Match": asked.headers["etag"]})
    assert again.status_code == 200


async def test_what_is_deleted_is_for_the_house(app, api, anybody, scope):
    await api.patch(f"{BASE}/staff/{BEN}", json={"active": False})
    gone = await api.get(f"{BASE}/staff", params={"deleted": "true"})
    assert [member["id"] for member in gone.json()] == [str(BEN)]
    refused(await anybody.get(f"{BASE}/staff", params={"deleted": "true"}), 403, "forbidden")
