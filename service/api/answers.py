"""What every read has in common: an ETag, 304 for who has the answer already (RFC 9110, 13.1.2), and `fields`."""

import dataclasses
import hashlib
from typing import Any, get_args, get_origin

import orjson
from fastapi import Request, Response
from pydantic import BaseModel

from models.errors import InvalidInput

SPARSE = "application/vnd.interlock.sparse+json"
"""The media type of an answer with some members only: it lacks what the schema of the whole one requires."""
JSON = "application/json"
KEPT = ("etag", "vary", "cache-control", "link")


def answered(request: Request, response: Response, model: object) -> Response:
    """Return the answer of a read as it is to be sent: of `model`, its members those asked for, or 304.

    A route that has set an ETag of its own, more than a version, has looked at `If-None-Match` itself.

    Raises
    ------
    InvalidInput
        `fields` names what the answer does not have.
    """
    if response.status_code != 200 or not hasattr(response, "body"):
        return response
    version, narrowed = response.headers.get("etag", "").strip('"'), b"fields=" in request.scope["query_string"]
    if version and not version.isdigit() and not narrowed:
        return response
    if narrowed:
        response = _sparse(request.query_params["fields"], response, model)
    digest = hashlib.blake2b(response.body, digest_size=12).hexdigest()
    # The version alone would not do: names of others, of a service or a client, are in many answers.
    response.headers["ETag"] = f'"{version}-{digest}"' if version.isdigit() else f'"{digest}"'
    return response if not _is_known(request, response) else _not_modified(response)


def _is_known(request: Request, response: Response) -> bool:
    known = request.headers.get("if-none-match", "")
    tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
    return response.headers["etag"] in tags or known.strip() == "*"


def _not_modified(response: Response) -> Response:
    return Response(
        status_code=304, headers={name: response.headers[name] for name in KEPT if name in response.headers}
    )


def _sparse(fields: str, response: Response, model: object) -> Response:
    wanted = [name.strip() for name in fields.split(",")]
    known = members(model)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InvalidInput(f"There is no field {unknown[0][:64]!r}; there are {', '.join(known) or 'none'}.")
    whole: Any = orjson.loads(response.body)
    narrow = [_of(row, wanted) for row in whole] if isinstance(whole, list) else _of(whole, wanted)
    sent = Response(orjson.dumps(narrow), media_type=SPARSE)
    for name in ("link", "vary", "cache-control"):
        if name in response.headers:
            sent.headers[name] = response.headers[name]
    return sent


def _of(row: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    return {name: row[name] for name in wanted if name in row}


def members(model: object) -> tuple[str, ...]:
    """Return the names of an answer's members, or of those of the rows that it lists; none where it has none."""
    if get_origin(model) is list:
        [model] = get_args(model)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return tuple(model.model_fields)
    if isinstance(model, type) and dataclasses.is_dataclass(model):
        return tuple(field.name for field in dataclasses.fields(model))
    return ()
