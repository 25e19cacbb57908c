"""What does a slot query cost, in process and over HTTP, beside a route whose bytes are ready and one that reads a row?

A salon of 5 staff over 7 days, the range another at each request, an answer of about 5.6 KB. In process: ASGI without a
socket, time of the processor. Over HTTP: each application in a server process of its own, rounds in turn; the rates of
closed loops, the server's time of the processor for a request, and latencies at a fixed rate with and without bookings.
"""

import asyncio
import logging
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
from fastapi import FastAPI

from benchmarks._http_apps import CUT, NOW, PATH, interlock, query, ready
from benchmarks._http_load import Connection, Server, capacity, get, hundredth, latencies, post, serving
from benchmarks._server import own_server
from benchmarks._timing import Gate
from service.commands import clients, keys
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff, Span
from service.db.command import Scope
from service.db.database import Database
from service.db.migrate import upgrade
from service.telemetry import logs
from solver.clock import moment

WEEK = tuple(Span(day, opens, closes) for day in range(5) for opens, closes in ((540, 750), (810, 1050)))
ROUNDS, REQUESTS, HTTP_ROUNDS = 7, 300, 16
MIXED_LOAD = 0.4
"""Of what one process can answer of the mixture: an open model beyond that measures the queue alone."""
BOOKING_PATH = PATH.replace("slots", "bookings")
Send = Callable[[int], Awaitable[object]]


