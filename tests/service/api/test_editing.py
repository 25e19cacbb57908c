"""What has a version is edited under it: whoever read another one is told 412, in one way for everything."""

import pytest

from models.permissions import Role
from service.commands import versions
from tests.service.api.conftest import BASE, refused, row_counts
from tests.service.api.walk import operations
from tests.service.people import caller, somebody
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10

DAY = MONDAY_10.date().isoformat()
SPANS = {"spans": [{"weekday": 0, "opens": 540, "closes": 1050}]}
SLOT = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat()}
LATER = {"starts_at": MONDAY_10.replace(hour=11).isoformat()}
STEPS = ("cancel", "reschedule", "swap", "approve", "deposit", "decline", "check-in", "complete", "no-show")
NO_VERSION = {
    # tokens and accounts: what is revoked stays so
    *("issueToken", "revokeToken", "acceptInvitation", "changePassword", "revokeSession", "revokeKey"),
    *("revokeInvitation", "setRole", "removeMember"),
    # whoever has a hold's token is the only one to change it
    *("extendHold", "releaseHold"),
    # states that only go forward, checked where they change
    *("endTimeOff", "leaveWaitlist", "acceptOffer", "declineOffer", "stopRun", "applyRun", "discardRun", "requeueJob"),
}
"""Writes to what is there already that expect no version, and why."""
NEW = {
    *("createBusiness", "addService", "addStaff", "addResource", "addLocation", "takeTimeOff", "holdSlot", "book"),
    *("bookSeries", "linkBooking", "registerClient", "joinWaitlist", "startRun", "askForBooking", "invite"),
    *("createKey", "importTable", "importCalendar", "findVisits"),
}
"""What makes something new, or nothing."""
SHOWN = {"readNoShowRules": "test_rules_are_read_with_the_version_that_changing_them_expects"}
pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(api, client_id) -> dict[str, str]:
    """One of everything that can be edited, by the name of its path parameter."""
    other = {**SLOT, "starts_at": MONDAY_10.replace(hour=14).isoformat()}
    series = {**SLOT, "staff_id": str(BEN), "rule": "FREQ=WEEKLY;COUNT=2", "client_id": client_id}
    asked = {
        "booking": ("/bookings", {**SLOT, "client_id": client_id}),
        "other": ("/bookings", {**other, "client_id": client_id}),
        "series": ("/series", series),
        "location": ("/locations", {"name": "High street"}),
        "resource": ("/resources", {"name": "Chair 1", "kind": "chair"}),
    }
    made = {name: (await api.post(BASE + path, json=body)).json() for name, (path, body) in asked.items()}
    await api.post(f"{BASE}/holidays", json={"days": [{"day": "2026-12-25", "name": "Christmas"}]})
    await api.put(f"{BASE}/staff/{ANA}/days/{DAY}", json={"spans": [{"opens": 540, "closes": 1050}]})
    series_booking = made["series"]["occurrences"][0]["appointment_id"]
    ids = {name: row["id"] for name, row in made.items() if name != "series"}
    return ids | {"client": client_id, "in_series": series_booking}


def edits(ids: dict[str, str]) -> dict[str, tuple[str, str, dict]]:
    """Return, for each operation that expects a version, a request that would go through."""
    booking = f"/bookings/{ids['booking']}"
    bodies = {"cancel": {}, "reschedule": LATER, "swap": {"booking_id": ids["other"]}}
    names = dict(zip(STEPS, ("cancelBooking", "rescheduleBooking", "swapBookings", "approveBooking"), strict=False))
    names |= {"deposit": "payDeposit", "decline": "declineBooking", "check-in": "checkInBooking"}
    names |= {"complete": "completeBooking", "no-show": "markNoShow"}
    found = {names[step]: ("POST", f"{booking}/{step}", bodies.get(step)) for step in STEPS}
    for path, row_id, noun in (
        ("services", CUT, "Service"),
        ("staff", BEN, "Staff"),
        ("resources", ids["resource"], "Resource"),
        ("locations", ids["location"], "Location"),
        ("clients", ids["client"], "Client"),
    ):
        found[f"change{noun}"] = ("PATCH", f"/{path}/{row_id}", {"name": "Another"})
        found[f"delete{noun}"] = ("DELETE", f"/{path}/{row_id}", None)
        found[f"restore{noun}"] = ("POST", f"/{path}/{row_id}/restore", None)
    of_series = f"/bookings/{ids['in_series']}/series"
    return found | {
        "changeBusiness": ("PATCH", "", {"name": "Another"}),
        "deleteBusiness": ("DELETE", "", None),
        "restoreBusiness": ("POST", "/restore", None),
        "allocate": ("PUT", f"/services/{CUT}/staff/{BEN}", {"duration": 45}),
        "withdrawAllocation": ("DELETE", f"/services/{CUT}/staff/{BEN}", None),
        "setWeeklyHours": ("PUT", f"/staff/{ANA}/hours", {**SPANS, "valid_from": "2030-01-01"}),
        "setDay": ("PUT", f"/staff/{ANA}/days/{DAY}", {"spans": [{"opens": 540, "closes": 1060}]}),
        "addHolidays": ("POST", "/holidays", {"days": [{"day": "2026-12-24", "name": "Eve"}]}),
        "removeHoliday": ("DELETE", "/holidays/2026-12-25", None),
        "setOrigins": ("PUT", "/origins", {"origins": ["https://shop.example"]}),
        "setRules": ("PUT", "/optimisation-rules", {"frozen_hours": 12}),
        "setNoShowRules": ("PUT", "/no-show-rules", {"threshold": 2}),
        "setAllowance": ("PUT", f"{booking}/allowance", {"locked": True}),
        "waiveDeposit": ("POST", f"{booking}/deposit/waive", None),
        "eraseClient": ("POST", f"/clients/{ids['client']}/erase", None),
        "rescheduleSeries": ("POST", f"{of_series}/reschedule", LATER),
        "cancelSeries": ("POST", f"{of_series}/cancel", {}),
    }


