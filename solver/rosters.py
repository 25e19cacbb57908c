"""Rosters of fixed jobs: the fewest staff that can do them all; read from files or generated."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from solver.columns import Columns, Entry, Int
from solver.errors import InvalidProblem
from solver.objective import Policy, Term
from solver.problem import Problem

FEWEST_STAFF = Policy("fewest staff", {Term.STAFF_USED: 1})


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
