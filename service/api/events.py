"""Live updates: server-sent events (the HTML standard, 9.2) of one business, resumed by Last-Event-ID."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import StringConstraints

from models.errors import Unavailable
from service.api.bodies import StrictRoute
from service.api.context import Db, OfPath
from service.db.database import Database
from service.db.session import in_background
from service.queries import events as queries
from service.queries.events import Cursor
from service.telemetry.metrics import STREAMS

MOST_STREAMS, MOST_OF_ONE, MOST_WAITING = 1000, 100, 1000
"""Streams of a process, of a business, and events that a slow reader may be behind."""
LOOK_S, HEARTBEAT_S = 0.5, 15.0
LASTS_S = 600.0
"""Then a stream ends and the browser comes back by itself: a credential is looked at again at least that often."""
Waiting = asyncio.Queue[tuple[Cursor, dict[str, Any]] | None]
router = APIRouter(tags=["events"], route_class=StrictRoute)
Topic = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z_]+(\.[a-z_]+)*$")]


@dataclass(slots=True)
class Hub:
    """The streams of this process: one look at the database for all of a business's."""

    db: Database
    lasts_s: float = LASTS_S
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    _streams: dict[UUID, set[Waiting]] = field(default_factory=dict)
    _tails: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)

    def join(self, business_id: UUID, start: Cursor) -> Waiting:
        """Return a queue that gets what happens from here on; raises `Unavailable`."""
        of_one = self._streams.setdefault(business_id, set())
        if len(of_one) >= MOST_OF_ONE or sum(map(len, self._streams.values())) >= MOST_STREAMS:
            raise Unavailable("Too many event streams are open; read the events again in a while.")
        waiting: Waiting = asyncio.Queue(MOST_WAITING)
        of_one.add(waiting)
        if business_id not in self._tails:
            self._tails[business_id] = in_background(self._follow(business_id, start))
        STREAMS.inc()
        return waiting

    def leave(self, business_id: UUID, waiting: Waiting) -> None:
        """Take a queue out; the last one ends the looking."""
        STREAMS.dec()
        of_one = self._streams.get(business_id, set())
        of_one.discard(waiting)
        if not of_one:
            self._streams.pop(business_id, None)
            if (tail := self._tails.pop(business_id, None)) is not None:
                tail.cancel()

    async def _follow(self, business_id: UUID, cursor: Cursor) -> None:
        while True:
            try:
                found = await queries.after(self.db, business_id, cursor)
            except Unavailable:
                found = []
            for place, event in found:
                cursor = place
                for waiting in list(self._streams.get(business_id, ())):
                    _put(waiting, place, event)
            if len(found) < queries.PAGE:
                await asyncio.sleep(LOOK_S)


def _put(waiting: Waiting, place: Cursor, event: dict[str, Any]) -> None:
    # Who is too slow is let go, and resumes where they were; None ends a stream.
    if waiting.qsize() < MOST_WAITING - 1:
        waiting.put_nowait((place, event))
    elif not waiting.full():
        waiting.put_nowait(None)


@router.get(
    "/events",
    operation_id="streamEvents",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream(
    request: Request,
    db: Db,
    business: OfPath,
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
    topic: Annotated[list[Topic] | None, Query(max_length=20)] = None,
) -> StreamingResponse:
    """What happens from now on, or since the last event that the reader has seen.

    An event's name is its topic, such as `appointment.confirmed`; `topic=appointment` asks for all that begin so. An
    event `reset` says that the one of Last-Event-ID is not kept any more: read the present state again. Events may come
    twice, never not at all.
    """
    hub: Hub = request.app.state.hub
    since = None if last_event_id is None else Cursor.parsed(last_event_id)
    start = await queries.now(db, business.id)
    lost = since is not None and not await queries.is_kept(db, business.id, since)
    waiting = hub.join(business.id, start)
    told = _told(hub, business.id, waiting, start if since is None or lost else since, start, lost=lost)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_written(told, topic), media_type="text/event-stream", headers=headers)


async def _told(
    hub: Hub, business_id: UUID, waiting: Waiting, since: Cursor, start: Cursor, *, lost: bool
) -> AsyncIterator[tuple[Cursor, dict[str, Any]] | None]:
    """Yield what was missed, then what happens; None for a heartbeat."""
    ends = time.monotonic() + hub.lasts_s
    try:
        if lost:
            yield start, {"topic": "reset"}
        while since < start and (missed := await queries.after(hub.db, business_id, since)):
            for one in missed:
                yield one
            since = missed[-1][0]
        while (left := ends - time.monotonic()) > 0 and not hub.draining.is_set():
            try:
                next_one = await asyncio.wait_for(waiting.get(), min(left, HEARTBEAT_S))
            except TimeoutError:
                yield None
                continue
            if next_one is None:
                return
            if next_one[0] > since:
                yield next_one
    finally:
        hub.leave(business_id, waiting)


async def _written(
    told: AsyncIterator[tuple[Cursor, dict[str, Any]] | None], topics: list[str] | None
) -> AsyncIterator[bytes]:
    yield b"retry: 3000\n\n"
    async for one in told:
        if one is None:
            yield b": heartbeat\n\n"
            continue
        place, event = one
        if topics and event["topic"] != "reset" and not any(_is_of(event["topic"], topic) for topic in topics):
            continue
        # JSON holds no line break, and a topic is ours.
        yield f"id: {place}\nevent: {event['topic']}\ndata: ".encode() + orjson.dumps(event) + b"\n\n"


def _is_of(topic: str, asked: str) -> bool:
    return topic == asked or topic.startswith(f"{asked}.")
