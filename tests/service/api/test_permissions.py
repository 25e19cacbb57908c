"""The permission table over HTTP: every operation of the OpenAPI document, asked by everybody."""

from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import APIRouter

from models.errors import NotConfigured
from models.permissions import MEMBER_ROLES, PERMISSIONS, Role, table
from service.api import security
from service.bootstrap import server_app
from service.commands import keys, offers
from service.db.views import Views
from tests.service.api.conftest import BASE, refused
from tests.service.api.test_routes import AT_10, waits
from tests.service.api.walk import operations
from tests.service.people import caller, everything, somebody
from tests.service.worlds import ANA, BEN, MONDAY_10, NOW, client

ROLES = (Role.PLATFORM_ADMIN, *MEMBER_ROLES)
DOCUMENT = Path(__file__).parents[3] / "docs" / "permissions.md"
REFUSED = (401, 403)
pytestmark = pytest.mark.anyio


async def everybody(scope, staff=ANA) -> dict[Role, str]:
    """Return an access token of somebody in each role of a business."""
    who = {Role.STAFF: {"staff_id": staff}, Role.CLIENT: {"client_id": await client(scope)}}
    return {role: await somebody(scope, role, **who.get(role, {})) for role in ROLES}


def test_every_operation_has_a_permission_and_every_permission_an_operation():
    assert {operation.id for operation in operations(server_app())} == PERMISSIONS.keys()


def test_a_route_without_a_permission_cannot_be_served():
    app, router = server_app(), APIRouter()
    router.add_api_route("/api/v1/leak", lambda: "everything", operation_id="leak")
    app.include_router(router)
    with pytest.raises(NotConfigured, match="leak"):
        security.check(app)


async def test_each_role_may_what_the_table_says(app, scope):
    tokens = await everybody(scope)
    asked = 0
    for role, token in tokens.items():
        async with caller(app, token) as api:
            for operation in operations(app):
                answer, permission = await operation.ask(api), PERMISSIONS[operation.id]
                if permission.public or role in permission.roles:
                    assert answer.status_code not in REFUSED, (role, operation, answer.text)
                elif role in permission.own:
                    refused(answer)
                else:
                    refused(answer, 403, "forbidden")
                asked += 1
    assert asked == len(ROLES) * len(PERMISSIONS)


async def belongings(api, scope, who: str) -> dict[str, str]:
    """Give a client one of everything that can be theirs, and return the ids."""
    at = {**AT_10, "client_id": who}
    later = MONDAY_10 + timedelta(days=1)
    series = {**at, "starts_at": later.isoformat(), "rule": "FREQ=WEEKLY;COUNT=2"}
    made = {
        "client": who,
        "booking": (await api.post(f"{BASE}/bookings", json=at)).json()["id"],
        "series": (await api.post(f"{BASE}/series", json=series)).json()["id"],
        "request": (
            await api.post(
                f"{BASE}/booking-requests", json={**at, "starts_at": (later + timedelta(hours=2)).isoformat()}
            )
        ).json()["id"],
        "entry": await waits(api, who),
    }
    freed = offers.Freed(BEN, MONDAY_10, MONDAY_10 + timedelta(minutes=40))
    view = await Views(scope.db).current(scope.business_id, NOW)
    [offer] = await offers.pass_on(scope, freed, view=view, now=NOW)
    return {**made, "offer": str(offer.id)}


def own_requests(of: dict[str, str]) -> dict[str, tuple[str, str, dict]]:
    """Return a request for each operation that clients may for themselves, about somebody's rows."""
    at = {**AT_10, "starts_at": (MONDAY_10 + timedelta(days=2)).isoformat(), "client_id": of["client"]}
    ends_at = (MONDAY_10 + timedelta(days=3)).isoformat()
    booking, who = f"/bookings/{of['booking']}", f"/clients/{of['client']}"
    wish = {
        "client_id": of["client"],
        "service_id": at["service_id"],
        "windows": [{"start": at["starts_at"], "end": ends_at}],
    }
    return {
        "readBooking": ("GET", booking, {}),
        "readAllowance": ("GET", f"{booking}/allowance", {}),
        "setAllowance": ("PUT", f"{booking}/allowance", {"json": {"locked": True}}),
        "readSeries": ("GET", f"/series/{of['series']}", {}),
        "readBookingRequest": ("GET", f"/booking-requests/{of['request']}", {}),
        "listClientBookings": ("GET", f"{who}/bookings", {}),
        "readClient": ("GET", who, {}),
        "exportClient": ("GET", f"{who}/export", {}),
        "listWaitlist": ("GET", "/waitlist", {"params": {"client_id": of["client"]}}),
        "listOffers": ("GET", "/offers", {"params": {"client_id": of["client"]}}),
        "book": ("POST", "/bookings", {"json": at}),
        "bookSeries": ("POST", "/series", {"json": {**at, "rule": "FREQ=MONTHLY;COUNT=1"}}),
        "askForBooking": ("POST", "/booking-requests", {"json": at}),
        "joinWaitlist": ("POST", "/waitlist", {"json": wish}),
        "declineOffer": ("POST", f"/offers/{of['offer']}/decline", {}),
        "acceptOffer": ("POST", f"/offers/{of['offer']}/accept", {}),
        "leaveWaitlist": ("DELETE", f"/waitlist/{of['entry']}", {}),
        "rescheduleBooking": ("POST", f"{booking}/reschedule", {"json": {"starts_at": ends_at}}),
        "cancelBooking": ("POST", f"{booking}/cancel", {"json": {}}),
    }


