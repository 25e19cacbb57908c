"""How far behind are the views of a process, while another process books and cancels?

A view that a reader gets is behind by the time from the oldest commit that it lacks to the moment at which the reader
asked. Eight writers in a process of their own book and cancel and note when each commit had returned; four readers here
ask for recent views of the same business, and each view is held against the notes. Beside it stands how long after its
commit each booking showed first: that also holds how long the reader waited for its view, and for its turn.
"""

import asyncio
import multiprocessing
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from multiprocessing.connection import Connection
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from benchmarks._server import own_server
from benchmarks._timing import Gate
from service.commands import bookings, clients
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff, Span
from service.db.command import Scope
from service.db.database import Database
from service.db.migrate import upgrade
from service.db.views import STALEST_S, View, Views
from solver.clock import epoch_minute

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WRITERS, READERS, SECONDS = 8, 4, 10.0
HUNDREDTHS = (50, 90, 95, 99, 100)
Committed = tuple[int, int, float]
"""Lane, minute at which a booking begins, and the monotonic moment at which its commit had returned."""


def wrote(url: str, business_id: UUID, service: UUID, staff: list[UUID], pipe: Connection) -> None:
    """Book until time is up; send what was committed when."""
    pipe.send(asyncio.run(_written(url, business_id, service, staff)))


async def _written(url: str, business_id: UUID, service: UUID, staff: list[UUID]) -> list[Committed]:
    notes: list[Committed] = []
    async with Database(url, WRITERS) as db:
        scope = Scope(db, business_id, actor="bench")
        who = await clients.register(scope, clients.NewClient("Ada"))
        view, ends = await Views(db).current(business_id, NOW), time.monotonic() + SECONDS

        async def write(lane: int) -> None:
            place = 0
            while time.monotonic() < ends:
                # Apart, because claims that touch are one interval in the arrays.
                start = NOW + timedelta(days=1 + place // 14, hours=6 + place % 14)
                request = bookings.BookRequest(service, staff[lane], start, who)
                booked = await bookings.book(scope, request, view=view, now=NOW)
                place += 1
                if place % 4:
                    notes.append((lane, epoch_minute(start), time.monotonic()))
                else:
                    await bookings.cancel(scope, bookings.Cancellation(booked.id), now=NOW)
                await asyncio.sleep(0.01)

        await asyncio.gather(*map(write, range(WRITERS)))
    return notes


@dataclass
class Readings:
    """What readers saw: when each booking showed first, and when it was last asked for and not there."""

    shown: dict[tuple[int, int], float] = field(default_factory=dict)
    lacked: dict[tuple[int, int], float] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)

    async def read(self, views: Views, business_id: UUID, over: asyncio.Event) -> None:
        """Ask again and again, until everything is written and half a second longer."""
        seen, before, asked, ends = set[tuple[int, int]](), None, 0.0, inf
        while time.monotonic() < ends:
            ends = min(ends, time.monotonic() + 0.5) if over.is_set() else inf
            began = time.monotonic()
            view = await views.recent(business_id, NOW)
            shown = time.monotonic()
            self.waits.append(shown - began)
            if view is not before:
                fresh = _booked(view, before) - seen
                seen |= fresh
                for booking in fresh:
                    self.shown[booking] = min(shown, self.shown.get(booking, shown))
                    self.lacked[booking] = max(asked, self.lacked.get(booking, asked))
            before, asked = view, began
            await asyncio.sleep(0.001)
        for booking in self.shown.keys() - seen:
            self.lacked[booking] = asked


def _booked(view: View, before: View | None) -> set[tuple[int, int]]:
    """Return lane and start of the bookings of the lanes that are not as they were before."""
    known = () if before is None else before.snapshot.lanes
    changed = [(no, lane) for no, lane in enumerate(view.snapshot.lanes) if not known or lane is not known[no]]
    return {(no, start) for no, lane in changed for start in lane.busy[:, 0].tolist()}


async def measured(url: str) -> dict[str, Any]:
    """Return the distribution of how late bookings showed, in ms."""
    async with Database(url, 4) as db:
        scope, service = Scope(db, uuid4()), uuid4()
        week = tuple(Span(day, 300, 1300) for day in range(7))
        staff = tuple(NewStaff(f"Staff {n}", week, uuid4()) for n in range(WRITERS))
        sold = NewService("Visit", 30, slot_interval=30, id=service, maximum_advance=200)
        await open_business(scope, Opening("Bench", "bench", "UTC", staff, (sold,)))
        views, here_and_there = Views(db), multiprocessing.get_context("spawn")
        here, there = here_and_there.Pipe(duplex=False)
        ids = [member.id for member in staff]
        writer = here_and_there.Process(target=wrote, args=(url, scope.business_id, service, ids, there))
        writer.start()
        readings, over = Readings(), asyncio.Event()
        async with views.followed():
            reading = asyncio.gather(*(readings.read(views, scope.business_id, over) for _ in range(READERS)))
            notes: list[Committed] = await asyncio.to_thread(here.recv)
            over.set()
            await reading
            last = await views.current(scope.business_id, NOW)
        await asyncio.to_thread(writer.join)
    index, ended = last.snapshot.staff_index, _booked(last, None)
    places = [((index[ids[member]], start), at) for member, start, at in notes]
    if not ended.issuperset(place for place, _ in places):
        raise RuntimeError("a booking is in no view")
    never = time.monotonic()
    return {
        "bookings": len(notes),
        "views_asked_for": len(readings.waits),
        "behind_ms": _spread([max(0.0, readings.lacked.get(place, never) - at) for place, at in places]),
        "shown_after_ms": _spread([max(0.0, readings.shown.get(place, never) - at) for place, at in places]),
        "wait_for_a_view_ms": _spread(readings.waits),
        "allowed_ms": STALEST_S * 1e3,
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    return {f"p{share}": round(float(np.percentile(seconds, share)) * 1e3, 2) for share in HUNDREDTHS}


def _held(figures: dict[str, Any]) -> float:
    return round(float(figures["allowed_ms"] / max(figures["behind_ms"]["p100"], 0.01)), 2)


def run() -> dict[str, Any]:
    """Measure on a database server of its own."""
    with own_server() as (server, _):
        upgrade(server.owner_url())
        figures = asyncio.run(measured(server.app_url()))
    print("| | " + " | ".join(f"p{share}" for share in HUNDREDTHS) + " |\n|---|" + "---|" * len(HUNDREDTHS))
    for name in ("behind_ms", "shown_after_ms", "wait_for_a_view_ms"):
        print(f"| {name} | " + " | ".join(map(str, figures[name].values())) + " |")
    print(figures["bookings"], "bookings;", figures["views_asked_for"], "views asked for")
    return figures | {"gates": [Gate("50 ms / the most that a view was behind", 1.0, _held(figures)).to_json()]}
