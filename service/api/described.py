"""The OpenAPI document: what the routes say of themselves, and what all of them have in common."""

import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from models.permissions import PERMISSIONS
from service.api.answers import JSON, SPARSE
from service.api.examples import PARAMETERS, SOME_ID, TEXTS, example
from service.api.security import describe

Described = dict[str, Any]
PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457). `code` is stable; some problems have members of their own.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
    },
}
EVERYWHERE = (400, 401, 403, 404, 405, 422, 429, 500, 503)
WRITING = (409, 410, 412, 413, 415)
LIMITED = {
    "RateLimit-Policy": "The limit: requests (q) in so many seconds (w).",
    "RateLimit": "How many requests are left of it (r), and for how many seconds (t).",
}
FIELDS = {
    "name": "fields",
    "in": "query",
    "required": False,
    "description": "Members to answer with, separated by commas; left out: all of them.",
}
KNOWN = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "An ETag: the answer that has it is not sent again.",
    "schema": {"type": "string", "maxLength": 1000},
}


def install(app: FastAPI) -> None:
    """Let an app describe itself with everything that its routes have in common."""
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _document(app: FastAPI) -> Described:
    if app.openapi_schema is None:
        document = FastAPI.openapi(app)
        schemas = document["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for described in schemas.values():
            # What a docstring says of attributes is for who reads the code.
            described["description"] = described.get("description", "").partition("\n\nAttributes\n")[0]
        schemas["Problem"] = PROBLEM
        for methods in document["paths"].values():
            for method, operation in methods.items():
                if (permission := PERMISSIONS.get(operation["operationId"])) is not None:
                    describe(operation, permission)
                    operation["summary"] = _summary(operation["operationId"])
                _answers(operation, method)
                _examples(operation, schemas)
    schema: Described = app.openapi_schema or {}
    return schema


def _summary(operation_id: str) -> str:
    """Return an operation's id in words: "Read booking request"."""
    return re.sub("[A-Z]", lambda letter: f" {letter[0].lower()}", operation_id).capitalize()


def _answers(operation: Described, method: str) -> None:
    """Say what every read or write may answer, and with which headers."""
    responses = operation["responses"]
    responses.pop("422", None)
    [(status, good)] = list(responses.items())
    good["headers"] = {name: _header(words) for name, words in LIMITED.items()}
    if method == "get":
        _read(operation, good)
    for code in (*EVERYWHERE, *(() if method == "get" else WRITING)):
        responses[str(code)] = _refused(code)
    responses[status] = good


def _read(operation: Described, good: Described) -> None:
    parameters = operation.setdefault("parameters", [])
    content = good.get("content", {})
    if "text/event-stream" in content:
        return
    good["headers"]["ETag"] = _header("For `If-None-Match`; one that begins with a version, for `If-Match` too.")
    operation["responses"]["304"] = {"description": "What `If-None-Match` names is still so."}
    parameters.append(KNOWN)
    if JSON in content:
        rows = content[JSON]["schema"]
        kind = {"type": "array", "items": {"type": "object"}} if rows.get("type") == "array" else {"type": "object"}
        content[SPARSE] = {"schema": {**kind, "description": "With `fields`: those members alone."}}
        parameters.append({**FIELDS, "schema": {"type": "string", "minLength": 1, "maxLength": 1000}})
    if any(parameter["name"] == "cursor" for parameter in parameters):
        good["headers"]["Link"] = _header('The address of the next page, as `<...>; rel="next"`; none on the last.')


def _header(words: str) -> Described:
    return {"description": words, "schema": {"type": "string"}}


def _refused(code: int) -> Described:
    refused: Described = {
        "description": HTTPStatus(code).phrase,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if code in (429, 503):
        refused["headers"] = {"Retry-After": _header("In how many seconds to try again.")}
    return refused


def _examples(operation: Described, schemas: Described) -> None:
    """Give what is asked and what is answered an example."""
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" or parameter.get("required"):
            parameter["example"] = _parameter(parameter, operation["operationId"])
    contents = [operation.get("requestBody", {}).get("content", {})]
    contents += [answer.get("content", {}) for code, answer in operation["responses"].items() if code < "300"]
    for content in contents:
        for media, described in content.items():
            described["example"] = _example(media, described.get("schema", {}), schemas, content)


def _parameter(parameter: Described, operation_id: str) -> object:
    if operation_id.startswith("exportTable") and parameter["name"] == "kind":
        return "clients"
    if parameter["name"] in PARAMETERS:
        return PARAMETERS[parameter["name"]]
    return SOME_ID if parameter["schema"].get("format") == "uuid" else example(parameter["schema"], {})


def _example(media: str, schema: Described, schemas: Described, content: Described) -> object:
    if media != SPARSE:
        return TEXTS[media] if media in TEXTS else example(schema, schemas)
    whole = example(content[JSON]["schema"], schemas)
    return [_first_member(row) for row in whole] if isinstance(whole, list) else _first_member(whole)


def _first_member(row: Described) -> Described:
    name = next(iter(row))
    return {name: row[name]}
