"""A view in which some lane time counts as free: a booking's own while it is moved, a hold's for its holder."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC
from uuid import UUID

from service.db.claims import LaneSpan, hashed
from service.db.database import Database
from service.db.views import View
from solver.clock import DAY, epoch_minute
from solver.lanes import Minutes
from solver.snapshot import Snapshot

HELD = """
SELECT c.lane_no, c.starts_at, c.ends_at FROM appointment a
JOIN appointment_item i ON i.business_id = a.business_id AND i.appointment_id = a.id
JOIN claim c ON c.business_id = i.business_id AND c.item_id = i.id AND c.released_at IS NULL
WHERE a.business_id = %s AND a.holder = %s AND a.status = 'hold' AND a.expires_at > clock_timestamp()
"""


async def seen_by_holder(db: Database, view: View, token: str) -> View:
    """Return the view in which the live hold of a token takes no time; the view itself where there is none."""
    async with db.transaction(view.business_id) as tx:
        rows = await tx.rows(HELD, [view.business_id, hashed(token)])
    return without(view, [(row["lane_no"], row["starts_at"], row["ends_at"]) for row in rows])


def without(view: View, spans: Iterable[LaneSpan]) -> View:
    """Return the view without some claims; those that it does not show are nothing to take away."""
    snapshot, names = view.snapshot, view.staff_of_lane()
    for lane_no, starts_at, ends_at in spans:
        if lane_no not in names:
            continue
        own = (epoch_minute(starts_at), epoch_minute(ends_at, up=True))
        day = starts_at.astimezone(UTC).date()
        busy = _lane_busy(snapshot, names[lane_no])
        of_day = busy[busy[:, 0] // DAY == own[0] // DAY]
        left = of_day[(of_day[:, 0] != own[0]) | (of_day[:, 1] != own[1])]
        snapshot = snapshot.with_day(names[lane_no], day, left)
    return replace(view, snapshot=snapshot)


def _lane_busy(snapshot: Snapshot, name: UUID) -> Minutes:
    return snapshot.lanes[snapshot.staff_index[name]].busy
