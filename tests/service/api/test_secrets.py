"""What an answer shows once is nowhere in plain text afterwards: not in a row, nor in a log, the server's or ours."""

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

from models.permissions import Role
from service.commands import accounts
from service.db import embedded
from service.security.vault import Vault
from tests.service.api.conftest import BASE, refused
from tests.service.people import caller, somebody
from tests.service.test_telemetry import written
from tests.service.worlds import ANA, CUT, MONDAY_10

SECRET = re.compile(r"token|secret|password|credential|^key$|_key$")
KIND = "token_type"
"""What is no secret, for all its name."""
SLOT = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat()}
PASSWORD = "a long enough password"  # noqa: S105 - of somebody who was drawn for this test
TABLES = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
"""
pytestmark = pytest.mark.anyio


def properties(schema: dict, schemas: dict, seen: frozenset[str] = frozenset()) -> set[str]:
    """Return the name of every property that a schema has, at any depth."""
    found = set(schema.get("properties", {}))
    inner = [*schema.get("properties", {}).values(), *(schema.get(k, {}) for k in ("items", "additionalProperties"))]
    inner += [option for kind in ("anyOf", "oneOf", "allOf") for option in schema.get(kind, [])]
    name = schema.get("$ref", "").rpartition("/")[2]
    if name and name not in seen:
        inner.append(schemas[name])
        seen |= {name}
    return found.union(*(properties(each, schemas, seen) for each in inner if each and isinstance(each, dict)))


def that_answer_with_secrets(document: dict) -> set[str]:
    """Return the operations in whose answers something secret stands."""
    schemas = document["components"]["schemas"]
    return {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        for code, answer in operation["responses"].items()
        for content in answer.get("content", {}).values()
        if code.startswith("2")
        and any(SECRET.search(name) for name in properties(content.get("schema", {}), schemas) - {KIND})
    }


@dataclass
class House:
    """The salon, seen by its owner, and a booking of it."""

    owner: httpx.AsyncClient
    booking_id: str
    email: str

    async def ask(self, operation: str, key: str = "") -> httpx.Response:
        """Send an operation that answers with a secret, the same request each time."""
        path, body = {
            "holdSlot": (f"{BASE}/holds", SLOT),
            "createKey": (f"{BASE}/keys", {"name": "till", "scopes": ["bookings:read"]}),
            "invite": (f"{BASE}/invitations", {"email": "new@example.com", "role": "manager"}),
            "linkBooking": (f"{BASE}/bookings/{self.booking_id}/link", {}),
            "issueToken": ("/api/v1/token", {"username": self.email, "password": PASSWORD, "grant_type": "password"}),
        }[operation]
        sent = {"data": body} if operation == "issueToken" else {"json": body}
        answer = await self.owner.post(path, **sent, headers={"Idempotency-Key": key} if key else {})
        assert answer.is_success, answer.text
        return answer


@pytest.fixture
async def house(app, api, scope, client_id) -> House:
    """The salon, its owner, and somebody with a password."""
    late = {**SLOT, "starts_at": MONDAY_10.replace(hour=15).isoformat()}
    booked = await api.post(f"{BASE}/bookings", json={**late, "client_id": client_id})
    await accounts.add(scope.db, accounts.NewAccount("zoe@example.com", "Zoe", PASSWORD))
    return House(caller(app, await somebody(scope, Role.OWNER)), booked.json()["id"], "zoe@example.com")


def secrets_of(answer: object) -> set[str]:
    """Return every secret that an answer carries."""
    if isinstance(answer, list):
        return set().union(*map(secrets_of, answer))
    if not isinstance(answer, dict):
        return set()
    own = {value for name, value in answer.items() if SECRET.search(name) and name != KIND and isinstance(value, str)}
    return own.union(*map(secrets_of, answer.values()))


def dumped(owner_url: str, server: embedded.Server) -> dict[str, str]:
    """Return every table as text, bytes as hexadecimal digits, and what the server itself has logged."""
    with psycopg.connect(owner_url) as owner:
        tables = owner.execute(TABLES).fetchall()
        rows = {
            ".".join(table): owner.execute(
                sql.SQL("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM {} t").format(sql.Identifier(*table))
            ).fetchone()[0]
            for table in tables
        }
    assert {"public.idempotency_key", "public.audit_entry", "jobs.procrastinate_jobs"} <= rows.keys()
    return {**rows, "the server's log": Path(server.folder, "postgresql.log").read_text(errors="replace")}


def standing_in(texts: dict[str, str], secrets: set[str]) -> set[str]:
    """Return where a secret stands: as it is, in hexadecimal digits, or in Base64."""
    assert secrets, "the answers carried none"
    forms = {f for secret in secrets for f in (secret, secret.encode().hex(), b64encode(secret.encode()).decode()[:-4])}
    return {name for name, text in texts.items() if any(form in text for form in forms)}


async def shown_by(house: House, document: dict) -> set[str]:
    """Ask for every secret there is, twice under a key and once without, and return them all."""
    shown = {PASSWORD}
    for operation in sorted(that_answer_with_secrets(document)):
        first, again = [await house.ask(operation, f"key-of-{operation}") for _ in range(2)]
        if operation != "issueToken":
            assert (again.status_code, again.json()) == (first.status_code, first.json()), operation
        shown |= secrets_of(first.json()) | secrets_of(again.json())
    return shown


async def test_whatever_answers_with_a_secret_is_known(app):
    assert that_answer_with_secrets(app.openapi()) == {"holdSlot", "createKey", "invite", "linkBooking", "issueToken"}


async def test_no_secret_that_was_shown_stands_in_a_row_or_a_log(app, house, owner_url, server):
    with written() as lines:
        shown = await shown_by(house, app.openapi())
    assert len(shown) >= 8
    texts = {**dumped(owner_url, server), "our log": json.dumps([one for one in lines if one["logger"] != "httpx"])}
    assert standing_in(texts, shown) == set()


async def test_answers_that_are_not_sealed_are_found(app, house, owner_url, server, monkeypatch):
    def plain(vault: Vault, about: bytes, answer: bytes) -> str:
        return json.dumps(answer.decode())[1:-1]

    monkeypatch.setattr(Vault, "seal_answer", plain)
    shown = secrets_of((await house.ask("holdSlot", "plain")).json())
    assert standing_in(dumped(owner_url, server), shown) == {"public.idempotency_key"}


async def test_a_key_that_was_made_twice_under_one_idempotency_key_is_one(app, house, scope):
    first, again = [(await house.ask("createKey", "one")).json() for _ in range(2)]
    assert first == again
    listed = (await house.owner.get(f"{BASE}/keys")).json()
    assert [key["id"] for key in listed if key["name"] == "till"] == [first["id"]]
    async with caller(app, first["key"]) as till:
        assert (await till.get(f"{BASE}/bookings/{house.booking_id}")).is_success
    other = {"name": "another", "scopes": ["bookings:read"]}
    refused(await house.owner.post(f"{BASE}/keys", json=other, headers={"Idempotency-Key": "one"}), 422, "key-reused")


async def test_an_answer_opens_in_its_own_row_alone(house, scope, owner_url):
    """Whoever may write rows cannot have one key's answer told under another."""
    await house.ask("createKey", "mine")
    await house.ask("holdSlot", "yours")
    with psycopg.connect(owner_url, autocommit=True) as owner:
        moved = "UPDATE idempotency_key SET response = (SELECT response FROM idempotency_key WHERE key = 'mine')"
        assert owner.execute(f"{moved} WHERE key = 'yours'").rowcount == 1
    answer = await house.owner.post(f"{BASE}/holds", json=SLOT, headers={"Idempotency-Key": "yours"})
    refused(answer, 422, "key-reused")


async def test_an_answer_kept_before_answers_were_sealed_is_told_again(house, owner_url):
    first = await house.ask("invite", "old")
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("UPDATE idempotency_key SET response = %s::jsonb WHERE key = 'old'", [first.text])
    assert (await house.ask("invite", "old")).json() == first.json()
