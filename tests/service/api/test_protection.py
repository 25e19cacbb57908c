"""Limits, headers, origins, request ids, health, metrics, logs: what stands around every route."""

import contextlib
import io
import json
import logging
from contextlib import redirect_stderr

import pytest
import structlog

from models.errors import NotConfigured, TooManyRequests
from models.permissions import Role
from service.db.limits import ADDRESS, Limit, Limiter
from service.security.keyring import keyring_of
from service.settings import Settings
from service.telemetry import logs
from tests.service.api.conftest import BASE, refused
from tests.service.people import caller, somebody

SHOWN = {
    "listOrigins": "test_a_site_that_the_business_names_may_call_it",
    "setOrigins": "test_a_site_that_the_business_names_may_call_it",
}
SITE, ELSEWHERE = "https://www.salon.example", "https://evil.example"
pytestmark = pytest.mark.anyio


@pytest.fixture
def limited(app):
    """The application with its limits on, which tests do without."""
    app.state.limiter.is_on = True
    return app


async def test_a_bucket_is_shared_by_processes_and_fills_again(db):
    limit = Limit("test", 5, 10)
    here, there = Limiter(db), Limiter(db)
    for count in range(5):
        await (here if count % 2 else there).take(limit, "x")
    with pytest.raises(TooManyRequests) as refused_:
        await here.take(limit, "x")
    assert 1 <= refused_.value.fields["retry_after_s"] <= 2
    await there.take(limit, "somebody else")
    await db.anywhere("UPDATE edge.rate_limit SET tat = tat - interval '4 seconds'")
    assert await there.take(limit, "x") < 2


async def test_tokens_taken_in_advance_are_counted(db):
    limit = Limit("test", 100, 60, lease=20)
    limiters = [Limiter(db) for _ in range(3)]
    taken = 0
    with contextlib.suppress(TooManyRequests):
        while taken < 200:
            await limiters[taken % 3].take(limit, "x")
            taken += 1
    assert 100 - 3 * 20 <= taken <= 101


async def test_too_many_tries_to_sign_in_are_429(limited, anybody):
    form = {"grant_type": "refresh_token", "refresh_token": "guess"}
    answers = [await anybody.post("/api/v1/token", data=form) for _ in range(12)]
    codes = [answer.status_code for answer in answers]
    assert codes[:10] == [400] * 10
    assert codes[11] == 429
    refused(answers[11], 429, "too-many-requests")
    assert int(answers[11].headers["retry-after"]) >= 1
    assert answers[11].headers["ratelimit-policy"] == '"sign-in";q=10;w=60'
    assert answers[11].headers["ratelimit"].startswith('"sign-in";r=0;t=')


async def test_an_answer_says_how_much_is_left(limited, anybody):
    first, second = [(await anybody.get(BASE)).headers["ratelimit"] for _ in range(2)]
    assert first == f'"address";r={ADDRESS.requests - 1};t=60'
    assert second == f'"address";r={ADDRESS.requests - 2};t=60'


async def test_where_limits_are_off_the_same_tries_pass(anybody):
    form = {"grant_type": "client_credentials", "client_secret": "x"}
    assert {(await anybody.post("/api/v1/token", data=form)).status_code for _ in range(12)} == {401}


async def test_every_answer_has_safe_headers(api, anybody):
    for answer in (await api.get(BASE), await anybody.get("/nothing"), await anybody.get(f"{BASE}/waitlist")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-request-id"]
    answer = await api.get(BASE)
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "server" not in answer.headers


async def test_a_request_id_comes_back_and_a_bad_one_does_not(anybody):
    assert (await anybody.get(BASE, headers={"X-Request-ID": "desk-7"})).headers["x-request-id"] == "desk-7"
    for bad in ("", "a b", "x" * 129, "'; --"):
        assert (await anybody.get(BASE, headers={"X-Request-ID": bad})).headers["x-request-id"] != bad


async def test_a_site_that_the_business_names_may_call_it(api, anybody):
    preflight = {"Origin": SITE, "Access-Control-Request-Method": "POST"}
    assert (await anybody.options(f"{BASE}/holds", headers=preflight)).status_code == 403
    told = await api.put(f"{BASE}/origins", json={"origins": [SITE]})
    assert told.json() == (await api.get(f"{BASE}/origins")).json() == {"origins": [SITE]}
    async with caller(api._transport.app) as fresh:
        fresh._transport.app.state.origins.clear()
        allowed = await fresh.options(f"{BASE}/holds", headers=preflight)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, SITE)
        assert "access-control-allow-credentials" not in allowed.headers
        asked = await fresh.get(BASE, headers={"Origin": SITE, "Sec-Fetch-Site": "cross-site"})
        assert asked.headers["access-control-allow-origin"] == SITE
        elsewhere = await fresh.get(BASE, headers={"Origin": ELSEWHERE})
        assert "access-control-allow-origin" not in elsewhere.headers
        assert elsewhere.headers["vary"] == "Origin"
    for bad in ("*", "null", "https://x.example/path", "javascript:alert(1)", "https://X.example"):
        refused(await api.put(f"{BASE}/origins", json={"origins": [bad]}), 422)


