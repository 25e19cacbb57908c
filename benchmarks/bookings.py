"""How many bookings a second: the guarded one beside a bare INSERT and pgbench, in one run, with fsync on.

A booking is what `commands.bookings.book` does under an idempotency key: claim, appointment, item, event, audit entry,
change log, key; each booking is of a slot of its own. The bare INSERT is one row of a table without any constraint but
its key, sent by the same driver through the same pool, between BEGIN and COMMIT as any command's statement; in one
message, a transaction of its own as a booking is, it is as cheap as this driver can make it. pgbench sends that INSERT
without Python. Beside each rate stands the time of the processor that one of them took, in this process and in the
server's.
"""

import asyncio
import random
import re
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, astuple, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from benchmarks._server import own_server
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
SECONDS = 1.5
PGBENCH_SECONDS = 3
"""Whole ones, and enough for it to connect on a busy machine."""
ROUNDS = 3
STAFF = 40
CLIENTS = 500
PLANNED = 12
"""Times that a connection has run a statement before it keeps the plan (the server makes five of its own first)."""
NOW = datetime(2026, 3, 1, tzinfo=UTC)
BARE = "INSERT INTO bare (business_id, id, note) VALUES (%s, %s, %s)"
BARE_AT_ONCE = (
    "INSERT INTO bare (business_id, id, note) VALUES (%(business)s::uuid, %(id)s::uuid, %(note)s) RETURNING id"
)
Work = Callable[[int], Awaitable[object]]


@dataclass(frozen=True)
class Rate:
    """How many a second, and what one took: microseconds of this process, and of the server's processes."""

    a_second: float
    client_us: float = 0.0
    server_us: float = 0.0


async def rate(connections: int, work: Work, numbers: list[int], server: int, seconds: float = SECONDS) -> Rate:
    """Return how often `work` is done a second by so many at once; each number is used once."""
    end = time.perf_counter() + seconds
    done = 0

    async def again() -> None:
        nonlocal done
        while numbers and time.perf_counter() < end:
            await work(numbers.pop())
            done += 1

    began, client, backends = time.perf_counter(), time.process_time(), server_cpu(server)
    await asyncio.gather(*(again() for _ in range(connections)))
    spent = [time.process_time() - client, server_cpu(server) - backends]
    return Rate(done / (time.perf_counter() - began), *(one / max(done, 1) * 1e6 for one in spent))


