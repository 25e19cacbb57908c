"""How good are the optimiser's plans, how close to the best possible, and how fast?

    python -m benchmarks optimiser                      # the tables and pictures of benchmarks/README.md
    python -m benchmarks.optimiser day_s0/rebalance     # one instance, every way, one run
    python -m benchmarks.optimiser --way interlock --seeds 5 --wall 60 week_s0/rebalance

Each way solves each instance in a process of its own, with imports warmed up, so that peak memory is its own. Times are
of the process's CPU, since machines are shared; wall time stands beside them in the results.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks._cases import PUBLISHED, cases, is_twin
from benchmarks._growth import growth
from benchmarks._pictures import draw_growth, draw_ways
from benchmarks._rivals import WAYS, highs_within, within
from solver.answer import Effort
from solver.checker import require
from solver.instances import generate, rebalancing
from solver.model import cp_model_proto
from solver.program import program_of
from solver.result import Result
from solver.shape import with_auxiliaries
from solver.solve import solve

SEEDS = 3
WALL = 60.0
COMPARED_WALL = 30.0
SHARE = 0.01
COMPARED = (
    "day_s0/place",
    "day_s0/rebalance",
    "day_s1/rebalance",
    "day_s2/rebalance",
    "week_s0/rebalance",
    "large_s0/rebalance",
)
LONE = (*(f"day_g{seed}/rebalance" for seed in range(6)), "week_g0/rebalance", "large_g0/rebalance")
ROSTERS = tuple(f"smptsp_{number}" for number in (1, 10, 20, 33, 50, 80, 137))
STRETCHED = 2.0
"""Of the wall limit, for the widest instances, where two cores are shared by many."""


def phases(name: str, seed: int, wall: float) -> dict[str, Any]:
    """Solve one instance as the product does, each phase apart, and check the plan."""
    clock = [time.process_time()]
    problem = cases()[name]()
    clock.append(time.process_time())
    cp_model_proto(with_auxiliaries(problem, program_of(problem)))
    clock.append(time.process_time())
    result = solve(problem, Effort(seed=seed, wall=wall))
    clock.append(time.process_time())
    require(problem, result)
    clock.append(time.process_time())
    names = ("columns", "build", "solve", "check")
    spent = {phase: round(after - before, 4) for phase, before, after in zip(names, clock, clock[1:], strict=False)}
    spent["extract"] = round(result.seconds["extract"], 4)
    return {"columns": len(problem.columns), "entries": len(problem), "cpu": spent, **_figures(result)}


def _figures(result: Result) -> dict[str, Any]:
    return {
        "status": str(result.status),
        "objective": result.objective,
        "bound": result.bound,
        "gap": round(result.gap, 6),
        "moves": len(result.moves),
    }


def one(name: str, way: str, seed: int, wall: float) -> dict[str, Any]:
    """Solve one instance in one way; run in a process of its own."""
    solve(rebalancing(generate(1, staff=2, load=3, waiting=3)))  # warms up imports
    if way == "phases":
        figures = phases(name, seed, wall)
    else:
        problem, before = cases()[name](), (time.process_time(), time.perf_counter())
        trace = WAYS[way](problem, wall, seed)
        figures = {
            "columns": len(problem.columns),
            "objective": trace.objective,
            "bound": trace.bound,
            "cpu": round(time.process_time() - before[0], 3),
            "wall": round(time.perf_counter() - before[1], 3),
            "within_1_percent": within(trace, SHARE),
            "steps": [(round(at, 3), objective, bound) for at, objective, bound in trace.steps],
        }
        if way == "highs":
            figures["within_1_percent"] = highs_within(problem, wall, seed, SHARE)
    figures["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"instance": name, "way": way, "seed": seed, "twin": is_twin(name), **figures}


def apart(name: str, way: str, seed: int = 0, wall: float = WALL) -> dict[str, Any]:
    """Run `one` in a process of its own and print its line."""
    command = [sys.executable, "-m", "benchmarks.optimiser", "--child", "--way", way, "--wall", str(wall)]
    done = subprocess.run([*command, "--seed", str(seed), name], capture_output=True, text=True, check=True)  # noqa: S603 - ourselves
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(line(figures), flush=True)
    return figures


def line(figures: dict[str, Any]) -> str:
    """Return one row of the table."""
    objective, bound = figures["objective"], figures["bound"]
    gap = "-" if objective is None else f"{100 * (bound - objective) / max(1, abs(objective)):.3f} %"
    cpu = figures["cpu"] if isinstance(figures["cpu"], float) else sum(figures["cpu"].values())
    soon = figures.get("within_1_percent")
    return (
        f"{figures['instance']:20} {figures['way']:10} {figures['columns']:>8,} {objective!s:>9} {bound:>9} {gap:>10}"
        f" {cpu:>8.2f} s cpu {figures['peak_mib']:>6} MiB  1 % after {'-' if soon is None else f'{soon:.2f} s'}"
    )


def build(columns: int = 10_000, repeats: int = 15) -> dict[str, Any]:
    """Median CPU milliseconds from a problem's arrays to the solver's protocol buffer, scaled to `columns`."""
    problem = rebalancing(generate(3))
    spent = []
    for _ in range(repeats):
        since = time.process_time()
        cp_model_proto(with_auxiliaries(problem, program_of(problem)))
        spent.append(time.process_time() - since)
    each = statistics.median(spent) / len(problem.columns)
    return {"measured": len(problem.columns), "columns": columns, "milliseconds": round(1000 * each * columns, 2)}


def day_seeds(names: Sequence[str], seeds: int) -> dict[str, Any]:
    """Seconds to a proof of each rebalanced day over several seeds."""
    rows = [apart(name, "phases", seed) for name in names for seed in range(seeds)]
    spent = [sum(row["cpu"].values()) for row in rows]
    proven = sum(row["status"] == "optimal" for row in rows)
    return {
        "proven": f"{proven} of {len(rows)}",
        "median": round(statistics.median(spent), 2),
        "worst": round(max(spent), 2),
        "rows": rows,
    }


def run() -> dict[str, object]:
    """Measure everything in one run, draw the pictures."""
    compared = [apart(name, way, wall=COMPARED_WALL) for name in COMPARED for way in WAYS]
    draw_ways([row for row in compared if row["instance"] == "day_s0/rebalance"], "optimiser-ways.png")
    named = [f"{name}/{kind}" for name in PUBLISHED for kind in ("place", "rebalance")]
    phased = [apart(name, "phases", wall=STRETCHED * WALL) for name in named]
    days = day_seeds([f"day_s{i}/rebalance" for i in range(3)], SEEDS)
    more = day_seeds(LONE[:6], 1)
    for which, found in (("published", days), ("generated", more)):
        print(f"{which} days: {found['proven']} proven, median {found['median']} s, worst {found['worst']} s of CPU")
    others = [apart(name, "phases") for name in LONE[6:] + ROSTERS]
    grown = growth()
    draw_growth(grown, "optimiser-growth.png")
    built = build()
    print(f"build of {built['columns']:,} columns: {built['milliseconds']} ms")
    return {
        "wall": {"compared": COMPARED_WALL, "phases": STRETCHED * WALL, "others": WALL},
        "compared": compared,
        "phases": phased,
        "days": days,
        "generated_days": more,
        "others": others,
        "growth": grown,
        "build": built,
    }


def main() -> None:
    """Measure the instances named on the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.optimiser", description=__doc__.splitlines()[0])
    parser.add_argument("instances", nargs="+", metavar="INSTANCE", choices=sorted(cases()))
    parser.add_argument("--way", choices=["phases", *WAYS], help="one way only")
    parser.add_argument("--wall", type=float, default=WALL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    for name in given.instances:
        if given.child:
            print(json.dumps(one(name, given.way, given.seed, given.wall)))
            continue
        for way in [given.way] if given.way else WAYS:
            for seed in range(given.seed, given.seed + given.seeds):
                apart(name, way, seed, given.wall)


if __name__ == "__main__":
    main()
