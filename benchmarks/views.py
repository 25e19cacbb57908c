"""How far behind are the views of a process, while another process books and cancels?

A view is behind by the time since the oldest commit that it lacks. Eight writers in a process of their own book and
cancel and note when each commit had returned; readers here ask for recent views of the same business, at hand where one
is, and each view is held against the notes: how late did the first view come that shows a booking, after its commit?
"""

import asyncio
import multiprocessing
import tempfile
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from service.commands import bookings, clients
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff, Span
from service.db import embedded
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
                notes.append((lane, epoch_minute(start), time.monotonic()))
                place += 1
                if place % 4 == 0:
                    await bookings.cancel(scope, bookings.Cancellation(booked.id), now=NOW)
                await asyncio.sleep(0.01)

        await asyncio.gather(*map(write, range(WRITERS)))
    return notes


async def read(views: Views, business_id: UUID, seen: dict[tuple[int, int], float], asked: dict[str, Any]) -> None:
    """Ask again and again, and note when each booking showed first."""
    ends, before = time.monotonic() + SECONDS + 0.5, None
    while time.monotonic() < ends:
        began = time.monotonic()
        view = views.at_hand(business_id, NOW)
        asked["at hand" if view is not None else "looked"] += 1
        view = view or await views.recent(business_id, NOW)
        asked["waits"].append(time.monotonic() - began)
        if view is not before:
            before = view
            _note(view, seen)
        await asyncio.sleep(0.001)


def _note(view: View, seen: dict[tuple[int, int], float]) -> None:
    moment = time.monotonic()
    for lane, one in enumerate(view.snapshot.lanes):
        for start in one.busy[:, 0].tolist():
            seen.setdefault((lane, start), moment)


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
        seen: dict[tuple[int, int], float] = {}
        asked: dict[str, Any] = {"at hand": 0, "looked": 0, "waits": []}
        async with views.followed():
            reading = asyncio.gather(*(read(views, scope.business_id, seen, asked) for _ in range(READERS)))
            notes: list[Committed] = await asyncio.to_thread(here.recv)
            await reading
            _note(await views.current(scope.business_id, NOW), seen)
            index = (await views.current(scope.business_id, NOW)).snapshot.staff_index
        await asyncio.to_thread(writer.join)
    places = [(index[ids[member]], start, at) for member, start, at in notes]
    late = [seen[lane, start] - at for lane, start, at in places if (lane, start) in seen]
    return {
        "bookings": len(notes),
        "behind_ms": _spread([max(0.0, one) for one in late]),
        "answers": {"at hand": asked["at hand"], "looked": asked["looked"]},
        "wait_for_a_view_ms": _spread(asked["waits"]),
        "allowed_ms": STALEST_S * 1e3,
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    return {f"p{share}": round(float(np.percentile(seconds, share)) * 1e3, 2) for share in HUNDREDTHS}


def run() -> dict[str, Any]:
    """Measure on a database server of its own."""
    with tempfile.TemporaryDirectory(prefix="interlock-views-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = embedded.ensure_running(folder)
        try:
            upgrade(server.owner_url())
            figures = asyncio.run(measured(server.app_url()))
        finally:
            embedded.remove(folder)
    print("| | " + " | ".join(f"p{share}" for share in HUNDREDTHS) + " |\n|---|" + "---|" * len(HUNDREDTHS))
    for name in ("behind_ms", "wait_for_a_view_ms"):
        print(f"| {name} | " + " | ".join(map(str, figures[name].values())) + " |")
    print(figures["bookings"], "bookings;", figures["answers"])
    return figures