def server_cpu(postmaster: int) -> float:
    """Return the seconds of the processor that a server's processes have used."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == postmaster:
                total += int((folder / "schedstat").read_text().split()[0])
        except OSError:
            continue
    return total / 1e9


class Bench:
    """A business with slots for hours, and the ways to write that are compared."""

    def __init__(self, db: Database, scope: Scope, service: UUID, staff: list[UUID], who: list[UUID]) -> None:
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

    async def bare_at_once(self, _: int) -> None:
        """Insert one row in one message, as a booking is sent."""

        async def insert(tx: Transaction) -> None:
            tx.is_command = True
            values = {"business": self.scope.business_id, "id": uuid4(), "note": "a row"}
            await tx.last_row(BARE_AT_ONCE, values)

        await self.db.transact(self.scope.business_id, insert)

    async def guarded(self, number: int) -> None:
        """Book a slot of its own under a key of its own."""
        keyed = replace(self.scope, key=f"key-{number}")
        await bookings.book(keyed, self.request(number), view=self.view, now=NOW)

    async def without_key(self, number: int) -> None:
        """Book a slot of its own: one statement and the commit, in one message."""
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
        return BookRequest(self.service, member, start, self.who[number % CLIENTS])


async def opened(db: Database) -> Bench:
    """Open a business that works day and night."""
    scope, service = Scope(db, uuid4(), actor="bench"), uuid4()
    week = tuple(Span(day, 300, 1300) for day in range(7))
    staff = tuple(NewStaff(f"Staff {n}", week, uuid4()) for n in range(STAFF))
    sold = NewService("Visit", 30, slot_interval=30, id=service, maximum_advance=200)
    await businesses.open_business(scope, businesses.Opening("Bench", f"bench-{uuid4().hex}", "UTC", staff, (sold,)))
    who = [await clients.register(scope, clients.NewClient(f"Client {n}")) for n in range(CLIENTS)]
    bench = Bench(db, scope, service, [member.id for member in staff], who)
    bench.view = await Views(db).current(scope.business_id, NOW)
    return bench


async def compared(server: embedded.Server, connections: int, pgbench: Callable[[int], float]) -> dict[str, Rate]:
    """Return the rates of each way in turn, the medians of some rounds, so that a slow disk is slow for all."""
    rates: dict[str, list[Rate]] = {}
    async with Database(server.app_url(), connections) as db:
        bench = await opened(db)
        numbers = list(range(1, len(bench.slots)))
        random.Random(1).shuffle(numbers)
        ways = {
            "bare INSERT": bench.bare,
            "bare INSERT in one message": bench.bare_at_once,
            "booking, keyed": bench.guarded,
            "booking": bench.without_key,
        }
        for work in ways.values():
            await asyncio.gather(*(repeated(work, numbers, PLANNED) for _ in range(connections)))
        for turn in range(ROUNDS):
            for name, work in ways.items():
                rates.setdefault(name, []).append(await rate(connections, work, numbers, server.pid))
            rates.setdefault("pgbench", []).append(Rate(await asyncio.to_thread(pgbench, connections)))
            now = ", ".join(f"{name} {of[-1].a_second:,.0f}/s" for name, of in rates.items())
            print(f"{connections:2} connections, round {turn + 1} of {ROUNDS}: {now}", flush=True)
        rates["sealed inside"] = [await rate(connections, bench.chained, numbers, server.pid)]
        await bench.without_key(0)
        await asyncio.gather(*(repeated(bench.hot, list(range(1000)), PLANNED) for _ in range(connections)))
        rates["attempt on a taken slot"] = [
            await rate(connections, bench.hot, list(range(10**6)), server.pid) for _ in range(ROUNDS)
        ]
    return {name: median(found) for name, found in rates.items()}


async def repeated(work: Work, numbers: list[int], times: int) -> None:
    """Do it so often."""
    for _ in range(times):
        await work(numbers.pop())


def median(found: list[Rate]) -> Rate:
    """Return the medians of what some rounds measured."""
    return Rate(*(statistics.median(column) for column in zip(*map(astuple, found), strict=True)))


def pgbench_on(server: embedded.Server, folder: Path) -> Callable[[int], float]:
    """Return what measures the bare INSERT with pgbench."""
    binary = cluster_binaries(server.folder)
    script = folder / "insert.sql"
    script.write_text(
        "INSERT INTO bare (business_id, id, note) VALUES (gen_random_uuid(), gen_random_uuid(), 'a row');\n"
    )

    def measured(connections: int) -> float:
        words = ["-n", "-f", str(script), "-c", str(connections), "-j", "2", "-T", str(PGBENCH_SECONDS)]
        done = binary.run("pgbench", *words, "-M", "prepared", server.owner_url(), stdout=subprocess.PIPE)
        found = re.search(r"tps = ([0-9.]+)", done.stdout)
        if found is None:
            raise RuntimeError(done.stderr)
        return float(found[1])

    return measured


def run() -> dict[str, object]:
    """Measure, print and return the rates."""
    with own_server() as (server, home):
        upgrade(server.owner_url())
        with psycopg.connect(server.owner_url()) as owner:
            owner.execute("CREATE TABLE bare (business_id uuid, id uuid PRIMARY KEY, note text)")
            owner.execute("GRANT ALL ON bare TO interlock_app")
        found = {n: asyncio.run(compared(server, n, pgbench_on(server, home))) for n in CONNECTIONS}
    told(found)
    rates = {str(n): {name: asdict(one) for name, one in of.items()} for n, of in found.items()}
    return {"rates": rates, "seconds": SECONDS, "rounds": ROUNDS}


def told(found: dict[int, dict[str, Rate]]) -> None:
    """Print the table."""
    print("\n| connections | way | a second | of the bare INSERT | client's CPU | server's CPU |")
    print("|---|---|---|---|---|---|")
    for connections, rates in found.items():
        for name, one in rates.items():
            share = one.a_second / rates["bare INSERT"].a_second
            print(f"| {connections} | {name} | {one.a_second:,.0f} | {share:.2f} "
                  f"| {one.client_us:,.0f} µs | {one.server_us:,.0f} µs |")  # fmt: skip
