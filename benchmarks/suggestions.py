"""What do suggestions, calendars, visits of several services, series and one booking's update cost?

The business is that of `benchmarks.slots`; visits take services of 30 + 10, 45 and 60 minutes, a client waits at most
a quarter of an hour between two. Beside them: the same with loops over the slots, answers compared.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import timedelta
from itertools import permutations
from typing import Any

import numpy as np

from benchmarks._timing import Gate, Timed, medians_us
from benchmarks._worlds import BASE, DURATION, FIRST, SEED, SERVICE, World, world
from solver.clock import DAY, moment, utc_day
from solver.lanes import Lane
from solver.listing import count_days, first_available, page
from solver.preferences import Part, Preferences, Wishes
from solver.recurring import SeriesQuery, find_series
from solver.slots import SlotQuery, Slots, find_slots
from solver.snapshot import Service
from solver.suggestions import rank, suggest, unusable_minutes
from solver.visits import Item, Staffing, VisitQuery, find_visits

SIZES = ((5, 7), (20, 31), (200, 31))
FIRST_PAGE = 20
WAIT = 15
VISITED = (SERVICE, Service("y", 45), Service("z", 60))
WISH = Preferences(wanted=BASE + timedelta(days=2, hours=10), client=Wishes(parts=frozenset([Part.MORNING])))


def query(of: World, service: str = "x") -> SlotQuery:
    """Return the question for the whole range."""
    return SlotQuery(service, BASE, BASE + timedelta(days=of.days))


def suggestions(of: World) -> dict[str, float]:
    """Return medians of what follows an answer, each on one that nobody has read yet."""
    answer: list[Slots] = []

    def found() -> None:
        answer[:] = [find_slots(of.snapshot, query(of), BASE)]

    def after(call: Callable[[Slots], object]) -> Timed:
        return Timed(lambda _: call(answer[0]), found)

    last = FIRST + timedelta(days=of.days - 1)
    methods = {
        "first page ranked": after(lambda slots: rank(slots, FIRST_PAGE)),
        "first page ranked, with wishes": after(lambda slots: rank(slots, FIRST_PAGE, WISH)),
        "best three": after(suggest),
        "all ranked": after(rank),
        "ranked by a loop": after(lambda slots: ranked_by_loop(slots, FIRST_PAGE)),
        "counted by day": after(lambda slots: count_days(slots, FIRST, last)),
        "second page by time": after(lambda slots: page(slots, FIRST_PAGE, page(slots, FIRST_PAGE).following)),
        "first available": Timed(lambda _: first_available(of.snapshot, query(of), BASE)),
    }
    found()
    best = rank(answer[0], FIRST_PAGE)
    ours = list(zip(best.slots.start.tolist(), best.slots.lane.tolist(), strict=True))
    if ours != ranked_by_loop(answer[0], FIRST_PAGE):
        raise AssertionError("the ranking by a loop differs")
    return medians_us(methods)


def ranked_by_loop(slots: Slots, limit: int) -> list[tuple[int, int]]:
    """Return start and lane of the best slots, scored one by one."""
    lost = unusable_minutes((DURATION + SERVICE.buffer_after,)).tolist()
    loads = [_minutes(lane.busy) / (_minutes(lane.work) or 1) for lane in slots.snapshot.lanes]
    columns = (slots.start, slots.lane, slots.gap_lo, slots.gap_hi, slots.claim_end)
    wanted, scored = int(slots.start[0]), []
    for start, lane, lo, hi, end in zip(*(column.tolist() for column in columns), strict=True):
        fragment = lost[min(start - lo, DAY)] + lost[min(max(hi - end, 0), DAY)]
        scored.append((fragment + 10.0 * loads[lane] + abs(start - wanted) * (1 / 60), start, lane))
    return [(start, lane) for _, start, lane in sorted(scored)[:limit]]


def _minutes(spans: np.ndarray[Any, np.dtype[np.int64]]) -> int:
    return int((spans[:, 1] - spans[:, 0]).sum())


def visits(of: World) -> dict[str, Any]:
    """Return medians of visits of two and three services, and how many starts they have."""
    asked = {
        "two services": (2, {}),
        "three, one staff member": (3, {"staffing": Staffing.SAME}),
        "three in any order": (3, {"any_order": True}),
    }
    ours: dict[str, Timed] = {}
    loops: dict[str, Timed] = {}
    starts = {}
    for name, (number, more) in asked.items():
        items = [Item(service.id) for service in VISITED[:number]]
        wanted = VisitQuery(items, BASE, BASE + timedelta(days=of.days), maximum_wait=WAIT, **more)  # type: ignore[arg-type]
        found = find_visits(of.snapshot, wanted, BASE).start.tolist()
        if found != visits_by_loop(of, wanted):
            raise AssertionError(f"visits by a loop differ: {name}")
        ours[name] = Timed(lambda _, wanted=wanted: find_visits(of.snapshot, wanted, BASE))  # type: ignore[misc]
        loops[name] = Timed(lambda _, wanted=wanted: visits_by_loop(of, wanted))  # type: ignore[misc]
        starts[name] = len(found)
    times, looped = medians_us(ours), medians_us(loops)
    return {name: {"starts": starts[name], "arrays": times[name], "loop": looped[name]} for name in times}


def visits_by_loop(of: World, wanted: VisitQuery) -> list[int]:
    """Return the starts of visits by trying each slot, then each that may follow, depth first."""
    far = wanted.end + timedelta(days=1)
    slots = [find_slots(of.snapshot, SlotQuery(i.service, wanted.start, far), BASE) for i in wanted.items]
    columns = [(s.start, s.lane, s.end, s.claim_start, s.claim_end) for s in slots]
    options = [list(zip(*(c.tolist() for c in column), strict=True)) for column in columns]
    same = wanted.staffing is Staffing.SAME

    def follows(order: tuple[int, ...], before: tuple[int, ...]) -> bool:
        if not order:
            return True
        following = options[order[0]]
        for i in range(bisect_left(following, (before[2],)), len(following)):
            option = following[i]
            if option[0] > before[2] + wanted.maximum_wait:
                return False
            clear = option[1] != before[1] or option[3] >= before[4]
            if clear and (not same or option[1] == before[1]) and follows(order[1:], option):
                return True
        return False

    numbers = tuple(range(len(options)))
    until = int(wanted.end.timestamp()) // 60
    orders = list(permutations(numbers)) if wanted.any_order else [numbers]
    starts = {o[0] for order in orders for o in options[order[0]] if o[0] < until and follows(order[1:], o)}
    return sorted(starts)


def updates(of: World) -> dict[str, float]:
    """Return medians of a series, of taking one booking in, and of the first query after it."""
    fresh = _booked_in_turn(of)
    changed = of.snapshot

    def book(_: int) -> None:
        nonlocal changed
        changed = next(fresh)

    first = BASE + timedelta(hours=10)
    return medians_us(
        {
            "weekly series of four": Timed(lambda _: find_series(of.snapshot, SeriesQuery("x", first, 4), BASE)),
            "one booking taken in": Timed(book),
            "first query after a booking": Timed(lambda _: find_slots(changed, query(of), BASE), lambda: book(0)),
        }
    )


def _booked_in_turn(of: World) -> Iterator[Any]:
    """Yield snapshots with one staff member's day changed, another each time."""
    find_slots(of.snapshot, query(of), BASE)
    find_slots(of.snapshot, query(of), BASE)
    rng = np.random.default_rng(SEED)
    while True:
        lane, day = int(rng.integers(len(of.busy))), int(rng.integers(of.days))
        start = utc_day(FIRST) + day * DAY
        claims = of.busy[lane][(of.busy[lane][:, 0] >= start) & (of.busy[lane][:, 0] < start + DAY)]
        yield of.snapshot.with_day(lane, moment(start).date(), claims[1:])


