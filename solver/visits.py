"""Visits of several services: one start for the whole, each item as soon after the one before as a free lane allows."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from solver.chains import COLUMNS, Chains, Options
from solver.clock import DAY, MINUTE, epoch_minute
from solver.errors import InvalidProblem
from solver.lanes import Minutes
from solver.slots import MAXIMUM_RANGE_DAYS, SlotQuery, find_slots
from solver.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd

MAXIMUM_ITEMS = 8


class Staffing(StrEnum):
    """Who does the items of a visit."""

    ANY = "any"
    """Whoever is free for each."""
    SAME = "same"
    """One staff member does them all."""


@dataclass(frozen=True, slots=True)
class Item:
    """One service of a visit, and who may do it; None: anyone allocated."""

    service: Hashable
    staff: Sequence[Hashable] | None = None

    def __post_init__(self) -> None:
        if self.staff is not None:
            object.__setattr__(self, "staff", tuple(self.staff))


@dataclass(frozen=True, slots=True)
class VisitQuery:
    """Which visits are wanted.

    Parameters
    ----------
    items : sequence of Item, 1 to 8
    start, end : datetime
        Aware; a visit starts in [start, end), at most 62 days. Its later items may lie behind the end.
    any_order : bool
        The items may be done in any order; else as they are given.
    staffing : Staffing
    maximum_wait : int
        Minutes that the client may wait between the end of one item and the start of the next, 0 to 1440. Between
        items of one staff member their buffers hold, as between any two bookings: no claim overlaps another.
    """

    items: Sequence[Item]
    start: datetime
    end: datetime
    any_order: bool = False
    staffing: Staffing = Staffing.ANY
    maximum_wait: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(self.items))
        if not 1 <= len(self.items) <= MAXIMUM_ITEMS:
            raise InvalidProblem(f"a visit has 1 to {MAXIMUM_ITEMS} services, not {len(self.items)}")
        if not 0 <= self.maximum_wait <= DAY:
            raise InvalidProblem(f"between services a client waits 0 to {DAY} minutes, not {self.maximum_wait}")
        SlotQuery(self.items[0].service, self.start, self.end)


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """Visits that can be booked, one for each start, sorted; int64, epoch minutes, half-open.

    Each item starts as soon after the one before as it can. Of several visits with one start it is the one that is over
    first; then the order in which the items were given, then that of the staff, decides.

    Attributes
    ----------
    start, end : shape (n,)
    service, lane : shape (n, items)
        Indices in the snapshot, in the order in which the items are done.
    item_start, item_end, claim_start, claim_end : shape (n, items)
        Each item's time, and what it occupies of its lane, buffers included.
    """

    snapshot: Snapshot
    start: Minutes
    end: Minutes
    service: Minutes
    lane: Minutes
    item_start: Minutes
    item_end: Minutes
    claim_start: Minutes
    claim_end: Minutes

    def __len__(self) -> int:
        return len(self.start)

    def to_frame(self, zone: str | None = None) -> "pd.DataFrame":
        """One row an item: visit, position, service, staff, starts_at and ends_at in a zone (the business's)."""
        import pandas as pd  # noqa: PLC0415 - half a second that a booking never pays

        zone, (visits, items) = zone or self.snapshot.zone.key, self.lane.shape
        return pd.DataFrame(
            {
                "visit": np.repeat(np.arange(visits), items),
                "position": np.tile(np.arange(items), visits),
                "service": [self.snapshot.services[i].id for i in self.service.ravel()],
                "staff": [self.snapshot.staff[i] for i in self.lane.ravel()],
                "starts_at": pd.to_datetime(self.item_start.ravel() * 60, unit="s", utc=True).tz_convert(zone),
                "ends_at": pd.to_datetime(self.item_end.ravel() * 60, unit="s", utc=True).tz_convert(zone),
            }
        )


def find_visits(snapshot: Snapshot, query: VisitQuery, now: datetime) -> Visits:
    """Return a visit for every start in the query's range at which there is one.

    Every item is a slot of its own service: it lies in working hours, keeps notice and buffers.

    Raises
    ------
    InvalidProblem
        Unknown service or staff member, `now` without an offset.
    """
    ranges = _ranges(snapshot, query)
    same = query.staffing is Staffing.SAME
    options = [
        Options.of([find_slots(snapshot, SlotQuery(item.service, *r, item.staff), now) for r in ranges], by_lane=same)
        for item in query.items
    ]
    chains = Chains(
        options,
        [query.items.index(item) for item in query.items],
        same_lane=same,
        any_order=query.any_order,
        maximum_wait=query.maximum_wait,
    )
    item, row = chains.found(epoch_minute(query.end, up=True))
    service = np.array([snapshot.service_index[i.service] for i in query.items])
    lane, start, end, claim_start, claim_end = (chains.column(name, item, row) for name in COLUMNS)
    return Visits(snapshot, start[:, 0], end[:, -1], service[item], lane, start, end, claim_start, claim_end)


def _ranges(snapshot: Snapshot, query: VisitQuery) -> list[tuple[datetime, datetime]]:
    """Return where the items of a visit may start, in ranges that a query may span."""
    rows = [snapshot.service_index[item.service] for item in query.items if item.service in snapshot.service_index]
    longest = snapshot.durations[rows].max(axis=1, initial=0).tolist()
    items_before_last = len(query.items) - 1
    slack = (sum(longest) + items_before_last * query.maximum_wait) if items_before_last else 0
    end = query.end + slack * MINUTE
    cuts = [query.start, end]
    if end - query.start > timedelta(days=MAXIMUM_RANGE_DAYS):
        cuts.insert(1, query.start + timedelta(days=MAXIMUM_RANGE_DAYS))
    return list(pairwise(cuts))
