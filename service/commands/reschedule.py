"""Another time for what is booked: one move, or two that change places."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from models.errors import InvalidInput, OutsidePolicy
from models.states import Party
from service.commands.attendance import Booking, Step
from service.commands.legality import legal_item
from service.commands.limits import respect_moves
from service.commands.nearest import offering_nearest
from service.db import rescheduling
from service.db.command import command
from service.db.database import Transaction
from service.db.own_time import as_long, without
from service.db.rescheduling import Move, Standing
from service.db.views import View

LAST_CHANGE = (
    "SELECT "
    + rescheduling.LAST_MOVE
    + """ > %s AS ahead
FROM appointment_item i JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
WHERE i.business_id = %s AND i.appointment_id = ANY(%s)
"""
)


@dataclass(frozen=True, slots=True)
class Reschedule(Step):
    """The booking to move, and its new start; `staff_id` None keeps who does it.

    Of several items the first starts then, and the others keep their distance from it.
    """

    starts_at: datetime | None = None
    staff_id: UUID | None = None

    def __post_init__(self) -> None:
        if self.starts_at is None and self.staff_id is None:
            raise InvalidInput("Say when, or with whom.")
        if self.starts_at is not None and self.starts_at.tzinfo is None:
            raise InvalidInput("The time needs an offset, such as 2026-03-01T09:00:00+01:00.")


@dataclass(frozen=True, slots=True)
class Swap:
    """Two bookings of one item each that change places: each gets the other's start and staff member."""

    first: Step
    second: Step

    def __post_init__(self) -> None:
        if self.first.appointment_id == self.second.appointment_id:
            raise InvalidInput("A booking cannot change places with itself.")


@command
async def reschedule(tx: Transaction, request: Reschedule, *, view: View, now: datetime) -> Booking:
    """Move a booking, which keeps an unusual length; its own time counts as free, and every rule is looked at again.

    Moved by its client it is pending again where its service needs approval.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        No such booking; it is over; it has another version.
    OutsidePolicy
        A client moves it after the service's last moment for that, or when cancelling costs a fee; or as for `hold`.
    Past, Closed, NotAllocated, SlotTaken, StaleSnapshot
        As for `hold`.
    """
    [standing] = await _standing(tx, [request], now)
    places = [_place(item, standing, request) for item in standing.items]
    freed = without(view, standing.items)
    first = standing.items[0]
    with offering_nearest(as_long(freed, first), first.service_id, places[0][1], now):
        wanted = _moved(freed, standing, places, now, by_staff=request.by is not Party.CLIENT)
        await respect_moves(tx, view, [wanted])
        [moved] = await rescheduling.move(tx, [wanted], asks_approval=request.by is Party.CLIENT)
    return Booking(standing.id, moved.status, moved.version)


@command
async def swap(tx: Transaction, request: Swap, *, view: View, now: datetime) -> tuple[Booking, Booking]:
    """Let two bookings change places, both or neither. Raises as `reschedule`."""
    first, second = pair = await _standing(tx, [request.first, request.second], now)
    if any(len(standing.items) != 1 for standing in pair):
        raise InvalidInput("Only bookings of one item change places.")
    freed = without(view, [*first.items, *second.items])
    places = [[(other.items[0].staff_id, other.items[0].starts_at)] for other in (second, first)]
    with offering_nearest(as_long(freed, first.items[0]), first.items[0].service_id, places[0][0][1], now):
        wanted = [_moved(freed, one, place, now, by_staff=True) for one, place in zip(pair, places, strict=True)]
        await respect_moves(tx, view, wanted)
        moves = await rescheduling.move(tx, wanted)
    one, other = (Booking(standing.id, m.status, m.version) for standing, m in zip(pair, moves, strict=True))
    return one, other


async def _standing(tx: Transaction, steps: Sequence[Step], now: datetime) -> list[Standing]:
    """Return the bookings of some steps as they are, if those who take them may."""
    read = await rescheduling.standing(tx, [step.appointment_id for step in steps])
    for step, standing in zip(steps, read, strict=True):
        rescheduling.check_step(standing, step.version)
    clients = [step.appointment_id for step in steps if step.by is Party.CLIENT]
    if clients:
        row = await tx.row(LAST_CHANGE, [now, tx.business_id, clients])
        if row is None or not row["ahead"]:
            raise OutsidePolicy("It is too late to move the booking online; please call.")
    return read


def _place(item: rescheduling.StandingItem, standing: Standing, request: Reschedule) -> tuple[UUID, datetime]:
    first = standing.items[0]
    if request.staff_id is not None and len(standing.items) > 1:
        raise InvalidInput("A booking of several items is moved in time; book the items anew to change who does them.")
    start = first.starts_at if request.starts_at is None else request.starts_at.astimezone(UTC)
    return request.staff_id or item.staff_id, start + (item.starts_at - first.starts_at)


def _moved(
    view: View, standing: Standing, places: list[tuple[UUID, datetime]], now: datetime, *, by_staff: bool
) -> Move:
    items = []
    for item, (staff_id, starts_at) in zip(standing.items, places, strict=True):
        found = legal_item(as_long(view, item), item.service_id, staff_id, starts_at, now, by_staff=by_staff)
        items.append(replace(found, id=item.id, seats=item.seats))
    return Move(standing, tuple(items))
