"""The rules that do not only depend on gaps: limits, resources, groups, the claims of what is rescheduled."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from solver.clock import DAY, epoch_minute
from solver.errors import InvalidProblem
from solver.found import Slots
from solver.lanes import Lane, Minutes
from solver.limits import client_full, service_full, staff_full
from solver.occupancy import Mask, overlapped
from solver.resources import assigned
from solver.starts import Keys

if TYPE_CHECKING:
    from solver.offers import Offer
    from solver.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim of the appointment that is to be rescheduled; its time counts as free, and it counts against no limit.

    Parameters
    ----------
    lane : id
        Of the staff member or resource.
    start, end : datetime
        Aware, buffers included.
    service, visit : id and datetime, optional
        Of a staff member's claim: which service, and when the visit itself starts.
    seats : int
        Taken in a group.
    """

    lane: Hashable
    start: datetime
    end: datetime
    service: Hashable = None
    visit: datetime | None = None
    seats: int = 1


def ruled(
    snapshot: "Snapshot", offer: "Offer", keys: Keys, groups: tuple[int, int] | None, client: Sequence[int] = ()
) -> Slots:
    """Return the slots among free starts, and the groups with a seat left that start in [lo, hi).

    Parameters
    ----------
    keys : starts that the gaps allow
    groups : (lo, hi) in minutes since the horizon began, None: leave groups out
    client : epoch minutes at which the client has booked the service
    """
    found = Slots(snapshot, offer, keys)
    full = service_full(snapshot, offer, found.start) | staff_full(snapshot, found.lane, found.start)
    found = found.take(~full) if full.any() else found
    if offer.service.requirements:
        lanes, met = assigned(snapshot, offer.service.requirements, found.start, found.end)
        found = Slots(snapshot, offer, found.keys, resources=lanes).take(met)
    if offer.service.seats > 1 and groups is not None:
        found = _with_groups(found, *groups)
    if offer.service.client_daily_limit is not None or offer.service.client_weekly_limit is not None:
        found = found.take(~client_full(snapshot, offer, found.start, client))
    return found


def _with_groups(free: Slots, lo: int, hi: int) -> Slots:
    """Return free starts and groups with a seat left as one answer."""
    snapshot, offer = free.snapshot, free.offer
    rows = [open_groups(snapshot, offer, snapshot.lanes[i]) for i in offer.shape.group.lanes]
    width, base = len(snapshot.staff), snapshot.start
    lanes = np.repeat(np.array(offer.shape.group.lanes, np.int64), [len(of_lane) for of_lane in rows])
    groups = np.concatenate([np.empty((0, 3), np.int64), *rows])
    lo, hi = max(lo, 0), min(hi, snapshot.days * DAY)
    inside = (groups[:, 1] >= base + lo) & (groups[:, 1] < base + hi) & (groups[:, 2] > 0)
    keys = ((groups[inside, 1] - base) * width + lanes[inside]).astype(free.keys.dtype)
    kept = free.take(~np.isin(free.keys, keys))
    joined = Slots(
        snapshot,
        offer,
        np.concatenate([kept.keys, keys]),
        seats=np.concatenate([kept.seats, groups[inside, 2]]),
        resources=np.concatenate([kept.resources, np.full((len(keys), kept.resources.shape[1]), -1)]),
    )
    return joined.take(np.argsort(joined.keys, kind="stable"))


def open_groups(snapshot: "Snapshot", offer: "Offer", lane: Lane) -> Minutes:
    """Return a lane's groups of the service that may be seen: (service, start, seats left), full ones too."""
    groups: Minutes = lane.sessions[lane.sessions[:, 0] == offer.row]
    if len(groups) and not offer.shape.group.by_staff:
        hidden = overlapped(lane.blocks, groups[:, 1], groups[:, 1] + offer.durations[lane.index])
        groups = groups[~hidden]
    if offer.shape.edges is not None:
        groups = groups[offer.shape.edges.searchsorted(groups[:, 1] - snapshot.start, side="right") % 2 == 1]
    return groups


def freed(snapshot: "Snapshot", claims: Sequence[Claimed]) -> "Snapshot":
    """Return the snapshot without the claims of an appointment; claims that it does not hold change nothing.

    Raises
    ------
    InvalidProblem
        An unknown lane, or times without an offset.
    """
    lanes = list(snapshot.lanes)
    for claim in claims:
        if claim.lane not in snapshot.lane_index:
            raise InvalidProblem(f"reschedule: there is no staff member or resource {claim.lane!r}")
        index = snapshot.lane_index[claim.lane]
        lanes[index] = _freed(snapshot, lanes[index], claim)
    return replace(snapshot, lanes=tuple(lanes))


def booked(
    snapshot: "Snapshot",
    staff: int,
    visit: tuple[int, int],
    claims: Sequence[tuple[int, int, int]],
    seats: int | None = None,
) -> "Snapshot":
    """Return the snapshot with one more visit: what `freed` takes away again.

    Parameters
    ----------
    staff : place of the staff member's lane
    visit : index of the service, start in epoch minutes
    claims : (lane, start, end) in epoch minutes, buffers included; whoever joins a group claims nothing
    seats : taken in a group; None: the service has no groups
    """
    lane = snapshot.lanes[staff]
    group = np.flatnonzero((lane.sessions[:, 0] == visit[0]) & (lane.sessions[:, 1] == visit[1]))
    sessions = lane.sessions.copy()
    if seats is not None and len(group):
        sessions[group, 2] -= seats
    elif seats is not None:
        left = snapshot.services[visit[0]].seats - seats
        sessions = np.concatenate([sessions, np.array([(*visit, left)], np.int64)])
    if not len(group):
        snapshot = snapshot.with_claims(claims)
    counted = np.concatenate([lane.booked, np.array([visit], np.int64)])
    lanes = list(snapshot.lanes)
    lanes[staff] = lanes[staff].with_book(lanes[staff].busy, counted, sessions)
    return replace(snapshot, lanes=tuple(lanes))


def _freed(snapshot: "Snapshot", lane: Lane, claim: Claimed) -> Lane:
    visit = (snapshot.service_index.get(claim.service, -1), None if claim.visit is None else epoch_minute(claim.visit))
    group = np.flatnonzero((lane.sessions[:, 0] == visit[0]) & (lane.sessions[:, 1] == visit[1]))
    sessions, busy = lane.sessions.copy(), lane.busy
    sessions[group, 2] += claim.seats
    alone = len(group) == 0 or bool(sessions[group[0], 2] >= snapshot.services[visit[0]].seats)
    if alone:
        span = (epoch_minute(claim.start), epoch_minute(claim.end, up=True))
        busy = _without_one(busy, (busy[:, 0] == span[0]) & (busy[:, 1] == span[1]))
        sessions = np.delete(sessions, group[:1], axis=0)
    booked = _without_one(lane.booked, (lane.booked[:, 0] == visit[0]) & (lane.booked[:, 1] == visit[1]))
    return lane.with_book(busy, booked, sessions)


def _without_one(rows: Minutes, matching: Mask) -> Minutes:
    return np.delete(rows, np.flatnonzero(matching)[:1], axis=0)


def others_of(client: Sequence[datetime], service: Hashable, claims: Sequence[Claimed]) -> list[int]:
    """Return when a client has booked the service beside the appointment that is to be rescheduled."""
    booked = Counter(epoch_minute(start) for start in client)
    moving = Counter(epoch_minute(c.visit) for c in claims if c.service == service and c.visit is not None)
    return list((booked - moving).elements())
