"""The slot finder: a pure function of a snapshot, a query and the present moment."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from solver.clock import DAY, epoch_minute, offset_spans
from solver.errors import InvalidProblem
from solver.lanes import Gaps, Minutes
from solver.snapshot import Service, Snapshot

if TYPE_CHECKING:
    import pandas as pd

MAXIMUM_RANGE_DAYS = 62
EPOCH_DAY = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class SlotQuery:
    """Which starts are wanted.

    Parameters
    ----------
    service : id
    start, end : datetime
        Aware; a slot starts in [start, end), at most 62 days.
    staff : sequence of ids, optional
        Who may do it; None: anyone allocated.
    """

    service: Hashable
    start: datetime
    end: datetime
    staff: Sequence[Hashable] | None = None

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise InvalidProblem("the times of a query need an offset")
        if self.end <= self.start:
            raise InvalidProblem("a query ends after it starts")
        if (self.end - self.start).days > MAXIMUM_RANGE_DAYS:
            raise InvalidProblem(f"a query spans at most {MAXIMUM_RANGE_DAYS} days")


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Legal starts as parallel arrays, sorted by start, then lane; int64 of shape (n,), epoch minutes, half-open.

    `claim_start` and `claim_end` include the buffers: what a booking would occupy of the lane. `gap` points into
    the gaps that the slots were found in.
    """

    snapshot: Snapshot
    service: Service
    lane: Minutes
    start: Minutes
    end: Minutes
    claim_start: Minutes
    claim_end: Minutes
    gap_lo: Minutes
    gap_hi: Minutes

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "Slots":
        """Return the slots at some rows, in their order."""
        columns = (
            self.lane,
            self.start,
            self.end,
            self.claim_start,
            self.claim_end,
            self.gap_lo,
            self.gap_hi,
        )
        return Slots(self.snapshot, self.service, *(column[rows] for column in columns))

    def by_day(self, zone: ZoneInfo | None = None) -> dict[date, "Slots"]:
        """Return the slots of each local date (in the business's zone by default) that has any, in order."""
        if len(self) == 0:
            return {}
        spans = offset_spans(zone or self.snapshot.zone, int(self.start.min()), int(self.start.max()) + 1)
        edges, offsets = np.array([s for s, _, _ in spans]), np.array([o for _, _, o in spans])
        local_day = (self.start + offsets[np.searchsorted(edges, self.start, side="right") - 1]) // DAY
        days = np.unique(local_day)
        return {date.fromordinal(EPOCH_DAY + int(day)): self.take(local_day == day) for day in days}

    def to_frame(self, zone: str | None = None) -> "pd.DataFrame":
        """Return the slots as a table: staff, starts_at and ends_at in a zone (the business's by default)."""
        import pandas as pd  # noqa: PLC0415 - half a second that a booking never pays

        zone = zone or self.snapshot.zone.key
        return pd.DataFrame(
            {
                "staff": [self.snapshot.staff[i] for i in self.lane],
                "starts_at": pd.to_datetime(self.start * 60, unit="s", utc=True).tz_convert(zone),
                "ends_at": pd.to_datetime(self.end * 60, unit="s", utc=True).tz_convert(zone),
            }
        )


def find_slots(snapshot: Snapshot, query: SlotQuery, now: datetime) -> Slots:
    """Return every legal start in the query's range.

    Raises
    ------
    InvalidProblem
        Unknown service or staff member, `now` without an offset.
    """
    lo, hi = epoch_minute(query.start, up=True), epoch_minute(query.end, up=True)
    return _found(snapshot, query.service, query.staff, now, [(lo, hi, hi + 10 * DAY)])


def legal_starts(
    snapshot: Snapshot,
    service: Hashable,
    windows: Sequence[tuple[datetime, datetime]],
    now: datetime,
    staff: Sequence[Hashable] | None = None,
) -> Slots:
    """Return every legal start whose visit lies wholly inside one of the windows (aware, half-open).

    Raises as `find_slots`.
    """
    bounds = []
    for start, end in windows:
        lo, hi = epoch_minute(start, up=True), epoch_minute(end)
        bounds.append((lo, hi, hi))
    return _found(snapshot, service, staff, now, bounds)


_NONE = np.empty(0, np.int64)


def _found(
    snapshot: Snapshot,
    service_id: Hashable,
    staff: Sequence[Hashable] | None,
    now: datetime,
    bounds: Sequence[tuple[int, int, int]],
) -> Slots:
    if service_id not in snapshot.service_index:
        raise InvalidProblem(f"there is no service {service_id!r}")
    row = snapshot.service_index[service_id]
    service, durations = snapshot.services[row], snapshot.durations[row]
    lanes = _eligible(snapshot, durations, staff)
    minute = epoch_minute(now, up=True)
    earliest = minute + service.minimum_notice
    latest = minute + service.maximum_advance * DAY
    gaps = snapshot.gaps_of(tuple(lanes))
    clipped = [(max(lo, earliest), min(hi, latest + 1), end) for lo, hi, end in bounds]
    parts = [_starts(gaps, service, durations, *bound) for bound in clipped]
    gap, start = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else (_NONE, _NONE)
    if len(lanes) > 1 or len(parts) > 1:
        # In one window each lane's starts are in order already: a stable sort merges them, lanes stay in order.
        order = np.argsort(start, kind="stable") if len(parts) == 1 else np.lexsort((gaps.lane[gap], start))
        gap, start = gap[order], start[order]
    lane = gaps.lane[gap]
    end = start + durations[lane]
    return Slots(
        snapshot,
        service,
        lane,
        start,
        end,
        claim_start=start - service.buffer_before,
        claim_end=end + service.buffer_after,
        gap_lo=gaps.lo[gap],
        gap_hi=np.minimum(gaps.close, gaps.following)[gap],
    )


def _eligible(snapshot: Snapshot, durations: Minutes, staff: Sequence[Hashable] | None) -> list[int]:
    if staff is None:
        return np.flatnonzero(durations).tolist()
    for member in staff:
        if member not in snapshot.staff_index:
            raise InvalidProblem(f"there is no staff member {member!r}")
    chosen = {snapshot.staff_index[member] for member in staff}
    return sorted(i for i in chosen if durations[i] > 0)


def _starts(gaps: Gaps, service: Service, durations: Minutes, lo: int, hi: int, end: int) -> tuple[Minutes, Minutes]:
    """Return (row of the gap, start) of every legal start in [lo, hi) whose visit ends by `end`."""
    step, duration = service.slot_interval, durations[gaps.lane]
    first = np.maximum(np.maximum(gaps.lo, gaps.previous + service.buffer_before), lo)
    last = np.minimum(gaps.close, gaps.following - service.buffer_after)
    last = np.minimum(np.minimum(last, end) - duration, np.minimum(gaps.hi, hi) - 1)
    first = -((-(first + gaps.offset)) // step) * step - gaps.offset
    count = np.maximum((last - first) // step + 1, 0)
    gap = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(gap)) - np.repeat(np.cumsum(count) - count, count)
    return gap, first[gap] + within * step
