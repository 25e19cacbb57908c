"""From a simulated clinic to its result: counts, and the minutes of each day."""

from datetime import date

import numpy as np
from numpy.typing import NDArray

from service.db.views import load
from service.jobs.replay import book
from service.jobs.replay.draw import busiest_days, daily_demand
from service.jobs.replay.opening import Calendar
from service.jobs.replay.requests import ZONE
from service.jobs.replay.result import DAILY, ClinicResult
from service.jobs.replay.simulation import Simulation, Visit
from solver.clock import DAY, moment
from solver.lanes import Lane


async def tally(simulation: Simulation, calendar: Calendar) -> ClinicResult:
    """Return what came of a clinic: half from the simulation's notes, the rest from the database itself."""
    scope, clinic, counts = simulation.opened.scope, simulation.clinic, simulation.counts
    asked = _asked(simulation)
    busiest = busiest_days(asked)
    reread = await load(scope.db, scope.business_id, *calendar.horizon)
    return ClinicResult(
        clinic=clinic.name,
        staff=len(clinic.staff),
        requests=len(simulation.requests),
        booked=counts["booked"],
        waitlisted=counts["waitlisted"],
        placed=counts["placed"],
        unplaced=dict(simulation.unplaced.most_common()),
        cancelled=counts["cancelled"],
        stale=counts["stale"],
        evenings=counts["evenings"],
        capacity=(clinic.capacity * len(busiest), sum(asked[day] for day in busiest)),
        daily=_daily(simulation, calendar, asked),
        seconds={name: np.array(times, np.float32) for name, times in simulation.seconds.items()},
        overlaps=await book.overlaps(scope),
        adrift=not reread.snapshot.same_as(simulation.views.view.snapshot),
        digest=await book.digest(scope),
    )


def _asked(simulation: Simulation) -> dict[date, int]:
    occupied = np.array([service.occupied for service in simulation.clinic.services])
    wanted = [wish.service for wish in simulation.clinic.wishes]
    return daily_demand(simulation.requests, occupied[wanted])


def _daily(simulation: Simulation, calendar: Calendar, asked: dict[date, int]) -> NDArray[np.int64]:
    """Return the minutes of `DAILY` for each day of the calendar; what a buffer takes of closed time is not sold."""
    daily = np.zeros((len(calendar.days), len(DAILY)), np.int64)
    place = {day: i for i, day in enumerate(calendar.days)}
    daily[:, 0] = [asked.get(day, 0) for day in calendar.days]
    snapshot = simulation.views.view.snapshot
    for lane in snapshot.lanes:
        for start, end, _ in lane.work.tolist():
            if (i := place.get(_local_day(start))) is not None:
                daily[i, 1] += end - start
    for visit in simulation.visits.values():
        i = place.get(_local_day(visit.claim[0]))
        if visit.live and i is not None:
            daily[i, 3 if visit.placed else 2] += _sold(visit, snapshot.lanes[snapshot.staff_index[visit.staff]])
    return daily


def _local_day(minute: int) -> date:
    return moment(minute).astimezone(ZONE).date()


def _sold(visit: Visit, lane: Lane) -> int:
    """Return the minutes of a visit's claim that lie in working time."""
    start, end = visit.claim
    near = lane.work[np.abs(lane.work[:, 0] - start) < DAY]
    return int(np.maximum(np.minimum(near[:, 1], end) - np.maximum(near[:, 0], start), 0).sum())