async def asked(
    app: FastAPI, path: str, query: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> tuple[int, bytes, dict[bytes, bytes]]:
    """Send one request through the application and return status, body and headers."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), *headers], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    started: dict[str, Any] = {}
    body = b""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal started, body
        if message["type"] == "http.response.start":
            started = message
        else:
            body += message.get("body", b"")

    await app(scope, receive, send)
    return started["status"], body, dict(started["headers"])


async def medians_us(ways: dict[str, Send]) -> dict[str, float]:
    """Return the median of some rounds' mean, microseconds of this process's time a request; ways in turn."""
    means: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS):
        for name, one in ways.items():
            await one(0)
            begun = time.process_time()
            for number in range(REQUESTS):
                await one(turn * REQUESTS + number)
            means[name].append((time.process_time() - begun) / REQUESTS * 1e6)
    return {name: round(statistics.median(found), 1) for name, found in means.items()}


async def in_process(url: str) -> tuple[dict[str, float], bytes]:
    """Return microseconds a request, and the bytes of an answer."""
    app = interlock(url)
    async with app.router.lifespan_context(app):
        _, body, headers = await asked(app, PATH, query(0))
        plain, known = ready(body), ((b"if-none-match", headers[b"etag"]),)
        strict = ((b"cache-control", b"no-cache"),)

        figures = await medians_us(
            {
                "ready bytes": lambda n: asked(plain, PATH, query(n)),
                "slots": lambda n: asked(app, PATH, query(n)),
                "slots, 304": lambda _: asked(app, PATH, query(0), known),
                "slots, database asked": lambda n: asked(app, PATH, query(n), strict),
            }
        )
    return figures, body


async def over_http(servers: dict[str, Server], etag: str) -> dict[str, dict[str, float]]:
    """Return each way's rate, the median of short rounds in turn, and its CPU, the least of them.

    Where the machine is shared, a round that others disturb costs caches, and a follower's looks fall on few requests.
    """
    known = f"if-none-match: {etag}\r\n"
    ways: dict[str, tuple[Server, Callable[[int], bytes], int]] = {
        "ready bytes": (servers["ready"], lambda n: get(PATH, query(n)), 200),
        "slots": (servers["interlock"], lambda n: get(PATH, query(n)), 200),
        "slots, 304": (servers["interlock"], lambda _: get(PATH, query(0), known), 304),
        "one row": (servers["one row"], lambda n: get(PATH, query(n)), 200),
    }
    found: dict[str, list[tuple[float, float]]] = {}
    for turn in range(HTTP_ROUNDS):
        for name, (server, request, expected) in ways.items():
            found.setdefault(name, []).append(await capacity(server, request, expected, seconds=0.5))
        print(f"round {turn + 1} of {HTTP_ROUNDS}: " + ", ".join(f"{n} {r[-1][0]:,.0f}/s" for n, r in found.items()),
              flush=True)  # fmt: skip
    return {name: _figures(rounds) for name, rounds in found.items()}


def _figures(rounds: list[tuple[float, float]]) -> dict[str, float]:
    rates, costs = zip(*rounds, strict=True)
    return {"rate": round(statistics.median(rates)), "cpu_us": round(min(costs), 1)}


async def mixed_capacity(server: Server, book: Callable[[int], bytes]) -> float:
    """Return how many slot queries a second closed loops get answered with a booking after each twenty, the median."""
    rates = []
    for turn in range(3):

        def request(number: int, turn: int = turn) -> bytes:
            return get(PATH, query(number)) if number % 21 else book(-turn * 100_000 - number)

        rates.append((await capacity(server, request, 200, 201))[0] * 20 / 21)
    return statistics.median(rates)


async def mixed(server: Server, rate: float, book: Callable[[int], bytes]) -> dict[str, dict[str, float]]:
    """Return the latencies of slot queries alone and with a booking after each twenty, rounds in turn."""
    alone: list[float] = []
    beside: list[float] = []
    booked = 0
    for turn in range(3):
        alone += (await latencies(server, lambda n: get(PATH, query(n)), rate, 4))[0]
        times, others = await latencies(
            server, lambda n: get(PATH, query(n)), rate, 4, lambda n, turn=turn: book(turn * 100_000 + n)
        )
        beside, booked = beside + times, booked + others
    names = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99}
    return {
        "slots alone": {name: hundredth(alone, share) for name, share in names.items()},
        "with bookings": {name: hundredth(beside, share) for name, share in names.items()} | {"bookings": booked},
    }  # fmt: skip


async def prepared(url: str, owner_url: str) -> tuple[str, Callable[[int], bytes]]:
    """Open the salon, and a larger one for bookings; return its key and what books a free time of it."""
    async with Database(url) as db:
        scope, staff = Scope(db, uuid4()), tuple(NewStaff(f"Staff {n}", WEEK, uuid4()) for n in range(5))
        # Booked beside the slots that are asked for: on the same snapshot, in an hour of its own.
        long = NewService("Cut", 30, id=CUT)
        await open_business(scope, Opening("Salon", "salon", "Europe/Lisbon", staff, (long,)))
        who = await clients.register(scope, clients.NewClient("Ada"))
        key = (await keys.create(scope, keys.NewKey("bench", ("bookings:write", "catalogue:read")))).key
    with psycopg.connect(owner_url) as owner:
        owner.execute("CREATE TABLE peer (id int PRIMARY KEY, name text)")
        owner.execute("INSERT INTO peer SELECT n, 'row ' || n FROM generate_series(1, 1000) AS n")
        owner.execute("GRANT SELECT ON peer TO PUBLIC")
    places = free_places([member.id for member in staff])
    given: dict[int, bytes] = {}

    def book(number: int) -> bytes:
        if number not in given:
            member, start = places.pop()
            body = {"service_id": CUT, "staff_id": member, "starts_at": start, "client_id": who}
            given[number] = post(BOOKING_PATH, orjson.dumps(body), f"authorization: Bearer {key}\r\n")
        return given[number]

    return key, book


def free_places(staff: list[UUID | None]) -> list[tuple[UUID | None, Any]]:
    """Return who is free when, the days that slots are asked for last."""
    midnight = int(NOW.timestamp()) // 60 // 1440 * 1440
    days = [midnight + 1440 * day for day in range(1, 59) if moment(midnight + 1440 * day).weekday() < 5]
    return [(member, moment(day + minute)) for day in days for minute in range(540, 750 - 60, 30) for member in staff]


async def driven(url: str, figures: dict[str, Any], body: Path, book: Callable[[int], bytes]) -> None:
    """Measure over HTTP."""
    with serving("interlock", url, str(body)) as ours, serving("ready", url, str(body)) as plain:
        with serving("one row", url, str(body)) as row:
            first = await Connection(ours.port).open()
            _, head, _ = await first.ask(get(PATH, query(0)))
            etag = head.partition(b"etag: ")[2].partition(b"\r\n")[0].decode()
            found = await over_http({"interlock": ours, "ready": plain, "one row": row}, etag)
        figures["http"] = found
        most = await mixed_capacity(ours, book)
        rate = max(20.0, MIXED_LOAD * most)
        figures["mixed"] = {"capacity": round(most), "rate": round(rate), **await mixed(ours, rate, book)}
        first.writer.close()


def told(figures: dict[str, Any]) -> list[Gate]:
    """Print the tables and return the gates."""
    print(f"\n| in process, {figures['bytes']:,} bytes | µs of CPU | times ready bytes |\n|---|---|---|")
    base = figures["in_process"]["ready bytes"]
    for name, cost in figures["in_process"].items():
        print(f"| {name} | {cost:.0f} | {cost / base:.2f} |")
    print("\n| over HTTP | a second | of ready bytes | server's CPU, µs | of ready bytes |\n|---|---|---|---|---|")
    http = figures["http"]
    plain = http["ready bytes"]
    for name, of in http.items():
        print(f"| {name} | {of['rate']:,.0f} | {of['rate'] / plain['rate']:.2f} | {of['cpu_us']:.0f} "
              f"| {plain['cpu_us'] / of['cpu_us']:.2f} |")  # fmt: skip
    mixed = figures["mixed"]
    alone, beside = mixed["slots alone"], mixed["with bookings"]
    rates = f"{mixed['rate']} slot queries a second of {mixed['capacity']}"
    print(f"\n| open model, {rates} | p50 | p95 | p99 |\n|---|---|---|---|")
    for name in ("slots alone", "with bookings"):
        print(f"| {name} | {mixed[name]['p50_ms']} ms | {mixed[name]['p95_ms']} ms | {mixed[name]['p99_ms']} ms |")
    ratios = {
        "in process: 80 µs where ready bytes take 37, ready / slots": (37 / 80, base / figures["in_process"]["slots"]),
        "over HTTP, CPU: slots / ready bytes": (0.6, plain["cpu_us"] / http["slots"]["cpu_us"]),
        "over HTTP, CPU: 304 / ready bytes": (0.9, plain["cpu_us"] / http["slots, 304"]["cpu_us"]),
        "over HTTP, CPU: slots / one row": (4.0, http["one row"]["cpu_us"] / http["slots"]["cpu_us"]),
        "mixed: p50 alone / with bookings": (1 / 1.2, alone["p50_ms"] / beside["p50_ms"]),
    }  # fmt: skip
    return [Gate(name, round(least, 2), round(measured, 2)) for name, (least, measured) in ratios.items()]


def run() -> dict[str, Any]:
    """Measure on a database server of its own."""
    logs.install(logging.WARNING)
    with own_server() as (server, folder):
        upgrade(server.owner_url())
        _, book = asyncio.run(prepared(server.app_url(), server.owner_url()))
        figures: dict[str, Any] = {}
        figures["in_process"], body = asyncio.run(in_process(server.app_url()))
        figures["bytes"] = len(body)
        print(figures["in_process"], flush=True)
        (folder / "body.json").write_bytes(body)
        asyncio.run(driven(server.app_url(), figures, folder / "body.json", book))
    return figures | {"gates": [gate.to_json() for gate in told(figures)]}
