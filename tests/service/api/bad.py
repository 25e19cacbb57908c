"""What must not stand where an operation of the OpenAPI document expects something, by its schema."""

import json
from collections.abc import Iterator

from service.api.examples import example
from tests.service.api.test_bad_input import DATES, TIMES

ZONES = ("../../etc/passwd", "", "ABC+99", "EST5EDT", "Mars/Olympus", "posixrules", "a" * 5_000)
NUMBERS = (True, "1", "1_000", 1.5, 2**63, -(2**63), [1], {})
AS_TEXT = ("1e400", "NaN", "-Infinity", "9" * 5_000)
"""Numbers that a body can only spell out."""
TEXTS = ("a\u0000b", "\ud800", "a\u202eb", 1, True, ["a"], {})
IDS = ("x", "", 1, True, "00000000-0000-0000-0000-00000000000g", ["x"], {})
FLAGS = (1, 0, "true", "yes", [], {})
RULES = (
    "", "weekly", "FREQ=SECONDLY;COUNT=2", "FREQ=WEEKLY;INTERVAL=0;COUNT=2", "FREQ=DAILY;COUNT=367", "FREQ=DAILY",
    "FREQ=DAILY;UNTIL=99991231T235959Z", "FREQ=MONTHLY;BYMONTHDAY=31;UNTIL=20360302T000000Z", "FREQ=DAILY;COUNT=-1",
    "FREQ=WEEKLY;COUNT=2;COUNT=3",
)  # fmt: skip
ADDRESSES = ("nobody", "a@b\r\nBcc: c@d", "mia@ex\u0430mple.com", "zoe\u0308@example.com")
SITES = ("javascript:alert(1)", "https://a.example/path", "*", "null", "https://a.example\r\nX: y", "ftp://a.example")
NAMED = {"zone": ZONES, "rule": RULES, "email": ADDRESSES, "phone": ("=1+1", "call me"), "origins": SITES}
"""Of members with a form of their own, by name."""
KINDS = {
    "uuid": IDS,
    "date-time": [bad for bad in TIMES if bad is not None],
    "date": [*DATES, 1, True, "2026-03-02T00:00:00"],
    "string": TEXTS,
    "integer": NUMBERS,
    "boolean": FLAGS,
}
PAIRS = (
    ("start", "end"),
    ("starts_at", "ends_at"),
    ("opens", "closes"),
    ("first_day", "last_day"),
    ("first_date", "last_date"),
    ("from", "to"),
)
"""Bounds: the second lies behind the first, or on it where days are counted."""
DAYS, DAY_BEFORE = ("last_day", "last_date"), "2026-03-01"
UNKNOWN = ("role_", "business_id", "by", "status_", "version_", "__proto__")


def choices(known: dict, schema: dict) -> list[dict]:
    """Return the schemas that a value may have, without references and without null."""
    if "$ref" in schema:
        return choices(known, known[schema["$ref"].rpartition("/")[2]])
    some = [choice for any_of in schema.get("anyOf", ()) for choice in choices(known, any_of)]
    return some or ([] if schema.get("type") == "null" else [schema])


def values(known: dict, name: str, schema: dict) -> Iterator[object]:
    """Yield what must not stand for a member."""
    yield from NAMED.get(name, ())
    for choice in choices(known, schema):
        kind = choice.get("type", "string")
        if kind == "array":
            good = example(choice, known)
            yield from ("x", 1, {}, [1.5], [None], (good or ["x"]) * 10_000)
            yield from ([bad] for bad in values(known, name, choice["items"]))
        elif kind == "object":
            yield from ("x", 1, [])
            yield from bodies(known, choice, example(choice, known))
        else:
            yield from KINDS[choice.get("format", kind)]
            yield from beyond(choice)


def beyond(schema: dict) -> Iterator[object]:
    """Yield what lies just outside of a schema's bounds."""
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if "maximum" in schema:
        yield schema["maximum"] + 1
    if schema.get("minLength"):
        yield ""
    if "maxLength" in schema:
        yield "x" * (schema["maxLength"] + 1)
    if "enum" in schema or "const" in schema:
        yield from ("", "x", "'; DROP TABLE client --")


