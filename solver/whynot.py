"""Why a query finds nothing, or little: what ruled each candidate out, and the smallest change that opens a slot."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from solver.clock import DAY, epoch_minute, offset_spans
from solver.lanes import Lane, Minutes
from solver.limits import client_full, service_full, staff_full
from solver.occupancy import Mask, claimed, covered, overlapped
from solver.offers import Offer, offer_of
from solver.openings import Change, Relaxation, relaxations, sentence
from solver.resources import assigned
from solver.rules import freed, others_of
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Snapshot

__all__ = ["Change", "Relaxation", "Ruled", "WhyNot", "relaxations", "ruled_out", "sentence", "why_not"]


class Ruled(StrEnum):
    """What rules a candidate out; the first that holds, in this order, is counted."""

    NOT_ALLOCATED = "not_allocated"
    """The staff member does not perform the service."""
    HOLIDAY = "holiday"
    """The business is closed that day, and the staff member has no hours of their own."""
    CLOSED = "closed"
    """The visit would lie outside working hours."""
    NOTICE = "notice"
    """Past, or nearer than the service's notice."""
    ADVANCE = "advance"
    """Further ahead than the service may be booked."""
    WINDOW = "window"
    """Outside the service's dates, or its windows."""
    APPOINTMENT_ONLY = "appointment_only"
    """In time that staff alone may book."""
    FULL = "full"
    """The group that begins then has no seat left."""
    BOOKED = "booked"
    """Something claims the time of the visit itself."""
    BUFFER = "buffer"
    """The visit fits, its buffers do not."""
    SERVICE_LIMIT = "service_limit"
    """The service has all the visits of that day or week."""
    STAFF_LIMIT = "staff_limit"
    """The staff member has all the appointments of that day or week."""
    CLIENT_LIMIT = "client_limit"
    """The client has all the visits of that day or week."""
    RESOURCE = "resource"
    """No room or device that the visit needs is free."""


