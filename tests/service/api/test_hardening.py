"""What an attacker meets on every route: headers, limits on bodies and tries, and nothing in the logs to take away."""

import re
from dataclasses import replace
from uuid import uuid4

import anyio
import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from models.permissions import Role
from service.api import edge, size
from service.commands import accounts, members
from service.db.limits import PERSON, address_of
from service.web import pages
from tests.service.api.conftest import BASE, refused
from tests.service.people import caller
from tests.service.test_telemetry import written
from tests.service.worlds import client

PASSWORD = "a long enough password"  # noqa: S105 - of nobody
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
HTML = "text/html; charset=utf-8"
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE)
pytestmark = pytest.mark.anyio


def page_routes(app) -> dict[str, set[str]]:
    """Return the address of every page of the salon that names nothing else, with its methods."""
    found = {}
    for context in iter_route_contexts(app.routes):
        route = context.route
        path = route.path.replace("{slug}", "salon") if isinstance(route, APIRoute) else "{"
        if not path.startswith(("/api/", "/health/", "/metrics", "/openapi")) and "{" not in path:
            found.setdefault(path, set()).update(route.methods)
    return found


def is_safe(answer: httpx.Response) -> None:
    """Assert that an answer lets a browser load nothing but what is ours, and no script of the page's text."""
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'"), answer.url
    assert "unsafe" not in policy
    assert "http" not in policy.split("frame-ancestors")[0]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-request-id"]
    if answer.headers.get("content-type") == HTML:
        assert not INLINE.search(answer.text), (answer.url, INLINE.search(answer.text))
        assert "frame-ancestors" in policy


async def every_page_is_safe(api, app) -> int:
    addresses = [path for path, methods in page_routes(app).items() if "GET" in methods]
    answers = [await api.get(path) for path in addresses]
    for answer in answers:
        is_safe(answer)
    return sum(answer.headers.get("content-type") == HTML for answer in answers)


async def test_every_page_has_a_strict_policy_and_nothing_inline(api, app):
    assert {"/login", "/account", "/docs", "/b/salon", "/board/salon"} <= page_routes(app).keys()
    assert await every_page_is_safe(api, app) > 10


async def test_what_the_routes_do_not_say_the_layer_around_them_does(api, app, anybody, monkeypatch):
    refusals = [
        await anybody.get("/", headers={"Host": "evil.example"}),
        await anybody.post("/login", headers={"Sec-Fetch-Site": "cross-site"}),
        await anybody.post("/login", content=b"x" * (size.LARGEST + 1)),
        await anybody.get("/nothing"),
        await anybody.get("/static/board.js"),
        await anybody.get("/widget.js"),
        await anybody.get("/openapi.json"),
    ]
    assert [answer.status_code for answer in refusals] == [400, 403, 422, 404, 200, 200, 200]
    for answer in refusals:
        is_safe(answer)


async def test_without_that_layer_they_would_go_bare(api, app, anybody, monkeypatch):
    monkeypatch.setattr(edge, "safe", lambda *_, **__: [])
    with pytest.raises(KeyError):
        await test_what_the_routes_do_not_say_the_layer_around_them_does(api, app, anybody, monkeypatch)


