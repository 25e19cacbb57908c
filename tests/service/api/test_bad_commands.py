"""One table of bad input over every command of a booking's life: each a 4xx problem document, and no row changed.

Which members a body has, and of which kind, is read from the API's own description, so that a new one is not missed.
"""

import json
from collections.abc import Iterator

import pytest

from models.permissions import PERMISSIONS
from tests.service.api.conftest import BASE, refused
from tests.service.api.test_bad_input import DATES, TIMES
from tests.service.api.test_bad_lifecycle import AT, FREE, NOBODY, book, digests
from tests.service.worlds import ANA, CUT, MONDAY_10

__all__ = ["book"]
pytestmark = pytest.mark.anyio

DAY = str(MONDAY_10.date())
WINDOW = {"start": f"{DAY}T09:00:00Z", "end": f"{DAY}T12:00:00Z"}
NUMBERS = (True, "1", "1_000", 1.5, -1, 2**63, float("nan"), float("inf"), [1], {})
TEXTS = ("a\u0000b", "\ud800", "a\u202eb", "x" * 1_000_000, 1, True, ["a"], {})
IDS = ("x", "", 1, True, "00000000-0000-0000-0000-00000000000g", ["x"], {})
FLAGS = (1, 0, "true", "yes", [], {})
RULES = (
    "", "weekly", "FREQ=SECONDLY;COUNT=2", "FREQ=WEEKLY;INTERVAL=0;COUNT=2", "FREQ=DAILY;COUNT=367", "FREQ=DAILY",
    "FREQ=DAILY;UNTIL=99991231T235959Z", "FREQ=MONTHLY;BYMONTHDAY=31;UNTIL=20360302T000000Z", "FREQ=DAILY;COUNT=-1",
    "FREQ=WEEKLY;COUNT=2;COUNT=3",
)  # fmt: skip
BAD = {
    "uuid": IDS,
    "date-time": [bad for bad in TIMES if bad is not None],
    "date": [*DATES, 1, True, f"{DAY}T00:00:00"],
    "rule": [*TEXTS, *RULES],
    "string": TEXTS,
    "integer": NUMBERS,
    "boolean": FLAGS,
}
"""What must not stand for a member, by its kind."""
TABLE = {
    "holdSlot": {**FREE, "minutes": 5, "seats": 1, "more": [AT], "client_key": "k"},
    "extendHold": {"minutes": 5},
    "releaseHold": None,
    "book": {**FREE, "client_id": NOBODY, "seats": 1, "more": [AT], "allowance": {"windows": [WINDOW]}},
    "askForBooking": {**FREE, "client_id": NOBODY},
    "cancelBooking": {"reason": "ill"},
    "rescheduleBooking": {"starts_at": FREE["starts_at"], "staff_id": str(ANA)},
    "swapBookings": {"booking_id": NOBODY, "version": 1},
    "approveBooking": None,
    "payDeposit": None,
    "waiveDeposit": None,
    "declineBooking": None,
    "checkInBooking": None,
    "completeBooking": None,
    "markNoShow": None,
    "bookSeries": {**FREE, "client_id": NOBODY, "rule": "FREQ=WEEKLY;COUNT=2", "seats": 1},
    "rescheduleSeries": {"starts_at": FREE["starts_at"], "staff_id": str(ANA), "extent": "all"},
    "cancelSeries": {"extent": "all", "reason": "ill"},
    "setNoShowRules": {"threshold": 2, "deposit_cents": 100},
    "setDay": {"spans": [{"opens": 540, "closes": 600}], "appointment_only": [], "displace": False},
    "setWeeklyHours": {"spans": [{"weekday": 1, "opens": 540, "closes": 600}], "valid_from": DAY, "displace": False},
    "takeTimeOff": {"starts_at": WINDOW["start"], "ends_at": WINDOW["end"], "displace": False},
    "endTimeOff": None,
    "addHolidays": {"days": [{"day": DAY, "name": "Fair"}], "years": [2026], "country": "PT", "displace": False},
    "removeHoliday": None,
    "joinWaitlist": {"client_id": NOBODY, "service_id": str(CUT), "windows": [WINDOW], "staff_ids": [str(ANA)]},
    "leaveWaitlist": None,
    "acceptOffer": None,
    "declineOffer": None,
    "setAllowance": {"windows": [WINDOW], "staff": "any", "staff_ids": None, "locked": False},
}
"""A body of each command, of the right form; None where it has none."""
SCOPES = {"bookings:write", "availability:write", "waitlist:write"}
BESIDE = {"setNoShowRules", "addHolidays", "removeHoliday"}
ELSEWHERE = {"linkBooking"}
"""Writes no row: it signs a link."""


@pytest.fixture(scope="module")
def described() -> dict:
    """The API's description."""
    from service.bootstrap import server_app  # noqa: PLC0415 - half a second that only this module waits for

    return server_app().openapi()