def bodies(known: dict, schema: dict, good: dict) -> Iterator[dict]:
    """Yield a body with one member bad at a time, one too many, one that is missing, or bounds that cross."""
    for name, member in schema["properties"].items():
        for bad in values(known, name, member):
            yield {**good, name: bad}
    for unknown in UNKNOWN:
        yield {**good, unknown: "x"}
    for needed in schema.get("required", ()):
        yield {name: value for name, value in good.items() if name != needed}
    yield from crossed(schema["properties"], good)


def crossed(members: dict, good: dict) -> Iterator[dict]:
    """Yield what has two bounds with them the wrong way round, and equal where that is nothing."""
    for low, high in PAIRS:
        if low in members and high in members and good.get(low) is not None and good.get(high) is not None:
            yield {**good, low: good[high], high: good[low] if good[low] != good[high] else DAY_BEFORE}
            if high not in DAYS:
                yield {**good, high: good[low]}


def spelt_out(known: dict, schema: dict, good: dict) -> Iterator[bytes]:
    """Yield JSON texts whose numbers no program would write."""
    for name, member in schema["properties"].items():
        if any(choice.get("type") == "integer" for choice in choices(known, member)):
            for number in AS_TEXT:
                yield json.dumps({**good, name: "@"}).replace('"@"', number).encode()


def forms(known: dict, schema: dict, good: dict) -> Iterator[dict]:
    """Yield forms with one member too long, of no known value, or missing."""
    for name, member in schema["properties"].items():
        for choice in choices(known, member):
            yield from ({**good, name: bad} for bad in beyond(choice) if bad != "" or "minLength" in choice)
    for needed in schema.get("required", ()):
        yield {name: value for name, value in good.items() if name != needed}


def texts(good: dict) -> Iterator[tuple[bytes, str]]:
    """Yield what is no JSON object of ours at all, with its content type."""
    body, as_json = json.dumps(good).encode(), "application/json"
    first = json.dumps(next(iter(good), "x")).encode()
    between = b"," if good else b""
    yield body, "text/plain"
    yield body, "application/x-www-form-urlencoded"
    yield b"[" * 100_000, as_json
    yield b'{"a":' * 21 + b"1" + b"}" * 21, as_json
    yield body[:-1] + between + first + b":1," + first + b":1}", as_json
    yield body[:-1], as_json
    yield body[:-1] + between + b'"x":' + b"9" * 5_000 + b"}", as_json
    yield body[:-1] + between + b'"x":"' + b"x" * 1_000_000 + b'"}', as_json
    yield b"[]", as_json
    yield b"null", as_json
    yield b"\xff\xfe", as_json


def queries(known: dict, parameters: list[dict], good: dict) -> Iterator[dict]:
    """Yield queries with one parameter bad, missing, or bounds that cross."""
    asked = {parameter["name"]: parameter["schema"] for parameter in parameters}
    for parameter in parameters:
        name = parameter["name"]
        for bad in _in_queries(known, name, parameter["schema"]):
            yield {**good, name: bad}
        if parameter.get("required"):
            yield {other: value for other, value in good.items() if other != name}
    yield from crossed(asked, good)


SEARCHED = ("a\x00b", "x" * 1_001)
"""What nothing is searched by; any other text is found, or is not."""


def _in_queries(known: dict, name: str, schema: dict) -> Iterator[str]:
    yield from NAMED.get(name, ()) if name == "zone" else ()
    for choice in choices(known, schema):
        inner = choices(known, choice["items"])[0] if choice.get("type") == "array" else choice
        kind = inner.get("format", inner.get("type"))
        if kind == "string":
            yield from SEARCHED
            yield from (bad for bad in beyond(inner) if "enum" in inner or "const" in inner)
        else:
            of_kind = ("maybe", "2", "") if kind == "boolean" else KINDS[kind]
            yield from (bad for bad in of_kind if isinstance(bad, str) and bad not in ("1", "true", "yes"))
            yield from map(str, beyond(inner))
    if name in ("cursor", "fields", "limit"):
        yield from ("1; DROP TABLE client", "../../etc/passwd", "{{7*7}}")


def in_path(path: str, name: str) -> Iterator[str]:
    """Yield addresses with something bad in place of a parameter."""
    yield from (path.replace(f"{{{name}}}", bad) for bad in ("x", "%00", "9" * 400))
