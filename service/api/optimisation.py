"""Optimisation runs: start one, follow it, read its plan beside its alternatives, accept or discard it."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from models.errors import NotFound
from models.optimisation import Rules, RunKind
from models.states import RunStatus
from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, Expected, OfPath, tagged, tagged_beside
from service.api.paging import Paged
from service.api.schemas import AllowanceBody, ApplyBody, RulesBody, RunBody
from service.commands import allowances, plans
from service.commands import optimisation as commands
from service.commands.allowances import Allowance, Allowed
from service.queries import movable, own_settings
from service.queries import optimisation as queries

router = APIRouter(tags=["optimisation"], route_class=StrictRoute)


class Refused(BaseModel):
    """A move that was not made, and why."""

    move_id: UUID
    reason: str


class Accepted(BaseModel):
    """How many moves were made, those refused as stale, and the run that plans these again: it waits for a yes."""

    run_id: UUID
    applied: int
    stale: list[Refused]
    replanned_by: UUID | None


@router.post("/optimisation-runs", status_code=202, operation_id="startRun")
async def start(
    request: Request, response: Response, scope: Commanding, business: OfPath, body: RunBody
) -> list[queries.Alternative]:
    """Start a run, and its alternatives: the first of the answer is the run itself.

    Ask for it (its address is the Location) until it is no longer `running`. Nothing is booked until it is applied.
    """
    interlock = request.app.state.interlock
    ids = await interlock.start_run(scope, days=(body.first_day, body.last_day), **_choices(body))
    response.headers["Location"] = f"{request.url.path}/{ids[0]}"
    return await queries.alternatives(scope.db, business.id, ids[0])


def _choices(body: RunBody) -> dict[str, object]:
    names = ("kind", "policy", "seconds", "seed", "alternatives")
    return {name: getattr(body, name) for name in names}


@router.get("/optimisation-runs", operation_id="listRuns")
async def newest(
    db: Db, business: OfPath, pages: Paged, status: RunStatus | None = None, kind: RunKind | None = None
) -> list[queries.Alternative]:
    """The runs, a line each, the newest first."""
    return pages.linked(await queries.newest(db, business.id, pages.page, status=status, kind=kind))


@router.get("/optimisation-runs/latest", operation_id="readLatestRun")
async def latest(db: Db, business: OfPath) -> queries.Run:
    """The newest run that has a plan."""
    run = await queries.latest(db, business.id)
    if run is None:
        raise NotFound("The optimiser has not run yet.")
    return run


@router.get("/optimisation-runs/{run_id}", operation_id="readRun")
async def read(db: Db, business: OfPath, run_id: UUID) -> queries.Run:
    """One run: how far it is while it runs, then its plan: moves, reasons, terms, and who was left out and why."""
    return await queries.read(db, business.id, run_id)


@router.get("/optimisation-runs/{run_id}/alternatives", operation_id="listAlternatives")
async def alternatives(db: Db, business: OfPath, run_id: UUID) -> list[queries.Alternative]:
    """A run and those planned beside it by the other policies, a line each."""
    return await queries.alternatives(db, business.id, run_id)


@router.post("/optimisation-runs/{run_id}/stop", status_code=202, operation_id="stopRun")
async def stop(scope: Commanding, db: Db, business: OfPath, run_id: UUID) -> queries.Run:
    """Ask a running run to end with its best plan so far."""
    await plans.stop_run(scope, run_id)
    return await queries.read(db, business.id, run_id)


@router.post("/optimisation-runs/{run_id}/apply", operation_id="applyRun")
async def apply(request: Request, scope: Commanding, run_id: UUID, body: ApplyBody) -> Accepted:
    """Accept all or some moves; components gone stale are refused, named, and planned again once."""
    accepted: commands.Accepted = await request.app.state.interlock.apply_plan(scope, run_id, body.moves)
    stale = [Refused(move_id=move, reason=why) for move, why in accepted.stale]
    return Accepted(run_id=accepted.run_id, applied=accepted.applied, stale=stale, replanned_by=accepted.replanned_by)


@router.post("/optimisation-runs/{run_id}/discard", operation_id="discardRun")
async def discard(scope: Commanding, db: Db, business: OfPath, run_id: UUID) -> queries.Run:
    """Discard what is still planned."""
    await commands.discard(scope, run_id)
    return await queries.read(db, business.id, run_id)


@router.put("/bookings/{booking_id}/allowance", operation_id="setAllowance")
async def allow(
    response: Response, scope: Commanding, booking_id: UUID, expected: Expected, body: AllowanceBody
) -> allowances.Stored:
    """What the client of a booking allows the optimiser; `If-Match` makes it conditional on the version."""
    return tagged(response, await allowances.allow(scope, Allowance(booking_id, allowed(body), expected)))


def allowed(body: AllowanceBody) -> Allowed:
    """Return what a body says."""
    windows = None if body.windows is None else tuple((w.start, w.end) for w in body.windows)
    staff_ids = None if body.staff_ids is None else tuple(body.staff_ids)
    return Allowed(windows, body.staff, staff_ids, body.locked)


@router.get("/bookings/{booking_id}/allowance", operation_id="readAllowance")
async def read_allowance(db: Db, response: Response, business: OfPath, booking_id: UUID) -> movable.Booked:
    """A confirmed booking with what its client allowed; null is left to the business's rules."""
    return tagged(response, await movable.one(db, business.id, booking_id))


@router.get("/optimisation-rules", operation_id="readRules")
async def rules(db: Db, response: Response, business: OfPath) -> Rules:
    """What holds where neither a client nor a manager says otherwise; the version is the business's."""
    own = tagged(response, await own_settings.read(db, business.id))
    return Rules.of(own.settings.get("optimisation", {}))


@router.put("/optimisation-rules", operation_id="setRules")
async def set_rules(response: Response, scope: Commanding, expected: Expected, body: RulesBody) -> Rules:
    """Set the rules, all of them."""
    return tagged_beside(response, await allowances.set_rules(scope, Rules(**body.model_dump()), version=expected))
