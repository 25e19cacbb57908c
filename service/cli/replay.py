"""`interlock replay`: a file of past requests, or a generated twin, through the real commands."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from service.bootstrap import database_urls
from service.cli.output import AsJson, console, print_json, stray_lines_dropped
from service.settings import settings

if TYPE_CHECKING:
    from service.jobs.replay.requests import RequestFile
    from service.jobs.replay.result import Replay
    from service.jobs.replay.run import Chosen


def replay(  # noqa: PLR0913 - its options
    file: Annotated[Path | None, typer.Argument(help="A CSV of requests, plain or gzipped.")] = None,
    *,
    generated: Annotated[bool, typer.Option("--generated", help="Replay a generated twin instead of a file.")] = False,
    clinic: Annotated[str | None, typer.Option(help="Only this clinic.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many requests.")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 2,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="What clinics and clients are drawn from.")] = 1,
    picture: Annotated[Path | None, typer.Option(help="Draw the outcome: .png, .svg or .pdf.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the replay's database.")] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Only compare joint placement with first come and a greedy, in memory.")
    ] = False,
    capacity: Annotated[
        float, typer.Option(min=0.1, max=2.0, help="With --compare: open time over what the busiest days ask for.")
    ] = 0.92,
    as_json: AsJson = False,
) -> None:
    """Replay requests clinic by clinic with their own clock: book, wait, cancel, optimise every evening.

    It writes to a database of its own beside yours, which is dropped at the end. Exits with 1 where its checks
    find two live claims of one lane overlapping, or a snapshot that differs from the database.
    """
    from service.jobs.replay.run import Chosen  # noqa: PLC0415 - the solver takes a second to load

    if generated == (file is not None):
        raise typer.BadParameter("give either a FILE or --generated", param_hint="FILE")
    source, requests = _requests(file, seed)
    if compare:
        _compare(source, requests, (Chosen(clinic, limit, seed, jobs), capacity), picture, as_json=as_json)
        return
    with stray_lines_dropped():
        outcome = _with_progress(source, requests, Chosen(clinic, limit, seed, jobs, keep))
    _show(outcome, picture, as_json=as_json)
    if outcome.overlaps or outcome.total("adrift"):
        raise typer.Exit(1)


def _compare(
    source: str, requests: "RequestFile", how: "tuple[Chosen, float]", picture: Path | None, *, as_json: bool
) -> None:
    from service.jobs.replay.comparison import compare  # noqa: PLC0415 - as above
    from service.jobs.replay.comparison_picture import draw_comparison, table  # noqa: PLC0415 - as above
    from service.jobs.replay.run import clinics_of  # noqa: PLC0415 - as above

    chosen, capacity = how
    clinics = clinics_of(requests, chosen)
    with stray_lines_dropped(), _progress() as progress:
        task = progress.add_task("comparing", total=None)

        def told(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        found = compare(source, requests, clinics, (chosen.seed, chosen.jobs, capacity), told)
    if picture is not None:
        draw_comparison(found, picture)
    if as_json:
        print_json(found.to_json())
    else:
        console.print(table(found))
    if any(tally.overlaps for tally in found.totals.values()):
        raise typer.Exit(1)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)


def _requests(file: Path | None, seed: int) -> "tuple[str, RequestFile]":
    from service.jobs.replay.requests import RequestFile, read  # noqa: PLC0415 - as above
    from service.jobs.replay.twin import generate  # noqa: PLC0415 - as above

    if file is None:
        return "generated twin", RequestFile(generate(seed=seed), [])
    return file.name, read(file)


def _with_progress(source: str, requests: "RequestFile", chosen: "Chosen") -> "Replay":
    from service.jobs.replay.run import replay as run  # noqa: PLC0415 - as above

    with _progress() as progress:
        task = progress.add_task("replaying", total=None)

        def told(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        return run(source, requests, chosen, database_urls(settings()), told)


def _show(outcome: "Replay", picture: Path | None, *, as_json: bool) -> None:
    from service.jobs.replay.picture import draw_picture  # noqa: PLC0415 - as above
    from service.jobs.replay.report import tables  # noqa: PLC0415 - as above

    if picture is not None:
        draw_picture(outcome, picture)
    if as_json:
        print_json(outcome.to_json())
    else:
        console.print(tables(outcome))
