"""Why some days have no time for a client: the key of a sentence."""

from dataclasses import dataclass
from datetime import datetime

from service.db.views import View
from service.queries.slots import SlotsWanted, query_of
from solver.whynot import Change, Ruled, ruled_out

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
SEATS, TOGETHER = "seats", "together"
"""Reasons beside the rules: there are times, but for fewer people; or for each service, but not one after the other."""


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


def rule(view: View, wanted: SlotsWanted, now: datetime) -> str:
    """Return what best tells why a question finds nothing; raises as `slots.find`."""
    broken = ruled_out(view.snapshot, query_of(view, wanted), now)
    return max(broken, key=TELLING.index, default=Ruled.CLOSED).value