async def test_whatever_is_edited_expects_a_version_or_says_why_not(app):
    some = dict.fromkeys(("booking", "other", "client", "in_series", "resource", "location"), "x")
    expecting = {
        operation["operationId"]
        for methods in app.openapi()["paths"].values()
        for operation in methods.values()
        if "if-match" in {parameter["name"] for parameter in operation.get("parameters", ())}
    }
    writes = {operation.id for operation in operations(app) if operation.method != "GET"}
    assert expecting == edits(some).keys()
    assert writes - expecting == NO_VERSION | NEW


async def every_edit_of_another_version_is_refused(admin, ids, owner_url):
    before = row_counts(owner_url)
    for operation, (method, path, body) in edits(ids).items():
        if operation.startswith("restore"):
            continue
        sent = {} if body is None else {"json": body}
        for stale in ('"99"', '"99-0123456789abcdef"'):
            answer = await admin.request(method, BASE + path, headers={"If-Match": stale}, **sent)
            assert answer.status_code == 412, (operation, answer.text)
            refused(answer, 412, "stale-version")
    assert row_counts(owner_url) == before


async def test_every_edit_of_another_version_is_refused(app, scope, world, owner_url):
    async with caller(app, await somebody(scope, Role.PLATFORM_ADMIN)) as admin:
        await every_edit_of_another_version_is_refused(admin, world, owner_url)
        # Only what is deleted can be restored, and it is as versioned then.
        for noun, path in (("staff", f"/staff/{BEN}"), ("client", f"/clients/{world['client']}"), ("business", "")):
            assert (await admin.delete(BASE + path)).status_code == 204, noun
            stale = await admin.post(f"{BASE}{path}/restore", headers={"If-Match": '"99"'})
            refused(stale, 412, "stale-version")
            present = {"If-Match": f'"{stale.json()["version"]}"'}
            assert (await admin.post(f"{BASE}{path}/restore", headers=present)).status_code == 200, noun


async def test_where_the_version_is_not_looked_at_they_are_not(app, scope, world, owner_url, monkeypatch):
    async def anything(tx, table, row_id, expected):
        return await advance(tx, table, row_id, None)

    advance = versions.advance
    monkeypatch.setattr(versions, "advance", anything)
    async with caller(app, await somebody(scope, Role.PLATFORM_ADMIN)) as admin:
        with pytest.raises(AssertionError):
            await every_edit_of_another_version_is_refused(admin, world, owner_url)


@pytest.mark.parametrize(
    ("reads", "operation"),
    [
        ("/no-show-rules", "setNoShowRules"),
        ("/optimisation-rules", "setRules"),
        ("/origins", "setOrigins"),
        ("/holidays", "addHolidays"),
        (f"/staff/{ANA}", "setWeeklyHours"),
        (f"/services/{CUT}", "allocate"),
    ],
)
async def test_rules_are_read_with_the_version_that_changing_them_expects(api, world, reads, operation):
    method, path, body = edits(world)[operation]
    etag = (await api.get(BASE + reads)).headers["etag"]
    written = await api.request(method, BASE + path, json=body, headers={"If-Match": etag})
    assert written.is_success, written.text
    refused(await api.request(method, BASE + path, json=body, headers={"If-Match": etag}), 412, "stale-version")
    again = await api.request(method, BASE + path, json=body, headers={"If-Match": written.headers["etag"]})
    assert again.is_success, again.text


async def test_the_rules_for_who_does_not_come_are_read_as_they_were_set(api):
    assert (await api.get(f"{BASE}/no-show-rules")).json() == {"threshold": None, "deposit_cents": None}
    wanted = {"threshold": 2, "deposit_cents": 1500}
    assert (await api.put(f"{BASE}/no-show-rules", json=wanted)).json() == wanted
    assert (await api.get(f"{BASE}/no-show-rules")).json() == wanted
