"""Accounts, tokens, keys, invitations and links over HTTP, and what is no credential."""

import base64
import json
from datetime import timedelta
from uuid import UUID, uuid4

import jwt
import psycopg
import pytest

from models.permissions import KEY_SCOPES, Role
from service.commands import accounts, keys, members
from service.security import links, tokens
from service.security.keyring import keyring_of
from service.settings import settings
from tests.service.api.conftest import BASE, refused
from tests.service.people import caller, somebody
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, client

PASSWORD, ANOTHER = "a long enough password", "another long password"
AT_10 = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat()}
DAY = {"spans": [{"opens": 540, "closes": 1050}]}
SHOWN = {
    "issueToken": "test_a_password_gives_tokens_and_a_refresh_token_is_good_once",
    "revokeToken": "test_a_revoked_token_ends_its_session_at_once",
    "acceptInvitation": "test_an_invitation_opens_a_place_once",
    "readAccount": "test_a_password_gives_tokens_and_a_refresh_token_is_good_once",
    "changePassword": "test_a_new_password_ends_every_other_session",
    "listSessions": "test_sessions_are_listed_and_ended_one_by_one",
    "revokeSession": "test_sessions_are_listed_and_ended_one_by_one",
    "listMembers": "test_an_invitation_opens_a_place_once",
    "setRole": "test_a_business_keeps_an_owner",
    "removeMember": "test_a_business_keeps_an_owner",
    "listInvitations": "test_an_invitation_opens_a_place_once",
    "invite": "test_an_invitation_opens_a_place_once",
    "revokeInvitation": "test_an_invitation_taken_back_is_no_place",
    "listKeys": "test_a_key_is_shown_once_used_and_revoked",
    "createKey": "test_a_key_is_shown_once_used_and_revoked",
    "revokeKey": "test_a_key_is_shown_once_used_and_revoked",
    "linkBooking": "test_a_link_is_good_for_one_booking",
}
pytestmark = pytest.mark.anyio


@pytest.fixture
async def olga(scope) -> UUID:
    """An owner of the salon with a password."""
    account_id = await accounts.add(scope.db, accounts.NewAccount("Olga@Example.com", "Olga", PASSWORD))
    await members.assign(scope, members.Assignment(account_id, members.Place(Role.OWNER)))
    return account_id


async def asked(anybody, **form: str):
    return await anybody.post("/api/v1/token", data=form)


