"""Another length for what is booked: a visit that will take longer, or end sooner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from models.errors import Closed, InvalidInput, NotAllowed, NotFound, SlotTaken, StaleSnapshot
from models.states import AppointmentStatus
from service.commands.attendance import Booking, Step
from service.db import rescheduling
from service.db.claims import LaneSpan, expire_holds, lane_days
from service.db.command import command
from service.db.database import Transaction
from service.db.guard import RELEASE
from service.db.ledger import record
from service.db.rescheduling import Standing, StandingItem
from service.db.views import LaneInfo, View
from solver.clock import epoch_minute

# The lanes' hours must be those that were looked at; FOR SHARE waits for a concurrent change of them.
HOURS = """
SELECT l.lane_no FROM lane l
JOIN unnest(%s::int[], %s::int[]) AS w(lane_no, availability_version) USING (lane_no, availability_version)
WHERE l.business_id = %s ORDER BY l.lane_no FOR SHARE OF l
"""
CLAIM = """
INSERT INTO claim (business_id, lane_no, starts_at, ends_at, kind, item_id)
SELECT %s, w.*, 'item', %s FROM unnest(%s::int[], %s::timestamptz[], %s::timestamptz[]) AS w
ON CONFLICT DO NOTHING RETURNING id
"""
ITEM = "UPDATE appointment_item SET ends_at = %s WHERE business_id = %s AND id = %s"
APPOINTMENT = "UPDATE appointment SET version = version + 1 WHERE business_id = %s AND id = %s"


@dataclass(frozen=True, slots=True)
class Resize(Step):
    """The booking, and how many minutes it is to take; its start, its buffers and who does it stay."""

    minutes: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.minutes <= 1440:
            raise InvalidInput("A booking takes 1 to 1440 minutes.")


@command
async def resize(tx: Transaction, request: Resize, *, view: View) -> Booking:
    """Give a booking another length, which it keeps when it is moved.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        No such booking; it is over, of several items or in a group; it has another version.
    Closed, SlotTaken, StaleSnapshot
        The longer time is not worked; somebody else has it; the hours have changed meanwhile.
    """
    [standing] = await rescheduling.standing(tx, [request.appointment_id])
    rescheduling.check_step(standing, request.version)
    if len(standing.items) != 1:
        raise NotAllowed("A booking of several items keeps their lengths.")
    [item] = standing.items
    ends_at = item.starts_at + timedelta(minutes=request.minutes)
    spans = _spans(view, item, ends_at)
    tx.lock_lane_days(lane_days([*item.spans, *spans]))
    await _locked(tx, standing)
    await _unchanged(tx, view, spans)
    await give_length(tx, item.id, ends_at, spans)
    await tx.execute(APPOINTMENT, [tx.business_id, standing.id])
    before, after = ({"starts_at": str(item.starts_at), "ends_at": str(end)} for end in (item.ends_at, ends_at))
    version = standing.version + 1
    await record(tx, "appointment.resized", standing.id, version, before=before, after=after)
    return Booking(standing.id, AppointmentStatus(standing.status), version)


async def _locked(tx: Transaction, standing: Standing) -> None:
    [row] = await tx.rows(rescheduling.LOCK, [tx.business_id, [standing.id]])
    rescheduling.check(standing, row)


async def _unchanged(tx: Transaction, view: View, spans: list[LaneSpan]) -> None:
    names, lanes = view.of_number(), [lane for lane, *_ in spans]
    versions = [view.lanes[names[lane]].availability_version for lane in lanes]
    if len(await tx.rows(HOURS, [lanes, versions, tx.business_id])) < len(spans):
        raise StaleSnapshot("Working hours or the service have changed since this time was offered; look again.")


async def give_length(tx: Transaction, item_id: UUID, ends_at: datetime, spans: Sequence[LaneSpan]) -> None:
    """Let an item end at another time: its claims are given back, and those of some lane time taken, all of them.

    Raises
    ------
    SlotTaken
        Somebody else has some of it.
    """
    await tx.execute(RELEASE, {"business": tx.business_id, "items": [item_id]})
    await expire_holds(tx, spans)
    lanes, starts, ends = (list(column) for column in zip(*spans, strict=True))
    if len(await tx.rows(CLAIM, [tx.business_id, item_id, lanes, starts, ends])) < len(spans):
        raise SlotTaken("That time is taken.")
    await tx.execute(ITEM, [ends_at, tx.business_id, item_id])


def _spans(view: View, item: StandingItem, ends_at: datetime) -> list[LaneSpan]:
    """Return the lane time of the new length: staff's first, then the rooms that are needed for it."""
    if item.staff_id not in view.lanes or item.service_id not in view.snapshot.service_index:
        raise NotFound("Who does it, or what is done, is not on offer any more.")
    if view.snapshot.services[view.snapshot.service_index[item.service_id]].seats > 1:
        raise NotAllowed("A group's session keeps its length.")
    lane, longer = view.lanes[item.staff_id], ends_at - item.ends_at
    spans = {lane_no: (start, end) for lane_no, start, end in item.spans}
    start, end = spans.pop(lane.lane_no)
    if longer > timedelta(0):
        _check_worked(view, lane, start, end + longer)
    # A room that was needed to the end still is; one needed for a part, for no more than the visit.
    rooms = [(no, a, ends_at if b >= item.ends_at else min(b, ends_at)) for no, (a, b) in spans.items() if a < ends_at]
    return [(lane.lane_no, start, end + longer), *rooms]


def _check_worked(view: View, lane: LaneInfo, start: datetime, end: datetime) -> None:
    work = view.snapshot.lanes[view.snapshot.lane_index[lane.id]].work
    opens, closes = epoch_minute(start), epoch_minute(end, up=True)
    if not ((work[:, 0] <= opens) & (work[:, 1] >= closes)).any():
        raise Closed("That staff member does not work then.")
