"""The pictures of benchmarks/README.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
COLOURS = {"interlock": "#2a9d8f", "highs": "#e9c46a", "cp_sat": "#f4a261", "intervals": "#e76f51", "greedy": "#6c757d"}


def draw_ways(rows: Sequence[dict[str, Any]], name: str) -> None:
    """Objective (solid) and bound (dashed) of each way over wall time, one instance."""
    figure, axes = plt.subplots(figsize=(8, 4))
    top = min(row["bound"] for row in rows)
    for row in rows:
        colour, steps = COLOURS[row["way"]], row["steps"]
        seen = [step for step in steps if step[1] is not None]
        last = max(60.0, *(step[0] for step in steps))
        axes.step(
            [s[0] for s in seen] + [last],
            [s[1] for s in seen] + [seen[-1][1]],
            where="post",
            color=colour,
            label=row["way"],
        )
        if row["way"] != "greedy":
            axes.step(
                [s[0] for s in steps] + [last], [s[2] for s in steps] + [steps[-1][2]], "--", where="post", color=colour
            )
    axes.set(xscale="log", xlabel="seconds", ylabel="objective, bound dashed", ylim=(0.75 * top, 1.2 * top))
    axes.set_title(rows[0]["instance"])
    axes.legend(loc="lower right")
    _save(figure, name)


def draw_growth(rows: Sequence[dict[str, Any]], name: str) -> None:
    """CPU seconds, and the gap left, as staff, days and load grow."""
    kinds = list(dict.fromkeys(row["by"] for row in rows))
    figure, grid = plt.subplots(1, len(kinds), figsize=(3.2 * len(kinds), 3.2), sharey=True, squeeze=False)
    for axes, kind in zip(grid[0], kinds, strict=True):
        mine = [row for row in rows if row["by"] == kind]
        axes.plot([row["size"] for row in mine], [row["cpu"] for row in mine], "-", color=COLOURS["interlock"])
        for row in mine:
            proven = row["status"] == "optimal"
            axes.plot(row["size"], row["cpu"], "o", color=COLOURS["interlock"], fillstyle="full" if proven else "none")
            if not proven:
                axes.annotate(
                    f"{100 * row['gap']:.2f} %", (row["size"], row["cpu"]), fontsize=8, ha="right", va="bottom"
                )
        axes.set(yscale="log", xlabel={"load": "booked a staff-day", "waiting": "waiting a staff-day"}.get(kind, kind))
    grid[0, 0].set_ylabel("CPU seconds (hollow: gap left)")
    _save(figure, name)


def _save(figure: plt.Figure, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(PICTURES / name, dpi=110)
    plt.close(figure)