async def granted(anybody, **form: str) -> dict:
    form = form or {"grant_type": "password", "username": "olga@example.com", "password": PASSWORD}
    answer = await asked(anybody, **form)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_password_gives_tokens_and_a_refresh_token_is_good_once(anybody, olga, owner_url):
    first = await granted(anybody)
    assert (first["token_type"], first["expires_in"]) == ("Bearer", 600)
    me = (await anybody.get("/api/v1/account", headers=bearing(first["access_token"]))).json()
    assert (me["id"], me["email"], me["memberships"][0]["slug"]) == (str(olga), "olga@example.com", "salon")
    second = await granted(anybody, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert (await anybody.get(f"{BASE}/keys", headers=bearing(second["access_token"]))).status_code == 200
    # Somebody has a copy: the whole family ends, the newest of it too.
    refused(await asked(anybody, grant_type="refresh_token", refresh_token=first["refresh_token"]), 400)
    refused(await asked(anybody, grant_type="refresh_token", refresh_token=second["refresh_token"]), 400)
    refused(await anybody.get(f"{BASE}/keys", headers=bearing(second["access_token"])), 401)
    with psycopg.connect(owner_url) as owner:
        assert owner.execute("SELECT revoked_because FROM session").fetchone() == ("refresh token reused",)
        kept = owner.execute("SELECT password_hash FROM account").fetchone()[0]
    assert kept.startswith("$argon2id$")


async def test_a_narrower_scope_is_all_that_its_token_may(anybody, olga):
    form = {"grant_type": "password", "username": "olga@example.com", "password": PASSWORD}
    token = (await granted(anybody, **form, scope="bookings:read"))["access_token"]
    assert (await anybody.get(f"{BASE}/bookings/{uuid4()}", headers=bearing(token))).status_code == 404
    refused(await anybody.get(f"{BASE}/waitlist", headers=bearing(token)), 403)
    refused(await asked(anybody, **form, scope="everything"), 400, "invalid-grant")


async def test_a_refreshed_token_never_has_more_scope_than_was_granted(anybody, olga):
    """RFC 6749, section 6: left out is what was granted; narrower is for that access token alone."""
    form = {"grant_type": "password", "username": "olga@example.com", "password": PASSWORD}
    first = await granted(anybody, **form, scope="bookings:read waitlist:read")
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    for wider in ("people:write", "bookings:read people:write"):
        answer = await asked(anybody, **again, scope=wider)
        refused(answer, 400, "invalid-grant")
        assert answer.json()["error"] == "invalid_scope"
    narrow = await granted(anybody, **again, scope="bookings:read")
    refused(await anybody.get(f"{BASE}/waitlist", headers=bearing(narrow["access_token"])), 403)
    second = await granted(anybody, grant_type="refresh_token", refresh_token=narrow["refresh_token"])
    assert (narrow["scope"], second["scope"]) == ("bookings:read", "bookings:read waitlist:read")
    assert (await anybody.get(f"{BASE}/waitlist", headers=bearing(second["access_token"]))).status_code == 200
    refused(await anybody.get(f"{BASE}/keys", headers=bearing(second["access_token"])), 403)


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "password", "username": "olga@example.com", "password": "another password"},
        {"grant_type": "password", "username": "nobody@example.com", "password": PASSWORD},
        {"grant_type": "password", "username": "", "password": ""},
        {"grant_type": "client_credentials", "client_id": "x", "client_secret": "ilk_aaaaaaaaaaaa_secret"},
        {"grant_type": "client_credentials", "client_secret": "\u0000"},
        {"grant_type": "refresh_token", "refresh_token": f"ilr_{uuid4().hex}_secret"},
        {"grant_type": "refresh_token", "refresh_token": "ilr_zz_"},
        {"grant_type": "authorization_code"},
        {},
    ],
)
async def test_what_is_not_right_gives_no_token(anybody, olga, form):
    answer = await asked(anybody, **form)
    refused(answer)
    assert "access_token" not in answer.text
    if form.get("grant_type") == "password":
        assert answer.json()["error"] == "invalid_grant"
        assert answer.json()["detail"] == "The e-mail or the password is not right."
    if form.get("grant_type") == "client_credentials":
        # RFC 6749, section 5.2.
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_a_revoked_token_ends_its_session_at_once(anybody, olga):
    tokens_ = await granted(anybody)
    answer = await anybody.post("/api/v1/token/revoke", data={"token": tokens_["refresh_token"]})
    assert answer.status_code == 204
    refused(await anybody.get("/api/v1/account", headers=bearing(tokens_["access_token"])), 401)
    refused(await asked(anybody, grant_type="refresh_token", refresh_token=tokens_["refresh_token"]), 400)
    for unknown in ("nothing", f"ilr_{uuid4().hex}_x"):
        assert (await anybody.post("/api/v1/token/revoke", data={"token": unknown})).status_code == 204


async def test_sessions_are_listed_and_ended_one_by_one(anybody, olga, caplog):
    caplog.set_level("INFO", "interlock.accounts")
    here, there = bearing((await granted(anybody))["access_token"]), bearing((await granted(anybody))["access_token"])
    listed = (await anybody.get("/api/v1/account/sessions", headers=here)).json()
    assert len(listed) == 2
    newest = listed[0]["id"]
    assert (await anybody.delete(f"/api/v1/account/sessions/{newest}", headers=here)).status_code == 204
    assert caplog.messages[-1] == f"account {olga}: session {newest} signed out"
    refused(await anybody.get("/api/v1/account", headers=there), 401)
    refused(await anybody.delete(f"/api/v1/account/sessions/{newest}", headers=here), 404)
    assert (await anybody.get("/api/v1/account", headers=here)).status_code == 200


async def test_anothers_session_is_not_mine_to_end(anybody, olga, scope, app):
    mine = (
        await anybody.get("/api/v1/account/sessions", headers=bearing((await granted(anybody))["access_token"]))
    ).json()
    async with caller(app, await somebody(scope, Role.OWNER)) as other:
        refused(await other.delete(f"/api/v1/account/sessions/{mine[0]['id']}"), 404)


