"""What the items of one visit mean for one another: limits that they share, resources, bookings in turn."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from solver.booked import with_slot
from solver.chains import Book, Chain, Chains
from solver.clock import moment
from solver.lanes import Minutes
from solver.limits import Calendar, limited
from solver.occupancy import Mask
from solver.rules import others_of
from solver.slots import SlotQuery, Slots, find_slots
from solver.snapshot import Snapshot

if TYPE_CHECKING:
    from solver.visits import Item, VisitQuery


@dataclass(frozen=True, slots=True)
class Taken:
    """The first items of a visit, booked: the snapshot that holds them, and each one's lanes of resources."""

    snapshot: Snapshot
    resources: list[list[int]]


class Finding:
    """The slots of a visit's items, in a snapshot as it stands or with items booked."""

    def __init__(self, snapshot: Snapshot, query: "VisitQuery", now: datetime) -> None:
        self.snapshot, self.query, self.now = snapshot, query, now
        client = {item.service: query.client_booked.get(item.service, ()) for item in query.items}
        self._client = {name: others_of(times, name, query.reschedule) for name, times in client.items()}

    def slots(self, item: "Item", start: datetime, end: datetime) -> Slots:
        """Return the slots of an item that start in [start, end)."""
        return find_slots(self.snapshot, self._asked(item.service, start, end, item.staff), self.now)

    def _asked(
        self,
        service: Hashable,
        start: datetime,
        end: datetime,
        staff: Sequence[Hashable] | None,
        more: Sequence[int] = (),
    ) -> SlotQuery:
        client = [moment(minute) for minute in (*self._client[service], *more)]
        return SlotQuery(service, start, end, staff, by_staff=self.query.by_staff, client_booked=client)

    def taken(self, chains: Chains) -> Book[Taken]:
        """Return how one more slot is booked after a chain: only where it is still one."""

        def book(before: Taken | None, chain: Chain, slot: tuple[int, int]) -> Taken | None:
            (item, row), after = slot, before or Taken(self.snapshot, [])
            service, options = self.query.items[item].service, chains.options[item]
            same = [(i, r) for i, r in chain if self.query.items[i].service == service]
            more = [int(chains.options[i].start[r]) for i, r in same]
            start, lane = int(options.start[row]), int(options.lane[row])
            asked = self._asked(service, moment(start), moment(start + 1), [self.snapshot.staff[lane]], more)
            found = find_slots(after.snapshot, asked, self.now)
            if len(found) == 0:
                return None
            lanes = found.resources[0].tolist()
            padded = lanes + [-1] * (options.resources.shape[1] - len(lanes))
            return Taken(with_slot(found, 0), [*after.resources, padded])

        return book


def doubtful(snapshot: Snapshot, items: Sequence["Item"], lane: Minutes, start: Minutes) -> Mask:
    """Return which visits may break a rule that none of their items breaks alone; shape (n,).

    Parameters
    ----------
    lane, start : shape (n, items)
    """
    names = [item.service for item in items]
    rows = {name: snapshot.service_index[name] for name in names}
    for name, row in rows.items():
        service, durations = snapshot.services[row], snapshot.durations[row]
        shortest = int(durations[durations > 0].min(initial=service.duration))
        # A resource that is held beyond the item's end may be wanted by the next.
        outlasts = any(r.length is not None and r.after + r.length > shortest for r in service.requirements)
        if len(names) > 1 and (outlasts or (names.count(name) > 1 and limited(service, ()))):
            return np.ones(len(lane), bool)
    return _staff_doubtful(snapshot, lane, start)


def _staff_doubtful(snapshot: Snapshot, lane: Minutes, start: Minutes) -> Mask:
    """Return which visits give a staff member several items on a date or in a week that has not room for all."""
    found = np.zeros(len(lane), bool)
    if not snapshot.limits or lane.shape[1] == 1:
        return found
    calendar = Calendar(snapshot.zone, snapshot.start, snapshot.end)
    day = calendar.day(start)
    for index, limits in snapshot.limits.items():
        times = (lane == index).sum(axis=1)
        visits = np.unique(snapshot.lanes[index].booked[:, 1])
        for number in np.unique(times[times > 1]).tolist():
            daily, weekly = (None if limit is None else limit - number + 1 for limit in limits)
            found |= (times == number) & calendar.full(visits, daily, weekly)[day].any(axis=1)
    return found
