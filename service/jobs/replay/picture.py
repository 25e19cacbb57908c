"""A replay's outcome at a glance: one picture, drawn without a display."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.errors import InvalidInput
from service.jobs.replay.result import Replay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

INK, FAINT, PAPER = "#1f2933", "#9aa5b1", "#fbfaf7"
BOOKED, PLACED, VAIN, IDLE = "#2f6690", "#e09f3e", "#b23a48", "#e4e7eb"
STYLE: dict[Any, Any] = {
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 12,
    "axes.titlepad": 12,
    "figure.facecolor": PAPER,
    "xtick.color": INK,
    "ytick.color": INK,
}


def draw_picture(replay: Replay, path: Path) -> None:
    """Write the picture; the name's ending says the format (.png, .svg, .pdf).

    Raises
    ------
    InvalidInput
        The file cannot be written, or its ending names no format.
    """
    import matplotlib as mpl  # noqa: PLC0415 - half a second that only a picture needs
    from matplotlib.figure import Figure  # noqa: PLC0415 - likewise
    from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415 - likewise

    with mpl.rc_context(STYLE):
        layout = ConstrainedLayoutEngine(w_pad=0.2, h_pad=0.2, wspace=0.02, hspace=0.03)
        figure = Figure(figsize=(15, 10.5), layout=layout)
        _compose(figure, replay)
        try:
            figure.savefig(path, dpi=120)
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{path}: {error}") from error


def _compose(figure: "Figure", replay: Replay) -> None:
    grid = figure.add_gridspec(3, 2, height_ratios=(0.5, 2.2, 2.6), width_ratios=(1.7, 1))
    _headline(figure, grid, replay)
    _requests(figure.add_subplot(grid[1, 1]), replay)
    _commands(figure.add_subplot(grid[2, 1]), replay)
    if len(replay.clinics) == 1:
        _days(figure.add_subplot(grid[1:, 0]), replay)
    else:
        _days(figure.add_subplot(grid[1, 0]), replay)
        _clinics(figure, figure.add_subplot(grid[2, 0]), replay)


def _headline(figure: "Figure", grid: "GridSpec", replay: Replay) -> None:
    axes = figure.add_subplot(grid[0, :])
    axes.axis("off")
    title = f"{replay.total('requests'):,} requests at {replay.where}"
    axes.text(0, 0.95, title, fontsize=21, weight="bold", va="top")
    detail = f"{replay.source}, seed {replay.seed}, {_written(replay.days[0])} to {_written(replay.days[-1])}"
    axes.text(0, 0.22, detail, color="#616e7c", va="top")
    for place, (figure_text, label, colour) in enumerate(_tiles(replay)):
        x = 0.47 + place * 0.145
        axes.text(x, 0.95, figure_text, fontsize=24, weight="bold", color=colour, va="top")
        axes.text(x, 0.22, label, color="#616e7c", va="top")


def _written(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _tiles(replay: Replay) -> list[tuple[str, str, str]]:
    served = (replay.total("booked") + replay.total("placed")) / replay.total("requests")
    return [
        (f"{replay.overlaps:,}", "overlapping claims", VAIN if replay.overlaps else "#3c7a4b"),
        (f"{served:.1%}", "of requests served", INK),
        (f"{replay.utilisation:.1%}", "of open time sold", INK),
        (f"{replay.requests_per_second:,.0f}/s", f"in {replay.elapsed_seconds:,.0f} s", INK),
    ]


def _days(axes: "Axes", replay: Replay) -> None:
    asked, opened, booked, placed = replay.daily.T / 60
    place = np.arange(len(replay.days))
    axes.bar(place, opened, color=IDLE, width=0.8, label="idle")
    axes.bar(place, booked, color=BOOKED, width=0.8, label="booked at once")
    axes.bar(place, placed, bottom=booked, color=PLACED, width=0.8, label="placed by the optimiser")
    axes.hlines(asked, place - 0.4, place + 0.4, color=INK, linewidth=2.2, label="asked for")
    axes.set_title("Hours sold, day by day")
    axes.set_xticks(*_day_ticks(replay))
    axes.margins(x=0.01)
    axes.set_ylim(0, max(asked.max(), opened.max()) * 1.18)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.tick_params(length=0)
    axes.legend(loc="upper left", ncols=4, frameon=False)


def _day_ticks(replay: Replay) -> tuple[list[int], list[str]]:
    days = replay.days
    weeks = [i for i in range(1, len(days)) if days[i].isocalendar()[:2] != days[i - 1].isocalendar()[:2]]
    shown: list[int] = []
    for i in weeks or [0]:
        if not shown or i - shown[-1] >= len(days) / 9:
            shown.append(i)
    return shown, [f"{days[i]:%a} {days[i].day} {days[i]:%b}" for i in shown]


def _requests(axes: "Axes", replay: Replay) -> None:
    reasons = list(replay.unplaced.items())[:4]
    others = sum(replay.unplaced.values()) - sum(count for _, count in reasons)
    bars = [
        ("booked at once", replay.total("booked"), BOOKED),
        ("placed by the optimiser", replay.total("placed"), PLACED),
        *((f"in vain: {_label(reason)}", count, VAIN) for reason, count in reasons),
        *([("in vain: other reasons", others, VAIN)] if others else []),
    ]
    _ranked(axes, bars, replay.total("requests"))
    axes.set_title("What became of the requests")


def _label(reason: str) -> str:
    return reason.replace("-", " ").replace("_", " ")


def _ranked(axes: "Axes", bars: list[tuple[str, int, str]], whole: int) -> None:
    names, counts, colours = zip(*bars, strict=True)
    drawn = axes.barh(names, counts, color=colours, height=0.62)
    axes.bar_label(drawn, [f"{count:,}  ({count / whole:.1%})" for count in counts], padding=5)
    axes.invert_yaxis()
    axes.set_xlim(0, max(counts) * 1.5)
    axes.tick_params(length=0, labelbottom=False)
    axes.spines["bottom"].set_visible(False)


def _clinics(figure: "Figure", axes: "Axes", replay: Replay) -> None:
    opened = np.array([clinic.daily[:, 1] for clinic in replay.clinics], dtype=float)
    sold = np.array([clinic.daily[:, 2:].sum(axis=1) for clinic in replay.clinics], dtype=float)
    share = np.divide(sold, opened, out=np.full_like(sold, np.nan), where=opened > 0)
    image = axes.imshow(share, aspect="auto", cmap="YlGnBu", vmin=0, vmax=1, interpolation="nearest")
    axes.set_title("Share of open time sold, clinic by clinic (busiest first)")
    axes.set_xticks(*_day_ticks(replay))
    step = max(1, len(replay.clinics) // 12)
    names = [clinic.clinic[:24] for clinic in replay.clinics[::step]]
    axes.set_yticks(range(0, len(replay.clinics), step), names, fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, pad=0.01, fraction=0.03, format=lambda value, _: f"{value:.0%}")
    bar.outline.set_visible(False)


def _commands(axes: "Axes", replay: Replay) -> None:
    rows = replay.commands()
    for place, row in enumerate(rows.values()):
        p50, p99 = max(row["p50_ms"], 0.001), max(row["p99_ms"], 0.001)
        axes.plot([p50, p99], [place, place], color=FAINT, linewidth=3, zorder=1)
        _quantile(axes, p50, place, "p50" if place == 0 else "", BOOKED)
        _quantile(axes, p99, place, "p99" if place == 0 else "", VAIN)
    axes.set_yticks(range(len(rows)), [f"{name}  ({int(row['count']):,})" for name, row in rows.items()])
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_ylim(len(rows) - 0.4, -0.8)
    axes.margins(x=0.12)
    axes.set_title("Commands (calls), milliseconds")
    axes.tick_params(which="both", length=0)
    axes.grid(axis="x", color=IDLE, zorder=0)


def _quantile(axes: "Axes", value: float, place: int, label: str, colour: str) -> None:
    axes.scatter([value], [place], s=70, color=colour, zorder=2)
    text, side = f"{label} {_milliseconds(value)}".strip(), "right" if colour == BOOKED else "left"
    axes.annotate(text, (value, place), (0, 8), textcoords="offset points", ha=side, fontsize=9, color=colour)


def _milliseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