async def test_a_new_password_ends_every_other_session(anybody, olga, caplog):
    caplog.set_level("INFO", "interlock.accounts")
    here, there = bearing((await granted(anybody))["access_token"]), bearing((await granted(anybody))["access_token"])
    wrong = {"current": "not this one at all", "new": ANOTHER}
    refused(await anybody.put("/api/v1/account/password", headers=here, json=wrong), 400)
    weak = {"current": PASSWORD, "new": "short"}
    refused(await anybody.put("/api/v1/account/password", headers=here, json=weak), 422)
    right = {"current": PASSWORD, "new": ANOTHER}
    assert (await anybody.put("/api/v1/account/password", headers=here, json=right)).status_code == 204
    assert caplog.messages[-1].startswith(f"account {olga}: password changed in session ")
    refused(await anybody.get("/api/v1/account", headers=there), 401)
    assert (await anybody.get("/api/v1/account", headers=here)).status_code == 200
    await granted(anybody, grant_type="password", username="olga@example.com", password=ANOTHER)


async def test_a_disabled_account_is_out_at_once(anybody, olga, scope, caplog):
    caplog.set_level("INFO", "interlock.accounts")
    token = (await granted(anybody))["access_token"]
    await accounts.disable(scope.db, olga)
    assert caplog.messages[-1] == f"account {olga}: disabled"
    refused(await anybody.get("/api/v1/account", headers=bearing(token)), 401)
    refused(await asked(anybody, grant_type="password", username="olga@example.com", password=PASSWORD), 400)


async def test_a_key_is_shown_once_used_and_revoked(app, scope, anybody, owner_url):
    async with caller(app, await somebody(scope, Role.OWNER)) as owner:
        body = {"name": "till", "scopes": ["bookings:read"]}
        made = (await owner.post(f"{BASE}/keys", json=body)).json()
        key = {"X-API-Key": made["key"]}
        assert (await anybody.get(f"{BASE}/bookings/{uuid4()}", headers=key)).status_code == 404
        refused(await anybody.get(f"{BASE}/waitlist", headers=key), 403)
        [listed] = [k for k in (await owner.get(f"{BASE}/keys")).json() if k["prefix"] == made["prefix"]]
        assert listed["last_used_at"] is not None
        assert made["key"] not in str(listed)
        for scopes in (["people:write"], ["account"], ["everything"], []):
            refused(await owner.post(f"{BASE}/keys", json={"name": "x", "scopes": scopes}), 422)
        assert (await owner.delete(f"{BASE}/keys/{made['id']}")).status_code == 204
        refused(await anybody.get(f"{BASE}/bookings/{uuid4()}", headers=key), 401)
        refused(await owner.delete(f"{BASE}/keys/{made['id']}"), 404)
    with psycopg.connect(owner_url) as connection:
        kept = connection.execute("SELECT secret_hash, prefix FROM api_key").fetchone()
        audit = connection.execute("SELECT actor, after::text FROM audit_entry WHERE action LIKE 'key.%'").fetchall()
    assert (bytes(kept[0]), kept[1]) == (tokens.digest(made["key"]), made["prefix"])
    assert {actor.partition(":")[0] for actor, _ in audit} == {"account"}
    assert made["key"] not in str(audit)


async def test_an_expired_key_is_none(scope, anybody, owner_url):
    key = (await keys.create(scope, keys.NewKey("old", ("waitlist:read",)))).key
    assert (await anybody.get(f"{BASE}/waitlist", headers=bearing(key))).status_code == 200
    with psycopg.connect(owner_url) as owner:
        owner.execute("UPDATE api_key SET expires_at = clock_timestamp()")
    refused(await anybody.get(f"{BASE}/waitlist", headers=bearing(key)), 401)


async def test_a_program_exchanges_its_key_for_a_token(scope, anybody):
    made = await keys.create(scope, keys.NewKey("till", ("waitlist:read", "bookings:read")))
    form = {"grant_type": "client_credentials", "client_id": made.prefix, "client_secret": made.key}
    grant = await granted(anybody, **form)
    assert (grant["scope"], "refresh_token" in grant) == ("bookings:read waitlist:read", False)
    assert (await anybody.get(f"{BASE}/waitlist", headers=bearing(grant["access_token"]))).status_code == 200
    basic = base64.b64encode(f"{made.prefix}:{made.key}".encode()).decode()
    by_header = await anybody.post(
        "/api/v1/token",
        data={"grant_type": "client_credentials", "scope": "bookings:read"},
        headers={"Authorization": f"Basic {basic}"},
    )
    narrow = by_header.json()["access_token"]
    refused(await anybody.get(f"{BASE}/waitlist", headers=bearing(narrow)), 403)
    refused(await asked(anybody, **form, scope="people:read"), 400)
    await keys.revoke(scope, made.id)
    refused(await anybody.get(f"{BASE}/waitlist", headers=bearing(grant["access_token"])), 401)


