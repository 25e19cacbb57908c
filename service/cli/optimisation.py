"""`interlock optimise`: plan the waitlist or re-fit the book, show the plan, accept all of it, some or none."""

import asyncio
import signal
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from models.errors import Inseparable, InvalidInput
from models.optimisation import LONGEST_SEARCH, RunKind
from service.bootstrap import Interlock
from service.cli.output import AsJson, BusinessName, stray_lines_dropped, with_installation
from service.cli.plans import Shown, numbered, show
from service.commands import optimisation as commands
from service.commands.plans import Progress
from service.db.command import Scope
from service.jobs.optimise import Wanted, carry_out, start
from service.queries import businesses
from service.queries import optimisation as queries
from solver.answer import Stop


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What is to become of the plan: all or some of its moves (by number) accepted, or none."""

    apply: bool = False
    moves: str | None = None
    discard: bool = False

    def __post_init__(self) -> None:
        if self.apply + self.discard + (self.moves is not None) > 1:
            raise typer.BadParameter("choose one of --apply, --accept and --discard")


def optimise(  # noqa: PLR0913 - its options
    business: BusinessName,
    *,
    kind: Annotated[RunKind, typer.Option(help="What may happen: see the README.")] = RunKind.WAITLIST,
    policy: Annotated[str, typer.Option(help="gentle, balanced or full: how lightly clients are moved.")] = "balanced",
    first_day: Annotated[
        str | None, typer.Option("--from", help="The first day, 2026-03-02; today if left out.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=62)] = 14,
    seconds: Annotated[
        int | None, typer.Option(min=1, max=LONGEST_SEARCH, help="How long to search; as the rules say if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1)] = 0,
    alternatives: Annotated[bool, typer.Option("--alternatives", help="Plan by the other policies, too.")] = False,
    run: Annotated[UUID | None, typer.Option(help="An earlier run in place of a new one.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Accept the whole plan.")] = False,
    accept: Annotated[str | None, typer.Option(help="Accept some moves by their numbers: 1,3.")] = None,
    discard: Annotated[bool, typer.Option("--discard", help="Accept nothing of the plan.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw before and after: .png, .svg or .pdf.")] = None,
    as_json: AsJson = False,
) -> None:
    """Place waiting clients, re-fit the booked days, or re-seat who lost their place: a plan with reasons.

    It is applied through the guarded commit, group by group; what has gone stale is refused and planned again once.
    Ctrl-C ends the search with the best plan so far.
    """
    verdict = _Verdict(apply, accept, discard)

    async def work(interlock: Interlock) -> Shown:
        of = await businesses.by_slug(interlock.db, business)
        scope = Scope(interlock.db, of.id, actor="cli")
        run_id = run
        if run_id is None:
            now = interlock.clock()
            first = now.date() if first_day is None else _day(first_day)
            span = (first, first + timedelta(days=days - 1))
            run_id = await _searched(interlock, scope, Wanted(span, kind, policy, seconds, seed, alternatives))
        accepted = await _accepted(interlock, scope, run_id, verdict)
        plan = await queries.read(interlock.db, of.id, run_id)
        again = accepted.replanned_by if accepted else None
        return Shown(
            of,
            plan,
            await queries.alternatives(interlock.db, of.id, run_id),
            accepted,
            None if again is None else await queries.read(interlock.db, of.id, again),
        )

    async def whole(interlock: Interlock) -> Shown:
        shown = await work(interlock)
        if picture is not None:
            from service.cli.plan_picture import draw_plan  # noqa: PLC0415 - half a second that only a picture needs

            await draw_plan(interlock, shown.business, shown.run, picture)
        return shown

    with stray_lines_dropped():
        shown = with_installation(whole)
    show(shown, as_json=as_json)


async def _searched(interlock: Interlock, scope: Scope, wanted: Wanted) -> UUID:
    """Start a run and carry it out here, telling how far it is."""
    now, stop = interlock.clock(), Stop()
    ids = await start(scope, interlock.views, wanted, now)
    with Console(stderr=True).status("reading the book") as line:

        def told(progress: Progress) -> None:
            line.update(_line(progress))

        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.request)
        try:
            await carry_out(scope, interlock.views, ids, now, stop=stop, told=told)
        finally:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
    return ids[0]


def _line(progress: Progress) -> str:
    parts = [f"{progress.phase}, {progress.elapsed:.0f} s"]
    if progress.objective is not None:
        parts.append(f"value {progress.objective:,}")
    if progress.bound is not None:
        parts.append(f"no plan beyond {progress.bound:,}")
    if progress.gap is not None:
        parts.append(f"gap {progress.gap:.2%}")
    return " · ".join([*parts, "Ctrl-C keeps the best so far"])


async def _accepted(interlock: Interlock, scope: Scope, run_id: UUID, verdict: _Verdict) -> commands.Accepted | None:
    if verdict.discard:
        await commands.discard(scope, run_id)
        return None
    if not verdict.apply and verdict.moves is None:
        return None
    run = await queries.read(interlock.db, scope.business_id, run_id)
    numbers = {move.id: number for number, move in numbered(run)}
    chosen = None if verdict.moves is None else _chosen(verdict.moves, {n: move for move, n in numbers.items()})
    try:
        return await interlock.apply_plan(scope, run_id, chosen)
    except Inseparable as error:
        others = [str(numbers[UUID(str(move))]) for move in error.fields["others"]]  # type: ignore[attr-defined] # ids
        raise Inseparable(f"{error.detail} Accept {', '.join(others)} as well, or none of them.") from error


def _chosen(text: str, moves: dict[int, UUID]) -> list[UUID]:
    found = []
    for part in text.split(","):
        if not part.strip().isdecimal() or int(part) not in moves:
            raise InvalidInput(f"{part.strip()!r} is no move of the plan; they are numbered 1 to {len(moves)}.")
        found.append(moves[int(part)])
    return found


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no date; write 2026-03-02.") from error
    if not 1970 < day.year < 9000:
        raise typer.BadParameter(f"{text!r} is out of reach; write a year such as 2026.")
    return day