async def test_a_page_elsewhere_reads_what_it_is_refused(limited, api, anybody, monkeypatch):
    """Without its origin in the answer, a browser tells a page of a network error, and not when to come again."""
    await api.put(f"{BASE}/origins", json={"origins": [SITE]})
    limited.state.origins.clear()
    assert (await anybody.get(BASE, headers={"Origin": SITE})).status_code == 200
    monkeypatch.setattr("service.api.edge.ADDRESS", Limit("narrow", 1, 60))
    answers = [await anybody.get(BASE, headers={"Origin": SITE}) for _ in range(3)]
    refused(answers[-1], 429, "too-many-requests")
    assert answers[-1].headers["access-control-allow-origin"] == SITE
    assert "Retry-After" in answers[-1].headers["access-control-expose-headers"]
    asks_first = {"Origin": SITE, "Access-Control-Request-Method": "POST"}
    assert (await anybody.options(f"{BASE}/holds", headers=asks_first)).status_code == 204
    elsewhere = await anybody.get(BASE, headers={"Origin": ELSEWHERE})
    assert (elsewhere.status_code, "access-control-allow-origin" in elsewhere.headers) == (429, False)


async def test_any_site_may_sign_in_without_cookies(anybody):
    asks_first = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
    for path in ("/api/v1/token", "/api/v1/account/password"):
        allowed = await anybody.options(path, headers=asks_first)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, "*")
        assert "access-control-allow-credentials" not in allowed.headers
    form = {"grant_type": "refresh_token", "refresh_token": "guess"}
    answer = await anybody.post("/api/v1/token", data=form, headers={"Origin": ELSEWHERE})
    refused(answer, 400)
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_an_unknown_host_is_a_problem(anybody):
    for host in ("evil.example", "", "127.0.0.1.evil.example:8000"):
        refused(await anybody.get(BASE, headers={"Host": host}), 400, "unknown-host")
    assert (await anybody.get(BASE, headers={"Host": "localhost:9"})).status_code == 200


async def test_a_cookie_does_not_travel_from_another_site(api):
    """Without the check, any site could have a signed-in browser change things."""
    body, cross = {"name": "Mia"}, {"Sec-Fetch-Site": "cross-site"}
    refused(await api.post(f"{BASE}/clients", json=body, headers=cross), 403, "cross-site")
    api.cookies.clear()
    assert (await api.post(f"{BASE}/clients", json=body, headers=cross)).status_code == 201


async def test_alive_and_ready(anybody, app, db):
    assert (await anybody.get("/health/live")).json() == {"status": "alive"}
    assert (await anybody.get("/health/ready")).json()["status"] == "ready"
    app.state.draining = True
    assert (await anybody.get("/health/ready")).status_code == 503
    app.state.draining = False
    await db.close()
    assert (await anybody.get("/health/ready")).status_code == 503
    assert (await anybody.get("/health/live")).status_code == 200


async def test_metrics_tell_of_requests_and_queues(api, anybody):
    await api.get(f"{BASE}/slots")
    text = (await anybody.get("/metrics")).text
    assert 'interlock_request_seconds_count{operation="findSlots",status="422"}' in text
    for name in (
        "interlock_commits_total",
        "interlock_conflicts_total",
        "interlock_solver_gap",
        "interlock_queue_depth",
    ):
        assert f"# HELP {name}" in text


async def test_who_is_signed_in_with_a_role_has_it_in_the_audit(app, scope):
    async with caller(app, await somebody(scope, Role.MANAGER)) as manager:
        await manager.post(f"{BASE}/clients", json={"name": "Mia"})
    async with scope.db.transaction(scope.business_id) as tx:
        rows = await tx.rows("SELECT actor FROM audit_entry WHERE action = 'client.registered'")
    assert [row["actor"].partition(":")[0] for row in rows] == ["account"]


def logged(**fields: object) -> dict:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    stream = io.StringIO()
    try:
        with redirect_stderr(stream):
            logs.install()
            structlog.get_logger("test").info("said", **fields)
            logging.getLogger("library").warning("connecting to postgresql://me:secret@db/x for a@b.example")
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
        structlog.reset_defaults()
    first, second = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert second["event"] == "connecting to postgresql://***@db/x for ***"
    return first


def test_a_log_line_holds_no_secret():
    said = {
        "password": "hunter2",
        "Authorization": "Bearer x",
        "note": "with ilk_abcdefgh2345_secret-part and mia@example.com",
        "inner": {"email": "mia@example.com", "n": 1},
        "members": ["eyJhbGciOi.eyJzdWIi.c2ln"],
    }
    line = logged(**said)
    text = json.dumps(line)
    for secret in ("hunter2", "Bearer x", "secret-part", "mia@", "eyJ"):
        assert secret not in text
    assert (line["event"], line["inner"]["n"], line["level"]) == ("said", 1, "info")


def test_whatever_is_logged_becomes_a_line():
    said = {"huge": 2**64, "lone": "\ud800", "numbers": {1: "one"}, "members": (1, 2)}
    line = logged(**said)
    assert line["huge"] == 2**64
    assert line["lone"] == "\ud800"
    assert line["members"] == [1, 2]


class Full(io.StringIO):
    """A disk that is full."""

    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


def test_where_no_line_can_be_written_what_was_done_stays_done():
    logs.Lines(Full(), "test").info("said")


@pytest.mark.parametrize("secret", [None, "change-me", "a" * 40, "abcabcabcabcabcabcabcabcabcabcabcabc"])
def test_production_does_not_start_without_a_secret_of_its_own(secret, tmp_path, monkeypatch):
    monkeypatch.delenv("INTERLOCK_SECRET", raising=False)
    with pytest.raises(NotConfigured, match="INTERLOCK_SECRET"):
        keyring_of(Settings(environment="production", secret=secret, home=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_development_draws_a_secret_once(tmp_path, monkeypatch):
    monkeypatch.delenv("INTERLOCK_SECRET", raising=False)
    chosen = Settings(home=tmp_path / "new")
    assert keyring_of(chosen) == keyring_of(chosen)
    assert (tmp_path / "new" / "secret").stat().st_mode & 0o777 == 0o600
    assert "secret" not in repr(keyring_of(chosen)).lower()