def forged(claims: dict, **changed: object) -> dict[str, str]:
    """Return tokens that nobody should take: wrong algorithm, key, audience, issuer, time or form."""
    key, claims = keyring_of(settings()).signing, {**claims, **changed}
    none = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "none", "typ": "JWT"}, claims)
    )
    return {
        "alg none": f"{none}.",
        "another algorithm": jwt.encode(claims, key * 2, "HS512"),
        "another key": jwt.encode(claims, b"k" * 32, "HS256"),
        "another audience": jwt.encode({**claims, "aud": tokens.WEB}, key, "HS256"),
        "another issuer": jwt.encode({**claims, "iss": "elsewhere"}, key, "HS256"),
        "expired": jwt.encode({**claims, "exp": 1}, key, "HS256"),
        "without an end": jwt.encode({k: v for k, v in claims.items() if k != "exp"}, key, "HS256"),
        "without a session": jwt.encode({**claims, "sid": None}, key, "HS256"),
        "another session": jwt.encode({**claims, "sid": str(uuid4())}, key, "HS256"),
        "another account": jwt.encode({**claims, "sub": f"account:{uuid4()}"}, key, "HS256"),
        "a key of nobody": jwt.encode({**claims, "sub": "key:aaaaaaaaaaaa"}, key, "HS256"),
        "a word": "token",
        "nothing": "",
        "a key's form": "ilk_aaaaaaaaaaaa_" + "x" * 43,
        "a key cut short": "ilk_",
        "a link of nothing": "link.",
        "an access token as link": "link." + jwt.encode(claims, key, "HS256"),
    }


