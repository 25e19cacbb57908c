"""From a wanted time to the lane time that it would claim, or the rule that it breaks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import numpy as np
from uuid_utils.compat import uuid7

from models.errors import (
    Closed,
    InterlockError,
    InvalidInput,
    NotAllocated,
    NotFound,
    OutsidePolicy,
    Past,
    SlotTaken,
)
from service.db.claims import Item, Room, lane_spans
from service.db.views import View
from solver.clock import DAY, epoch_minute, moment
from solver.slots import SlotQuery, Slots, find_slots

MOST_ITEMS = 10
"""Of one booking."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One item that somebody wants: `seats` of them where it is a group."""

    service_id: UUID
    staff_id: UUID
    starts_at: datetime
    seats: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.seats <= 1000:
            raise InvalidInput("An item takes 1 to 1000 seats.")


def legal_items(view: View, wanted: Sequence[Wanted], now: datetime, *, by_staff: bool = False) -> list[Item]:
    """Return the items of one booking, each legal beside those before it. Raises as `legal_item`."""
    if not 1 <= len(wanted) <= MOST_ITEMS:
        raise InvalidInput(f"A booking has 1 to {MOST_ITEMS} items.")
    if len({(w.service_id, w.staff_id, w.starts_at) for w in wanted}) < len(wanted):
        raise InvalidInput("An item stands twice; take more seats of it instead.")
    items: list[Item] = []
    for want in wanted:
        item = legal_item(view, want.service_id, want.staff_id, want.starts_at, now, by_staff=by_staff)
        if want.seats > item.capacity:
            raise OutsidePolicy(f"The service has {item.capacity} seat(s) at a time.")
        items.append(replace(item, seats=want.seats))
        if len(wanted) > 1:
            view = with_item(view, item)
    return items


def with_item(view: View, item: Item) -> View:
    """Return the view in which an item's time is taken."""
    index = {info.lane_no: i for i, info in enumerate(view.lanes.values())}
    spans = [(index[lane], epoch_minute(start), epoch_minute(end, up=True)) for lane, start, end in lane_spans([item])]
    return replace(view, snapshot=view.snapshot.with_claims(spans))


def legal_item(
    view: View, service_id: UUID, staff_id: UUID, starts_at: datetime, now: datetime, *, by_staff: bool = False
) -> Item:
    """Return the item that a booking would be, by the slot finder's own rules; `by_staff` sees what clients do not.

    Raises
    ------
    NotFound, NotAllocated, Past, OutsidePolicy, Closed, SlotTaken
        The first rule that the time breaks.
    """
    snapshot = view.snapshot
    if starts_at.tzinfo is None or now.tzinfo is None:
        raise InvalidInput("The time needs an offset, such as 2026-03-01T09:00:00+01:00.")
    if service_id not in snapshot.service_index:
        raise NotFound("There is no such service.")
    if staff_id not in snapshot.staff_index:
        raise NotFound("There is no such staff member.")
    start = epoch_minute(starts_at)
    found = find_slots(snapshot, SlotQuery(service_id, moment(start), moment(start + 1), [staff_id], by_staff), now)
    if len(found) == 0 or moment(start) != starts_at:
        raise _broken_rule(view, service_id, staff_id, starts_at, now)
    lane = view.lanes[staff_id]
    return Item(
        uuid7(),
        service_id,
        staff_id,
        lane.lane_no,
        lane.availability_version,
        moment(start),
        moment(found.end[0]),
        moment(found.claim_start[0]),
        moment(found.claim_end[0]),
        capacity=found.service.seats,
        rooms=tuple(_rooms(view, found)),
    )


def _rooms(view: View, found: Slots) -> Iterator[Room]:
    """Yield the lane time of the resources that the finder chose for the first of its slots."""
    for lane, start, end in found.claims(0)[1:]:
        info = view.of_lane(lane)
        yield Room(info.lane_no, info.availability_version, moment(start), moment(end))


def _broken_rule(view: View, service_id: UUID, staff_id: UUID, starts_at: datetime, now: datetime) -> InterlockError:
    snapshot = view.snapshot
    service = snapshot.services[snapshot.service_index[service_id]]
    member = snapshot.staff_index[staff_id]
    duration = int(snapshot.durations[snapshot.service_index[service_id], member])
    start, minute = epoch_minute(starts_at), epoch_minute(now, up=True)
    if duration == 0:
        return NotAllocated("That staff member does not perform the service.")
    if starts_at < now:
        return Past("That time has passed.")
    if start < minute + service.minimum_notice:
        return Past(f"The service needs {service.minimum_notice} minutes' notice.")
    if start > minute + service.maximum_advance * DAY:
        return OutsidePolicy(f"The service can be booked at most {service.maximum_advance} days ahead.")
    lane = snapshot.lanes[member]
    end = start + duration
    worked = np.minimum(lane.work[:, 1], end) - np.maximum(lane.work[:, 0], start)
    if np.maximum(worked, 0).sum() < duration:
        return Closed("That staff member does not work then.")
    claimed = (lane.busy[:, 0] < end + service.buffer_after) & (lane.busy[:, 1] > start - service.buffer_before)
    if claimed.any():
        return SlotTaken("That time is taken, or too close to another booking.")
    return OutsidePolicy(f"The service starts every {service.slot_interval} minutes; that time is in between.")
