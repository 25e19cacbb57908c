"""The permission table over HTTP: every operation of the OpenAPI document, asked by everybody."""

from pathlib import Path

import pytest
from fastapi import APIRouter

from models.errors import NotConfigured
from models.permissions import MEMBER_ROLES, PERMISSIONS, Role, table
from service.api import security
from service.bootstrap import server_app
from service.commands import keys
from tests.service.api.conftest import refused
from tests.service.api.walk import operations
from tests.service.people import caller, everything, somebody
from tests.service.worlds import ANA, client

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