async def test_forged_tokens_are_401(anybody, olga):
    token = (await granted(anybody))["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (await anybody.get("/api/v1/account", headers=bearing(token))).status_code == 200
    for kind, bad in forged(claims).items():
        for address in ("/api/v1/account", f"{BASE}/waitlist", BASE):
            answer = await anybody.get(address, headers=bearing(bad))
            assert answer.status_code == 401, (kind, address, answer.text)
    for header in ("Basic b2xnYTpvbGdh", "Bearer", "bearer\u00a0x", "x"):
        refused(await anybody.get("/api/v1/account", headers={"Authorization": header.encode("latin-1")}), 401)


async def test_an_invitation_opens_a_place_once(app, scope, anybody):
    async with caller(app, await somebody(scope, Role.OWNER)) as owner:
        invited = await owner.post(
            f"{BASE}/invitations", json={"email": "ana@example.com", "role": "staff", "staff_id": str(ANA)}
        )
        assert invited.status_code == 201
        [listed] = (await owner.get(f"{BASE}/invitations")).json()
        assert (listed["email"], listed["role"]) == ("ana@example.com", "staff")
        taking = {"token": invited.json()["token"], "name": "Ana", "password": PASSWORD}
        joined = await anybody.post("/api/v1/invitations/accept", json=taking)
        assert joined.status_code == 201
        refused(await anybody.post("/api/v1/invitations/accept", json=taking), 404)
        assert (await owner.get(f"{BASE}/invitations")).json() == []
        people = (await owner.get(f"{BASE}/members")).json()
        assert {(m["email"], m["role"]) for m in people} >= {("ana@example.com", "staff")}
    form = {"grant_type": "password", "username": "ana@example.com", "password": PASSWORD}
    ana = bearing((await granted(anybody, **form))["access_token"])
    assert (await anybody.put(f"{BASE}/staff/{ANA}/days/2026-03-09", json=DAY, headers=ana)).status_code == 200
    refused(await anybody.put(f"{BASE}/staff/{BEN}/days/2026-03-09", json=DAY, headers=ana), 403)


async def test_an_invitation_for_an_address_that_is_known_asks_for_its_password(app, scope, anybody, olga):
    made = await members.invite(scope, members.Invited("olga@example.com", members.Place(Role.MANAGER)))
    taking = {"token": made.token, "name": "Not Olga", "password": "a guess of somebody"}
    refused(await anybody.post("/api/v1/invitations/accept", json=taking), 400)
    assert (await anybody.post("/api/v1/invitations/accept", json={**taking, "token": "ili_x"})).status_code == 401


async def test_an_invitation_taken_back_is_no_place(app, scope, anybody):
    async with caller(app, await somebody(scope, Role.OWNER)) as owner:
        made = (await owner.post(f"{BASE}/invitations", json={"email": "ana@example.com", "role": "manager"})).json()
        assert (await owner.delete(f"{BASE}/invitations/{made['id']}")).status_code == 204
        refused(await owner.delete(f"{BASE}/invitations/{made['id']}"), 404)
        taking = {"token": made["token"], "name": "Ana", "password": PASSWORD}
        refused(await anybody.post("/api/v1/invitations/accept", json=taking), 404)
        refused(await owner.post(f"{BASE}/invitations", json={"email": "a@b.example", "role": "platform_admin"}), 422)
        refused(await owner.post(f"{BASE}/invitations", json={"email": "a@b.example", "role": "client"}), 422)


async def test_a_business_keeps_an_owner(app, scope, olga, anybody):
    mine = bearing((await granted(anybody))["access_token"])
    refused(await anybody.delete(f"{BASE}/members/{olga}", headers=mine), 409)
    refused(await anybody.put(f"{BASE}/members/{olga}", json={"role": "staff"}, headers=mine), 409)
    stranger = await accounts.add(scope.db, accounts.NewAccount("stranger@example.com", "Stranger"))
    refused(await anybody.put(f"{BASE}/members/{stranger}", json={"role": "staff"}, headers=mine), 404)
    await members.assign(scope, members.Assignment(stranger, members.Place(Role.MANAGER)))
    assert (await anybody.put(f"{BASE}/members/{stranger}", json={"role": "owner"}, headers=mine)).status_code == 204
    assert (await anybody.delete(f"{BASE}/members/{olga}", headers=mine)).status_code == 204
    refused(await anybody.get(f"{BASE}/keys", headers=mine), 403)


async def booked_for(api, client_id: str, hour: int = 10) -> str:
    slot = {**AT_10, "starts_at": MONDAY_10.replace(hour=hour).isoformat()}
    return (await api.post(f"{BASE}/bookings", json={**slot, "client_id": client_id})).json()["id"]


async def test_a_client_reaches_their_own_bookings_alone(app, scope, api, client_id):
    other = str(await client(scope, "Other Otto"))
    mine, theirs = await booked_for(api, client_id), await booked_for(api, other, 11)
    async with caller(app, await somebody(scope, Role.CLIENT, client_id=UUID(client_id))) as maria:
        assert (await maria.get(f"{BASE}/bookings/{mine}")).status_code == 200
        refused(await maria.get(f"{BASE}/bookings/{theirs}"), 404)
        refused(await maria.post(f"{BASE}/bookings/{theirs}/cancel", json={}), 404)
        slot = {**AT_10, "starts_at": MONDAY_10.replace(hour=15).isoformat()}
        own = {"client_id": client_id}
        for params in ({}, own):
            refused(await maria.post(f"{BASE}/bookings", json={**slot, "client_id": other}, params=params), 403)
            refused(await maria.post(f"{BASE}/bookings", json=slot, params=params), 403)
            refused(await maria.get(f"{BASE}/clients/{other}", params=params), 403)
        refused(await maria.get(f"{BASE}/clients/{client_id}", params={"client_id": [client_id, other]}), 403)
        assert (await maria.post(f"{BASE}/bookings", json={**slot, "client_id": client_id})).status_code == 201
        assert (await maria.post(f"{BASE}/bookings/{mine}/cancel", json={})).status_code == 200
        window = {"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T12:00:00Z"}
        wish = {"service_id": str(CUT), "windows": [window]}
        for path, wanted in (
            ("waitlist", wish),
            ("series", {**slot, "rule": "FREQ=WEEKLY;COUNT=2"}),
            ("booking-requests", slot),
        ):
            for params in ({}, own):
                refused(await maria.post(f"{BASE}/{path}", json={**wanted, "client_id": other}, params=params), 403)
        entry = (await maria.post(f"{BASE}/waitlist", json={**wish, "client_id": client_id})).json()["id"]
        others = (await api.post(f"{BASE}/waitlist", json={**wish, "client_id": other})).json()["id"]
        refused(await maria.delete(f"{BASE}/waitlist/{others}"), 404)
        assert (await maria.delete(f"{BASE}/waitlist/{entry}")).status_code == 204


async def test_a_key_cancels_and_moves_as_the_client_it_books_for(app, scope, api, client_id, owner_url):
    with psycopg.connect(owner_url) as owner:
        owner.execute("UPDATE service SET last_cancellation = 1440 WHERE id = %s", [CUT])
    mine = await booked_for(api, client_id)
    app.state.clock.moment = MONDAY_10 - timedelta(hours=1)
    refused(await api.post(f"{BASE}/bookings/{mine}/cancel", json={}), 422, "outside-policy")
    later = {"starts_at": (MONDAY_10 + timedelta(hours=5)).isoformat()}
    refused(await api.post(f"{BASE}/bookings/{mine}/reschedule", json=later), 422, "outside-policy")
    async with caller(app, await somebody(scope, Role.OWNER)) as house:
        assert (await house.post(f"{BASE}/bookings/{mine}/cancel", json={})).status_code == 200


async def test_a_link_is_good_for_one_booking(app, scope, api, client_id, anybody):
    mine, later = await booked_for(api, client_id), await booked_for(api, client_id, 11)
    made = await api.post(f"{BASE}/bookings/{mine}/link", json={"days": 3})
    link = bearing(made.json()["token"])
    assert (await anybody.get(f"{BASE}/bookings/{mine}", headers=link)).status_code == 200
    refused(await anybody.get(f"{BASE}/bookings/{later}", headers=link), 404)
    refused(await anybody.post(f"{BASE}/bookings", json={**AT_10, "client_id": client_id}, headers=link), 403)
    refused(await anybody.get(f"{BASE}/waitlist", headers=link), 403)
    refused(await anybody.post(f"{BASE}/bookings/{uuid4()}/link", json={}, headers=link), 403)
    assert (await anybody.post(f"{BASE}/bookings/{mine}/cancel", json={}, headers=link)).status_code == 200
    refused(await api.post(f"{BASE}/bookings/{uuid4()}/link", json={}), 404)
    audit = (await api.get(f"{BASE}/audit")).json()
    [told] = [entry["after"] for entry in audit if entry["action"] == "link.made"]
    assert told == {"booking_id": mine, "client_id": client_id, "days": 3}


async def test_a_link_ends_with_its_client(api, client_id, anybody):
    mine = await booked_for(api, client_id)
    token = (await api.post(f"{BASE}/bookings/{mine}/link", json={})).json()["token"]
    page = f"/b/salon/booking/{token.removeprefix('link.')}"
    assert (await anybody.get(f"{BASE}/bookings/{mine}", headers=bearing(token))).status_code == 200
    assert (await anybody.get(page)).status_code == 200
    erased = await api.post(f"{BASE}/clients/{client_id}/erase", headers={"If-Match": "*"})
    assert erased.status_code == 204
    refused(await anybody.get(f"{BASE}/bookings/{mine}", headers=bearing(token)), 401)
    assert (await anybody.get(page)).status_code == 410


async def test_a_link_ends_with_its_time(scope, api, client_id, anybody):
    mine = await booked_for(api, client_id)
    keyring = keyring_of(settings())
    for seconds, status in ((60, 200), (-1, 401)):
        token = links.signed(keyring, scope.business_id, UUID(client_id), UUID(mine), timedelta(seconds=seconds))
        assert (await anybody.get(f"{BASE}/bookings/{mine}", headers=bearing(token))).status_code == status


async def test_a_visitor_books_with_a_holds_token_and_nothing_else(anybody, client_id):
    hold = (await anybody.post(f"{BASE}/holds", json=AT_10)).json()
    who = {"name": "Walk In", "email": "walk@example.com"}
    refused(await anybody.post(f"{BASE}/bookings", json={**AT_10, "client": who}), 401)
    confirm = {"hold_id": hold["id"], "token": hold["token"]}
    refused(await anybody.post(f"{BASE}/bookings", json={**confirm, "client_id": client_id}), 401)
    refused(await anybody.post(f"{BASE}/bookings", json={"hold_id": hold["id"], "client": who}), 401)
    booked = await anybody.post(f"{BASE}/bookings", json={**confirm, "client": who})
    assert (booked.status_code, booked.json()["status"]) == (201, "confirmed")
    refused(await anybody.get(f"{BASE}/bookings/{hold['id']}"), 401)


async def test_every_scope_of_a_key_is_one_of_the_table(scope):
    made = await keys.create(scope, keys.NewKey("all", tuple(KEY_SCOPES)))
    assert tokens.prefix_of(made.key) == made.prefix
