"""A plan as a picture: the day that changes most, before and after, drawn without a display."""

from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from models.errors import InvalidInput
from service.bootstrap import Interlock
from service.queries import businesses
from service.queries.businesses import Business
from service.queries.optimisation import Run
from service.queries.plan_blocks import Block, before_and_after

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, PAPER = "#1f2933", "#9aa5b1", "#fbfaf7"
COLOURS = {"fixed": "#c3ccd5", "place": "#e09f3e", "move": "#2f6690", "reseat": "#b23a48"}
WORDS = {"fixed": "stays", "place": "off the waitlist", "move": "moved", "reseat": "re-seated"}
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "figure.facecolor": PAPER,
    "xtick.color": INK,
    "ytick.color": INK,
}
HOUR = 60.0
NAMED = 25
"""Minutes of a block that is long enough to carry its client's name."""


async def draw_plan(interlock: Interlock, business: Business, run: Run, path: Path) -> None:
    """Write the picture; the name's ending says the format (.png, .svg, .pdf).

    Raises
    ------
    InvalidInput
        The file cannot be written, or its ending names no format.
    """
    zone = ZoneInfo(business.zone)
    day = busiest_day(run, zone)
    midnight = datetime.combine(day, datetime.min.time(), zone)
    tomorrow = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
    sides = await before_and_after(interlock.db, business.id, run.id, midnight, tomorrow)
    staff = {member.id: member.name for member in await businesses.staff(interlock.db, business.id)}
    staff |= {m.before_staff_id: m.before_staff or "" for m in run.moves if m.before_staff_id is not None}
    lanes = {staff_id: name for staff_id, name in staff.items() if _works(staff_id, (*sides.before, *sides.after))}
    draw(f"{business.name}, {day:%A} {day.day} {day:%B %Y}", run, (sides.before, sides.after), lanes, midnight, path)


def busiest_day(run: Run, zone: ZoneInfo) -> date:
    """Return the local day on which a plan changes most; its first day where it changes none."""
    days = Counter(m.starts_at.astimezone(zone).date() for m in run.moves)
    return max(sorted(days), key=lambda day: days[day], default=run.start.astimezone(zone).date())


def _works(staff_id: object, blocks: tuple[Block, ...]) -> bool:
    return any(block.staff_id == staff_id for block in blocks)


def draw(
    title: str,
    run: Run,
    sides: tuple[tuple[Block, ...], tuple[Block, ...]],
    lanes: dict[Any, str],
    midnight: datetime,
    path: Path,
) -> None:
    """Draw two panels of lanes against the hours of a day."""
    import matplotlib as mpl  # noqa: PLC0415 - half a second that only a picture needs
    from matplotlib.figure import Figure  # noqa: PLC0415 - likewise

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(14, 2.4 + 0.9 * max(1, len(lanes))), layout="constrained")
        figure.suptitle(_headline(title, run), x=0.01, ha="left", weight="bold", fontsize=14)
        panels = figure.subplots(2, 1, sharex=True)
        for axes, name, blocks in zip(panels, ("Before", "After"), sides, strict=True):
            _panel(axes, name, blocks, lanes, midnight)
        _legend(figure, {block.kind for side in sides for block in side})
        try:
            figure.savefig(path, dpi=120)
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{path}: {error}") from error


def _headline(title: str, run: Run) -> str:
    kinds = Counter(m.kind for m in run.moves)
    counts = ", ".join(f"{kinds[kind]} {WORDS[kind]}" for kind in ("place", "move", "reseat") if kinds[kind])
    proof = "proven best" if run.gap == 0 else f"at most {run.gap or 0:.1%} below the best"
    return f"{title}: {counts or 'nothing changes'} in the whole plan, {proof}"


def _panel(axes: "Axes", name: str, blocks: tuple[Block, ...], lanes: dict[Any, str], midnight: datetime) -> None:
    row = {staff_id: i for i, staff_id in enumerate(lanes)}
    for block in blocks:
        if block.staff_id in row:
            _block(axes, block, row[block.staff_id], midnight)
    axes.set_title(name)
    axes.set_yticks(range(len(lanes)), list(lanes.values()))
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.xaxis.set_major_locator(_hourly())
    axes.xaxis.set_major_formatter(lambda minute, _: f"{int(minute // 60):02}:00")
    axes.grid(axis="x", color=FAINT, alpha=0.25)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def _hourly() -> Any:  # noqa: ANN401 - matplotlib's own type is private to its module
    from matplotlib.ticker import MultipleLocator  # noqa: PLC0415 - as above

    return MultipleLocator(HOUR)


def _block(axes: "Axes", block: Block, row: int, midnight: datetime) -> None:
    start, claim = _minutes(block.starts_at, midnight), _minutes(block.claim_starts_at, midnight)
    length = (block.ends_at - block.starts_at).total_seconds() / 60
    claimed = (block.claim_ends_at - block.claim_starts_at).total_seconds() / 60
    axes.barh(row, claimed, left=claim, height=0.5, color=COLOURS[block.kind], alpha=0.3)
    axes.barh(row, length, left=start, height=0.74, color=COLOURS[block.kind], edgecolor=PAPER)
    if length >= NAMED:
        ink = INK if block.kind in {"fixed", "place"} else PAPER
        short = block.client if length >= 2 * NAMED else block.client.split(" ")[0]
        axes.text(start + length / 2, row, short, ha="center", va="center", fontsize=7, color=ink, clip_on=True)


def _minutes(moment: datetime, midnight: datetime) -> float:
    local = moment.astimezone(midnight.tzinfo).replace(tzinfo=None)
    return (local - midnight.replace(tzinfo=None)).total_seconds() / 60


def _legend(figure: "Figure", kinds: set[str]) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415 - as above

    handles = [Patch(color=COLOURS[kind], label=WORDS[kind]) for kind in COLOURS if kind in kinds]
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=len(handles), frameon=False)
