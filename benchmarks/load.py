"""What do others feel of one business at fifty times their load, and what does a quarter of an hour at 70 % look like?

Twelve businesses on one server process with a limit for each (`_http_apps.limited`); twenty slot queries to a booking,
arrivals at random (Poisson), latency from when each was due. A run whose generator lags is void. INTERLOCK_LOAD=0.02
measures for a fiftieth of the time.
"""

import asyncio
import logging
import os
import random
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import orjson

from benchmarks._http_apps import CUT, NOW, query
from benchmarks._http_load import Arrival, Met, Server, capacity, driven, get, hundredth, post, serving
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

SHARE = float(os.environ.get("INTERLOCK_LOAD", "1"))
OTHERS, STAFF, EVERY, TIMES = 11, 20, 21, 50
QUIET = 11.0
"""Requests a second of each quiet business: the loud one's fifty times that are more than a business may ask for."""
BESIDE_S, LONG_S = max(5.0, 120 * SHARE), max(5.0, 900 * SHARE)
LOAD = 0.7
WEEK = tuple(Span(day, 480, 1200) for day in range(7))


class Business:
    """One business as a load sees it: its slot queries and its bookings, each at a place of its own."""

    def __init__(self, slug: str, key: str, client: UUID, staff: list[UUID]) -> None:
        self.slug, self._key, self._client = slug, key, client
        self._places, self._numbers = places(staff), count()

    def request(self) -> tuple[str, bytes]:
        """Return the next request's kind and bytes."""
        number = next(self._numbers)
        if number % EVERY:
            return "slots", get(f"/api/v1/businesses/{self.slug}/slots", query(number))
        member, start = next(self._places)
        body = {"service_id": CUT, "staff_id": member, "starts_at": start, "client_id": self._client}
        more = f"authorization: Bearer {self._key}\r\n"
        return "bookings", post(f"/api/v1/businesses/{self.slug}/bookings", orjson.dumps(body), more)


def places(staff: list[UUID]) -> Iterator[tuple[UUID, Any]]:
    """Yield who is free when, a day after the other."""
    midnight = int(NOW.timestamp()) // 60 // 1440 * 1440
    for day in range(1, 60):
        for minute in range(540, 1140, 30):
            for member in staff:
                yield member, moment(midnight + 1440 * day + minute)


async def opened(url: str) -> list[Business]:
    """Open the businesses, the loud one first."""
    found = []
    async with Database(url) as db:
        for number in range(OTHERS + 1):
            scope, slug = Scope(db, uuid4()), f"salon-{number}"
            team = [uuid4() for _ in range(STAFF)]
            staff = tuple(NewStaff(f"Staff {n}", WEEK, member) for n, member in enumerate(team))
            await open_business(scope, Opening("Salon", slug, "Europe/Lisbon", staff, (NewService("Cut", 30, id=CUT),)))
            who = await clients.register(scope, clients.NewClient("Ada"))
            key = (await keys.create(scope, keys.NewKey("load", ("bookings:write",)))).key
            found.append(Business(slug, key, who, team))
    return found


def arrivals(of: dict[Business, float], seconds: float, seed: int) -> Iterator[Arrival]:
    """Yield requests at random moments, each business at its own rate a second."""
    rng, due, total = random.Random(seed), 0.0, sum(of.values())
    while (due := due + rng.expovariate(total)) < seconds:
        [business] = rng.choices(list(of), list(of.values()))
        kind, request = business.request()
        yield Arrival(due, f"{business.slug} {kind}", request)


def pooled(met: Met, wanted: str, *, loud: bool = False) -> list[float]:
    """Return the latencies of one kind, of the loud business or of all others."""
    kinds = {kind for kind in met.times if kind.endswith(wanted) and kind.startswith("salon-0 ") is loud}
    return [time for kind in sorted(kinds) for time in met.times[kind]]


def refused(met: Met) -> dict[str, int]:
    """Return how many answers were none of success, by who was answered and how."""
    totals: Counter[str] = Counter()
    for (kind, status), times in met.statuses.items():
        if status >= 400:
            totals[f"{'loud' if kind.startswith('salon-0 ') else 'others'} {status}"] += times
    return dict(totals)