async def test_a_defect_is_answered_named_and_logged_without_the_address(app, anybody, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(pages.templates, "TemplateResponse", broken)
    monkeypatch.setattr("service.queries.businesses.by_slug", broken)
    with written() as lines:
        answers = [
            await anybody.get("/b/salon/hold/01a1fda5-498f-7335-a9df-4b9b67aa99f9/hold-token-of-somebody"),
            await anybody.get(f"{BASE}/services", headers={"X-Request-ID": "broken-1"}),
        ]
    for answer in answers:
        assert answer.status_code == 500
        is_safe(answer)
        assert answer.json()["code"] == "internal"
        assert "secret detail" not in answer.text
    failed = [line for line in lines if line["event"] == "failed"]
    assert [line["operation"] for line in failed] == ["form", "listServices"]
    assert failed[1]["request_id"] == answers[1].headers["x-request-id"] == "broken-1"
    assert all("secret detail" in line["exception"] for line in failed)
    # The client of these tests logs what it asks for; the service does not.
    assert "hold-token-of-somebody" not in str([line for line in lines if line["logger"] != "httpx"])


async def most_that_is_read(api, app) -> dict[str, int]:
    """Send two megabytes to every route that changes something, and return how many bytes each of them takes."""
    schema = app.openapi()["paths"]
    unsafe = {
        (method.upper(), re.sub(r"\{business\}", "salon", path))
        for path, methods in schema.items()
        for method in methods.keys() - {"get"}
    }
    unsafe |= {("POST", path) for path, methods in page_routes(app).items() if "POST" in methods}
    sent: dict[str, int] = {}

    async def endless(name: str):
        for _ in range(32):
            sent[name] = sent.get(name, 0) + 65_536
            yield b"x" * 65_536

    for method, path in sorted(unsafe):
        address = re.sub(r"\{\w+\}", "01a1fda5-498f-7335-a9df-4b9b67aa99f9", path)
        for kind in ("application/json",) if path.startswith("/api/") else FORMS:
            name = f"{method} {path} {kind}"
            answer = await api.request(method, address, content=endless(name), headers={"Content-Type": kind})
            assert 300 <= answer.status_code < 500, (name, answer.text)
    return sent


async def test_no_route_reads_more_than_a_body_may_have(api, app):
    taken = await most_that_is_read(api, app)
    assert max(taken.values()) <= size.LARGEST + 65_536
    assert "POST /login application/x-www-form-urlencoded" in taken


async def test_without_the_limit_a_form_takes_whatever_comes(anybody, app, monkeypatch):
    monkeypatch.setattr(size, "LARGEST", 10**9)
    sent = 0

    async def endless():
        nonlocal sent
        for _ in range(32):
            sent += 65_536
            yield b"x" * 65_536

    await anybody.post("/login", content=endless(), headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert sent > 2 * 256 * 1024


async def test_a_body_that_does_not_come_is_given_up(app, monkeypatch):
    monkeypatch.setattr(size, "SLOWEST_S", 0.05)
    answers: list[dict] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/token",
        "raw_path": b"/api/v1/token",
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/x-www-form-urlencoded")],
    }

    async def receive() -> dict:
        if not answers:
            await anyio.sleep_forever()
        return {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        answers.append(message)

    await app(scope, receive, send)
    assert answers[0]["status"] == 408
    assert b'"code":"body-too-slow"' in answers[1]["body"]


@pytest.fixture
def limited(app):
    """The application with its limits on, which tests do without."""
    app.state.limiter.is_on = True
    return app


def at(app, number: int) -> httpx.AsyncClient:
    """Return a client at an address of its own."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(f"192.0.2.{number}", 40_000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


async def guesses(app, scope) -> list[int]:
    """Guess the password of an account from many addresses: on every route that looks at it, by turns."""
    email = f"{uuid4().hex}@example.com"
    await accounts.add(scope.db, accounts.NewAccount(email, "Olga", PASSWORD))
    invitation = await members.invite(scope, members.Invited(email, members.Place(Role.MANAGER)))
    codes = []
    for number in range(PERSON.requests + 6):
        async with at(app, number) as somewhere:
            guess = f"guess number {number}"
            taking = {"token": invitation.token, "name": "x", "password": guess}
            form = {"grant_type": "password", "username": email.upper(), "password": guess}
            page = {"email": f" {email}", "password": guess}
            answers = [
                lambda: somewhere.post("/api/v1/invitations/accept", json=taking),  # noqa: B023 - called at once
                lambda: somewhere.post("/api/v1/token", data=form),  # noqa: B023
                lambda: somewhere.post("/login", data=page),  # noqa: B023
            ]
            codes.append((await answers[number % 3]()).status_code)
    return codes


async def test_a_password_is_not_guessed_from_many_addresses(limited, scope, monkeypatch):
    monkeypatch.setattr("service.security.passwords._matches", lambda *_: False)
    # Nobody is let in again while the test lasts, however slow the machine.
    monkeypatch.setattr("service.commands.accounts.PERSON", replace(PERSON, seconds=10**6))
    codes = await guesses(limited, scope)
    assert (codes[: PERSON.requests], codes[PERSON.requests :]) == ([400] * PERSON.requests, [429] * 6)


async def test_a_limit_by_address_alone_would_let_them_guess_on(limited, scope, monkeypatch):
    monkeypatch.setattr("service.security.passwords._matches", lambda *_: False)
    monkeypatch.setattr("service.commands.accounts.PERSON", type(PERSON)("account", 10**6))
    assert await guesses(limited, scope) == [400] * (PERSON.requests + 6)


@pytest.mark.parametrize(
    ("host", "who"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no address: " + "x" * 100, ("no address: " + "x" * 100)[:45]),
    ],
)
def test_who_has_a_network_of_addresses_is_one(host, who):
    assert address_of({"client": (host, 1)}) == who


async def test_metrics_are_not_for_who_has_no_address(app):
    for host, status in (("127.0.0.1", 200), ("::1", 200), ("192.0.2.1", 403), ("unknown", 403)):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(host, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as somebody:
            assert (await somebody.get("/metrics")).status_code == status, host


async def test_a_session_cookie_is_out_of_reach(app, scope):
    await accounts.add(scope.db, accounts.NewAccount("olga@example.com", "Olga", PASSWORD))
    for scheme in ("http", "https"):
        async with caller(app) as browser:
            browser.base_url = f"{scheme}://127.0.0.1:8000"
            form = {"email": "olga@example.com", "password": PASSWORD, "next": "//evil.example"}
            answer = await browser.post("/login", data=form)
            assert (answer.status_code, answer.headers["location"]) == (303, "/account")
            flags = {flag.strip().lower() for flag in answer.headers["set-cookie"].split(";")[1:]}
            assert {"httponly", "samesite=lax", "path=/"} <= flags
            assert ("secure" in flags) == (scheme == "https")
            assert ("strict-transport-security" in answer.headers) == (scheme == "https")


async def test_a_credential_keeps_answers_out_of_shared_caches(api, app, scope):
    key = api.headers["authorization"].removeprefix("Bearer ")
    async with caller(app) as program:
        answer = await program.get(f"{BASE}/waitlist", headers={"X-API-Key": key})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-cache")
    refused(await api.get(f"{BASE}/clients/{await client(scope)}/nothing"), 404)