async def test_a_client_gets_nothing_of_another_client_of_the_same_business(app, scope, api):
    """And all of it as who it belongs to, or the requests would prove nothing."""
    mine, theirs = str(await client(scope)), str(await client(scope, "Other Otto"))
    requests = own_requests(await belongings(api, scope, theirs))
    assert requests.keys() == {name for name, permission in PERMISSIONS.items() if Role.CLIENT in permission.own}
    maria, otto = [await somebody(scope, Role.CLIENT, client_id=who) for who in (mine, theirs)]
    async with caller(app, maria) as me, caller(app, otto) as them:
        for operation, (method, path, request) in requests.items():
            for params in ({}, {"client_id": mine}):
                # A list that is asked for both names is asked for another's, too.
                named = [*request.get("params", {}).items(), *params.items()]
                answer = await me.request(method, BASE + path, **{**request, "params": named})
                refused(answer)
                assert answer.status_code in (403, 404), (operation, answer.text)
        for operation, (method, path, request) in requests.items():
            answer = await them.request(method, BASE + path, **request)
            assert answer.status_code not in (401, 403, 404, 422), (operation, answer.text)


async def test_a_key_that_books_reads_what_it_asked_for(app, scope, client_id):
    key = (await keys.create(scope, keys.NewKey("site", ("bookings:write",)))).key
    async with caller(app, key) as site:
        asked = await site.post(f"{BASE}/booking-requests", json={**AT_10, "client_id": client_id})
        assert (asked.status_code, (await site.get(asked.headers["location"])).status_code) == (202, 200)


async def test_without_an_account_only_what_is_public(app, scope, anybody):
    for operation in operations(app):
        answer = await operation.ask(anybody)
        if PERMISSIONS[operation.id].public:
            assert answer.status_code not in REFUSED, (operation, answer.text)
        else:
            refused(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_may_what_its_scopes_say(app, scope):
    for granted in ("bookings:read", "optimisation:write"):
        key = (await keys.create(scope, keys.NewKey("narrow", (granted,)))).key
        async with caller(app, key) as api:
            for operation in operations(app):
                if not operation.address.startswith("/api/v1/businesses/"):
                    continue
                answer, permission = await operation.ask(api), PERMISSIONS[operation.id]
                if permission.public or permission.scope == granted:
                    assert answer.status_code not in REFUSED, (operation, answer.text)
                else:
                    refused(answer, 403, "forbidden")


async def test_another_business_gets_nothing_whatever_the_role(app, scope, rival):
    """What is public is public: there, another's account sees no more than anybody, and another's key not even that."""
    tokens = await everybody(rival.scope, rival.ids["staff"])
    del tokens[Role.PLATFORM_ADMIN]
    tokens["key"] = await everything(rival.scope)
    tokens["nowhere"] = await somebody(rival.scope, None)
    for role, token in tokens.items():
        async with caller(app, token) as api, caller(app) as anybody:
            for operation in operations(app):
                if not operation.address.startswith("/api/v1/businesses/"):
                    continue
                answer = await operation.ask(api)
                if PERMISSIONS[operation.id].public and role != "key":
                    assert answer.content == (await operation.ask(anybody)).content
                else:
                    refused(answer)
                    assert answer.status_code in (403, 404), (role, operation, answer.text)


async def test_where_roles_are_not_looked_at_the_same_walk_finds_it(app, scope, rival, monkeypatch):
    monkeypatch.setattr(security, "refusal", lambda *_: None)
    with pytest.raises(AssertionError):
        await test_another_business_gets_nothing_whatever_the_role(app, scope, rival)
    with pytest.raises(AssertionError):
        await test_each_role_may_what_the_table_says(app, scope)


def test_the_documented_table_is_the_one_in_force():
    assert table() in DOCUMENT.read_text(), "run: python -m models.permissions > docs/permissions.md"
