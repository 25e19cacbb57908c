"""How long does a slot query take, beside a plain loop over the same intervals and PostgreSQL's multiranges?

N staff, W days, 09:00-12:30 and 13:30-17:30, 8 appointments of 15 to 60 minutes a staff-day, a service of
30 + 10 minutes, 15-minute starts, all staff; `now` and the query change at every call, the snapshot stands.
"""

import bisect
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

from service.db import embedded
from solver.clock import epoch_minute, moment, utc_day
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Hours, Service, Snapshot

SIZES = ((1, 1), (5, 7), (20, 31), (200, 31))
FIRST = date(2026, 3, 2)
SEED = 1
DURATION, AFTER, STEP = 30, 10, 15
SQL = """
WITH taken AS (
    -- The buffer after the visit keeps its end ten minutes before the next claim.
    SELECT lane, range_agg(int4range(lower(busy) - 10, upper(busy))) AS busy FROM b GROUP BY lane
), free AS (
    SELECT w.lane, range_agg(w.work) - coalesce(any_value(t.busy), '{}') AS gaps
    FROM w LEFT JOIN taken t USING (lane) GROUP BY w.lane
)
SELECT lane, s FROM free, unnest(gaps) AS g,
     generate_series((greatest(lower(g), %(lo)s) + 14) / 15 * 15, upper(g) - 30, 15) AS s
WHERE s < %(hi)s
"""


def world(staff: int, days: int) -> tuple[Snapshot, dict[int, list[tuple[int, int]]]]:
    """Return a seeded snapshot (in UTC, so that every method has the same grid) and its claims by lane."""
    rng = np.random.default_rng(SEED)
    busy: dict[int, list[tuple[int, int]]] = {}
    for lane in range(staff):
        busy[lane] = []
        for day in range(days):
            at = utc_day(FIRST) + day * 1440 + 480
            for _ in range(8):
                at += int(rng.integers(0, 5)) * 15
                length = int(rng.choice([15, 30, 45, 60]))
                busy[lane].append((at, at + length))
                at += length
    week = tuple((day, opens, closes, None, None) for day in range(7) for opens, closes in ((540, 750), (810, 1050)))
    snapshot = Snapshot.build(
        zone="UTC",
        first_day=FIRST,
        days=days,
        staff=list(range(staff)),
        hours=dict.fromkeys(range(staff), Hours(week)),
        services=[Service("x", DURATION, buffer_after=AFTER, slot_interval=STEP)],
        allocations=[("x", lane, None) for lane in range(staff)],
        busy=busy,
    )
    return snapshot, busy


def plain_loop(
    work: dict[int, list[tuple[int, int]]], busy: dict[int, list[tuple[int, int]]], lo: int, hi: int
) -> set[tuple[int, int]]:
    """Return the same starts with Python integers: a bisection to the first claim, then two pointers."""
    found = set()
    for lane, spans in work.items():
        claims = busy[lane]
        for opens, closes in spans:
            start = -(-max(opens, lo) // STEP) * STEP
            i = bisect.bisect_right(claims, (start,)) - 1
            while start + DURATION <= closes and start < hi:
                while (0 <= i < len(claims) and claims[i][1] <= start) or i < 0:
                    i += 1
                    if i >= len(claims):
                        break
                if i < len(claims) and claims[i][0] < start + DURATION + AFTER:
                    start = -(-max(claims[i][1], start + 1) // STEP) * STEP
                    continue
                found.add((lane, start))
                start += STEP
    return found


def median_us(call: Callable[[int], object], repeats: int) -> float:
    """Return the median wall time of a call in microseconds."""
    times = []
    for i in range(repeats):
        since = time.perf_counter()
        call(i)
        times.append(time.perf_counter() - since)
    return round(statistics.median(times) * 1e6, 1)


def measure(staff: int, days: int, connection: psycopg.Connection) -> dict[str, object]:
    """Return medians and ratios for one size, after checking that all answers are equal."""
    snapshot, busy = world(staff, days)
    work = {lane.index: [(int(a), int(b)) for a, b, _ in lane.work] for lane in snapshot.lanes}
    base = datetime.combine(FIRST, datetime.min.time(), UTC)

    def bounds(i: int) -> tuple[int, int]:
        lo = epoch_minute(base) + i % 60
        return lo, lo + days * 1440

    def arrays(i: int) -> set[tuple[int, int]]:
        lo, hi = bounds(i)
        return find_slots(snapshot, SlotQuery("x", moment(lo), moment(hi)), base + timedelta(minutes=i % 60))

    def loop(i: int) -> set[tuple[int, int]]:
        return plain_loop(work, busy, *bounds(i))

    def postgres(i: int) -> list[tuple[int, int]]:
        lo, hi = bounds(i)
        return connection.execute(SQL, {"lo": lo, "hi": hi}).fetchall()

    load(connection, work, busy)
    found = arrays(7)
    ours = set(zip(found.lane.tolist(), found.start.tolist(), strict=True))
    if not ours == loop(7) == set(postgres(7)):
        raise AssertionError(f"the answers differ at {staff} x {days}")
    repeats = 200 if staff < 200 else 40
    times = {
        "arrays": median_us(arrays, repeats),
        "plain_loop": median_us(loop, max(repeats // 10, 5)),
        "postgresql": median_us(postgres, max(repeats // 10, 5)),
    }
    ratios = {f"{name}_over_arrays": round(times[name] / times["arrays"], 1) for name in ("plain_loop", "postgresql")}
    return {"staff": staff, "days": days, "starts": len(ours), "median_us": times, "ratios": ratios}


def load(
    connection: psycopg.Connection,
    work: dict[int, list[tuple[int, int]]],
    busy: dict[int, list[tuple[int, int]]],
) -> None:
    """Put the same intervals into two temporary tables, indexed and analysed."""
    connection.execute("DROP TABLE IF EXISTS w, b")
    connection.execute("CREATE TEMP TABLE w (lane int, work int4range)")
    connection.execute("CREATE TEMP TABLE b (lane int, busy int4range)")
    for table, rows in (("w", work), ("b", busy)):
        with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
            for lane, spans in rows.items():
                for start, end in spans:
                    copy.write_row((lane, f"[{start},{end})"))
    connection.execute("CREATE INDEX ON b (lane); ANALYZE w; ANALYZE b")


def run() -> dict[str, object]:
    """Measure every size in one run and print the table."""
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = embedded.ensure_running(Path(folder), durable=False)
        try:
            with psycopg.connect(server.owner_url(), autocommit=True) as connection:
                sizes = [measure(staff, days, connection) for staff, days in SIZES]
        finally:
            embedded.remove(Path(folder))
    for size in sizes:
        print(
            f"{size['staff']:>4} x {size['days']:<3} {size['starts']:>6} starts  {size['median_us']}  {size['ratios']}"
        )
    return {"seed": SEED, "sizes": sizes}
