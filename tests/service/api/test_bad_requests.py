"""One table of bad input over every operation of the API: each a 4xx problem document, and no row changed.

What is asked of an operation, and of which kind, is read from the API's own description: a new one is not missed.
"""

import json
from dataclasses import dataclass
from urllib.parse import urlencode

import psycopg
import pytest
from fastapi import FastAPI

from models.permissions import ACCOUNT, PERMISSIONS, Role
from models.tables import metadata
from service.api.examples import CLIENT_ID, PARAMETERS, SERVICE_ID, STAFF_ID
from service.bootstrap import server_app
from tests.service.api import bad
from tests.service.api.conftest import BASE, refused
from tests.service.api.test_bad_lifecycle import filled
from tests.service.people import caller, somebody
from tests.service.worlds import ANA, CUT, MONDAY_10

pytestmark = pytest.mark.anyio

PARTS = 4
DAY = str(MONDAY_10.date())
WINDOW = {"start": f"{DAY}T09:00:00Z", "end": f"{DAY}T12:00:00Z"}
FORM = "application/x-www-form-urlencoded"
TABLES = {
    "text/csv": (
        b"",
        b"\xff\xfe",
        b"name\n",
        b"title\nx\n",
        b"name,email\nonly one\n",
        b'name\n"open',
        b"name\na\x00b\n",
    ),
    "text/calendar": (b"", b"\xff\xfe", b"BEGIN:VCALENDAR\r\n", b"name\nx\n", b"\x00"),
}


@dataclass(frozen=True)
class Described:
    """An operation as the document has it: its parameters, and a body and a query that are of the right form."""

    method: str
    path: str
    operation: dict
    known: dict

    @property
    def id(self) -> str:
        """Return its id."""
        return self.operation["operationId"]

    def parameters(self, place: str) -> list[dict]:
        """Return what is asked in the path, the query or a header."""
        return [parameter for parameter in self.operation.get("parameters", ()) if parameter["in"] == place]

    def content(self, kind: str) -> dict | None:
        """Return what is said of a body of a kind, None where it takes none."""
        return self.operation.get("requestBody", {"content": {}})["content"].get(kind)


def operations(app: FastAPI) -> list[Described]:
    """Return every operation under /api/v1."""
    document = app.openapi()
    known = document["components"]["schemas"]
    return [
        Described(method.upper(), path, operation, known)
        for path, methods in document["paths"].items()
        if path.startswith("/api/v1/")
        for method, operation in methods.items()
    ]


def digest(owner_url: str) -> str:
    """Hash every row of every table, but for when a key or a session was last used."""
    rows = "string_agg((to_jsonb(t) - 'last_used_at' - 'used_at')::text, '/' ORDER BY t::text)"
    each = [f"SELECT '{t.name}' AS n, md5(coalesce({rows}, '')) AS d FROM {t.name} t" for t in metadata.sorted_tables]
    whole = f"SELECT string_agg(d, ',' ORDER BY n) FROM ({' UNION ALL '.join(each)}) AS u"
    with psycopg.connect(owner_url) as connection:
        return str(connection.execute(whole).fetchone())


@pytest.fixture
async def there(api, client_id) -> dict[str, str]:
    """Values of path parameters, query parameters and members that are there, by name."""
    booked = await filled(api, client_id)
    made = {
        "location_id": ("locations", {"name": "Chiado"}),
        "resource_id": ("resources", {"name": "Room 1", "kind": "room"}),
        "entry_id": ("waitlist", {"client_id": client_id, "service_id": str(CUT), "windows": [WINDOW]}),
    }
    ids = {name: (await api.post(f"{BASE}/{path}", json=body)).json()["id"] for name, (path, body) in made.items()}
    known = {"business": "salon", "staff_id": str(ANA), "service_id": str(CUT), "client_id": client_id, "claim_id": "1"}
    of_book = {"booking_id": booked["booked"], "hold_id": booked["hold"], "token": booked["token"]}
    return {name: str(value) for name, value in PARAMETERS.items()} | ids | known | of_book


def requests(asked: Described, there: dict[str, str]):
    """Yield what must be refused, as keyword arguments of a request."""
    path = asked.path
    for parameter in asked.parameters("path"):
        known = there.get(parameter["name"], str(parameter.get("example")))
        if parameter["name"] not in ("business", "day", "kind"):
            for address in bad.in_path(path, parameter["name"]):
                yield {"url": in_place(address, there)}
        path = path.replace(f"{{{parameter['name']}}}", known)
    whole = good_query(asked, there)
    for query in bad.queries(asked.known, asked.parameters("query"), whole):
        yield {"url": path, "params": query}
    headers = {"Hold-Token": there["token"]} if "hold_id" in asked.path else {}
    for name, wrong in bad_headers(asked):
        yield {"url": path, "params": whole, "headers": {**headers, name: wrong}, **good_content(asked, there)}
    for content, kind in bad_contents(asked, there):
        yield {"url": path, "content": content, "headers": {**headers, "Content-Type": kind}}