OF_GROUPS = (Ruled.NOTICE, Ruled.ADVANCE, Ruled.WINDOW, Ruled.APPOINTMENT_ONLY, Ruled.FULL, Ruled.CLIENT_LIMIT)
"""What can rule out joining a group that others are in."""


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Counts of candidates by what ruled them out: each staff member asked for, each start on the grid or of a group.

    `free` candidates are slots; `relaxations` are ordered by how little they change: another staff member, less
    buffer, no such room, another day, less notice, then rules dropped.
    """

    candidates: int
    free: int
    ruled_out: dict[Ruled, int]
    relaxations: tuple[Relaxation, ...]


def why_not(snapshot: Snapshot, query: SlotQuery, now: datetime) -> WhyNot:
    """Return what rules out the query's candidates, and the smallest changes that would open a slot.

    Raises
    ------
    InvalidProblem
        As `find_slots`.
    """
    found = find_slots(snapshot, query, now)
    counts = ruled_out(snapshot, query, now)
    opening = () if len(found) else tuple(relaxations(snapshot, query, now))
    return WhyNot(len(found) + sum(counts.values()), len(found), counts, opening)


def ruled_out(snapshot: Snapshot, query: SlotQuery, now: datetime) -> dict[Ruled, int]:
    """Return how many candidates of a query that the finder accepts each rule is the first to rule out."""
    snapshot = freed(snapshot, query.reschedule) if query.reschedule else snapshot
    offer = offer_of(snapshot, (query.service, None, query.by_staff))
    asked = range(len(snapshot.staff)) if query.staff is None else [snapshot.staff_index[s] for s in query.staff]
    candidates = _Candidates(snapshot, offer, query, epoch_minute(now, up=True))
    counts = dict.fromkeys(Ruled, 0)
    for index in asked:
        for rule, number in candidates.counted(snapshot.lanes[index]).items():
            counts[rule] += number
    return {rule: n for rule, n in counts.items() if n}


class _Candidates:
    """What a query might have found, and why it did not."""

    def __init__(self, snapshot: Snapshot, offer: Offer, query: SlotQuery, now: int) -> None:
        self._snapshot, self._offer, self._query, self._now = snapshot, offer, query, now
        self._lo, self._hi = epoch_minute(query.start, up=True), epoch_minute(query.end, up=True)
        self._client = others_of(query.client_booked, query.service, query.reschedule)
        self._grids: dict[str, Minutes] = {}

    def counted(self, lane: Lane) -> dict[Ruled, int]:
        """Return how many of a lane's candidates each rule is the first to rule out."""
        groups = lane.sessions[lane.sessions[:, 0] == self._offer.row, 1:]
        if self._offer.service.seats == 1 or not self._offer.durations[lane.index]:
            groups = groups[:0]
        lo, hi = max(self._lo, self._snapshot.start), min(self._hi, self._snapshot.end)
        groups = groups[(groups[:, 0] >= lo) & (groups[:, 0] < hi)]
        starts = np.union1d(self._grid(lane), groups[:, 0])
        of_group = np.isin(starts, groups[:, 0])
        full = np.isin(starts, groups[groups[:, 1] == 0, 0])
        left, counts = np.ones(len(starts), bool), {}
        for rule, mask in self._ruled(lane, starts, full).items():
            holds = mask & left if rule in OF_GROUPS else mask & left & ~of_group
            counts[rule] = int(holds.sum())
            left &= ~holds
        return counts

    def _grid(self, lane: Lane) -> Minutes:
        """Return every minute in the query's range that is on the service's grid for a lane."""
        service = self._offer.service
        if service.anchor == "shift" and len(lane.work):
            minutes = np.arange(self._lo, self._hi)
            shift = lane.begun[np.maximum(lane.work[:, 0].searchsorted(minutes, side="right") - 1, 0)]
            on_grid: Minutes = minutes[(minutes - shift - service.slot_offset) % service.slot_interval == 0]
            return on_grid
        zone = self._snapshot.zones.get(lane.index, self._snapshot.zone)
        if zone.key not in self._grids:
            parts = []
            for since, until, offset in offset_spans(zone, self._lo, self._hi):
                minutes = np.arange(since, until)
                of_day = (minutes + offset) % DAY
                parts.append(minutes[(of_day - service.slot_offset) % service.slot_interval == 0])
            self._grids[zone.key] = np.concatenate(parts)
        return self._grids[zone.key]

    def _ruled(self, lane: Lane, starts: Minutes, full: Mask) -> dict[Ruled, Mask]:
        """Return for each rule which starts break it, in the order of `Ruled`."""
        snapshot, offer, service = self._snapshot, self._offer, self._offer.service
        duration = int(offer.durations[lane.index])
        ends = starts + (duration or service.duration)
        closed = ~covered(lane.work, starts, ends)
        return {
            Ruled.NOT_ALLOCATED: np.full(len(starts), fill_value=duration == 0),
            Ruled.HOLIDAY: closed & self._on_holiday(lane, starts),
            Ruled.CLOSED: closed,
            Ruled.NOTICE: starts < self._now + service.minimum_notice,
            Ruled.ADVANCE: starts > self._now + service.maximum_advance * DAY,
            Ruled.WINDOW: self._outside(starts),
            Ruled.APPOINTMENT_ONLY: overlapped(lane.blocks[: 0 if self._query.by_staff else None], starts, ends),
            Ruled.FULL: full,
            Ruled.BOOKED: claimed(lane, starts, ends),
            Ruled.BUFFER: claimed(lane, starts - service.buffer_before, ends + service.buffer_after),
            Ruled.SERVICE_LIMIT: service_full(snapshot, offer, starts),
            Ruled.STAFF_LIMIT: staff_full(snapshot, np.full(len(starts), lane.index), starts),
            Ruled.CLIENT_LIMIT: client_full(snapshot, offer, starts, self._client),
            Ruled.RESOURCE: ~assigned(snapshot, service.requirements, starts, ends)[1],
        }

    def _outside(self, starts: Minutes) -> Mask:
        edges = self._offer.shape.edges
        if edges is None:
            return np.zeros(len(starts), bool)
        outside: Mask = edges.searchsorted(starts - self._snapshot.start, side="right") % 2 == 0
        return outside

    def _on_holiday(self, lane: Lane, starts: Minutes) -> Mask:
        """Return which starts are on a holiday on which no shift of the lane begins."""
        if not self._snapshot.holidays:
            return np.zeros(len(starts), bool)
        zone = self._snapshot.zones.get(lane.index, self._snapshot.zone)
        days = [(day.toordinal() - _EPOCH_DAY) for day in self._snapshot.holidays]
        worked = {(begun + offset) // DAY for begun, offset in zip(lane.begun, lane.work[:, 2], strict=True)}
        closed = np.array([day for day in days if day not in worked], np.int64)
        on_holiday = np.zeros(len(starts), bool)
        for since, until, offset in offset_spans(zone, self._lo, self._hi):
            on_holiday |= (starts >= since) & (starts < until) & np.isin((starts + offset) // DAY, closed)
        return on_holiday


_EPOCH_DAY = datetime(1970, 1, 1).toordinal()  # noqa: DTZ001 - a date, not a moment
