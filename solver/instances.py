"""Frozen benchmark instances of rebalancing and placement, read from files or generated.

The published kind: `staff` lanes, `days` of `slots_per_day` ticks, skills, availability, booked appointments, and a
waitlist with windows, priorities and eligible staff. Placing maximises the sum of `200 * priority - (day *
slots_per_day + start)`; rebalancing may move a booked one by 6 ticks on its day, to any staff member with its skill,
at 40 for a changed start, 5 a tick and 60 for a changed staff member.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.columns import Columns, Entry, Int
from solver.errors import InvalidProblem
from solver.objective import Policy, Term
from solver.problem import Problem

FURTHEST_MOVE = 6  # ticks
POINTS = Policy(
    "published",
    {Term.WAITLIST: 200, Term.EARLINESS: 1, Term.MOVES: 40, Term.MINUTES_MOVED: 5, Term.STAFF_CHANGED: 60},
)
"""The published objective; times are ticks, so a minute moved is a tick."""


@dataclass(frozen=True, slots=True)
class Booked:
    """A booked appointment: where it is, how long it takes, what it needs."""

    staff: int
    day: int
    start: int
    duration: int
    skill: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A waitlist entry: `windows` of (day, start, end) ticks."""

    duration: int
    skill: int
    windows: tuple[tuple[int, int, int], ...]
    priority: int
    staff: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One instance.

    Attributes
    ----------
    skills : bool, shape (staff, skills)
    available : bool, shape (staff, days, slots_per_day)
    """

    skills: NDArray[np.bool_]
    available: NDArray[np.bool_]
    booked: tuple[Booked, ...]
    waiting: tuple[Waiting, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Staff, days and ticks a day."""
        staff, days, ticks = self.available.shape
        return staff, days, ticks


def read_instance(path: Path) -> Instance:
    """Read one of the published files, gzipped or not.

    Raises
    ------
    InvalidProblem
        A field is missing.
    """
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    fields = json.loads(text)
    try:
        return _instance(fields)
    except KeyError as missing:
        raise InvalidProblem(f"{path.name}: there is no field {missing}") from missing


def _instance(fields: Mapping[str, Any]) -> Instance:
    available = np.array([[[c == "1" for c in day] for day in days] for days in fields["availability"]], bool)
    return Instance(
        np.array(fields["skills"], bool),
        available,
        tuple(Booked(**booked) for booked in fields["appointments"]),
        tuple(
            Waiting(w["duration"], w["skill"], tuple(map(tuple, w["windows"])), w["priority"], tuple(w["staff"]))
            for w in fields["waitlist"]
        ),
    )


def write_instance(instance: Instance, path: Path) -> None:
    """Write an instance in the published format, gzipped where the name ends in `.gz`; the same bytes every time."""
    fields = {
        "staff": instance.shape[0],
        "days": instance.shape[1],
        "slots_per_day": instance.shape[2],
        "skills": instance.skills.astype(int).tolist(),
        "availability": [["".join("01"[int(c)] for c in day) for day in days] for days in instance.available],
        "appointments": [asdict(booked) for booked in instance.booked],
        "waitlist": [asdict(waiting) for waiting in instance.waiting],
    }
    text = json.dumps(fields).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


DURATIONS = (1, 2, 3, 4)
BOOKED_DURATIONS = (0.29, 0.42, 0.16, 0.13)
WAITING_DURATIONS = (0.18, 0.42, 0.18, 0.22)
PRIORITIES = (1, 2, 3, 5, 8)
PRIORITY_SHARES = (0.29, 0.27, 0.21, 0.14, 0.09)


def generate(seed: int, *, staff: int = 10, days: int = 1, load: float = 8.0, waiting: float = 6.0) -> Instance:
    """An instance of the published kind: about `load` booked and `waiting` entries a staff member and day.

    Four skills, two or three a staff member; shifts of 6 to 8 hours of four ticks with half an hour's break at
    midday; the shares of durations and priorities are the published instances'. One in three who wait accepts half
    of the staff alone.

    Raises
    ------
    InvalidProblem
        No staff, no days, or a negative load.
    """
    if staff < 1 or days < 1 or load < 0 or waiting < 0:
        raise InvalidProblem("an instance has staff and days, and no negative load")
    rng = np.random.default_rng(seed)
    skills = rng.random((staff, 4)) < 0.5
    skills[np.arange(staff), rng.integers(0, 4, staff)] = True
    skills[rng.integers(0, staff, 4), np.arange(4)] = True
    available = np.zeros((staff, days, 32), bool)
    for lane in range(staff):
        for day in range(days):
            opens, closes = rng.choice([0, 4], p=[0.7, 0.3]), rng.choice([28, 32], p=[0.3, 0.7])
            available[lane, day, opens:closes] = True
            rest = int(rng.integers(14, 18))
            available[lane, day, rest : rest + 2] = False
    booked = _book(rng, skills, available, round(load * staff * days))
    entries = tuple(_wait(rng, skills, days) for _ in range(round(waiting * staff * days)))
    return Instance(skills, available, booked, entries)


