"""Frozen benchmark instances: rebalancing and placement, and rosters of fixed jobs; read from files or generated.

The published kind: `staff` lanes, `days` of `slots_per_day` ticks, skills, availability, booked appointments, and a
waitlist with windows, priorities and eligible staff. Placing maximises the sum of `200 * priority - (day *
slots_per_day + start)`; rebalancing may move a booked one by 6 ticks on its day, to any staff member with its skill,
at 40 for a changed start, 5 a tick and 60 for a changed staff member.
"""

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
FEWEST_STAFF = Policy("fewest staff", {Term.STAFF_USED: 1})


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


def generate(seed: int, *, staff: int = 10, days: int = 1, load: float = 8.0, waiting: float = 6.0) -> Instance:
    """An instance of the published kind: about `load` booked and `waiting` entries a staff member and day.

    Shifts of 8, 7 or 6 hours of four ticks with a break at midday, four skills, durations of one to four ticks.
    """
    rng = np.random.default_rng(seed)
    skills = rng.random((staff, 4)) < 0.6
    skills[np.arange(staff), rng.integers(0, 4, staff)] = True
    skills[rng.integers(0, staff, 4), np.arange(4)] = True
    available = np.zeros((staff, days, 32), bool)
    for lane in range(staff):
        for day in range(days):
            available[lane, day, rng.choice([0, 4]) : rng.choice([28, 32])] = True
            rest = int(rng.integers(13, 17))
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
        duration, start = int(rng.integers(1, 5)), int(rng.integers(32))
        cells = slice(start, start + duration)
        if start + duration <= 32 and free[lane, day, cells].all():
            free[lane, day, cells] = False
            found.append(Booked(lane, day, start, duration, int(rng.choice(np.flatnonzero(skills[lane])))))
    return tuple(found)


def _wait(rng: np.random.Generator, skills: NDArray[np.bool_], days: int) -> Waiting:
    duration, skill = int(rng.integers(1, 5)), int(rng.integers(4))
    windows = []
    for day in np.sort(rng.choice(days, min(days, int(rng.integers(1, 4))), replace=False)).tolist():
        start = int(rng.integers(0, 24))
        windows.append((day, start, min(32, start + int(rng.integers(8, 17)))))
    able = tuple(int(i) for i in np.flatnonzero(skills[:, skill]))
    return Waiting(duration, skill, tuple(windows), int(rng.integers(1, 11)), able)


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


def read_roster(path: Path) -> Problem:
    """A roster of fixed jobs in the format of Krishnamoorthy, Ernst and Baatar (2012): the fewest staff for all jobs.

    Raises
    ------
    InvalidProblem
        The file does not hold the jobs or qualifications that it announces.
    """
    lines = path.read_text().splitlines()
    try:
        head = next(i for i, line in enumerate(lines) if line.startswith("Jobs"))
        jobs = int(lines[head].split("=")[1])
        times = np.array([line.split() for line in lines[head + 1 : head + 1 + jobs]], np.int64).reshape(jobs, 2)
        foot = head + 1 + jobs
        found = re.search(r"=\s*(\d+)", lines[foot])
        able = [line.split(":")[1].split() for line in lines[foot + 1 : foot + 1 + int(found[1] if found else 0)]]
    except (StopIteration, IndexError, ValueError) as error:
        raise InvalidProblem(f"{path.name}: not a roster") from error
    return roster(times, [[int(job) for job in line] for line in able])


def roster(times: Int, able: Sequence[Sequence[int]]) -> Problem:
    """The fewest staff for jobs of fixed times.

    Parameters
    ----------
    times : int64, shape (jobs, 2)
        Start and end of each job.
    able : sequence of job numbers for each staff member
    """
    entry = np.array([job for jobs in able for job in jobs], np.int64)
    lane = np.repeat(np.arange(len(able)), [len(jobs) for jobs in able])
    start, end = times[entry, 0], times[entry, 1]
    entries = [Entry(i, required=True) for i in range(len(times))]
    return Problem.from_columns(entries, Columns.of(entry, lane, start, end, start, end), terms={}, policy=FEWEST_STAFF)


def generate_roster(seed: int, *, staff: int = 30, jobs: int = 150, skill: float = 0.5) -> Problem:
    """A roster of the published kind: full shifts cut into jobs, so that every one of the staff is about needed."""
    rng = np.random.default_rng(seed)
    times: list[tuple[int, int]] = []
    owner: list[int] = []
    for lane in range(staff):
        cuts = np.sort(rng.choice(np.arange(1, 96), max(1, jobs // staff - 1), replace=False)) * 15
        for start, end in zip([0, *cuts.tolist()], [*cuts.tolist(), 1440], strict=True):
            times.append((start, end - int(rng.integers(0, min(60, end - start)))))
            owner.append(lane)
    could = rng.random((staff, len(times))) < skill
    could[owner, np.arange(len(times))] = True
    return roster(np.array(times, np.int64), [np.flatnonzero(row).tolist() for row in could])
