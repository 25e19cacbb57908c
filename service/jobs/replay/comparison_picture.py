"""A comparison of strategies for people: a table, and one picture drawn without a display."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from models.errors import InvalidInput
from service.jobs.replay.comparison import Comparison, Tally
from service.jobs.replay.picture import FAINT, INK, PLACED, STYLE, VAIN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"first come": FAINT, "greedy": "#2f6690", "jointly": PLACED}
BEST, RIVAL = "jointly", "first come"


def table(comparison: Comparison) -> Table:
    """Return one row a strategy, over all clinics."""
    requests = sum(count for _, count, _ in comparison.clinics)
    title = f"{comparison.source}: {requests:,} requests at {len(comparison.clinics)} clinics, {_scarcity(comparison)}"
    made = Table(title=title, title_justify="left")
    made.add_column("placing the waitlist")
    for column in ("at once", "waited", "placed", "points", "of all", "days waited", "hours sold", "overlaps", "s"):
        made.add_column(column, justify="right")
    for name, t in comparison.totals.items():
        counts = (t.booked, t.waitlisted, t.placed, t.points)
        waited = f"{t.days_waited / t.placed:.1f}" if t.placed else ""
        row = (*(f"{n:,}" for n in counts), f"{_share(t):.1%}", waited, f"{t.minutes / 60:,.0f}", str(t.overlaps))
        made.add_row(name, *row, f"{t.seconds:.0f}")
    return made


def _share(tally: Tally) -> float:
    return tally.points / tally.points_waitlisted if tally.points_waitlisted else 0.0


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Write the picture; the name's ending says the format (.png, .svg, .pdf).

    Raises
    ------
    InvalidInput
        The file cannot be written, or its ending names no format.
    """
    import matplotlib as mpl  # noqa: PLC0415 - half a second that only a picture needs
    from matplotlib.figure import Figure  # noqa: PLC0415 - likewise

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(14, 5.6), layout="constrained")
        figure.suptitle(_headline(comparison), x=0.01, ha="left", weight="bold", fontsize=15)
        placed, points, clinics = figure.subplots(1, 3, width_ratios=(1, 1, 1.5))
        _bars(placed, comparison, "Waiting clients placed", "placed")
        _bars(points, comparison, "Priority points placed", "points")
        _by_clinic(clinics, comparison)
        try:
            figure.savefig(path, dpi=120)
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{path}: {error}") from error


def _headline(comparison: Comparison) -> str:
    best, rival = comparison.totals[BEST], comparison.totals[RIVAL]
    more = best.points / rival.points - 1 if rival.points else 0.0
    where = "one clinic" if len(comparison.clinics) == 1 else f"{len(comparison.clinics)} clinics"
    return f"{where}, {_scarcity(comparison)}: placed jointly, {more:+.1%} points over first come first served"


def _scarcity(comparison: Comparison) -> str:
    return f"open for {comparison.capacity:.0%} of what the busiest days ask for"


def _bars(axes: "Axes", comparison: Comparison, title: str, figure: str) -> None:
    totals = comparison.totals
    values = [getattr(tally, figure) for tally in totals.values()]
    axes.bar(list(totals), values, color=[COLOURS[name] for name in totals], width=0.62)
    for place, value in enumerate(values):
        axes.text(place, value, f"{value:,}", ha="center", va="bottom", color=INK)
    axes.set_title(title)
    axes.yaxis.set_visible(False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    axes.margins(y=0.1)


def _by_clinic(axes: "Axes", comparison: Comparison) -> None:
    """Each clinic: how many more points than first come first served, over how short of time it is."""
    for name, colour in COLOURS.items():
        if name != RIVAL:
            x = [of[RIVAL].waitlisted / max(1, count) * 100 for _, count, of in comparison.clinics]
            y = [of[name].points - of[RIVAL].points for _, _, of in comparison.clinics]
            axes.scatter(x, y, s=26, color=colour, label=name, alpha=0.85)
    axes.axhline(0, color=VAIN, linewidth=1)
    axes.set_title("Points over first come, clinic by clinic")
    axes.set_xlabel("requests that had to wait, %")
    axes.legend(frameon=False)
