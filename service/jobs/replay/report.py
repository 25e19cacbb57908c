"""A replay's outcome for people: tables on a terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table

from service.jobs.replay.requests import BadRow
from service.jobs.replay.result import Replay

LISTED = 20
"""Bad rows shown on a terminal; the JSON has all of them."""


def tables(replay: Replay) -> RenderableType:
    """Return the whole report: outcome, reasons, commands, the busiest clinics, bad rows."""
    parts: list[RenderableType] = [_outcome(replay), _commands(replay)]
    if replay.unplaced:
        parts.append(_reasons(replay))
    if len(replay.clinics) > 1:
        parts.append(_clinics(replay))
    parts.extend(bad_rows(list(replay.bad_rows)))
    return Group(*parts)


def bad_rows(rows: list[BadRow]) -> Iterator[RenderableType]:
    """Yield a table of the rows that were left out, if any."""
    if not rows:
        return
    table = Table(title=f"{len(rows)} bad rows left out", title_justify="left", title_style="bold yellow")
    for column in ("row", "column", "reason"):
        table.add_column(column, justify="right" if column == "row" else "left", overflow="fold")
    for row in rows[:LISTED]:
        table.add_row(str(row.row), row.column, row.reason)
    if len(rows) > LISTED:
        table.caption = f"… and {len(rows) - LISTED} more; --json lists them all"
    yield table


def _outcome(replay: Replay) -> RenderableType:
    requests = replay.total("requests")
    grid = Table.grid(padding=(0, 3))
    grid.add_column(justify="right", style="bold")
    grid.add_column()
    grid.add_column(justify="right", style="dim")
    for label, count in _flow(replay):
        grid.add_row(f"{count:,}", label, f"{count / requests:.1%}")
    grid.add_row("", "", "")
    for figure, label in _figures(replay):
        grid.add_row(figure, label, "")
    title = f"{replay.source}, seed {replay.seed}"
    return Panel(grid, title=title, expand=False, border_style="red" if replay.overlaps else "green")


def _flow(replay: Replay) -> list[tuple[str, int]]:
    return [
        (f"requests at {replay.where}", replay.total("requests")),
        ("booked at once", replay.total("booked")),
        ("joined the waitlist", replay.total("waitlisted")),
        ("  placed by the optimiser", replay.total("placed")),
        ("  waited in vain", sum(replay.unplaced.values())),
        ("cancelled ahead of time", replay.total("cancelled")),
    ]


def _figures(replay: Replay) -> list[tuple[str, str]]:
    overlaps = f"[{'bold red' if replay.overlaps else 'green'}]{replay.overlaps:,}[/]"
    rate = f"requests a second ({replay.elapsed_seconds:.1f} s, {_jobs(replay)})"
    kept = [("kept", f"database {replay.kept}")] if replay.kept else []
    return [
        (overlaps, "overlapping live claims"),
        (f"{replay.utilisation:.1%}", "of the open minutes sold"),
        (f"{replay.idle_minutes:,}", "minutes idle"),
        (f"{replay.capacity_share:.1%}", "capacity over demand on the busiest tenth of days"),
        (f"{replay.requests_per_second:,.0f}", rate),
        (f"{replay.peak_memory_mib:,.0f}", "MiB at the peak, all processes"),
        *kept,
    ]


def _jobs(replay: Replay) -> str:
    return "one process" if replay.jobs == 1 else f"{replay.jobs} processes"


def _commands(replay: Replay) -> RenderableType:
    table = Table(title="Commands, milliseconds", title_justify="left")
    table.add_column("command")
    for column in ("calls", "p50", "p99"):
        table.add_column(column, justify="right")
    for name, row in replay.commands().items():
        table.add_row(name, f"{row['count']:,}", f"{row['p50_ms']:,.2f}", f"{row['p99_ms']:,.2f}")
    return table


def _reasons(replay: Replay) -> RenderableType:
    table = Table(title="Why they waited in vain", title_justify="left")
    table.add_column("reason")
    table.add_column("entries", justify="right")
    for reason, count in replay.unplaced.items():
        table.add_row(reason, f"{count:,}")
    return table


def _clinics(replay: Replay) -> RenderableType:
    table = Table(title="The busiest clinics", title_justify="left")
    table.add_column("clinic")
    for column in ("staff", "requests", "at once", "placed", "in vain", "sold"):
        table.add_column(column, justify="right")
    for c in replay.clinics[:10]:
        counts = (c.staff, c.requests, c.booked, c.placed, sum(c.unplaced.values()))
        table.add_row(c.clinic, *(f"{count:,}" for count in counts), f"{c.utilisation:.0%}")
    return table