async def beside_a_loud_one(server: Server, businesses: list[Business]) -> dict[str, Any]:
    """Return what the others met without and with one business at fifty times the load of each, rounds in turn."""
    loud, *others = businesses
    quiet = dict.fromkeys(others, QUIET)
    alone, beside = Met(), Met()
    for turn in range(3):
        alone += await driven(server, arrivals(quiet, BESIDE_S / 3, turn))
        beside += await driven(server, arrivals({**quiet, loud: TIMES * QUIET}, BESIDE_S / 3, turn))
        print(f"round {turn + 1} of 3: {refused(alone)}, {refused(beside)}", flush=True)
    figures = {
        name: {"slots": spread(pooled(met, "slots")), "bookings": spread(pooled(met, "bookings"))}
        for name, met in (("alone", alone), ("beside", beside))
    }
    return {**figures, "refused": refused(beside), "refused_alone": refused(alone), "late_ms": beside.late * 1e3}


async def for_long(server: Server, businesses: list[Business]) -> dict[str, Any]:
    """Return what all meet at a share of what one process can answer."""
    numbers = count()

    def request(_: int) -> bytes:
        return businesses[next(numbers) % len(businesses)].request()[1]

    most = (await capacity(server, request, 200, 201, seconds=3))[0]
    each = LOAD * most / len(businesses)
    print(f"{most:,.0f} requests a second at the most; {LONG_S:,.0f} s at {LOAD:.0%} of that", flush=True)
    met = await driven(server, arrivals(dict.fromkeys(businesses, each), LONG_S, 7))
    asked = sum(met.statuses.values())
    times = {wanted: pooled(met, wanted) + pooled(met, wanted, loud=True) for wanted in ("slots", "bookings")}
    failed = sum(refused(met).values())
    return {
        "capacity": round(most),
        "asked": asked,
        "seconds": LONG_S,
        "failed": failed,
        "errors": failed / asked,
        "refused": refused(met),
        "late_ms": met.late * 1e3,
        **{wanted: spread(found) for wanted, found in times.items()},
    }


def spread(times: list[float]) -> dict[str, float]:
    """Return how many there are, and their hundredths in ms."""
    return {"count": len(times), "p50_ms": hundredth(times, 50), "p95_ms": hundredth(times, 95),
            "p99_ms": hundredth(times, 99)}  # fmt: skip


async def measured(url: str) -> dict[str, Any]:
    """Measure both on one server."""
    businesses = await opened(url)
    with serving("limited", url, "") as server:
        for business in businesses:
            await capacity(server, lambda _, of=business: of.request()[1], 200, 201, connections=1, seconds=0.2)
        beside = await beside_a_loud_one(server, businesses)
        return {"beside": beside, "long": await for_long(server, businesses)}


def told(figures: dict[str, Any]) -> list[Gate]:
    """Print the tables and return the gates."""
    beside, long = figures["beside"], figures["long"]
    print("\n| | asked | p50 | p95 | p99 |\n|---|---|---|---|---|")
    rows = [
        (f"others' {kind}, {how}", beside[how][kind]) for kind in ("slots", "bookings") for how in ("alone", "beside")
    ]
    for name, of in [*rows, *((f"{kind} at {LOAD:.0%}", long[kind]) for kind in ("slots", "bookings"))]:
        print(f"| {name} | {of['count']:,} | {of['p50_ms']} ms | {of['p95_ms']} ms | {of['p99_ms']} ms |")
    print(f"refused: {beside['refused']}; at {LOAD:.0%}: {long['refused']}")
    others = sum(times for who, times in beside["refused"].items() if who.startswith("others"))
    return [
        Gate("the loud one's requests refused", 1, beside["refused"].get("loud 429", 0)),
        Gate("others' requests refused, none", 0, -others),
        *(Gate(f"others' p99 of {kind}: 2 x alone / beside the loud one", 1.0,
               round(2 * beside["alone"][kind]["p99_ms"] / beside["beside"][kind]["p99_ms"], 2))
          for kind in ("slots", "bookings")),
        Gate("100 ms / p99 of slots", 1.0, round(100 / long["slots"]["p99_ms"], 2)),
        Gate("300 ms / p99 of bookings", 1.0, round(300 / long["bookings"]["p99_ms"], 2)),
        Gate("errors of 1,000, at most one", -1.0, round(-1000 * long["errors"], 2)),
    ]  # fmt: skip


def run() -> dict[str, Any]:
    """Measure on a database server of its own."""
    logs.install(logging.WARNING)
    with own_server() as (server, _):
        upgrade(server.owner_url())
        figures = asyncio.run(measured(server.app_url()))
    return figures | {"gates": [gate.to_json() for gate in told(figures)]}