def in_place(address: str, there: dict[str, str]) -> str:
    for name, value in there.items():
        address = address.replace(f"{{{name}}}", value)
    return address


def good_query(asked: Described, there: dict[str, str]) -> dict[str, str]:
    """Return what a query must have."""
    needed = [parameter for parameter in asked.parameters("query") if parameter.get("required")]
    return {p["name"]: there.get(p["name"], str(p.get("example"))) for p in needed}


def good_body(asked: Described, there: dict[str, str], kind: str = "application/json") -> dict:
    """Return the document's example of a body, with what is there in place of its ids."""
    text = json.dumps(asked.content(kind)["example"])
    for ours, name in ((SERVICE_ID, "service_id"), (STAFF_ID, "staff_id"), (CLIENT_ID, "client_id")):
        text = text.replace(ours, there[name])
    return json.loads(text)


def good_content(asked: Described, there: dict[str, str]) -> dict:
    """Return a body of the right form, if one is asked for, as keyword arguments of a request."""
    return {"json": good_body(asked, there)} if asked.content("application/json") else {}


def bad_headers(asked: Described):
    named = {parameter["name"].lower() for parameter in asked.parameters("header")}
    wrong = {"idempotency-key": ["k" * 300, ""], "if-match": ['"x"', '"999"', "9" * 30]}
    yield from ((name, value) for name, some in wrong.items() if name in named for value in some)


def bad_contents(asked: Described, there: dict[str, str]):
    """Yield bodies that are refused, with their content types."""
    if (content := asked.content("application/json")) is not None:
        [schema] = bad.choices(asked.known, content["schema"])
        good = good_body(asked, there)
        for body in bad.bodies(asked.known, schema, good):
            yield json.dumps(body).encode(), "application/json"
        for text in bad.spelt_out(asked.known, schema, good):
            yield text, "application/json"
        yield from bad.texts(good)
    if (content := asked.content(FORM)) is not None:
        [schema] = bad.choices(asked.known, content["schema"])
        good = {**good_body(asked, there, FORM), "grant_type": "refresh_token"}
        for body in bad.forms(asked.known, schema, good):
            yield urlencode(body).encode(), FORM
    for kind, tables in TABLES.items():
        if asked.content(kind) is not None:
            yield from ((table, kind) for table in tables)
            yield b'{"name": "Ana"}', "application/json"


def codes(asked: Described, request: dict, there: dict[str, str]) -> set[str]:
    """Return the codes with which a request may be refused."""
    may = {"invalid-input", "malformed-body", "body-too-large"}
    ids = {parameter["name"] for parameter in asked.parameters("path")}
    if ids - there.keys() or asked.id == "readLatestRun":
        may.add("not-found")
    if PERMISSIONS[asked.id].scope == ACCOUNT:
        may |= {"unauthenticated", "invalid-grant"}
    return may | ({"stale-version", "not-allowed", "not-found"} if "if-match" in request.get("headers", ()) else set())


async def refusals(api, asked: Described, there: dict[str, str]) -> list[str]:
    """Send all that must be refused by an operation; returns what was not."""
    wrong = []
    for request in requests(asked, there):
        answer = await api.request(asked.method, **request)
        try:
            refused(answer)
            assert answer.json()["code"] in codes(asked, request, there)
        except AssertionError:
            told = {name: str(value)[:200] for name, value in request.items()}
            wrong.append(f"{asked.id} {told}: {answer.status_code} {answer.text[:200]}")
    return wrong


@pytest.mark.parametrize("part", range(PARTS))
async def test_whatever_is_bad_is_refused_and_changes_no_row(app, scope, there, owner_url, part):
    wrong: list[str] = []
    async with caller(app, await somebody(scope, Role.PLATFORM_ADMIN)) as api:
        before, asked = digest(owner_url), operations(app)[part::PARTS]
        for each in asked:
            wrong += await refusals(api, each, there)
        assert not wrong, "\n".join(wrong)
        if digest(owner_url) != before:
            wrong = [each.id for each in asked if await changes_rows(api, each, there, owner_url)]
            pytest.fail(f"refused, but not without changing rows: {wrong}")


async def changes_rows(api, asked: Described, there: dict[str, str], owner_url: str) -> bool:
    """Ask again, and say whether rows have changed."""
    before = digest(owner_url)
    await refusals(api, asked, there)
    return digest(owner_url) != before


async def test_what_is_not_refused_or_changes_rows_is_found(app, scope, there, owner_url, monkeypatch):
    monkeypatch.setattr("tests.service.api.bad.KINDS", {**bad.KINDS, "string": ("a good name",)})
    async with caller(app, await somebody(scope, Role.PLATFORM_ADMIN)) as api:
        [asked] = [each for each in operations(app) if each.id == "addLocation"]
        assert any("201" in wrong for wrong in await refusals(api, asked, there))
        assert await changes_rows(api, asked, there, owner_url)


def test_every_kind_of_body_is_driven():
    bodies = [asked.operation.get("requestBody", {"content": {}}) for asked in operations(server_app())]
    assert {kind for body in bodies for kind in body["content"]} == {"application/json", FORM, *TABLES}
