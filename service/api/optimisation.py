"""Optimisation runs: start one, read its plan, accept or discard it."""

from uuid import UUID

from fastapi import APIRouter, Request

from models.errors import NotFound
from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, OfPath
from service.api.schemas import ApplyBody, RunBody
from service.commands import optimisation as commands
from service.queries import optimisation as queries
from solver.answer import Effort

router = APIRouter(prefix="/optimisation-runs", tags=["optimisation"], route_class=StrictRoute)


@router.post("", status_code=201, operation_id="startRun")
async def start(request: Request, scope: Commanding, business: OfPath, body: RunBody) -> queries.Run:
    """Plan the waitlist over some days and return the plan; nothing is booked until it is applied."""
    interlock = request.app.state.interlock
    days = (body.first_day, body.last_day)
    run_id = await interlock.plan_waitlist(scope, days, effort=Effort(seed=body.seed))
    return await queries.read(scope.db, business.id, run_id)


@router.get("/latest", operation_id="readLatestRun")
async def latest(db: Db, business: OfPath) -> queries.Run:
    """The newest run with its plan."""
    run = await queries.latest(db, business.id)
    if run is None:
        raise NotFound("The optimiser has not run yet.")
    return run


@router.get("/{run_id}", operation_id="readRun")
async def read(db: Db, business: OfPath, run_id: UUID) -> queries.Run:
    """One run with its plan: moves, reasons, and who was left waiting and why."""
    return await queries.read(db, business.id, run_id)


@router.post("/{run_id}/apply", operation_id="applyRun")
async def apply(request: Request, scope: Commanding, run_id: UUID, body: ApplyBody) -> commands.Applied:
    """Accept all or some moves; those gone stale are refused one by one and named."""
    return await commands.apply(scope, run_id, body.moves, now=request.app.state.interlock.clock())


@router.post("/{run_id}/discard", operation_id="discardRun")
async def discard(scope: Commanding, db: Db, business: OfPath, run_id: UUID) -> queries.Run:
    """Discard what is still planned."""
    await commands.discard(scope, run_id)
    return await queries.read(db, business.id, run_id)
