"""How long does a slot query take, beside other ways to the same starts?

N staff in five zones, W days, 09:00-12:30 and 13:30-17:30, 8 appointments of 15 to 60 minutes a staff-day, a service
of 30 + 10 minutes, 15-minute starts, all staff; `now` and the query change at every call, the snapshot stands.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import psycopg

from benchmarks import _plots, _postgres
from benchmarks._methods import LANE, LIBRARIES, common_keys, plain_loop, raw_keys, raw_numpy
from benchmarks._timing import Gate, Timed, medians_us, server_clock
from benchmarks._worlds import BASE, SEED, World, moments, world
from solver.clock import moment
from solver.slots import SlotQuery, Slots, find_slots

SIZES = ((1, 1), (5, 7), (20, 31), (200, 31), (10_000, 31))
LIBRARIES_UP_TO = 200
"""Staff; beyond, one call of a library takes many seconds."""

ANY, SEEN, READ = "any duration", "seen before", "seen, columns read"
PLAIN, RAW = "plain loop", "raw numpy"
MULTIRANGES, READ_MODEL = "PostgreSQL multiranges", "PostgreSQL read model"


def ours(of: World) -> Callable[[int], Slots]:
    """Return a call of the finder; another `now` and another range each time."""

    def call(number: int) -> Slots:
        lo, hi = moments(number, of.days)
        now = BASE - timedelta(minutes=number % 59)
        return find_slots(of.snapshot, SlotQuery("x", moment(lo), moment(hi)), now)

    return call


def finder(of: World) -> dict[str, Timed]:
    """Return the finder where only the gap table is kept, and where a list of the shape's starts is."""
    find = ours(of)
    # Without its list a shape counts as never seen.
    return {ANY: Timed(find, of.snapshot.kept.lists.clear), SEEN: Timed(find, lambda: find(0))}


def columns(found: Slots) -> tuple[object, object]:
    """Read what a caller reads of an answer."""
    return found.lane, found.start


def timed(of: World, answer: Callable[[int, int], Any]) -> Callable[[int], object]:
    """Return a call of another method over the same ranges."""
    return lambda number: answer(*moments(number, of.days))


def measure(staff: int, days: int, connection: psycopg.Connection) -> dict[str, Any]:
    """Return medians and ratios for one size, after checking that all answers are equal."""
    of = world(staff, days)
    find = ours(of)
    found = find(7)
    keys = np.sort(found.lane * LANE + found.start)
    _postgres.load(connection, of, every_start(of))
    raw = raw_numpy(of)
    answers: dict[str, Callable[[int, int], Any]] = {
        PLAIN: plain_loop(of),
        RAW: lambda lo, hi: raw_keys(of, raw(lo, hi)),
        MULTIRANGES: _postgres.asked(connection, _postgres.MULTIRANGES),
        READ_MODEL: _postgres.asked(connection, _postgres.READ_MODEL),
    }
    if staff <= LIBRARIES_UP_TO:
        answers |= {name: prepare(of) for name, prepare in LIBRARIES.items()}
    for name, answer in answers.items():
        if not np.array_equal(common_keys(answer(*moments(7, days))), keys):
            raise AssertionError(f"{name} answers otherwise at {staff} x {days}")
    server = server_clock(connection.info.backend_pid)
    methods = {**finder(of), READ: Timed(lambda number: columns(find(number)), lambda: find(0))}
    for name, answer in {**answers, RAW: raw}.items():
        clock = server if name in (MULTIRANGES, READ_MODEL) else time.thread_time
        methods[name] = Timed(timed(of, answer), clock=clock)
    times = medians_us(methods)
    return {
        "staff": staff,
        "days": days,
        "appointments": of.appointments,
        "starts": len(keys),
        "median_us": times,
        "times_slower_than_any_duration": {name: round(t / times[ANY], 1) for name, t in times.items()},
    }


def every_start(of: World) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the keys of every start in the horizon: what a read model holds."""
    rest = timedelta(days=of.days + 2)
    now = BASE - timedelta(days=2)
    found = find_slots(of.snapshot, SlotQuery("x", BASE - timedelta(days=1), BASE + rest), now)
    return found.lane * LANE + found.start


def gates(sizes: list[dict[str, Any]]) -> list[Gate]:
    """Return what must hold: the arrays' advantage over a plain loop, within this run."""
    held = []
    for size in sizes:
        times, name = size["median_us"], f"{size['staff']} x {size['days']}"
        if size["staff"] >= 20:
            held.append(Gate(f"plain loop / raw numpy at {name}", 10, round(times[PLAIN] / times[RAW], 1)))
        if size["staff"] == 20:
            held.append(Gate(f"plain loop / gap table at {name}", 25, round(times[PLAIN] / times[ANY], 1)))
    return held


def grown() -> dict[str, Any]:
    """Measure growth in staff, days and appointments, and draw it."""
    panels = {
        "staff (31 days)": [((n, 31, 8), n) for n in (1, 5, 20, 50, 100, 200)],
        "days (20 staff)": [((20, n, 8), n) for n in (1, 2, 4, 7, 14, 31, 60)],
        "appointments a staff-day (20 x 31)": [((20, 31, n), n) for n in (0, 2, 4, 8, 12)],
    }
    drawn = {}
    for title, points in panels.items():
        times = [_grown(world(*size)) for size, _ in points]
        lines = {name: [t[name] for t in times] for name in times[0]}
        drawn[title] = ([n for _, n in points], lines)
    _plots.growth("slots-growth", drawn)
    return {title: {"sizes": sizes, "median_us": lines} for title, (sizes, lines) in drawn.items()}


def _grown(of: World) -> dict[str, float]:
    others = {RAW: raw_numpy(of), PLAIN: plain_loop(of)}
    return medians_us({**finder(of), **{name: Timed(timed(of, answer)) for name, answer in others.items()}})


def run() -> dict[str, Any]:
    """Measure every size in one run, print the table and check the gates."""
    with _postgres.connected() as connection:
        sizes = []
        for staff, days in SIZES:
            sizes.append(measure(staff, days, connection))
            print(f"{staff:>6} x {days:<3} {sizes[-1]['starts']:>7} starts  {sizes[-1]['median_us']}", flush=True)
    return {"seed": SEED, "sizes": sizes, "growth": grown(), "gates": [gate.to_json() for gate in gates(sizes)]}
