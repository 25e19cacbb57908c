"""Free slots: bytes written from the arrays, and no question to the database where what is at hand is recent."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated
from urllib.parse import unquote_plus
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from models.errors import InterlockError
from service.api.bodies import StrictRoute
from service.api.context import Now, Recent, StaffAsked
from service.api.schemas import FIRST_DAY, LAST_DAY, Digits, Instant
from service.db.limits import BUSINESS
from service.db.views import View
from service.queries import slots as queries
from service.security import tokens

router = APIRouter(tags=["bookings"], route_class=StrictRoute)
PLACE = re.compile(r"/api/v1/businesses/([a-z0-9-]{1,100})/slots")
WHO = (b"authorization", b"x-api-key", b"hold-token", b"cache-control")
COOKIE = tokens.COOKIE.encode()
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)")
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KNOWN = frozenset({"service_id", "from", "to", "staff_id", "limit", "ranked"})
SEPARATORS = re.compile("%(?:26|3d)", re.IGNORECASE)
"""Signs between names and values, as part of one."""
JSON = (b"content-type", b"application/json")
VARY = (b"vary", b"Authorization, Hold-Token")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question for slots, and how many of them, by start or the best first."""

    wanted: queries.SlotsWanted
    limit: int = 100
    ranked: bool = False


@router.get("/slots", operation_id="findSlots", response_model=list[queries.Slot])
async def find_slots(
    request: Request,
    staff: StaffAsked,
    view: Recent,
    now: Now,
    service_id: UUID,
    start: Annotated[Instant, Query(alias="from")],
    end: Annotated[Instant, Query(alias="to")],
    limit: Annotated[Digits, Query(ge=1, le=1000)] = 100,
    *,
    ranked: bool = False,
) -> Response:
    """Times that can be booked now, by start, or the best first with `ranked`.

    To who sends the token of a hold, its own time shows as free. To who sends no credential, an answer may lack what
    another process has changed in the last 50 ms, unless `Cache-Control: no-cache` is sent. Sent back in
    `If-None-Match`, the ETag spares what has not changed (304).
    """
    wanted = queries.SlotsWanted(service_id, start, end, staff)
    known = request.headers.get("if-none-match", "").encode()
    status, headers, body = answer(view, Asked(wanted, limit, ranked), now, known)
    response = Response(body, status)
    response.raw_headers = headers
    return response


def answer(view: View, asked: Asked, now: datetime, known: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return status, headers and body: 304 where `known`, an If-None-Match, has the answer's ETag (RFC 9110, 13.1.2).

    Raises
    ------
    NotFound, InvalidInput
        As `queries.slots.find`.
    """
    queries.query_of(view, asked.wanted)
    etag = f'"{queries.version(view, asked.wanted, now, limit=asked.limit, ranked=asked.ranked)}"'.encode()
    headers = [(b"etag", etag), VARY]
    if known and (etag in known or known.strip() == b"*"):
        return 304, headers, b""
    body = queries.written(view, asked.wanted, now, limit=asked.limit, ranked=asked.ranked)
    return 200, [(b"content-length", b"%d" % len(body)), JSON, *headers], body


class AtHand:
    """Answer for slots at once where nobody's credential has to be looked up.

    Whatever else there is to it, such as a question that is not plainly in order, is left to the route.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        at_hand = await _at_hand(scope) if scope["type"] == "http" and scope["path"].endswith("/slots") else None
        if at_hand is None:
            await self.app(scope, receive, send)
            return
        status, headers, body = at_hand
        scope["route"] = ROUTE
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


ROUTE = router.routes[-1]


async def _at_hand(scope: Scope) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
    place = PLACE.fullmatch(scope["path"])
    if place is None or scope["method"] != "GET":
        return None
    known = b""
    for name, value in scope["headers"]:
        if name in WHO or (name == b"cookie" and COOKIE in value):
            return None
        if name == b"if-none-match":
            known = value
    state, asked = scope["app"].state, parsed(scope["query_string"])
    business = state.tenants.at_hand(place[1])
    if business is None or business.deleted or asked is None:
        return None
    now = state.interlock.clock()
    try:
        view = await state.interlock.views.recent(business.id, now)
        if state.limiter.spare(BUSINESS, str(business.id)) is None:
            return None
        return answer(view, asked, now, known)
    except InterlockError:
        return None


@lru_cache(maxsize=10_000)
def parsed(query: bytes) -> Asked | None:
    """Return what a query string asks for, None where it is not plainly that."""
    text = query.decode("latin-1")
    if SEPARATORS.search(text):
        return None
    pairs = [pair.partition("=")[::2] for pair in unquote_plus(text).split("&")]
    given = dict(pairs)
    staff = tuple(value for name, value in pairs if name == "staff_id")
    once = len(pairs) - max(len(staff) - 1, 0) == len(given)
    plain = once and given.keys() <= KNOWN and len(staff) <= 100
    if not plain or not all(map(ID.fullmatch, (given.get("service_id", ""), *staff))):
        return None
    start, end = _time(given.get("from", "")), _time(given.get("to", ""))
    limit, ranked = given.get("limit", "100"), given.get("ranked", "false")
    if start is None or end is None or ranked not in ("true", "false") or not re.fullmatch("[1-9][0-9]{0,2}", limit):
        return None
    members = tuple(map(UUID, staff)) or None
    wanted = queries.SlotsWanted(UUID(given["service_id"]), start, end, members)
    return Asked(wanted, int(limit), ranked == "true")


def _time(text: str) -> datetime | None:
    if not TIME.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if FIRST_DAY.year < time.year < LAST_DAY.year else None
