"""10,000 businesses and 1,000,000 appointments: loading, sizes, memory with 500 snapshots warm, a cold first query.

Every business has five staff members, three services, twenty clients and appointments over 60 days; ids are numbers, so
that COPY's rows can be written without keeping any. Constraints of other tables are not checked while loading; the
exclusion constraint is. INTERLOCK_SCALE=0.01 loads a hundredth.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from benchmarks._server import own_server
from benchmarks._timing import Gate
from service.db.migrate import upgrade

SHARE = float(os.environ.get("INTERLOCK_SCALE", "1"))
BUSINESSES, APPOINTMENTS = max(120, int(10_000 * SHARE)), int(1_000_000 * SHARE)
STAFF, SERVICES, CLIENTS, WARM, COLD = 5, 3, 20, min(500, BUSINESSES // 2), 50
FIRST = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 60
NOW = FIRST + timedelta(days=5, hours=8)
SIZES = """
SELECT relname, n_live_tup AS rows, pg_table_size(relid) AS heap, pg_indexes_size(relid) AS indexes
FROM pg_stat_user_tables WHERE pg_total_relation_size(relid) > 1000000 ORDER BY pg_total_relation_size(relid) DESC
"""
Row = tuple[object, ...]


def number(kind: int, n: int) -> str:
    """Return the id of the nth thing of a kind, in hexadecimal digits."""
    return f"{kind:016x}{n:016x}"


def lane(business: int, member: int) -> int:
    """Return the lane of a business's staff member."""
    return business * STAFF + member + 1


def appointments() -> Iterator[tuple[int, int, int, datetime]]:
    """Yield (number, business, staff member, start): each an hour of its own, the first businesses the busiest."""
    each = APPOINTMENTS // BUSINESSES
    n = 0
    for business in range(BUSINESSES):
        # A tenth of the businesses has twice the average, a tenth next to nothing.
        count = each * 2 if business < BUSINESSES // 10 else 0 if business >= BUSINESSES * 9 // 10 else each
        for k in range(count):
            member, place = k % STAFF, k // STAFF
            day, hour = place % DAYS, 8 + place // DAYS
            yield n, business, member, FIRST + timedelta(days=day, hours=hour)
            n += 1


def tables() -> Iterator[tuple[str, tuple[str, ...], Iterator[Row]]]:
    """Yield table, columns and rows."""
    b, m = range(BUSINESSES), range(STAFF)
    yield (
        "business",
        ("id", "slug", "name", "zone"),
        ((number(1, n), f"b{n}", f"Business {n}", "Europe/Lisbon") for n in b),
    )
    yield "lane", ("business_id", "lane_no"), ((number(1, n), lane(n, k)) for n in b for k in m)
    yield (
        "staff",
        ("business_id", "id", "lane_no", "name"),
        ((number(1, n), number(2, lane(n, k)), lane(n, k), f"Staff {k}") for n in b for k in m),
    )
    yield (
        "working_hours",
        ("business_id", "id", "lane_no", "weekday", "opens", "closes"),
        (
            (number(1, n), number(3, lane(n, k) * 10 + day), lane(n, k), day, 480, 1080)
            for n in b for k in m for day in range(7)
        ),
    )  # fmt: skip
    yield (
        "service",
        ("business_id", "id", "name", "duration"),
        ((number(1, n), number(4, n * SERVICES + k), f"Service {k}", 30 + 15 * k) for n in b for k in range(SERVICES)),
    )
    yield (
        "allocation",
        ("business_id", "service_id", "staff_id"),
        (
            (number(1, n), number(4, n * SERVICES + s), number(2, lane(n, k)))
            for n in b for s in range(SERVICES) for k in m
        ),
    )  # fmt: skip
    yield (
        "client",
        ("business_id", "id", "name"),
        ((number(1, n), number(5, n * CLIENTS + k), f"Client {k}") for n in b for k in range(CLIENTS)),
    )
    yield from booked()


