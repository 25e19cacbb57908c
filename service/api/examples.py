"""An example of each request and each answer, put together from samples of their members, so that none is forgotten."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
STAFF_ID, SERVICE_ID = "0198a3c2-7e40-7000-8000-00000000000a", "0198a3c2-7e40-7000-8000-00000000000b"
CLIENT_ID, SOME_ID = "0198a3c2-7e40-7000-8000-00000000000c", "0198a3c2-7e40-7000-8000-0000000000ff"
STARTS_AT, ENDS_AT = "2026-03-02T10:00:00Z", "2026-03-02T10:30:00Z"
DAY, NEXT_WEEK = "2026-03-02", "2026-03-09T00:00:00Z"
TOKEN = "s7fK2vXq1mBzW0yEJ4cNnA"  # noqa: S105 - an example
DIGEST = "3f" * 32

SAMPLES: Mapping[str, Any] = {
    "accepted_at": STARTS_AT,
    "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.signature",
    "action": "appointment.confirmed",
    "active": True,
    "actor": "key:k3yprefix012",
    "address": "192.0.2.7",
    "after": {"status": "confirmed"},
    "appointment_id": SOME_ID,
    "args": {"business_id": SOME_ID},
    "audit": [{"action": "client.registered", "actor": "key:k3yprefix012"}],
    "booking": {"id": SOME_ID, "status": "confirmed", "version": 1},
    "bookings": [{"id": SOME_ID, "status": "confirmed", "service": "Cut", "staff": "Ana"}],
    "buys": [SOME_ID],
    "cause": None,
    "claim_id": 41,
    "claim_starts_at": STARTS_AT,
    "claim_ends_at": "2026-03-02T10:40:00Z",
    "client": "Maria Costa",
    "client_id": CLIENT_ID,
    "closes": 750,
    "code": "closed",
    "colour": "#0b6e4f",
    "country": "PT",
    "created_at": "2026-03-01T08:00:00Z",
    "created_by": "account:0198a3c2-7e40-7000-8000-0000000000aa",
    "currency": "EUR",
    "current": "correct horse battery",
    "day": DAY,
    "detail": "That time has just been taken; choose another.",
    "duration": 30,
    "email": "maria@example.com",
    "end": NEXT_WEEK,
    "ends_at": ENDS_AT,
    "expires_at": "2026-03-01T08:10:00Z",
    "first": STARTS_AT,
    "first_day": DAY,
    "grant_type": "password",
    "head": f"12:{DIGEST}",
    "invited_by": "account:0198a3c2-7e40-7000-8000-0000000000aa",
    "items": None,
    "key": f"ilk_k3yprefix012_{TOKEN}",
    "kind": "room",
    "last_day": "2026-03-06",
    "locale": "en",
    "minute": 600,
    "minutes": 10,
    "name": "Ana",
    "new": "a longer one, 2026",
    "opens": 540,
    "origins": ["https://www.example.com"],
    "password": "correct horse battery",
    "pays": {"moves": 3.0},
    "phase": "done",
    "phone": "+351 21 000 00 01",
    "policy": "balanced",
    "prefix": "k3yprefix012",
    "price_cents": 2500,
    "priority": 1,
    "reason": "The client is ill.",
    "refresh_token": TOKEN,
    "relaxations": ["open 30 minutes earlier on 2026-03-02"],
    "request_id": "0198a3c27e4070008000000000000001",
    "role": "staff",
    "rule": "FREQ=WEEKLY;COUNT=4",
    "ruled_out": {"booked": 12, "past": 3},
    "scope": "bookings:read bookings:write",
    "scopes": ["bookings:read", "bookings:write"],
    "service": "Cut",
    "service_id": SERVICE_ID,
    "since": "2026-03-01T08:00:00Z",
    "slug": "aurora",
    "staff": "Ana",
    "staff_id": STAFF_ID,
    "staff_ids": [STAFF_ID],
    "start": "2026-03-02T00:00:00Z",
    "starts_at": STARTS_AT,
    "status": "confirmed",
    "task": "interlock.deliver",
    "token": TOKEN,
    "token_type": "Bearer",
    "username": "owner@example.com",
    "valid_from": "2026-04-01",
    "waitlist": [{"id": SOME_ID, "status": "waiting", "service": "Cut"}],
    "weekday": 0,
    "years": [2026],
    "zone": "Europe/Lisbon",
}
"""What a member looks like, whatever it is a member of; None: as its schema says."""

OF: Mapping[str, Any] = {
    "Account.name": "Olga Reis",
    "Acceptance.name": "Olga Reis",
    "Alternative.kind": "rebalance",
    "Alternative.status": "planned",
    "AuditEntry.before": {"status": "hold"},
    "Booked.status": "confirmed",
    "BookingRequest.status": "booked",
    "Business.name": "Aurora",
    "BusinessChange.name": "Aurora",
    "BusinessBody.name": "Aurora",
    "KnownClient.name": "Maria Costa",
    "ClientBody.name": "Maria Costa",
    "Entry.status": "waiting",
    "Everything.client": None,
    "Holiday.name": "Carnival",
    "HolidayBody.name": "Carnival",
    "Imported.kind": "clients",
    "Job.status": "failed",
    "KeyBody.name": "our website",
    "ListedKey.name": "our website",
    "Location.name": "Chiado",
    "LocationBody.name": "Chiado",
    "LocationBody.address": "Rua Garrett 12, Lisbon",
    "Location.address": "Rua Garrett 12, Lisbon",
    "Member.name": "Olga Reis",
    "Membership.name": "Aurora",
    "Move.kind": "move",
    "Move.reason": "Makes room for Rui Alves.",
    "Move.status": "planned",
    "Unplaced.reason": "Nobody is free when they could come.",
    "Requirement.after": 0,
    "RequirementBody.after": 0,
    "Resource.name": "Room 1",
    "ResourceBody.name": "Room 1",
    "Rules.staff": "same",
    "RulesBody.staff": "same",
    "Run.kind": "rebalance",
    "Run.status": "planned",
    "RunBody.kind": "rebalance",
    "Scheduled.kind": "item",
    "Service.name": "Cut",
    "ServiceBody.name": "Cut",
    "ServiceChange.name": "Cut",
    "ServiceDetails.name": "Cut",
    "Session.kind": "api",
    "Session.agent": "Firefox",
    "AllowanceBody.staff": "same",
    "Term.name": "moves",
    "Term.before": 0,
    "Term.after": 3,
}
"""Where a member means something of its own in one schema."""

BODIES: Mapping[str, Any] = {
    "BookingBody": {
        "hold_id": SOME_ID,
        "token": TOKEN,
        "client": {"name": "Maria Costa", "email": "maria@example.com"},
    },
    "HolidaysBody": {"days": [{"day": "2026-12-25", "name": "Christmas"}]},
    "RescheduleBody": {"starts_at": "2026-03-02T14:00:00Z"},
    "SeriesMoveBody": {"starts_at": "2026-03-02T14:00:00Z", "extent": "following"},
    "AllowanceBody": {"windows": [{"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T17:00:00Z"}], "staff": "any"},
    "ApplyBody": {"moves": [SOME_ID]},
    "PlaceBody": {"role": "staff", "staff_id": STAFF_ID},
    "InvitationBody": {"email": "ana@example.com", "role": "staff", "staff_id": STAFF_ID},
    "TokenForm": {"grant_type": "password", "username": "owner@example.com", "password": "correct horse battery"},
}
"""Bodies whose members are alternatives to each other."""

PARAMETERS: Mapping[str, Any] = {
    "business": "aurora",
    "client_id": CLIENT_ID,
    "count": 4,
    "day": DAY,
    "first": STARTS_AT,
    "first_day": DAY,
    "from": "2026-03-02T00:00:00Z",
    "kind": "clients",
    "last_day": "2026-03-08",
    "service_id": SERVICE_ID,
    "staff_id": STAFF_ID,
    "to": NEXT_WEEK,
}
TEXTS: Mapping[str, str] = {
    "text/csv": "name,email,phone\nMaria Costa,maria@example.com,\n",
    "text/calendar": "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Interlock//EN\r\nEND:VCALENDAR\r\n",
    "text/event-stream": 'id: 7301-42\nevent: appointment.confirmed\ndata: {"topic":"appointment.confirmed"}\n\n',
}
"""Of what is not JSON."""


def example(schema: Schema, known: Mapping[str, Schema], name: str = "", of: str = "") -> Any:  # noqa: ANN401 - JSON
    """Return a value that a schema allows: of a member `name` of the schema `of` where it is one.

    Parameters
    ----------
    schema : mapping
        JSON Schema, as OpenAPI 3.1 has it.
    known : mapping
        The schemas that it may refer to, by name.
    """
    sample = OF[f"{of}.{name}"] if f"{of}.{name}" in OF else SAMPLES.get(name)
    if sample is not None and isinstance(sample, list) == ("array" in _types(schema)):
        return sample
    return _built(schema, known, name)


def _types(schema: Schema) -> set[str]:
    types = {str(schema["type"])} if "type" in schema else set()
    return types.union(*(_types(choice) for choice in schema.get("anyOf", ())))


def _built(schema: Schema, known: Mapping[str, Schema], name: str) -> Any:  # noqa: ANN401 - JSON
    if "$ref" in schema:
        title = schema["$ref"].rpartition("/")[2]
        return BODIES[title] if title in BODIES else _object(known[title], known, title)
    if "anyOf" in schema:
        return None if {"type": "null"} in schema["anyOf"] else _built(schema["anyOf"][0], known, name)
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        items = schema.get("prefixItems") or [schema.get("items", {})]
        return [example(item, known, "") for item in items]
    if schema.get("type") == "object":
        return _object(schema, known, "")
    return _plain(schema)


def _object(schema: Schema, known: Mapping[str, Schema], title: str) -> Any:  # noqa: ANN401 - JSON
    if "properties" not in schema:
        return {} if schema.get("type") == "object" else _built(schema, known, "")
    required = schema.get("required", ())
    given = {name: example(member, known, name, title) for name, member in schema["properties"].items()}
    said = {
        name for name, member in schema["properties"].items() if "default" not in member and given[name] is not None
    }
    return {name: value for name, value in given.items() if name in required or name in said} or given


def _plain(schema: Schema) -> Any:  # noqa: ANN401 - JSON
    formats = {"uuid": SOME_ID, "date-time": STARTS_AT, "date": DAY}
    if schema.get("type") == "string":
        return formats.get(schema.get("format", ""), "text")
    if schema.get("type") == "boolean":
        return False
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    return max(least, 1)