def commands(described: dict) -> dict[str, tuple[str, str, dict]]:
    """Return method, path and operation of every command, by its id."""
    return {
        operation["operationId"]: (method, path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if method != "get"
        and (PERMISSIONS[operation["operationId"]].scope in SCOPES or operation["operationId"] in BESIDE)
    }


def test_the_table_has_every_command(described):
    assert commands(described).keys() - ELSEWHERE == TABLE.keys()


def resolved(described: dict, schema: dict) -> dict:
    """Return a schema without references and without the null that it may also be."""
    if "$ref" in schema:
        return resolved(described, described["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    some = [s for s in schema.get("anyOf", ()) if s.get("type") != "null"]
    return resolved(described, some[0]) if some else schema


def bad_values(described: dict, name: str, schema: dict, value: object) -> Iterator[object]:
    """Yield what must not stand for a member, by what it is."""
    schema = resolved(described, schema)
    match schema["type"]:
        case "array":
            yield from ("x", 1, {}, [1.5], [None], ["x"], value * 10_000 if value else {"x": 1})
            for inner in bad_values(described, name, schema["items"], value[0]) if value else ():
                yield [inner]
        case "object":
            yield from ("x", 1, [])
            yield from bad_objects(described, schema, value if isinstance(value, dict) else {})
        case kind:
            yield from BAD[schema.get("format", "rule" if name == "rule" else kind)]


def bad_objects(described: dict, schema: dict, body: dict) -> Iterator[dict]:
    """Yield a body with one member bad at a time, one too many, or one that is missing."""
    schema = resolved(described, schema)
    for name, member in schema["properties"].items():
        if name in body:
            for bad in bad_values(described, name, member, body[name]):
                yield {**body, name: bad}
    for unknown in ("role", "business_id", "by", "status", "version_", "__proto__"):
        yield {**body, unknown: NOBODY}
    for needed in schema.get("required", ()):
        yield {name: value for name, value in body.items() if name != needed}


def bad_texts(body: dict) -> Iterator[tuple[bytes, str]]:
    """Yield what is no JSON object of ours at all, with its content type."""
    good = json.dumps(body).encode()
    first = json.dumps(next(iter(body.items()))[0]).encode()
    as_json = "application/json"
    yield good, "text/plain"
    yield good, "application/x-www-form-urlencoded"
    yield b"[" * 100_000, as_json
    yield b'{"a":' * 21 + b"1" + b"}" * 21, as_json
    yield good[:-1] + b"," + first + b":1}", as_json
    yield good[:-1], as_json
    yield good[:-1] + b',"x":' + b"9" * 5_000 + b"}", as_json
    yield b"[]", as_json
    yield b"null", as_json
    yield b"\xff\xfe", as_json


@pytest.mark.parametrize("name", TABLE)
async def test_whatever_is_bad_is_refused_and_changes_no_row(api, book, owner_url, described, name):
    method, path, operation = commands(described)[name]
    there = {"booking_id": book["series" if "series" in path else "booked"], "hold_id": book["hold"], "staff_id": ANA}
    there |= {"day": DAY, "claim_id": 1, "entry_id": NOBODY, "offer_id": NOBODY, "business": "salon"}
    headers = {"Hold-Token": book["token"]} if "hold_id" in path else {}
    before, body = digests(owner_url), TABLE[name]

    async def asked(content: bytes | None, kind: str = "application/json", address: str = path, **more: str) -> None:
        sent = {**headers, **more} | ({} if content is None else {"content-type": kind})
        refused(await api.request(method, address.format(**there), content=content, headers=sent))

    whole = None if body is None else json.dumps(body).encode()
    await asked(whole, **{"Idempotency-Key": "k" * 300})
    if any(parameter["name"] == "if-match" for parameter in operation["parameters"]):
        await asked(whole, **{"If-Match": '"x"'})
        await asked(whole, **{"If-Match": '"999"'})
    for last in [name for name in there if name != "business" and f"{{{name}}}" in path][-1:]:
        for wrong in ("x", "%00", "9" * 400):
            await asked(whole, address=path.replace(f"{{{last}}}", wrong))
    if body is not None:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        for bad in bad_objects(described, schema, body):
            await asked(json.dumps(bad).encode())
        for content, kind in bad_texts(body):
            await asked(content, kind)
    assert digests(owner_url) == before


STATES = [
    ("POST", "bookings/{cancelled}/cancel", {}, 409, "not-allowed"),
    ("POST", "bookings/{cancelled}/reschedule", {"starts_at": FREE["starts_at"]}, 409, "not-allowed"),
    ("POST", "bookings/{cancelled}/check-in", None, 409, "not-allowed"),
    ("PUT", "bookings/{cancelled}/allowance", {"locked": True}, 409, "not-allowed"),
    ("PUT", f"staff/{ANA}/days/{DAY}", {"spans": []}, 409, "displaces-bookings"),
    ("PUT", f"staff/{ANA}/days/{DAY}", {"spans": [{"opens": 540, "closes": 620}]}, 409, "displaces-bookings"),
    ("PUT", f"staff/{ANA}/hours", {"spans": [], "valid_from": DAY}, 409, "displaces-bookings"),
    ("POST", "holidays", {"days": [{"day": DAY, "name": "Fair"}]}, 409, "displaces-bookings"),
    ("POST", f"staff/{ANA}/time-off", {"starts_at": WINDOW["start"], "ends_at": WINDOW["end"]}, 409, "slot-taken"),
    ("POST", "waitlist", {"client_id": NOBODY, "service_id": str(CUT), "windows": [WINDOW]}, 404, "not-found"),
    ("DELETE", f"waitlist/{NOBODY}", None, 404, "not-found"),
    ("DELETE", "time-off/999999", None, 404, "not-found"),
    ("DELETE", f"holidays/{DAY}", None, 404, "not-found"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), STATES, ids=lambda value: str(value)[:30])
async def test_what_its_state_does_not_allow_changes_no_row(
    api, client_id, owner_url, method, path, body, status, code
):
    await api.post(f"{BASE}/bookings", json={**AT, "client_id": client_id})
    gone = (await api.post(f"{BASE}/bookings", json={**FREE, "client_id": client_id})).json()["id"]
    await api.post(f"{BASE}/bookings/{gone}/cancel", json={})
    before = digests(owner_url)
    answer = await api.request(method, f"{BASE}/{path.format(cancelled=gone)}", json=body)
    refused(answer, status, code)
    assert digests(owner_url) == before
