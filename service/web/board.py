"""The board: one business's day, a lane a staff member, with the last plan drawn over it."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from service.commands import optimisation as commands
from service.db.views import View
from service.queries import bookings, optimisation, waitlist
from service.queries.businesses import Business
from service.queries.optimisation import Run
from service.web.layout import Board, LaneOfDay, board, drawn_day
from service.web.session import Visitor, may
from solver.clock import epoch_minute, moment

HERE = Path(__file__).parent
FIRST_DAY, LAST_DAY = date(1970, 1, 3), date(9000, 1, 1)
PLAN_DAYS = 14
"""How many days from the one shown a run started here plans."""

router = APIRouter(include_in_schema=False)
templates = Jinja2Templates(HERE / "templates")


@router.get("/board/{slug}", response_class=HTMLResponse)
async def show(
    request: Request,
    visitor: Annotated[Visitor, may("listBookings")],
    day: Annotated[date | None, Query(ge=FIRST_DAY, le=LAST_DAY)] = None,
    view: Annotated[str, Query(pattern="^(before|after)$")] = "after",
) -> Response:
    """One day, before or after the last run."""
    interlock = request.app.state.interlock
    business = visitor.business
    zone, now = ZoneInfo(business.zone), interlock.clock()
    run = await optimisation.latest(interlock.db, business.id)
    chosen = day or _interesting_day(run, zone) or now.astimezone(zone).date()
    midnight, tomorrow = _local_day(chosen, zone)
    arrays = await interlock.views.current(business.id, now)
    items = await bookings.between(interlock.db, business.id, midnight, tomorrow)
    planned = {m.entry_id for m in run.moves if m.status == "planned"} if run else set()
    moves = [m for m in run.moves if midnight <= m.starts_at < tomorrow] if run else []
    if view == "before":
        placed = {(m.staff_id, m.starts_at) for m in moves if m.status == "applied"}
        items, moves = [i for i in items if (i.staff_id, i.starts_at) not in placed], []
    lanes = _lanes(arrays, midnight, tomorrow)
    context = {
        "business": business,
        "zone": zone,
        "day": chosen,
        "before": chosen - timedelta(days=1),
        "after": chosen + timedelta(days=1),
        "view": view,
        "run": run,
        "board": _drawn(lanes, items, moves, midnight, tomorrow, now),
        "items": items,
        "idle": sum(lane.worked_minutes - lane.booked_minutes for lane in lanes),
        "waiting": [e for e in await waitlist.waiting(interlock.db, business.id) if e.id not in planned],
        "reasons": {u.entry_id: u for u in run.unplaced} if run else {},
    }
    page: Response = templates.TemplateResponse(request, "board.html", context)
    return page


@router.post("/board/{slug}/runs")
async def start(
    request: Request,
    visitor: Annotated[Visitor, may("startRun")],
    day: Annotated[date, Form(ge=FIRST_DAY, le=LAST_DAY)],
) -> Response:
    """Plan the waitlist over the coming days."""
    interlock = request.app.state.interlock
    days = (day, day + timedelta(days=PLAN_DAYS - 1))
    await interlock.plan_waitlist(visitor.scope, days)
    return _back(visitor.business, day)


@router.post("/board/{slug}/runs/{run_id}/apply")
async def apply(
    request: Request,
    visitor: Annotated[Visitor, may("applyRun")],
    run_id: UUID,
    day: Annotated[date, Form(ge=FIRST_DAY, le=LAST_DAY)],
    moves: Annotated[list[UUID] | None, Form()] = None,
) -> Response:
    """Accept the ticked moves."""
    await commands.apply(visitor.scope, run_id, moves or [], now=request.app.state.interlock.clock())
    return _back(visitor.business, day)


@router.post("/board/{slug}/runs/{run_id}/discard")
async def discard(
    visitor: Annotated[Visitor, may("discardRun")],
    run_id: UUID,
    day: Annotated[date, Form(ge=FIRST_DAY, le=LAST_DAY)],
) -> Response:
    """Reject what is still planned."""
    await commands.discard(visitor.scope, run_id)
    return _back(visitor.business, day)


def _back(business: Business, day: date) -> Response:
    return RedirectResponse(f"/board/{business.slug}?day={day}", status_code=303)


def _interesting_day(run: Run | None, zone: ZoneInfo) -> date | None:
    """Return the day on which the last run changes most, so that the first glance shows something."""
    days = [m.starts_at.astimezone(zone).date() for m in run.moves] if run else []
    return max(sorted(set(days)), key=days.count, default=None)


def _local_day(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start = datetime.combine(day, datetime.min.time(), zone)
    return start, datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)


def _lanes(view: View, midnight: datetime, tomorrow: datetime) -> list[LaneOfDay]:
    start, end = epoch_minute(midnight), epoch_minute(tomorrow)
    lanes = []
    for info, lane in zip(view.lanes.values(), view.snapshot.lanes, strict=True):
        work = np.clip(lane.work[:, :2], start, end)
        busy = np.clip(lane.busy, start, end)
        spans = [(moment(a), moment(b)) for a, b in work if b > a]
        booked, worked = (int((x[:, 1] - x[:, 0]).sum()) for x in (busy, work))
        lanes.append(LaneOfDay(info.staff_id, info.name, spans, min(booked, worked), worked))
    return lanes


def _drawn(
    lanes: list[LaneOfDay],
    items: list[bookings.BookedItem],
    moves: list[optimisation.Move],
    midnight: datetime,
    tomorrow: datetime,
    now: datetime,
) -> Board:
    day = drawn_day(lanes, items, midnight, tomorrow)
    hours = [midnight.replace(hour=h) for h in range(24)]
    return board(day, lanes, items, moves, [h for h in hours if day.start <= h <= day.end], now)
