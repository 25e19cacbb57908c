"""A booking's own time: what counts as free while it is moved, or for the holder of a hold; and how long it takes."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from service.db.claims import hashed
from service.db.database import Database
from service.db.rescheduling import StandingItem, standing
from service.db.views import View
from solver.booked import lasting, unusual
from solver.rules import Claimed, freed

HELD = """
SELECT id FROM appointment
WHERE business_id = %s AND holder = %s AND status = 'hold' AND expires_at > clock_timestamp()
"""


async def seen_by_holder(db: Database, view: View, token: str) -> View:
    """Return the view in which the live hold of a token takes no time; the view itself where there is none."""
    async with db.transaction(view.business_id) as tx:
        row = await tx.row(HELD, [view.business_id, hashed(token)])
        held = [] if row is None else await standing(tx, [row["id"]])
    return without(view, [item for one in held for item in one.items])


def without(view: View, items: Iterable[StandingItem]) -> View:
    """Return the view without some items; those that it does not show are nothing to take away."""
    return replace(view, snapshot=freed(view.snapshot, list(_claims(view, items))))


def as_long(view: View, item: StandingItem) -> View:
    """Return the view in which an item's service takes what the item takes; the view itself where that is usual."""
    if item.takes is None or item.service_id not in view.snapshot.service_index:
        return view
    minutes, before, after = (round(length.total_seconds() / 60) for length in item.takes)
    lane = view.snapshot.staff_index.get(item.staff_id, -1)
    takes = unusual(view.snapshot, item.service_id, lane, (minutes, before, after))
    return replace(view, snapshot=lasting(view.snapshot, item.service_id, takes))


def _claims(view: View, items: Iterable[StandingItem]) -> Iterator[Claimed]:
    names = {info.lane_no: name for name, info in view.lanes.items()}
    for item in items:
        if item.staff_id not in view.lanes:
            continue
        own = view.lanes[item.staff_id].lane_no
        spans = {lane: (start, end) for lane, start, end in item.spans}
        # Of a group that others are in, the seats alone are given back: its lane time is not asked for.
        start, end = spans.pop(own, (item.starts_at, item.ends_at))
        yield Claimed(item.staff_id, start, end, item.service_id, item.starts_at, item.seats)
        for lane, (start, end) in spans.items():
            if lane in names:
                yield Claimed(names[lane], start, end)
