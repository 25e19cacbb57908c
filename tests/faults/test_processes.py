"""Rows 1, 5, 6 and 28: one slot over HTTP, the API killed or asked to end under load, the worker killed mid-plan."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import count as numbers

import httpx
import psycopg
import pytest

from service.db.database import Database
from tests.faults.serving import Running, environment, free_port, ready
from tests.races.conftest import FRACTION, sized
from tests.races.races import MEET_BEFORE_COMMIT, assert_invariants, count, owner_does
from tests.races.test_one_slot import WITHOUT_CONSTRAINT
from tests.service.people import everything
from tests.service.worlds import ANA, BEN, CUT, client, salon

pytestmark = pytest.mark.anyio

CROWD = 64
READY_S = 5
"""How long a killed API may take to be ready again."""


def next_monday() -> date:
    """The first Monday of the week after next, by the clock that the served processes go by."""
    today = datetime.now(UTC).date()
    return today + timedelta(days=14 - today.weekday())


def times(days: int) -> list[tuple[str, str]]:
    """Starts an hour apart, of both staff, over some weekdays."""
    first = next_monday()
    dates = [first + timedelta(days=n) for n in range(days + days // 5 * 2) if n % 7 < 5]
    return [
        (str(staff), f"{day}T{hour:02}:00:00Z") for day in dates for hour in (10, 11, 14, 15) for staff in (ANA, BEN)
    ]


class Served:
    """A salon over HTTP, by a process of its own."""

    def __init__(self, port: int, key: str, process: Running, client_id: str) -> None:
        self.port, self.process, self.client_id = port, process, client_id
        self.headers = {"Authorization": f"Bearer {key}"}
        self.base = f"http://127.0.0.1:{port}/api/v1/businesses/salon"

    def caller(self, **options: object) -> httpx.AsyncClient:
        """A client with room for a crowd."""
        limits = httpx.Limits(max_connections=CROWD, max_keepalive_connections=CROWD)
        return httpx.AsyncClient(headers=self.headers, limits=limits, timeout=30, **options)


PROGRAM = ("-m", "service.cli")


@asynccontextmanager
async def served(app_url: str, owner_url: str, program: tuple[str, ...] = PROGRAM) -> AsyncIterator[Served]:
    """Serve a salon without anybody beside."""
    async with Database(app_url) as db:
        scope = await salon(db)
        key, who = await everything(scope), await client(scope)
    port = free_port()
    command = (*program, "serve", "--no-worker", "--port", str(port))
    async with Running(*command, **environment(app_url, owner_url)) as process:
        await ready(port)
        yield Served(port, key, process, str(who))


async def one_slot(server: Served, requests: int) -> Counter[int]:
    """Send requests for one slot, so many connections at a time; returns how they were answered."""
    staff, start = times(1)[0]
    body = {"service_id": str(CUT), "staff_id": staff, "starts_at": start, "client_id": server.client_id}
    answers: Counter[int] = Counter()
    left = iter(range(requests))
    async with server.caller() as http:

        async def one_after_another() -> None:
            for _ in left:
                began = time.monotonic()
                answers[(await http.post(f"{server.base}/bookings", json=body)).status_code] += 1
                assert time.monotonic() - began <= 30

        await asyncio.gather(*(one_after_another() for _ in range(CROWD)))
    return answers


async def test_of_many_requests_for_one_slot_one_gets_it(app_url, owner_url):
    requests = sized(10_000, 300)
    async with served(app_url, owner_url) as server:
        answers = await one_slot(server, requests)
    print(answers)  # noqa: T201 - shown with -s
    assert answers[201] == 1, answers
    assert answers[201] + answers[409] + answers[429] == requests, answers
    assert count(owner_url, "SELECT count(*) FROM appointment") == 1
    assert_invariants(owner_url)


async def test_without_the_constraint_more_than_one_gets_it(app_url, owner_url):
    owner_does(owner_url, WITHOUT_CONSTRAINT, *MEET_BEFORE_COMMIT)
    async with served(app_url, owner_url) as server:
        answers = await one_slot(server, 64)
    assert answers[201] > 1, answers


async def insist(http: httpx.AsyncClient, address: str, body: dict, headers: dict[str, str]) -> httpx.Response:
    """Ask until there is an answer that is not the server's trouble."""
    while True:
        with contextlib.suppress(httpx.TransportError):
            answer = await http.post(address, json=body, headers=headers)
            if answer.status_code < 500:
                return answer
        await asyncio.sleep(0.02)


async def registered_more(owner: psycopg.AsyncConnection, clients: int) -> None:
    """Wait until so many clients more are in the database."""
    wanted = await registered_by_now(owner) + clients
    while await registered_by_now(owner) < wanted:  # noqa: ASYNC110 - the database tells nobody
        await asyncio.sleep(0.002)


async def registered_by_now(owner: psycopg.AsyncConnection) -> int:
    row = await (await owner.execute("SELECT count(*) FROM client")).fetchone()
    return row[0]


