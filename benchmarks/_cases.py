"""The registry of optimiser instances: published ones where they are at hand, generated ones by seed."""

import os
import tarfile
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.generate import SIZES
from solver.instances import Instance, generate, placing, read_instance, rebalancing
from solver.problem import Problem
from solver.rosters import generate_roster, read_roster

SHARED = Path(os.environ.get("INTERLOCK_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
PUBLISHED = ("day_s0", "day_s1", "day_s2", "week_s0", "large_s0")
GENERATED = (*(f"day_g{seed}" for seed in range(6)), "week_g0", "large_g0")
KINDS: dict[str, Callable[[Instance], Problem]] = {"place": placing, "rebalance": rebalancing}
ROSTERS = {1: (23, 40), 10: (51, 111), 20: (99, 163), 33: (76, 240), 50: (187, 447), 66: (348, 600)} | {
    80: (112, 691),
    100: (194, 956),
    120: (228, 1341),
    137: (245, 2105),
}
"""Number of the published roster, its staff and jobs."""


def cases() -> dict[str, Callable[[], Problem]]:
    """Return every instance by name, each to be made when it is wanted."""
    found: dict[str, Callable[[], Problem]] = {}
    for name in PUBLISHED + GENERATED:
        for kind in KINDS:
            found[f"{name}/{kind}"] = partial(_problem, name, kind)
    return found | {f"smptsp_{number}": partial(_roster, number) for number in ROSTERS}


def is_twin(name: str) -> bool:
    """Say whether a published instance is not at hand, so that a generated one of its size stands in."""
    if name.startswith("smptsp"):
        return not (SHARED / "smptsp.tar.gz").exists()
    size = name.partition("/")[0]
    return size in PUBLISHED and not (SHARED / "rebalance" / f"{size}.json.gz").exists()


def instance(name: str) -> Instance:
    """Read or generate an instance: `day_s0` is published, `day_g0` generated."""
    path = SHARED / "rebalance" / f"{name}.json.gz"
    if path.exists():
        return read_instance(path)
    size, number = name.split("_")
    staff, days, load, waiting = SIZES[size]
    return generate(int(number[1:]), staff=staff, days=days, load=load, waiting=waiting)


def _problem(name: str, kind: str) -> Problem:
    return KINDS[kind](instance(name))


def _roster(number: int) -> Problem:
    staff, jobs = ROSTERS[number]
    archive = SHARED / "smptsp.tar.gz"
    if not archive.exists():
        return generate_roster(number, staff=staff, jobs=jobs)
    with tarfile.open(archive) as files, tempfile.TemporaryDirectory() as folder:
        (member,) = [m for m in files.getmembers() if Path(m.name).name.startswith(f"data_{number}_")]
        files.extract(member, folder, filter="data")
        return read_roster(Path(folder) / member.name)
