"""The optimiser's plans: start a run, follow it, review what it would change, accept all, some or none."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from models.errors import InterlockError, NotFound, Unavailable
from models.optimisation import POLICY_NAMES, RunKind
from service.commands import optimisation, plans
from service.queries import optimisation as queries
from service.queries.optimisation import Run
from service.web.days import lanes_of_day
from service.web.house import House, house, reason
from service.web.pages import PageRoute
from service.web.reasons import Reasons
from service.web.review import changed_days, gain, ghosts, groups, people, seen, trade_off
from service.web.visit import FIRST_DAY, LAST_DAY, Chosen

router = APIRouter(include_in_schema=False, route_class=PageRoute)
USUAL_DAYS = 14
"""How many days a run plans unless told otherwise."""
Day = Annotated[date, Form(ge=FIRST_DAY, le=LAST_DAY)]


class Asked(BaseModel):
    """What part of a plan is looked at."""

    day: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None = None
    view: Literal["before", "both", "after"] = "both"
    person: Annotated[str, Field(max_length=200)] | None = None
    page: Annotated[int, Field(ge=1, le=1000)] = 1


@router.get("/board/{slug}/plans")
async def listed(
    here: Annotated[House, house("listRuns")],
    day: Annotated[date | None, Query(ge=FIRST_DAY, le=LAST_DAY)] = None,
) -> Response:
    """The newest runs, and the form that starts one."""
    return await _list(here, day)


async def _list(here: House, day: date | None, problem: str | None = None) -> Response:
    first = day or here.today
    return here.page(
        "plans.html",
        422 if problem else 200,
        runs=await queries.newest(here.db, here.business.id),
        first=first,
        last=first + timedelta(days=USUAL_DAYS - 1),
        policies=POLICY_NAMES,
        problem=problem,
    )


@router.post("/board/{slug}/plans")
async def start(
    here: Annotated[House, house("startRun")],
    first: Day,
    last: Day,
    kind: Annotated[RunKind, Form()] = RunKind.REBALANCE,
    policy: Annotated[Literal["gentle", "balanced", "full"], Form()] = "balanced",
    seconds: Annotated[int, Form(ge=1, le=600)] = 20,
    alternatives: Annotated[bool, Form()] = False,  # noqa: FBT002 - a tick box
) -> Response:
    """Start a run in the background, and go where one sees it."""
    interlock = here.request.app.state.interlock
    chosen = {"kind": kind, "policy": policy, "seconds": seconds, "alternatives": alternatives}
    try:
        ids = await interlock.start_run(here.scope, days=(first, last), **chosen)
    except Unavailable:
        raise
    except InterlockError as refusal:
        return await _list(here, first, reason(refusal))
    return RedirectResponse(here.url(f"/plans/{ids[0]}"), status_code=303)


@router.get("/board/{slug}/plans/{run_id}")
async def show(here: Annotated[House, house("readRun")], run_id: UUID, asked: Annotated[Asked, Query()]) -> Response:
    """A run while it runs, and its plan when there is one."""
    run = await queries.read(here.db, here.business.id, run_id)
    if run.status != "running" and "HX-Request" in here.request.headers:
        # Whoever watched it run sees the plan now.
        return Response(headers={"HX-Refresh": "true"})
    return await _plan(here, run_id, asked)


async def _plan(here: House, run_id: UUID, asked: Asked, problem: str | None = None) -> Response:
    run = await queries.read(here.db, here.business.id, run_id)
    beside = await queries.alternatives(here.db, here.business.id, run_id)
    if run.status in ("running", "failed"):
        return here.page("running.html", run=run, beside=beside)
    days = changed_days(run, here.zone)
    day = asked.day or max(days, key=lambda d: d[1], default=(run.start.astimezone(here.zone).date(), 0))[0]
    lanes = await lanes_of_day(here, await here.view(), day, page=asked.page)
    stands = "before" if asked.view == "before" else "after"
    comes = [] if asked.view == "before" else [move for move in run.moves if move.status == "planned"]
    full = lanes.with_plan(seen(lanes.claims, run.moves, stands), comes)
    shown = replace(full, claims=seen(lanes.claims, run.moves, asked.view))
    reasons = Reasons(await queries.said(here.db, here.business.id, run_id), here.words, here.zone)
    over = [] if asked.view == "before" else ghosts(run.moves, here.zone, reasons, arrows=asked.view == "both")
    return here.page(
        "plan.html",
        409 if problem else 200,
        run=run,
        asked=asked,
        day=day,
        days=days,
        lanes=lanes,
        drawing=shown.drawn(here.now, over, here.words.text),
        gain=gain(run, here.words),
        reasons=reasons,
        groups=groups(run.moves, asked.person or None),
        people=sorted(set().union(*(people(m) for m in run.moves))),
        beside=beside,
        dots=trade_off(beside),
        problem=problem,
        of=Chosen,
        count=_counts(run),
    )


def _counts(run: Run) -> dict[str, int]:
    statuses = [m.status for m in run.moves]
    return {status: statuses.count(status) for status in ("planned", "applied", "stale", "discarded")}


@router.post("/board/{slug}/plans/{run_id}/apply")
async def apply(
    here: Annotated[House, house("applyRun")],
    run_id: UUID,
    accept: Annotated[Literal["all", "ticked"], Form()],
    components: Annotated[list[int] | None, Form(max_length=10_000)] = None,
) -> Response:
    """Accept all of a plan, or the groups that are ticked."""
    chosen = None if accept == "all" else await _moves(here, run_id, set(components or ()))
    try:
        if chosen is None or chosen:
            await here.request.app.state.interlock.apply_plan(here.scope, run_id, chosen)
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _plan(here, run_id, Asked(), reason(refusal))
    return RedirectResponse(here.url(f"/plans/{run_id}"), status_code=303)


async def _moves(here: House, run_id: UUID, components: set[int]) -> list[UUID]:
    run = await queries.read(here.db, here.business.id, run_id)
    return [m.id for m in run.moves if m.component in components and m.status == "planned"]


@router.post("/board/{slug}/plans/{run_id}/discard")
async def discard(here: Annotated[House, house("discardRun")], run_id: UUID) -> Response:
    """Reject what is still planned."""
    try:
        await optimisation.discard(here.scope, run_id)
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _plan(here, run_id, Asked(), reason(refusal))
    return RedirectResponse(here.url(f"/plans/{run_id}"), status_code=303)


@router.post("/board/{slug}/plans/{run_id}/stop")
async def stop(here: Annotated[House, house("stopRun")], run_id: UUID) -> Response:
    """End a running search with its best plan so far."""
    await plans.stop_run(here.scope, run_id)
    return RedirectResponse(here.url(f"/plans/{run_id}"), status_code=303)