async def killed_and_insisted(
    server: Served, owner_url: str, kills: int, *, keyed: bool, between: int = 40
) -> tuple[set[str], int, list[tuple[float, float]]]:
    """Kill the server, `between` registrations after the last time, under callers who ask again until answered.

    Each registers a client, books the caller's own time for them and cancels it, again and again. Returns who was
    registered, how many bookings were answered for, and of each start how long it took to be ready, and how much CPU.
    """
    registered: set[str] = set()
    starts: list[tuple[float, float]] = []
    booked, number = 0, numbers()
    done = asyncio.Event()

    async def register_book_cancel(http: httpx.AsyncClient, staff: str, start: str) -> None:
        nonlocal booked

        async def ask(path: str, body: dict) -> dict:
            key = {"Idempotency-Key": f"key-{next(number)}"} if keyed else {}
            answer = await insist(http, f"{server.base}/{path}", body, key)
            assert answer.is_success, answer.text
            return answer.json()

        while not done.is_set():
            who = (await ask("clients", {"name": "Ada"}))["id"]
            registered.add(who)
            wanted = {"service_id": str(CUT), "staff_id": staff, "starts_at": start, "client_id": who}
            booking = await ask("bookings", wanted)
            booked += 1
            await ask(f"bookings/{booking['id']}/cancel", {})

    async with server.caller() as http, asyncio.TaskGroup() as group:
        for time_of_theirs in times(2):
            group.create_task(register_book_cancel(http, *time_of_theirs))
        async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as owner:
            for _ in range(kills):
                await registered_more(owner, between)
                await server.process.kill()
                await server.process.start()
                starts.append((await ready(server.port), server.process.cpu_s()))
        done.set()
    return registered, booked, starts


async def test_a_killed_api_loses_nothing_and_does_nothing_twice(app_url, owner_url):
    async with served(app_url, owner_url) as server:
        registered, booked, starts = await killed_and_insisted(server, owner_url, sized(100, 1), keyed=True)
    took, cpu = ([round(seconds, 1) for seconds in sorted(figures)] for figures in zip(*starts, strict=True))
    print(f"{booked} bookings; ready after {took} s, {cpu} s of CPU, the callers beside it")  # noqa: T201 - with -s
    # How long it takes by the clock is the affair of the machine, too; what it has to do is its own.
    if FRACTION >= 1:
        assert cpu[len(cpu) // 2] <= READY_S, cpu
    assert count(owner_url, "SELECT count(*) FROM client") == len(registered) + 1
    assert count(owner_url, "SELECT count(*) FROM appointment") == booked
    assert count(owner_url, "SELECT count(*) FROM appointment WHERE status = 'cancelled'") == booked
    assert_invariants(owner_url)


ANSWERS_LATE = """
import asyncio
from service.db.database import Database
transact = Database.transact
async def late(self, *args, **kwargs):
    done = await transact(self, *args, **kwargs)
    await asyncio.sleep(2)
    return done
Database.transact = late
from service.cli import main
main()
"""


async def test_without_keys_a_killed_api_does_it_twice(app_url, owner_url):
    """The server is killed when somebody's registration has just been committed and cannot have been answered yet."""
    async with served(app_url, owner_url, ("-c", ANSWERS_LATE)) as server:
        registered, *_ = await killed_and_insisted(server, owner_url, 1, keyed=False, between=1)
    assert count(owner_url, "SELECT count(*) FROM client") > len(registered) + 1


async def ended_under_load(server: Served, *, gently: bool) -> tuple[Counter[str], float]:
    """End the server while it is asked all the time; returns what became of the requests, and the seconds.

    Who is told to go, asks elsewhere from then on, as browsers and balancers do.
    """
    ends: Counter[str] = Counter()

    async def ask(http: httpx.AsyncClient) -> None:
        while True:
            try:
                answer = await http.post(f"{server.base}/clients", json={"name": "Ada"})
                ends[str(answer.status_code)] += 1
                if answer.headers.get("Connection") == "close":
                    return
            except httpx.TransportError as error:
                ends[f"dropped: {type(error).__name__}"] += 1
                return

    async with server.caller() as http:
        asking = [asyncio.create_task(ask(http)) for _ in range(16)]
        await asyncio.sleep(sized(5, 1))
        began = time.monotonic()
        await (server.process.terminate() if gently else server.process.kill())
        took = time.monotonic() - began
        await asyncio.gather(*asking)
    return ends, took


async def test_asked_to_end_the_api_answers_everybody_first(app_url, owner_url):
    async with served(app_url, owner_url) as server:
        ends, took = await ended_under_load(server, gently=True)
    print(ends, f"{took:.1f} s")  # noqa: T201 - shown with -s
    assert ends["201"] > 0, ends
    assert [end for end in ends if end.startswith("dropped")] == [], ends
    assert took <= 30
    assert count(owner_url, "SELECT count(*) FROM client") == ends["201"] + 1


async def test_killed_instead_it_drops_what_it_was_asked(app_url, owner_url):
    async with served(app_url, owner_url) as server:
        ends, _ = await ended_under_load(server, gently=False)
    assert [end for end in ends if end.startswith("dropped")], ends
