"""Visits of several services: one start for the whole, each item as soon after the one before as a free lane allows."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from solver.chains import COLUMNS, Chains, Options
from solver.clock import DAY, MINUTE, by_local_day, epoch_minute
from solver.errors import InvalidProblem
from solver.lanes import Minutes
from solver.resources import needed
from solver.rules import freed
from solver.slots import MAXIMUM_RANGE_DAYS, Claimed, SlotQuery
from solver.snapshot import Snapshot
from solver.together import Finding, doubtful

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
    by_staff, reschedule : bool, sequence of Claimed
        As in a `SlotQuery`.
    client_booked : mapping of service to sequence of datetime
        When the client has booked each service, for its limits on one client.
    """

    items: Sequence[Item]
    start: datetime
    end: datetime
    any_order: bool = False
    staffing: Staffing = Staffing.ANY
    maximum_wait: int = 0
    by_staff: bool = False
    reschedule: Sequence[Claimed] = ()
    client_booked: Mapping[Hashable, Sequence[datetime]] = field(default_factory=dict)

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
    seats : shape (n, items)
        Seats left, 1 where the service is for no group.
    resources : shape (n, items, requirements)
        Lanes of the resources that meet each service's requirements, in their order, then -1.
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
    seats: Minutes
    resources: Minutes

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "Visits":
        """Return the visits at some rows, in their order."""
        return Visits(self.snapshot, *(getattr(self, f.name)[rows] for f in fields(self)[1:]))

    def by_day(self, zone: ZoneInfo | None = None) -> dict[date, "Visits"]:
        """Return the visits of each local date (in the business's zone by default) that has any, in order."""
        days = by_local_day(self.start, zone or self.snapshot.zone)
        return {day: self.take(rows) for day, rows in days.items()}

    def claims(self, row: int) -> list[tuple[int, int, int]]:
        """Return what booking one visit would claim: (lane, start, end), in the order of the items.

        Joining a group claims nothing more.
        """
        claimed: list[tuple[int, int, int]] = []
        for i, index in enumerate(self.service[row].tolist()):
            service = self.snapshot.services[index]
            if self.seats[row, i] < service.seats:
                continue
            claimed.append((int(self.lane[row, i]), int(self.claim_start[row, i]), int(self.claim_end[row, i])))
            for requirement, lane in zip(service.requirements, self.resources[row, i].tolist(), strict=False):
                since, until = needed(requirement, self.item_start[row, i], self.item_end[row, i])
                claimed += [(lane, int(since), int(until))] if lane >= 0 else []
        return claimed

    def to_frame(self, zone: str | None = None) -> "pd.DataFrame":
        """One row an item: visit, position, service, staff, starts_at and ends_at in a zone (the business's)."""
        import pandas as pd  # noqa: PLC0415 - half a second that a booking never pays

        zone, (visits, items) = zone or self.snapshot.zone.key, self.lane.shape
        frame = pd.DataFrame(
            {
                "visit": np.repeat(np.arange(visits), items),
                "position": np.tile(np.arange(items), visits),
                "service": [self.snapshot.services[i].id for i in self.service.ravel()],
                "staff": [self.snapshot.staff[i] for i in self.lane.ravel()],
                "starts_at": pd.to_datetime(self.item_start.ravel() * 60, unit="s", utc=True).tz_convert(zone),
                "ends_at": pd.to_datetime(self.item_end.ravel() * 60, unit="s", utc=True).tz_convert(zone),
            }
        )
        if self.resources.shape[2]:
            names = [*self.snapshot.staff, *(name for name, _ in self.snapshot.resources)]
            taken = self.resources.reshape(-1, self.resources.shape[2]).tolist()
            told = [tuple(names[lane] for lane in row if lane >= 0) for row in taken]
            frame["resources"] = pd.Series(told, index=frame.index, dtype=object)
        return frame


def find_visits(snapshot: Snapshot, query: VisitQuery, now: datetime) -> Visits:
    """Return a visit for every start in the query's range at which there is one.

    Every item is a slot of its own service once those before it are booked.

    Raises
    ------
    InvalidProblem
        Unknown service or staff member, `now` without an offset.
    """
    book = Finding(freed(snapshot, query.reschedule) if query.reschedule else snapshot, query, now)
    ranges, same = _ranges(snapshot, query), query.staffing is Staffing.SAME
    slots = [[book.slots(item, *r) for r in ranges] for item in query.items]
    widest = max(len(parts[0].service.requirements) for parts in slots)
    chains = Chains(
        [Options.of(parts, widest, by_lane=same) for parts in slots],
        [query.items.index(item) for item in query.items],
        same_lane=same,
        any_order=query.any_order,
        maximum_wait=query.maximum_wait,
    )
    item, row = chains.found(epoch_minute(query.end, up=True))
    resources = chains.column("resources", item, row)
    lane, start = (chains.column(name, item, row) for name in ("lane", "start"))
    doubt = chains.clashes(item, row) | doubtful(book.snapshot, query.items, lane, start)
    kept = ~doubt
    for i in np.flatnonzero(doubt).tolist():
        found = chains.searched(int(start[i, 0]), book.taken(chains))
        if found is not None:
            kept[i], (item[i], row[i]), resources[i] = True, np.transpose(found[0]), found[1].resources
    return _visits(snapshot, query, chains, (item[kept], row[kept], resources[kept]))


def _visits(snapshot: Snapshot, query: VisitQuery, chains: Chains, found: tuple[Minutes, Minutes, Minutes]) -> Visits:
    item, row, resources = found
    service = np.array([snapshot.service_index[i.service] for i in query.items])
    columns = (chains.column(name, item, row) for name in COLUMNS[:-1])
    lane, start, end, claim_start, claim_end, seats = columns
    whole = start[:, 0], end[:, -1], service[item]
    return Visits(snapshot, *whole, lane, start, end, claim_start, claim_end, seats, resources)


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