def bytes_an_appointment(of: World) -> float:
    """Return how many bytes of arrays the lanes hold for each appointment."""
    held = {id(array): array.nbytes for lane in of.snapshot.lanes for array in _arrays(lane)}
    return round(sum(held.values()) / max(of.appointments, 1), 1)


def _arrays(lane: Lane) -> list[np.ndarray[Any, Any]]:
    return [value for f in fields(lane) if isinstance(value := getattr(lane, f.name), np.ndarray)]


def measure(staff: int, days: int) -> dict[str, Any]:
    """Return every median of one size."""
    of, several = world(staff, days), world(staff, days, services=VISITED)
    return {
        "staff": staff,
        "days": days,
        "starts": len(find_slots(of.snapshot, query(of), BASE)),
        "median_us": suggestions(of) | updates(of),
        "visits": visits(several),
        "bytes_an_appointment": bytes_an_appointment(of),
    }


def gates(sizes: list[dict[str, Any]]) -> list[Gate]:
    """Return what must hold: ranking and visits by arrays against loops, within this run."""
    held = []
    for size in sizes:
        name, times, several = f"{size['staff']} x {size['days']}", size["median_us"], size["visits"]
        if size["staff"] >= 20:
            ratio = times["ranked by a loop"] / times["first page ranked"]
            held.append(Gate(f"loop / first page ranked at {name}", 10, round(ratio, 1)))
        if size["staff"] >= 200:
            for visit, measured in several.items():
                held.append(Gate(f"loop / {visit} at {name}", 2, round(measured["loop"] / measured["arrays"], 1)))
    return held


def run() -> dict[str, Any]:
    """Measure every size in one run and print the tables."""
    sizes = []
    for staff, days in SIZES:
        sizes.append(measure(staff, days))
        print(f"{staff:>4} x {days:<3} {sizes[-1]}", flush=True)
    return {"seed": SEED, "sizes": sizes, "gates": [gate.to_json() for gate in gates(sizes)]}
