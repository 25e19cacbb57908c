"""Pictures of how times grow, in docs/pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
COLOURS = ("#2a9d8f", "#264653", "#e76f51", "#8d99ae")


def growth(name: str, panels: Mapping[str, tuple[Sequence[int], Mapping[str, Sequence[float]]]]) -> None:
    """Draw one panel for each thing that grows: its sizes, and microseconds by method; logarithmic."""
    figure, axes = plt.subplots(1, len(panels), figsize=(4 * len(panels), 3.4), sharey=True)
    for axis, (title, (sizes, lines)) in zip(axes, panels.items(), strict=True):
        for (method, times), colour in zip(lines.items(), COLOURS, strict=False):
            axis.plot(sizes, times, "o-", label=method, color=colour, markersize=4)
        axis.set(xlabel=title, xscale="symlog" if 0 in sizes else "log", yscale="log")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("µs a query")
    axes[0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(PICTURES / f"{name}.png", dpi=110)
    plt.close(figure)