def booked() -> Iterator[tuple[str, tuple[str, ...], Iterator[Row]]]:
    """Yield what a confirmed booking consists of: appointment, item, claim, event, audit entry."""
    half = timedelta(minutes=30)
    yield (
        "appointment",
        ("business_id", "id", "client_id", "status", "source"),
        (
            (number(1, b), number(6, n), number(5, b * CLIENTS + n % CLIENTS), "confirmed", "api")
            for n, b, _, _ in appointments()
        ),
    )
    yield (
        "appointment_item",
        ("business_id", "id", "appointment_id", "position", "service_id", "staff_id", "starts_at", "ends_at"),
        (
            (number(1, b), number(7, n), number(6, n), 1, number(4, b * SERVICES), number(2, lane(b, k)), at, at + half)
            for n, b, k, at in appointments()
        ),
    )
    yield (
        "claim",
        ("business_id", "lane_no", "starts_at", "ends_at", "kind", "item_id"),
        ((number(1, b), lane(b, k), at, at + half, "item", number(7, n)) for n, b, k, at in appointments()),
    )
    topic, after, sealed = "appointment.confirmed", '{"status": "confirmed"}', r"\\x00"
    yield (
        "outbox_event",
        ("business_id", "topic", "aggregate_id", "aggregate_version", "payload", "published_at"),
        ((number(1, b), topic, number(6, n), 1, after, at) for n, b, _, at in appointments()),
    )
    yield (
        "audit_entry",
        ("business_id", "actor", "action", "aggregate_id", "after", "position", "hash"),
        ((number(1, b), "generator", topic, number(6, n), after, n + 1, sealed) for n, b, _, _ in appointments()),
    )


def load(url: str) -> dict[str, float]:
    """Copy every table; returns seconds for each."""
    seconds: dict[str, float] = {}
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        for table, columns, rows in tables():
            begun = time.perf_counter()
            words = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with owner.cursor().copy(words) as copy:
                # Lines of text, many at once: nothing in them needs an escape.
                while lines := list(islice(("\t".join(map(str, row)) for row in rows), 10_000)):
                    copy.write("\n".join(lines) + "\n")
            seconds[table] = round(time.perf_counter() - begun, 1)
            print(f"{table}: {seconds[table]} s", flush=True)
        owner.execute("SELECT setval(pg_get_serial_sequence('lane', 'lane_no'), %s)", [lane(BUSINESSES, 0)])
        owner.execute("VACUUM ANALYZE")
    return seconds


async def warmed(url: str) -> dict[str, Any]:
    """Return the memory of an API process with its views warm, and what first queries of cold businesses take."""
    from benchmarks._http_apps import interlock  # noqa: PLC0415 - this process alone is the API's
    from service.queries.slots import SlotsWanted, written  # noqa: PLC0415 - the same

    app = interlock(url)
    async with app.router.lifespan_context(app):
        views = app.state.interlock.views

        async def first_query(business: int) -> tuple[float, float]:
            wall, cpu = time.perf_counter(), time.process_time()
            wanted = SlotsWanted(UUID(number(4, business * SERVICES)), NOW, NOW + timedelta(days=7))
            written(await views.current(UUID(number(1, business)), NOW), wanted, NOW, limit=30)
            return time.perf_counter() - wall, time.process_time() - cpu

        empty = resident()
        for business in range(WARM):
            await first_query(business)
        warm = resident()
        cold = [await first_query(business) for business in range(WARM, WARM + COLD)]
    walls, cpus = zip(*cold, strict=True)
    return {
        "resident_mib": {"before": empty, f"{WARM} views": warm},
        "cold_ms": {
            "median": round(statistics.median(walls) * 1e3, 1),
            "p95": round(statistics.quantiles(walls, n=20)[-1] * 1e3, 1),
            "median_cpu_of_the_process": round(statistics.median(cpus) * 1e3, 1),
        },
    }


def resident() -> float:
    """Return the resident memory of this process, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def run() -> dict[str, Any]:
    """Load, measure, and delete it all again."""
    with own_server(durable=False) as (server, _):
        upgrade(server.owner_url())
        figures: dict[str, Any] = {"businesses": BUSINESSES, "loading_s": load(server.owner_url())}
        with psycopg.connect(server.owner_url()) as owner:
            figures["sizes"] = {
                table: {"rows": rows, "heap_mib": round(heap / 2**20, 1), "indexes_mib": round(indexes / 2**20, 1)}
                for table, rows, heap, indexes in owner.execute(SIZES)
            }
        words = [sys.executable, "-m", "benchmarks.scale", server.app_url()]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
        figures |= json.loads(done.stdout.splitlines()[-1])
    return figures | {"gates": told(figures)}


def told(figures: dict[str, Any]) -> list[dict[str, object]]:
    """Print the tables; return the gates."""
    print("\n| table | rows | heap, MiB | indexes, MiB |\n|---|---|---|---|")
    for table, size in figures["sizes"].items():
        print(f"| `{table}` | {size['rows']:,} | {size['heap_mib']} | {size['indexes_mib']} |")
    print(figures["resident_mib"], figures["cold_ms"])
    memory = figures["resident_mib"][f"{WARM} views"]
    gates = (
        Gate("600 MiB / resident memory", 1.0, round(600 / memory, 2)),
        Gate("30 ms / cold first query, median", 1.0, round(30 / figures["cold_ms"]["median"], 2)),
    )
    return [gate.to_json() for gate in gates]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(warmed(sys.argv[1]))))
