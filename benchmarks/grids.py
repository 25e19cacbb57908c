"""Where do optional intervals beat columns? The same small books on finer and finer grids of starts.

    python -m benchmarks grids

One-day books of the published kind, every tick of 15 minutes cut into 1, 3 or 15, so that a booking may move by up to
90 minutes in steps of 15, 5 or 1, and a waiting client may start at any of them.
"""

import time
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks._rivals import WAYS
from solver import instances
from solver.instances import Booked, Instance, Waiting, generate, rebalancing
from solver.solve import solve

SIZES = ((1, 15), (1, 5), (1, 1), (3, 15), (3, 5), (3, 1))
"""Staff, and minutes between starts."""
WALL = 20.0


def finer(instance: Instance, times: int) -> Instance:
    """Return the instance with every tick cut into some."""
    booked = tuple(Booked(b.staff, b.day, b.start * times, b.duration * times, b.skill) for b in instance.booked)
    waiting = tuple(_finer(w, times) for w in instance.waiting)
    return Instance(instance.skills, np.repeat(instance.available, times, axis=2), booked, waiting)


def _finer(w: Waiting, times: int) -> Waiting:
    windows = tuple((day, opens * times, closes * times) for day, opens, closes in w.windows)
    return replace(w, duration=w.duration * times, windows=windows)


def measure(staff: int, minutes: int) -> dict[str, Any]:
    """Solve one book both ways."""
    times = 15 // minutes
    before, instances.FURTHEST_MOVE = instances.FURTHEST_MOVE, 6 * times
    try:
        problem = rebalancing(finer(generate(1, staff=staff), times))
    finally:
        instances.FURTHEST_MOVE = before
    row: dict[str, Any] = {"staff": staff, "minutes": minutes, "columns": len(problem.columns)}
    for way in ("interlock", "intervals"):
        since = time.process_time()
        trace = WAYS[way](problem, WALL, 0)
        row[way] = {
            "objective": trace.objective,
            "bound": trace.bound,
            "cpu": round(time.process_time() - since, 2),
        }
    print(row, flush=True)
    return row


def run() -> dict[str, object]:
    """Measure every size."""
    solve(rebalancing(generate(1, staff=2, load=3, waiting=3)))  # warms up imports
    return {"wall": WALL, "sizes": [measure(staff, minutes) for staff, minutes in SIZES]}
