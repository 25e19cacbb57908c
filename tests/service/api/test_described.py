"""The OpenAPI document: what every operation has, so that generated clients and readers can rely on it."""

from collections.abc import Iterator

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from service.api import examples
from service.api.described import FIELDS, KNOWN
from service.bootstrap import server_app

CURSORLESS = {
    "findSlots",
    "countSlotsByDay",
    "findSeries",
    "suggestSlots",
    "listAlternatives",
    "readSchedule",
    "readBooking",
}
"""Answers in rows that are bounded by what is asked: a range, a run, a booking."""
WITHOUT_KEY = {
    "findVisits",
    "issueToken",
    "revokeToken",
    "acceptInvitation",
    "changePassword",
    "revokeSession",
}
"""What is posted but changes nothing, or is about an account, whose tokens and passwords are good once anyway."""


@pytest.fixture(scope="module")
def document() -> dict:
    return server_app().openapi()


def operations(document: dict) -> Iterator[tuple[str, dict]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert path.startswith("/api/v1/"), path
            yield method, operation


def contents(operation: dict) -> Iterator[tuple[str, dict]]:
    """Yield each media type that an operation takes or answers well with."""
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for code, answer in operation["responses"].items():
        if code < "300":
            yield from answer.get("content", {}).items()


def refused(document: dict) -> list[str]:
    """Return the operations without an example, or with one that its schema does not allow."""
    bad = []
    for _, operation in operations(document):
        for media, described in contents(operation):
            schema = {**described.get("schema", {}), "components": document["components"]}
            validator = Draft202012Validator(schema, format_checker=FormatChecker())
            if "example" not in described or not validator.is_valid(described["example"]):
                bad.append(f"{operation['operationId']} {media}")
    return bad


def test_every_operation_has_examples_that_its_schemas_allow(document):
    assert document["openapi"].startswith("3.1")
    assert refused(document) == []


def test_an_example_that_is_none_is_found(document, monkeypatch):
    monkeypatch.setitem(examples.SAMPLES, "starts_at", 1)
    assert "holdSlot application/json" in refused(server_app().openapi())


def test_every_operation_is_called_what_its_id_says(document):
    called = {operation["operationId"]: operation["summary"] for _, operation in operations(document)}
    assert (called["readBookingRequest"], called["book"]) == ("Read booking request", "Book")
    assert len(set(called.values())) == len(called)
    assert not [name for name, schema in document["components"]["schemas"].items() if "---" in schema["description"]]


def test_what_is_in_a_path_or_required_has_an_example(document):
    for _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path" or parameter.get("required"):
                assert Draft202012Validator(parameter["schema"]).is_valid(parameter["example"]), parameter


def test_every_read_has_an_etag_fields_and_cursor_where_they_belong(document):
    for method, operation in operations(document):
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        content = operation["responses"].get("200", {}).get("content", {})
        if method != "get" or "text/event-stream" in content:
            assert not names & {FIELDS["name"], KNOWN["name"], "cursor"}
            continue
        assert KNOWN["name"] in names
        assert "304" in operation["responses"]
        if "application/json" in content:
            assert FIELDS["name"] in names
            rows = content["application/json"]["schema"].get("type") == "array"
            assert ("cursor" in names) == (rows and operation["operationId"] not in CURSORLESS) or (
                operation["operationId"] == "listClientBookings"
            )


def test_every_write_takes_an_idempotency_key(document):
    without = {
        operation["operationId"]
        for method, operation in operations(document)
        if method != "get"
        and "idempotency-key" not in {parameter["name"].lower() for parameter in operation.get("parameters", [])}
    }
    assert without == WITHOUT_KEY


def test_every_answer_tells_the_limit_and_every_refusal_is_a_problem(document):
    for _, operation in operations(document):
        for code, answer in operation["responses"].items():
            if code >= "400":
                assert "application/problem+json" in answer["content"]
                assert ("Retry-After" in answer.get("headers", {})) == (code in ("429", "503"))
            elif code != "304":
                assert {"RateLimit", "RateLimit-Policy"} <= answer["headers"].keys()


def test_no_schema_is_named_after_a_module(document):
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


def test_no_member_hides_the_schema_that_it_is_of(document):
    """In a generated class it would: `Day.day` is then what the annotations of its methods mean."""
    schemas = document["components"]["schemas"].items()
    assert [name for name, schema in schemas if name.lower() in schema.get("properties", {})] == []
    assert not {"Client", "AuthenticatedClient", "Response", "Unset"} & {name for name, _ in schemas}, "its own names"
