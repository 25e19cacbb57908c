"""From a wanted time to the lane time that it would claim, or the rule that it breaks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from models.errors import (
    Closed,
    InterlockError,
    InvalidInput,
    LimitReached,
    NotAllocated,
    NotFound,
    OutsidePolicy,
    Past,
    SlotTaken,
)
from service.db.claims import Item, Room
from service.db.views import View
from solver.clock import MINUTE, epoch_minute, moment
from solver.rules import booked
from solver.slots import SlotQuery, find_slots
from solver.whynot import Ruled, ruled_out

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
        items.append(item if item.seats == want.seats else replace(item, seats=want.seats))
        if len(wanted) > 1:
            view = with_item(view, items[-1])
    return items


def with_item(view: View, item: Item) -> View:
    """Return the view in which an item is booked: its time taken, its rooms' too, or its seats in a group."""
    snapshot, names = view.snapshot, view.of_number()
    spans = [(item.lane_no, item.claim_starts_at, item.claim_ends_at)]
    spans += [(room.lane_no, room.starts_at, room.ends_at) for room in item.rooms]
    claims = [
        (snapshot.lane_index[names[no]], epoch_minute(start), epoch_minute(end, up=True)) for no, start, end in spans
    ]
    visit = snapshot.service_index[item.service_id], epoch_minute(item.starts_at)
    seats = item.seats if item.capacity > 1 else None
    return replace(view, snapshot=booked(snapshot, snapshot.staff_index[item.staff_id], visit, claims, seats))


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
    since = moment(start)
    query = SlotQuery(service_id, since, since + MINUTE, (staff_id,), by_staff=by_staff)
    found = find_slots(snapshot, query, now)
    if len(found) == 0 or since != starts_at:
        raise _broken_rule(view, query, starts_at, now)
    lane, service = view.lanes[staff_id], found.service
    end = start + int(found.offer.durations[snapshot.staff_index[staff_id]])
    return Item(
        uuid7(),
        service_id,
        staff_id,
        lane.lane_no,
        lane.availability_version,
        since,
        moment(end),
        moment(start - service.buffer_before),
        moment(end + service.buffer_after),
        capacity=service.seats,
        rooms=tuple(room_of(view, claim) for claim in found.claims(0)[1:]) if service.requirements else (),
    )


def room_of(view: View, claim: tuple[int, int, int]) -> Room:
    """Return a claim (lane of the arrays, start, end in epoch minutes) as the guard takes it."""
    lane, start, end = claim
    info = view.of_lane(lane)
    return Room(info.lane_no, info.availability_version, moment(start), moment(end))


BROKEN: Mapping[Ruled, tuple[type[InterlockError], str]] = {
    Ruled.NOT_ALLOCATED: (NotAllocated, "That staff member does not perform the service."),
    Ruled.HOLIDAY: (Closed, "The business is closed that day."),
    Ruled.CLOSED: (Closed, "That staff member does not work then."),
    Ruled.WINDOW: (OutsidePolicy, "The service is not offered at that time."),
    Ruled.APPOINTMENT_ONLY: (OutsidePolicy, "That time cannot be booked online; please call."),
    Ruled.FULL: (SlotTaken, "The group that begins then is full."),
    Ruled.BOOKED: (SlotTaken, "That time is taken."),
    Ruled.BUFFER: (SlotTaken, "That time is too close to another booking."),
    Ruled.SERVICE_LIMIT: (LimitReached, "The service is booked as often as it can be that day or week."),
    Ruled.STAFF_LIMIT: (LimitReached, "That staff member is booked as often as they can be that day or week."),
    Ruled.RESOURCE: (SlotTaken, "A room or device that the service needs is taken then."),
}
"""What to say of the first rule that a time breaks."""


def _broken_rule(view: View, query: SlotQuery, starts_at: datetime, now: datetime) -> InterlockError:
    service = view.snapshot.services[view.snapshot.service_index[query.service]]
    broken = ruled_out(view.snapshot, query, now)
    if Ruled.NOT_ALLOCATED not in broken and starts_at < now:
        return Past("That time has passed.")
    if Ruled.NOT_ALLOCATED not in broken and starts_at < now + timedelta(minutes=service.minimum_notice):
        return Past(f"The service needs {service.minimum_notice} minutes' notice.")
    if Ruled.NOT_ALLOCATED not in broken and starts_at > now + timedelta(days=service.maximum_advance):
        return OutsidePolicy(f"The service can be booked at most {service.maximum_advance} days ahead.")
    if Ruled.NOT_ALLOCATED not in broken and starts_at >= moment(view.snapshot.end):
        last = f"{moment(view.snapshot.end - 1).astimezone(view.snapshot.zone):%d %B %Y}"
        return OutsidePolicy(f"Times are on offer until {last}; choose an earlier one.")
    for rule, (error, words) in BROKEN.items():
        if rule in broken:
            return error(words)
    return OutsidePolicy(f"The service starts every {service.slot_interval} minutes; that time is in between.")
