"""Why some days have no time for a client, by the key of a sentence, and the nearest searches that do have one."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from service.db.views import View
from service.queries.slots import SlotsWanted, query_of
from solver.clock import moment
from solver.whynot import Change, Ruled, why_not

TELLING = (
    Ruled.NOT_ALLOCATED,
    Ruled.CLOSED,
    Ruled.HOLIDAY,
    Ruled.NOTICE,
    Ruled.ADVANCE,
    Ruled.WINDOW,
    Ruled.APPOINTMENT_ONLY,
    Ruled.BUFFER,
    Ruled.BOOKED,
    Ruled.FULL,
    Ruled.SERVICE_LIMIT,
    Ruled.STAFF_LIMIT,
    Ruled.CLIENT_LIMIT,
    Ruled.RESOURCE,
)
"""What rules times out, the most telling last: what nearly was a time says more than the hours of closing."""
OPEN_TO_CLIENTS = (Change.STAFF, Change.EARLIER, Change.LATER)
"""Relaxations that a client can choose; the others are the business's to grant."""


@dataclass(frozen=True, slots=True)
class WayOut:
    """A search that finds something, and what it finds first: `starts_at` in the reader's zone."""

    change: Change
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Why:
    """What rules out every time of some days: the key of its sentence is `why_` and `rule`."""

    rule: str
    ways: tuple[WayOut, ...]


def why(view: View, wanted: SlotsWanted, now: datetime, zone: ZoneInfo) -> Why:
    """Return why a question finds nothing, and what would; raises as `slots.find`."""
    told = why_not(view.snapshot, query_of(view, wanted), now)
    rule = max(told.ruled_out, key=TELLING.index, default=Ruled.CLOSED)
    ways = (WayOut(r.change, moment(r.start).astimezone(zone)) for r in told.relaxations)
    return Why(rule.value, tuple(way for way in ways if way.change in OPEN_TO_CLIENTS))
