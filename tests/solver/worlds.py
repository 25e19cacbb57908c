"""Small seeded problems, and the best plan of one by trying everything."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from solver.columns import Claims, Columns, Entry, Intervals
from solver.objective import Policy
from solver.problem import Problem

POLICY = Policy("test", {"waitlist": 200, "earliness": 1, "moves": 40, "minutes_moved": 1, "staff_changed": 60})


def problem(rows, entries=None, **more):
    """A problem from (entry, lane, start, end, value) rows; entries default to those named, optional."""
    entries = entries or [Entry(i) for i in sorted({row[0] for row in rows})]
    index = {entry.id: i for i, entry in enumerate(entries)}
    entry, lane, start, end, value = (list(c) for c in zip(*rows, strict=True)) if rows else ([],) * 5
    columns = Columns.of([index[e] for e in entry], lane, start, end, start, end)
    return Problem.from_columns(entries, columns, terms={"value": value}, **more)


def random_world(seed, *, waiting=6, lanes=3, ticks=12, booked=0):
    """Entries with starts on a few lanes of one day, some booked and movable; integer terms."""
    rng = np.random.default_rng(seed)
    entries, rows, terms = [], [], {name: [] for name in POLICY.weights}
    taken = np.zeros((lanes, ticks), bool)
    for number in range(booked + waiting):
        duration = int(rng.integers(1, 4))
        place = _place(rng, taken, duration) if number < booked else None
        if number < booked and place is None:
            continue
        priority = int(rng.integers(1, 5))
        entry = Entry(number, priority=priority, required=place is not None, place=place)
        entries.append(entry)
        for lane in np.flatnonzero(rng.random(lanes) < 0.7):
            for start in range(ticks - duration + 1):
                if (place is None and rng.random() < 0.6) or (place and abs(start - place[1]) <= 2):
                    _add(rows, terms, len(entries) - 1, entry, (int(lane), start), duration)
        if place and place not in {(r[1], r[2]) for r in rows if r[0] == len(entries) - 1}:
            _add(rows, terms, len(entries) - 1, entry, place, duration)
    return entries, rows, terms


def _place(rng, taken, duration):
    free = [
        (lane, t)
        for lane, row in enumerate(taken)
        for t in range(len(row) - duration + 1)
        if not row[t : t + duration].any()
    ]
    if not free:
        return None
    lane, start = free[int(rng.integers(len(free)))]
    taken[lane, start : start + duration] = True
    return lane, start


def _add(rows, terms, index, entry, place, duration):
    lane, start = place
    rows.append((index, lane, start, start + duration, start, start + duration))
    units = dict.fromkeys(terms, 0)
    if entry.place is None:
        units |= {"waitlist": entry.priority, "earliness": start}
    else:
        shift = abs(start - entry.place[1])
        units |= {
            "moves": int(shift > 0),
            "minutes_moved": shift,
            "staff_changed": int(lane != entry.place[0]),
        }
    for name, value in units.items():
        terms[name].append(value)


def build(entries, rows, terms, **more):
    """The problem of a random world."""
    columns = Columns.of(*zip(*rows, strict=True)) if rows else Columns.of([], [], [], [], [], [])
    return Problem.from_columns(entries, columns, terms=terms, **{"policy": POLICY, **more})


def plans(world: Problem) -> Iterator[list[int]]:
    """Every lawful choice of columns, by trying all of them; reads no clique and no row."""
    edge = np.searchsorted(world.columns.entry, np.arange(len(world) + 1))

    def extend(entry, chosen):
        if entry == len(world):
            yield chosen
            return
        if not world.entries[entry].required:
            yield from extend(entry + 1, chosen)
        for column in range(edge[entry], edge[entry + 1]):
            if fits(world, [*chosen, column]):
                yield from extend(entry + 1, [*chosen, column])

    yield from extend(0, [])


def fits(world, chosen):
    """No lane holds more than its seats at any minute, no limit is passed."""
    c, load = world.claims, {}
    for row in np.flatnonzero(np.isin(c.column, chosen)):
        for minute in range(c.start[row], c.end[row]):
            key = int(c.lane[row]), minute
            load[key] = load.get(key, 0) + 1
            if load[key] > world.capacity.get(key[0], 1):
                return False
    limits = world.limits
    used = np.bincount(limits.row[np.isin(limits.column, chosen)], minlength=len(limits.limit))
    return bool(np.all(used <= limits.limit))


def best(world):
    """Worth of the best plan, or None where there is none."""
    return max((worth(world, chosen) for chosen in plans(world)), default=None)


def worth(world, chosen):
    """Points of a plan, fragments and fairness measured minute by minute."""
    total = int(world.value[chosen].sum())
    total += world.policy.weight("fragments") * idle_minutes(world, chosen) if world.sellable else 0
    load = {}
    for column in chosen:
        lane = int(world.columns.lane[column])
        load[lane] = load.get(lane, 0) + int(world.columns.end[column] - world.columns.start[column])
    beyond = sum(max(0, load.get(lane, 0) - share) for lane, share in world.even_share.items())
    return total + world.policy.weight("fairness") * beyond


def idle_minutes(world, chosen):
    """Minutes of every run of idle working minutes that is shorter than the shortest thing sold."""
    busy = set()
    taken = np.isin(world.claims.column, chosen)
    spans = [world.claims.lane[taken], world.claims.start[taken], world.claims.end[taken]]
    fixed = [world.fixed.lane, world.fixed.start, world.fixed.end] if world.fixed is not None else [[], [], []]
    for lane, start, end in [*zip(*spans, strict=True), *zip(*fixed, strict=True)]:
        busy.update((int(lane), minute) for minute in range(start, end))
    idle = 0
    for lane, opens, closes in zip(world.hours.lane, world.hours.start, world.hours.end, strict=True):
        run = 0
        for minute in range(opens, closes + 1):
            if minute < closes and (int(lane), minute) not in busy:
                run += 1
            else:
                idle += run if run < world.sellable else 0
                run = 0
    return idle


__all__ = [
    "POLICY",
    "Claims",
    "Intervals",
    "best",
    "build",
    "fits",
    "plans",
    "problem",
    "random_world",
    "replace",
]