def _book(
    rng: np.random.Generator, skills: NDArray[np.bool_], available: NDArray[np.bool_], count: int
) -> tuple[Booked, ...]:
    free, found = available.copy(), list[Booked]()
    for _ in range(20 * count):
        if len(found) == count:
            break
        lane, day = int(rng.integers(free.shape[0])), int(rng.integers(free.shape[1]))
        duration, start = int(rng.choice(DURATIONS, p=BOOKED_DURATIONS)), int(rng.integers(32))
        cells = slice(start, start + duration)
        if start + duration <= 32 and free[lane, day, cells].all():
            free[lane, day, cells] = False
            found.append(Booked(lane, day, start, duration, int(rng.choice(np.flatnonzero(skills[lane])))))
    return tuple(found)


def _wait(rng: np.random.Generator, skills: NDArray[np.bool_], days: int) -> Waiting:
    duration, skill = int(rng.choice(DURATIONS, p=WAITING_DURATIONS)), int(rng.integers(4))
    windows = []
    for day in np.sort(rng.choice(days, min(days, int(rng.integers(1, 4))), replace=False)).tolist():
        start = int(rng.integers(0, 24))
        windows.append((day, start, min(32, start + int(rng.integers(8, 32)))))
    able = np.flatnonzero(skills[:, skill])
    if rng.random() < 1 / 3:
        able = np.sort(rng.choice(able, (len(able) + 1) // 2, replace=False))
    priority = int(rng.choice(PRIORITIES, p=PRIORITY_SHARES))
    return Waiting(duration, skill, tuple(windows), priority, tuple(able.tolist()))


def placing(instance: Instance) -> Problem:
    """The problem of placing the waitlist, everybody booked fixed."""
    free = instance.available.copy()
    for b in instance.booked:
        free[b.staff, b.day, b.start : b.start + b.duration] = False
    return _problem(_waiting_places(instance, _runs(free)))


def rebalancing(instance: Instance) -> Problem:
    """The problem of moving who is booked and placing who waits."""
    runs = _runs(instance.available)
    return _problem([*_booked_places(instance, runs), *_waiting_places(instance, runs)])


Place = tuple[Entry, Int, Int, int, dict[str, Int]]
"""An entry, the staff and start of its columns, its duration, and their units."""


def _runs(free: NDArray[np.bool_]) -> Int:
    """Free ticks from each tick on, int64 of shape (staff, days, slots_per_day)."""
    runs = np.zeros(free.shape, np.int64)
    runs[..., -1] = free[..., -1]
    for tick in range(free.shape[-1] - 2, -1, -1):
        runs[..., tick] = np.where(free[..., tick], runs[..., tick + 1] + 1, 0)
    return runs


def _booked_places(instance: Instance, runs: Int) -> list[Place]:
    found, ticks = [], runs.shape[-1]
    for number, b in enumerate(instance.booked):
        able = np.flatnonzero(instance.skills[:, b.skill])
        first = max(0, b.start - FURTHEST_MOVE)
        fits = runs[able, b.day, first : b.start + FURTHEST_MOVE + 1] >= b.duration
        row, tick = np.nonzero(fits)
        lane, moved = able[row], np.abs(tick + first - b.start)
        units = {
            str(Term.MOVES): (moved > 0).astype(np.int64),
            str(Term.MINUTES_MOVED): moved,
            str(Term.STAFF_CHANGED): (lane != b.staff).astype(np.int64),
        }
        entry = Entry(number, required=True, place=(b.staff, b.day * ticks + b.start))
        found.append((entry, lane, b.day * ticks + first + tick, b.duration, units))
    return found


def _waiting_places(instance: Instance, runs: Int) -> list[Place]:
    found, ticks = [], runs.shape[-1]
    for number, w in enumerate(instance.waiting, start=len(instance.booked)):
        able = np.array(w.staff, np.int64)
        wished = np.zeros(runs.shape[1:], bool)
        for day, opens, closes in w.windows:
            wished[day, opens : max(opens, closes - w.duration + 1)] = True
        row, on, tick = np.nonzero((runs[able] >= w.duration) & wished)
        start = on * ticks + tick
        units = {str(Term.WAITLIST): np.full(len(start), w.priority), str(Term.EARLINESS): start}
        found.append((Entry(number, priority=w.priority), able[row], start, w.duration, units))
    return found


def _problem(places: Sequence[Place]) -> Problem:
    count = [len(start) for _, _, start, _, _ in places]
    lane, start = (np.concatenate([place[i] for place in places]) for i in (1, 2))
    end = start + np.repeat([place[3] for place in places], count)
    columns = Columns.of(np.repeat(np.arange(len(places)), count), lane, start, end, start, end)
    terms = {
        str(name): np.concatenate([p[4].get(str(name), np.zeros(len(p[2]), np.int64)) for p in places])
        for name in POINTS.weights
    }
    return Problem.from_columns([place[0] for place in places], columns, terms=terms, policy=POINTS)
