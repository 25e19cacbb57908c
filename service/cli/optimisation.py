"""`interlock optimise`: plan the waitlist, show the plan, accept it or not."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

import typer

from service.bootstrap import Interlock
from service.cli.output import AsJson, BusinessName, console, print_json, print_table, shown, with_installation
from service.commands import optimisation as commands
from service.db.command import Scope
from service.queries import businesses
from service.queries import optimisation as queries
from service.queries.businesses import Business
from solver.answer import Effort


def optimise(
    business: BusinessName,
    *,
    first_day: Annotated[
        str | None, typer.Option("--from", help="The first day, 2026-03-02; today if left out.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=62)] = 14,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1)] = 0,
    apply: Annotated[bool, typer.Option("--apply", help="Accept the plan at once.")] = False,
    run: Annotated[UUID | None, typer.Option(help="Show (or with --apply, accept) an earlier run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Place waiting clients into free time: a plan with reasons, applied through the guarded commit."""

    async def work(interlock: Interlock) -> tuple[Business, queries.Run, commands.Applied | None]:
        of = await businesses.by_slug(interlock.db, business)
        scope = Scope(interlock.db, of.id, actor="cli")
        run_id = run
        if run_id is None:
            now = interlock.clock()
            start = now.date() if first_day is None else _day(first_day)
            horizon = (start, start + timedelta(days=days - 1))
            with console.status("solving"):
                run_id = await interlock.plan_waitlist(scope, horizon, effort=Effort(seed=seed))
        applied = await commands.apply(scope, run_id, now=interlock.clock()) if apply else None
        return of, await queries.read(interlock.db, of.id, run_id), applied

    of, plan, applied = with_installation(work)
    if as_json:
        print_json({"run": plan, "applied": applied})
        return
    _print_plan(of, plan)
    if applied is not None:
        typer.echo(f"applied {applied.applied}, refused as stale {len(applied.stale)}")
    elif plan.status == "planned" and plan.moves:
        typer.echo(f"accept it with: interlock optimise -b {of.slug} --run {plan.id} --apply")


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no date; write 2026-03-02.") from error
    if not 1970 < day.year < 9000:
        raise typer.BadParameter(f"{text!r} is out of reach; write a year such as 2026.")
    return day


def _print_plan(of: Business, plan: queries.Run) -> None:
    rows = [
        (m.client, m.service, shown(m.starts_at, of.zone), m.staff, f"{m.value:g}", m.refusal or m.status)
        for m in plan.moves
    ]
    print_table(f"Plan for {of.name}", ["client", "service", "start", "with", "value", "state"], rows)
    if plan.unplaced:
        left = [(u.client, u.service, u.reason, u.relaxation or "") for u in plan.unplaced]
        print_table("Left waiting", ["client", "service", "why", "what would help"], left)
    proof = "proven best" if plan.gap == 0 else f"at most {plan.gap:.1%} below the best"
    typer.echo(f"{plan.solver_status}: value {plan.objective:g}, {proof}, solved in {plan.solve_seconds:.2f} s")
