"""Changes of a series: this booking and what follows it, or all of them, moved or cancelled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from models.errors import InterlockError, NotAllowed
from models.states import MOVABLE, Party, one_of
from service.commands.attendance import Step, step
from service.commands.legality import Wanted, legal_items, with_item
from service.commands.limits import respect_moves
from service.commands.reschedule import Reschedule
from service.commands.series import Occurrence, Outcome, Series, existing, local
from service.db import rescheduling
from service.db.claims import Item
from service.db.command import command
from service.db.database import Transaction
from service.db.own_time import as_long, without
from service.db.rescheduling import Move, Standing
from service.db.views import View

SIBLINGS = (
    """
SELECT s.id FROM appointment a
JOIN appointment s ON s.business_id = a.business_id AND s.series_id = a.series_id
JOIN appointment_item i ON i.business_id = s.business_id AND i.appointment_id = s.id
WHERE a.business_id = %(business)s AND a.id = %(id)s AND i.starts_at > %(now)s
  AND (%(from_here)s = false OR s.occurrence >= a.occurrence) AND s.status IN ("""
    + one_of(MOVABLE)
    + """)
ORDER BY s.occurrence
"""
)


class Extent(StrEnum):
    """How much of a series a change is about; what lies in the past stays as it is."""

    FOLLOWING = "following"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class SeriesMove(Reschedule):
    """Other times for a series: those of the booking named, and what follows or all, go where it goes.

    It starts at `starts_at`; the others keep their distance from it in local days and minutes.
    """

    extent: Extent = Extent.FOLLOWING


@dataclass(frozen=True, slots=True)
class SeriesCancellation(Step):
    """The booking named, and what follows it in its series or all of it."""

    reason: str | None = None
    extent: Extent = Extent.FOLLOWING


@command
async def move_series(tx: Transaction, request: SeriesMove, *, view: View, now: datetime) -> Series:
    """Move a booking with what follows it in its series, or all; those that cannot go stay, and are named.

    Raises
    ------
    NotFound, NotAllowed, StaleVersion
        No such booking; it is in no series, or over; it has another version.
    SlotTaken, LimitReached, StaleSnapshot
        Someone else was quicker; nothing has moved.
    """
    [anchor] = await rescheduling.standing(tx, [request.appointment_id])
    if anchor.series_id is None:
        raise NotAllowed("The booking is in no series; move it alone.")
    rescheduling.check_step(anchor, request.version)
    ids = await _siblings(tx, request.appointment_id, request.extent, now)
    standing = await rescheduling.standing(tx, ids)
    shift = _Shift.between(anchor, request, view.snapshot.zone)
    moves, out = _planned(view, standing, shift, now, by_staff=request.by is not Party.CLIENT)
    if moves:
        await respect_moves(tx, view, moves)
        moved = await rescheduling.move(tx, moves, asks_approval=request.by is Party.CLIENT)
        for move, now_at in zip(moves, moved, strict=True):
            day = move.standing.occurrence or move.items[0].starts_at.date()
            out.found.append(Occurrence(day, move.items[0].starts_at, move.standing.id, now_at.version))
    return Series(anchor.series_id, out.by_date())


@dataclass(frozen=True, slots=True)
class _Shift:
    """By how many local days and wall minutes occurrences go, and to whom."""

    days: timedelta
    minutes: int
    staff_id: UUID | None
    zone: ZoneInfo

    @classmethod
    def between(cls, anchor: Standing, request: SeriesMove, zone: ZoneInfo) -> "_Shift":
        """Return the shift that takes the anchor where it is wanted."""
        was = anchor.items[0].starts_at.astimezone(zone)
        becomes = (request.starts_at or was).astimezone(zone)
        minutes = (becomes.hour - was.hour) * 60 + becomes.minute - was.minute
        return cls(becomes.date() - was.date(), minutes, request.staff_id, zone)

    def of(self, at: datetime) -> datetime | None:
        """Return where a start goes, None where the clocks skip that local time."""
        was = at.astimezone(self.zone)
        return local(was.date() + self.days, was.hour * 60 + was.minute + self.minutes, self.zone, was.second)


def _planned(
    view: View, standing: Sequence[Standing], shift: _Shift, now: datetime, *, by_staff: bool
) -> tuple[list[Move], Outcome]:
    """Return the moves that can stand together; what cannot go keeps its time, which may keep others from going."""
    going = list(standing)
    while True:
        freed = without(view, [item for one in going for item in one.items])
        out = Outcome(freed, standing[0].items[0].service_id if standing else UUID(int=0), now)
        moves, staying = [], set()
        for one in going:
            try:
                found = _found(out.view, one, shift, now, by_staff=by_staff)
            except InterlockError:
                staying.add(one.id)
            else:
                out.view = with_item(out.view, found)
                moves.append(Move(one, (found,)))
        if not staying:
            break
        going = [one for one in going if one.id not in staying]
    stayed = [one for one in standing if one.id not in {one.id for one in going}]
    for one in stayed:
        _name(out, one, shift, now, by_staff=by_staff)
    return moves, out


def _found(view: View, one: Standing, shift: _Shift, now: datetime, *, by_staff: bool) -> Item:
    """Return where a booking's item would go; raises what it breaks."""
    [item] = one.items
    wanted = Wanted(item.service_id, shift.staff_id or item.staff_id, existing(shift.of(item.starts_at)), item.seats)
    [found] = legal_items(as_long(view, item), [wanted], now, by_staff=by_staff)
    return replace(found, id=item.id)


def _name(out: Outcome, one: Standing, shift: _Shift, now: datetime, *, by_staff: bool) -> None:
    at, day = shift.of(one.items[0].starts_at), one.occurrence or one.items[0].starts_at.date()
    try:
        _found(out.view, one, shift, now, by_staff=by_staff)
    except InterlockError as refusal:
        out.conflict(day, at, refusal, one.id)
    else:
        out.conflict(day, at, NotAllowed("It would be in the way of another of the series."), one.id)


@command
async def cancel_series(tx: Transaction, request: SeriesCancellation, *, now: datetime) -> Series:
    """Cancel a booking with what follows it in its series, or all that lies ahead; what cannot be is named.

    Raises as `move_series`, and `OutsidePolicy` where the service's last moment has passed for all of them.
    """
    [anchor] = await rescheduling.standing(tx, [request.appointment_id])
    if anchor.series_id is None:
        raise NotAllowed("The booking is in no series; cancel it alone.")
    rescheduling.check_step(anchor, request.version)
    late = now if request.by is Party.CLIENT else None
    refusals: list[InterlockError] = []
    found: list[Occurrence] = []
    for one in await rescheduling.standing(tx, await _siblings(tx, anchor.id, request.extent, now)):
        day = one.occurrence or one.items[0].starts_at.date()
        wanted = Step(one.id, by=request.by)
        try:
            done = await step(tx, "cancel", wanted, reason=request.reason, charged_at=late, ahead_of=late)
        except InterlockError as refusal:
            refusals.append(refusal)
            found.append(Occurrence(day, one.items[0].starts_at, one.id, None, refusal.code, refusal.detail))
        else:
            found.append(Occurrence(day, one.items[0].starts_at, one.id, done.version))
    if refusals and len(refusals) == len(found):
        raise refusals[0]
    return Series(anchor.series_id, tuple(found))


async def _siblings(tx: Transaction, appointment_id: UUID, extent: Extent, now: datetime) -> list[UUID]:
    own = {"business": tx.business_id, "id": appointment_id, "now": now, "from_here": extent is Extent.FOLLOWING}
    return [row["id"] for row in await tx.rows(SIBLINGS, own)]
