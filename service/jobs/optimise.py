"""One optimisation: waiting entries and arrays in, a recorded plan out. Nothing is booked here."""

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from models.errors import InvalidInput
from service.commands.plans import LeftWaiting, Placement, Plan, record_plan
from service.db.claims import Item
from service.db.command import Scope
from service.db.views import View, Views
from service.queries.waitlist import WaitingEntry, waiting
from solver.answer import Effort
from solver.checker import require
from solver.clock import epoch_minute, moment
from solver.columns import Entry
from solver.placement import placement_problem
from solver.result import Reason, Result, Unplaced
from solver.slots import SlotQuery
from solver.snapshot import Snapshot
from solver.solve import solve
from solver.whynot import relaxations, sentence

LONGEST_HORIZON = 62


async def plan_waitlist(
    scope: Scope, views: Views, days: tuple[date, date], now: datetime, *, effort: Effort | None = None
) -> UUID:
    """Plan the waitlist over local dates (the last one included), record the plan, return the run's id.

    Raises
    ------
    InvalidInput
        The last day comes before the first, or more than 62 days are asked for.
    PlanError
        The solver's plan failed the independent check; nothing is recorded.
    """
    first, last = days
    if not 0 <= (last - first).days < LONGEST_HORIZON:
        raise InvalidInput(f"The last day comes after the first, within {LONGEST_HORIZON} days.")
    view = await views.current(scope.business_id, now)
    horizon = _local_horizon(view.snapshot.zone, first, last)
    entries = await waiting(scope.db, scope.business_id, *horizon)
    plan = await asyncio.to_thread(planned, view, entries, horizon, now, effort or Effort())
    return await record_plan(replace(scope, key=None), plan)


def planned(
    view: View,
    entries: Sequence[WaitingEntry],
    horizon: tuple[datetime, datetime],
    now: datetime,
    effort: Effort,
) -> Plan:
    """Return the checked plan for the entries whose windows meet the horizon."""
    wishes = [wish for entry in entries if (wish := _wish(view, entry, horizon)) is not None]
    problem = placement_problem(view.snapshot, wishes, now)
    result = solve(problem, effort)
    require(problem, result)
    return _plan(view, {str(e.id): e for e in entries}, horizon, now, result)


def _local_horizon(zone: ZoneInfo, first: date, last: date) -> tuple[datetime, datetime]:
    start, end = first, last + timedelta(days=1)
    return datetime.combine(start, datetime.min.time(), zone), datetime.combine(end, datetime.min.time(), zone)


def _wish(view: View, entry: WaitingEntry, horizon: tuple[datetime, datetime]) -> Entry | None:
    start, end = (epoch_minute(moment) for moment in horizon)
    windows = [(max(epoch_minute(a, up=True), start), min(epoch_minute(b), end)) for a, b in entry.windows]
    open_windows = tuple((a, b) for a, b in windows if a < b)
    snapshot = view.snapshot
    if not open_windows or entry.service_id not in snapshot.service_index:
        return None
    staff = entry.staff_ids
    return Entry(
        str(entry.id),
        priority=entry.priority,
        since=epoch_minute(entry.since),
        service=entry.service_id,
        windows=open_windows,
        staff=None if staff is None else tuple(i for s in staff if (i := snapshot.staff_index.get(s)) is not None),
        client=str(entry.client_id),
    )


def _plan(
    view: View,
    entries: Mapping[str, WaitingEntry],
    horizon: tuple[datetime, datetime],
    now: datetime,
    result: Result,
) -> Plan:
    clients = {key: entry.client for key, entry in entries.items()}
    # What would help is looked for in the book as the plan would leave it.
    after = view.snapshot.with_claims((p.lane, p.occupied_start, p.occupied_end) for p in result.placements)
    return Plan(
        horizon=horizon,
        seed=result.seed,
        solver_status=result.status.value,
        objective=result.objective,
        bound=result.bound,
        gap=max(result.gap, 0.0),
        terms={score.name: score.value for score in result.scores},
        solve_seconds=sum(result.seconds.values()),
        placements=tuple(
            _placement(view, entries[str(p.entry)], p.lane, p.start, p.occupied_start, p.occupied_end, p.value)
            for p in result.placements
        ),
        left_waiting=tuple(_left_waiting(view, after, entries[str(u.entry)], u, clients, now) for u in result.reasons),
    )


def _placement(
    view: View, entry: WaitingEntry, lane: int, start: int, claim_start: int, claim_end: int, value: float
) -> Placement:
    snapshot, info = view.snapshot, view.of_lane(lane)
    minutes = int(snapshot.durations[snapshot.service_index[entry.service_id], lane])
    item = Item(
        uuid7(),
        entry.service_id,
        info.staff_id,
        info.lane_no,
        info.availability_version,
        moment(start),
        moment(start + minutes),
        moment(claim_start),
        moment(claim_end),
    )
    waited = entry.since.astimezone(snapshot.zone)
    reason = f"Free time inside the client's window; priority {entry.priority}, waiting since {waited:%d %b}."
    return Placement(entry.id, entry.version, item, component=0, value=value, reason=reason)


def _left_waiting(
    view: View,
    after: Snapshot,
    entry: WaitingEntry,
    unplaced: Unplaced,
    clients: Mapping[str, str],
    now: datetime,
) -> LeftWaiting:
    reason, relaxation = _sentence(view, unplaced, clients), _help(view, after, entry, now)
    return LeftWaiting(entry.id, unplaced.code.value, reason, relaxation)


def _help(view: View, after: Snapshot, entry: WaitingEntry, now: datetime) -> str | None:
    """Return the smallest relaxation that would place an entry beside the plan, in words."""
    duration = after.services[after.service_index[entry.service_id]].duration
    start = max(entry.windows[0][0], now)
    # The last start whose visit still ends inside the last window; anything after it is a later day.
    end = max(entry.windows[-1][1] - timedelta(minutes=duration - 1), start + timedelta(minutes=1))
    if end - start > timedelta(days=LONGEST_HORIZON):
        return None
    query = SlotQuery(entry.service_id, start, end, entry.staff_ids)
    smallest = next(relaxations(after, query, now), None)
    names: dict[Hashable, str] = {info.staff_id: info.name for info in view.lanes.values()}
    return None if smallest is None else sentence(smallest, after, names)


def _sentence(view: View, unplaced: Unplaced, clients: Mapping[str, str]) -> str:
    """Say why an entry waits on, in the words of the front desk."""
    if unplaced.lane is None or unplaced.start is None:
        return f"{unplaced.sentence[:1].upper()}{unplaced.sentence[1:]}."
    local = moment(unplaced.start).astimezone(view.snapshot.zone)
    place = f"{local:%a %d %b %H:%M} with {view.of_lane(unplaced.lane).name}"
    others = ", ".join(clients.get(str(other), "another client") for other in unplaced.by)
    if unplaced.code is Reason.OUTBID:
        worth = f"worth {unplaced.price} to the plan, against {unplaced.value}"
        return f"The best start, {place}, goes to {others}: {worth}."
    if unplaced.code is Reason.TAKEN:
        return f"Every start on the days asked for, as far as this plan reaches, is taken: the earliest, {place}, too."
    return f"{unplaced.sentence[:1].upper()}{unplaced.sentence[1:]}, at best {place}."
