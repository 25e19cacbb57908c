"""Why a query finds nothing, or little: what ruled each candidate out, and the smallest change that opens a slot."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from solver.clock import DAY, epoch_minute, moment, offset_spans
from solver.lanes import Lane, Minutes
from solver.slots import MAXIMUM_RANGE_DAYS, SlotQuery, Slots, find_slots
from solver.snapshot import Service, Snapshot


class Ruled(StrEnum):
    """What rules a candidate out; the first that holds, in this order, is counted."""

    NOT_ALLOCATED = "not_allocated"
    """The staff member does not perform the service."""
    CLOSED = "closed"
    """The visit would lie outside working hours."""
    NOTICE = "notice"
    """Past, or nearer than the service's notice."""
    ADVANCE = "advance"
    """Further ahead than the service may be booked."""
    BOOKED = "booked"
    """Something claims the time of the visit itself."""
    BUFFER = "buffer"
    """The visit fits, its buffers do not."""


class Change(StrEnum):
    """What a relaxation changes."""

    STAFF = "staff"
    BUFFER = "buffer"
    LATER = "later"
    EARLIER = "earlier"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A change that opens a slot, and the slot that it opens.

    Attributes
    ----------
    change : Change
    minutes : int
        For BUFFER and NOTICE, by how many minutes less; 0 for the others.
    staff : id
    start : int
        Epoch minute of the slot opened.
    """

    change: Change
    minutes: int
    staff: Hashable
    start: int


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Counts of candidates (each staff member asked for, each start on the grid) by what ruled them out.

    `free` candidates are slots; `relaxations` are ordered by how little they change: another staff member, less
    buffer, another day, less notice.
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
    row = snapshot.service_index[query.service]
    asked = range(len(snapshot.staff)) if query.staff is None else [snapshot.staff_index[s] for s in query.staff]
    counts = dict.fromkeys(Ruled, 0)
    total = 0
    for index in asked:
        starts = _grid(snapshot, snapshot.services[row], query)
        total += len(starts)
        ruled = _ruled(snapshot, row, snapshot.lanes[index], starts, now)
        for rule, mask in ruled.items():
            counts[rule] += int(mask.sum())
    opening = () if len(found) else tuple(relaxations(snapshot, query, now))
    return WhyNot(total, len(found), {rule: n for rule, n in counts.items() if n}, opening)


def _grid(snapshot: Snapshot, service: Service, query: SlotQuery) -> Minutes:
    """Return every minute in the query's range that is on the service's grid by the local clock."""
    lo, hi = epoch_minute(query.start, up=True), epoch_minute(query.end, up=True)
    step = service.slot_interval
    parts = [np.arange(a + -(a + offset) % step, b, step) for a, b, offset in offset_spans(snapshot.zone, lo, hi)]
    return np.concatenate(parts)


def _ruled(snapshot: Snapshot, row: int, lane: Lane, starts: Minutes, now: datetime) -> dict[Ruled, NDArray[np.bool_]]:
    """Return for each rule which starts it is the first to rule out."""
    service, duration = snapshot.services[row], int(snapshot.durations[row, lane.index])
    minute = epoch_minute(now, up=True)
    nobody = np.full(len(starts), fill_value=duration == 0)
    ends = starts + (duration or service.duration)
    rules = {
        Ruled.NOT_ALLOCATED: nobody,
        Ruled.CLOSED: _worked(lane, starts, ends) < ends - starts,
        Ruled.NOTICE: starts < minute + service.minimum_notice,
        Ruled.ADVANCE: starts > minute + service.maximum_advance * DAY,
        Ruled.BOOKED: _claimed(lane, starts, ends),
        Ruled.BUFFER: _claimed(lane, starts - service.buffer_before, ends + service.buffer_after),
    }
    left = np.ones(len(starts), bool)
    first: dict[Ruled, NDArray[np.bool_]] = {}
    for rule, mask in rules.items():
        first[rule] = mask & left
        left &= ~mask
    return first


def _worked(lane: Lane, starts: Minutes, ends: Minutes) -> Minutes:
    """Return the minutes worked inside each [start, end)."""
    return _until(lane.work, ends) - _until(lane.work, starts)


def _until(work: Minutes, moments: Minutes) -> Minutes:
    """Return the minutes worked before each moment."""
    total = np.concatenate([[0], np.cumsum(work[:, 1] - work[:, 0])])
    span = np.searchsorted(work[:, 0], moments, side="right")
    begun = np.minimum(moments, np.append(0, work[:, 1])[span]) - np.append(0, work[:, 0])[span]
    worked: Minutes = total[span] - np.append(0, work[:, 1] - work[:, 0])[span] + np.where(span > 0, begun, 0)
    return worked


def _claimed(lane: Lane, starts: Minutes, ends: Minutes) -> NDArray[np.bool_]:
    """Return whether any claim overlaps each [start, end)."""
    if len(lane.busy) == 0:
        return np.zeros(len(starts), bool)
    latest_end = np.maximum.accumulate(lane.busy[:, 1])
    begun = np.searchsorted(lane.busy[:, 0], ends, side="left")
    return (begun > 0) & (latest_end[np.maximum(begun - 1, 0)] > starts)


def relaxations(snapshot: Snapshot, query: SlotQuery, now: datetime) -> Iterator[Relaxation]:
    """Yield each change that opens a slot, the smallest first; every one is found by the finder itself.

    Lazy: who wants the smallest alone takes the first. Raises as `find_slots`.
    """
    if query.staff is not None:
        yield from _opened(find_slots(snapshot, replace(query, staff=None), now), Change.STAFF)
    service = snapshot.services[snapshot.service_index[query.service]]
    yield from _less_buffer(snapshot, query, now, service)
    range_limit = timedelta(days=MAXIMUM_RANGE_DAYS)
    later = replace(query, start=query.end, end=query.end + range_limit)
    yield from _opened(find_slots(snapshot, later, now), Change.LATER)
    if query.start > now:
        earlier = replace(query, start=max(now, query.start - range_limit), end=query.start)
        yield from _opened(find_slots(snapshot, earlier, now), Change.EARLIER, last=True)
    if service.minimum_notice:
        without = _with_service(snapshot, replace(service, minimum_notice=0))
        for relaxation in _opened(find_slots(without, query, now), Change.NOTICE, last=True):
            missing = epoch_minute(now, up=True) + service.minimum_notice - relaxation.start
            yield replace(relaxation, minutes=max(missing, 0))


def _less_buffer(snapshot: Snapshot, query: SlotQuery, now: datetime, service: Service) -> Iterator[Relaxation]:
    """Yield the slot that needs the fewest minutes less of buffer, taken from after the visit first."""
    whole = service.buffer_before + service.buffer_after
    for less in range(5, whole + 5, 5):
        after = max(service.buffer_after - less, 0)
        before = max(service.buffer_before - max(less - service.buffer_after, 0), 0)
        relaxed = _with_service(snapshot, replace(service, buffer_before=before, buffer_after=after))
        found = find_slots(relaxed, query, now)
        if len(found):
            yield from _opened(found, Change.BUFFER, minutes=whole - before - after)
            return


def _with_service(snapshot: Snapshot, service: Service) -> Snapshot:
    services: Sequence[Service] = [service if s.id == service.id else s for s in snapshot.services]
    return replace(snapshot, services=tuple(services))


def _opened(found: Slots, change: Change, *, minutes: int = 0, last: bool = False) -> Iterator[Relaxation]:
    if len(found):
        row = -1 if last else 0
        yield Relaxation(change, minutes, found.snapshot.staff[found.lane[row]], int(found.start[row]))


def sentence(relaxation: Relaxation, snapshot: Snapshot, names: dict[Hashable, str] | None = None) -> str:
    """Return a relaxation in words, its time in the business's zone."""
    local = moment(relaxation.start).astimezone(snapshot.zone)
    who = (names or {}).get(relaxation.staff, str(relaxation.staff))
    place = f"{local:%a %d %b %H:%M} with {who}"
    words = {
        Change.STAFF: f"With any staff member: {place}.",
        Change.BUFFER: f"With {relaxation.minutes} minutes less buffer: {place}.",
        Change.LATER: f"From {local:%A %d %B} on: {place}.",
        Change.EARLIER: f"Earlier, on {local:%A %d %B}: {place}.",
        Change.NOTICE: f"With {relaxation.minutes} minutes less notice: {place}.",
    }
    return words[relaxation.change]
