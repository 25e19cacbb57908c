"""How many bookings a second: the guarded one beside a bare INSERT and pgbench, in one run, with fsync on.

A booking is what `commands.bookings.book` does under an idempotency key: claim, appointment, item, event, audit entry,
change log, key; each booking is of a slot of its own. The bare INSERT is one row of a table without any constraint but
its key, sent by the same driver through the same pool. pgbench sends that INSERT without Python.
"""

import asyncio
import random
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from models.errors import InterlockError
from service.commands import bookings, businesses, clients
from service.commands.bookings import BookRequest
from service.commands.catalogue import NewService, NewStaff, Span
from service.db import audit, embedded
from service.db.cluster import cluster_binaries
from service.db.command import Scope
from service.db.database import Database, Transaction
from service.db.migrate import upgrade
from service.db.views import Views

CONNECTIONS = (1, 8, 32)
SECONDS = 2.0
ROUNDS = 3
STAFF = 40
NOW = datetime(2026, 3, 1, tzinfo=UTC)
BARE = "INSERT INTO bare (business_id, id, note) VALUES (%s, %s, %s)"
Work = Callable[[int], Awaitable[object]]


async def rate(connections: int, work: Work, numbers: list[int], seconds: float = SECONDS) -> float:
    """Return how often `work` is done a second by so many at once; each number is used once."""
    end = time.perf_counter() + seconds
    done = 0

    async def again() -> None:
        nonlocal done
        while numbers and time.perf_counter() < end:
            await work(numbers.pop())
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(again() for _ in range(connections)))
    return done / (time.perf_counter() - began)


class Bench:
    """A business with slots for hours, and the ways to write that are compared."""

    def __init__(self, db: Database, scope: Scope, service: UUID, staff: list[UUID], who: UUID) -> None:
        self.db, self.scope, self.service, self.staff, self.who = db, scope, service, staff, who
        self.view = None
        days = [NOW + timedelta(days=1 + n, hours=hour, minutes=minute) for n in range(120) for hour in range(6, 20)
                for minute in (0, 30)]  # fmt: skip
        self.slots = [(member, start) for start in days for member in staff]

    async def bare(self, _: int) -> None:
        """Insert one row in a transaction of its own."""

        async def insert(tx: Transaction) -> None:
            await tx.execute(BARE, [self.scope.business_id, uuid4(), "a row"])

        await self.db.transact(self.scope.business_id, insert)

    async def guarded(self, number: int) -> None:
        """Book a slot of its own under a key of its own."""
        keyed = replace(self.scope, key=f"key-{number}")
        await bookings.book(keyed, self.request(number), view=self.view, now=NOW)

    async def without_key(self, number: int) -> None:
        """Book a slot of its own: one statement and the commit."""
        await bookings.book(self.scope, self.request(number), view=self.view, now=NOW)

    async def chained(self, number: int) -> None:
        """Book, and seal the audit in the booking's own transaction: what the worker is there to avoid."""

        async def work(tx: Transaction) -> None:
            item_of = bookings.book.__wrapped__
            await item_of(tx, self.request(number), view=self.view, now=NOW)
            await audit.seal(tx)

        await self.db.transact(self.scope.business_id, work)

    async def hot(self, _: int) -> None:
        """Ask for a slot that is taken, by a view that still shows it free."""
        try:
            await bookings.book(self.scope, self.request(0), view=self.view, now=NOW)
        except InterlockError:
            return

    def request(self, number: int) -> BookRequest:
        """Return the booking of one slot."""
        member, start = self.slots[number]
        return BookRequest(self.service, member, start, self.who)


async def opened(db: Database) -> Bench:
    """Open a business that works day and night."""
    scope, service = Scope(db, uuid4(), actor="bench"), uuid4()
    week = tuple(Span(day, 300, 1300) for day in range(7))
    staff = tuple(NewStaff(f"Staff {n}", week, uuid4()) for n in range(STAFF))
    sold = NewService("Visit", 30, slot_interval=30, id=service, maximum_advance=200)
    await businesses.open_business(scope, businesses.Opening("Bench", f"bench-{uuid4().hex}", "UTC", staff, (sold,)))
    who = await clients.register(scope, clients.NewClient("Ada"))
    bench = Bench(db, scope, service, [member.id for member in staff], who)
    bench.view = await Views(db).current(scope.business_id, NOW)
    return bench


async def compared(url: str, connections: int, pgbench: Callable[[int], float]) -> dict[str, float]:
    """Return the rates of each way in turn, the medians of some rounds, so that a slow disk is slow for all."""
    rates: dict[str, list[float]] = {}
    async with Database(url, connections) as db:
        bench = await opened(db)
        numbers = list(range(1, len(bench.slots)))
        random.Random(1).shuffle(numbers)
        ways = {"bare INSERT": bench.bare, "guarded, keyed": bench.guarded, "guarded": bench.without_key,
                "chained inside": bench.chained}  # fmt: skip
        await rate(connections, bench.without_key, numbers, 0.5)
        for _ in range(ROUNDS):
            for name, work in ways.items():
                rates.setdefault(name, []).append(await rate(connections, work, numbers))
            rates.setdefault("pgbench", []).append(await asyncio.to_thread(pgbench, connections))
        await bench.without_key(0)
        rates["hot slot, attempts"] = [await rate(connections, bench.hot, list(range(10**6)))]
    return {name: statistics.median(found) for name, found in rates.items()}


def pgbench_on(server: embedded.Server, folder: Path) -> Callable[[int], float]:
    """Return what measures the bare INSERT with pgbench."""
    binary = cluster_binaries(server.folder)
    script = folder / "insert.sql"
    script.write_text(
        "INSERT INTO bare (business_id, id, note) VALUES (gen_random_uuid(), gen_random_uuid(), 'a row');\n"
    )

    def measured(connections: int) -> float:
        words = ["-n", "-f", str(script), "-c", str(connections), "-j", "2", "-T", str(int(SECONDS))]
        done = binary.run("pgbench", *words, "-M", "prepared", server.owner_url(), stdout=subprocess.PIPE)
        found = re.search(r"tps = ([0-9.]+)", done.stdout)
        if found is None:
            raise RuntimeError(done.stderr)
        return float(found[1])

    return measured


def run() -> dict[str, object]:
    """Measure, print and return the rates."""
    home = Path(tempfile.mkdtemp(prefix="interlock-bench-"))
    home.chmod(0o755)
    try:
        server = embedded.ensure_running(home)
        upgrade(server.owner_url())
        with psycopg.connect(server.owner_url()) as owner:
            owner.execute("CREATE TABLE bare (business_id uuid, id uuid PRIMARY KEY, note text)")
            owner.execute("GRANT ALL ON bare TO interlock_app")
        found = {n: asyncio.run(compared(server.app_url(), n, pgbench_on(server, home))) for n in CONNECTIONS}
    finally:
        embedded.remove(home)
        subprocess.run(["rm", "-rf", str(home)], check=False)  # noqa: S603, S607 - ours
    for connections, rates in found.items():
        print(f"{connections} connection(s): " + ", ".join(f"{name} {value:,.0f}/s" for name, value in rates.items()))
        print(f"   guarded, keyed / bare INSERT: {rates['guarded, keyed'] / rates['bare INSERT']:.2f}, "
              f"guarded / bare INSERT: {rates['guarded'] / rates['bare INSERT']:.2f}")  # fmt: skip
    return {"rates": {str(n): rates for n, rates in found.items()}, "seconds": SECONDS, "rounds": ROUNDS}
