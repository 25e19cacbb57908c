"""How does the effort grow with staff, days and load?"""

import time
from typing import Any

from solver.answer import Effort
from solver.checker import require
from solver.instances import generate, rebalancing
from solver.solve import solve

BASE: dict[str, float] = {"staff": 10, "days": 1, "load": 8.0, "waiting": 6.0}
STEPS: dict[str, tuple[float, ...]] = {
    "staff": (2, 5, 10, 20, 40),
    "days": (1, 2, 3, 5),
    "load": (2, 4, 6, 8, 10),
    "waiting": (1, 2, 4, 6, 10),
}
WALL = 12.0


def growth(wall: float = WALL) -> list[dict[str, Any]]:
    """Rebalance generated instances, one size varied at a time, at most `wall` seconds each."""
    solve(rebalancing(generate(1, staff=2, load=3, waiting=3)))  # warms up imports
    rows = []
    for by, sizes in STEPS.items():
        for size in sizes:
            rows.append(_measure(by, size, wall))
            print(rows[-1], flush=True)
    return rows


def _measure(by: str, size: float, wall: float) -> dict[str, Any]:
    sizes = {**BASE, by: size}
    problem = rebalancing(
        generate(1, staff=int(sizes["staff"]), days=int(sizes["days"]), load=sizes["load"], waiting=sizes["waiting"])
    )
    since = time.process_time()
    result = solve(problem, Effort(wall=wall))
    spent = time.process_time() - since
    require(problem, result)
    return {
        "by": by,
        "size": size,
        "columns": len(problem.columns),
        "cpu": round(spent, 2),
        "gap": round(result.gap, 6),
        "status": str(result.status),
    }
