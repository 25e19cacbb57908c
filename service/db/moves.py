"""Moving appointments: everything that several of them hold is released, then everything they go to is claimed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import DictRow

from models.errors import NotAllocated, SlotTaken, StaleSnapshot
from service.db import claims
from service.db.database import Transaction
from service.db.ledger import record

LOCK_APPOINTMENTS = """
SELECT id, version, status FROM appointment WHERE business_id = %s AND id = ANY(%s) ORDER BY id FOR UPDATE
"""
# Waits for a concurrent change of hours and sees its outcome, as every booking does.
LOCK_LANES = """
SELECT lane_no, availability_version FROM lane WHERE business_id = %s AND lane_no = ANY(%s) ORDER BY lane_no FOR SHARE
"""
HELD = """
SELECT i.appointment_id, i.id AS item_id, i.position, i.starts_at AS item_starts, c.lane_no, s.lane_no AS staff_lane,
       c.starts_at, c.ends_at
FROM appointment_item i
JOIN staff s ON s.business_id = i.business_id AND s.id = i.staff_id
JOIN claim c ON c.business_id = i.business_id AND c.item_id = i.id AND c.released_at IS NULL
WHERE i.business_id = %s AND i.appointment_id = ANY(%s) ORDER BY i.appointment_id, i.position, c.lane_no
"""
LAWFUL = """
SELECT w.id FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
                        %s::timestamptz[]) AS w(id, service_id, staff_id, starts_at, ends_at, claim_starts, claim_ends)
JOIN staff s ON s.business_id = %s AND s.id = w.staff_id AND s.active
JOIN allocation a ON a.business_id = s.business_id AND a.service_id = w.service_id AND a.staff_id = w.staff_id
JOIN service v ON v.business_id = s.business_id AND v.id = w.service_id AND v.active
 AND w.ends_at = w.starts_at + coalesce(a.duration, v.duration) * interval '1 minute'
 AND w.claim_starts = w.starts_at - v.buffer_before * interval '1 minute'
 AND w.claim_ends = w.ends_at + v.buffer_after * interval '1 minute'
"""
RELEASE = """
UPDATE claim c SET released_at = clock_timestamp() FROM appointment_item i
WHERE i.business_id = %(business)s AND i.appointment_id = ANY(%(appointments)s)
  AND c.business_id = i.business_id AND c.item_id = i.id AND c.released_at IS NULL
"""
CLAIM = """
INSERT INTO claim (business_id, lane_no, starts_at, ends_at, kind, item_id)
SELECT %s, w.lane_no, w.starts_at, w.ends_at, 'item', w.item_id
FROM unnest(%s::int[], %s::timestamptz[], %s::timestamptz[], %s::uuid[]) AS w(lane_no, starts_at, ends_at, item_id)
ORDER BY w.lane_no, w.starts_at
ON CONFLICT DO NOTHING
"""
SHIFT_ITEMS = """
UPDATE appointment_item i SET starts_at = i.starts_at + m.shift, ends_at = i.ends_at + m.shift
FROM unnest(%s::uuid[], %s::interval[]) AS m(appointment_id, shift)
WHERE i.business_id = %s AND i.appointment_id = m.appointment_id
"""
SET_FIRST = """
UPDATE appointment_item i SET staff_id = m.staff_id, starts_at = m.starts_at, ends_at = m.ends_at
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::timestamptz[]) AS m(item_id, staff_id, starts_at, ends_at)
WHERE i.business_id = %s AND i.id = m.item_id
"""
NEXT_VERSION = """
UPDATE appointment SET version = version + 1 WHERE business_id = %s AND id = ANY(%s) RETURNING id, version
"""
REMEMBER = """
INSERT INTO allowance (business_id, appointment_id, moves, agreed_at, moved_to)
SELECT %s, m.* FROM unnest(%s::uuid[], %s::int[], %s::timestamptz[], %s::timestamptz[]) AS m
ON CONFLICT (business_id, appointment_id) DO UPDATE SET moves = allowance.moves + 1, moved_to = excluded.moved_to,
    agreed_at = CASE WHEN allowance.moved_to = excluded.agreed_at THEN allowance.agreed_at ELSE excluded.agreed_at END
"""


@dataclass(frozen=True, slots=True)
class Move:
    """An appointment's first item goes to `item`'s staff and time; whatever else it holds comes along.

    `before` is where the first item is booked; `versions` are those of the hours of each lane that is used.
    """

    appointment_id: UUID
    item: claims.Item
    before: tuple[UUID, datetime, datetime]
    versions: dict[int, int]

    @property
    def shift(self) -> timedelta:
        """How much later."""
        return self.item.starts_at - self.before[1]


@dataclass(frozen=True, slots=True)
class _Claim:
    lane_no: int
    starts_at: datetime
    ends_at: datetime
    item_id: UUID


async def lock_appointments(tx: Transaction, appointments: Sequence[UUID]) -> dict[UUID, DictRow]:
    """Lock some appointments' rows, ascending; returns id, version and status by id."""
    rows = await tx.rows(LOCK_APPOINTMENTS, [tx.business_id, list(appointments)])
    return {row["id"]: row for row in rows}


async def move(tx: Transaction, moves: Sequence[Move]) -> None:
    """Give several locked appointments their new times: release all, then claim all; the constraint decides.

    Raises
    ------
    SlotTaken
        Someone else holds a lane at one of the times.
    StaleSnapshot
        A lane's hours have changed since the moves were found legal.
    NotAllocated
        A staff member does not perform the service (any more), or not in that time.
    """
    if not moves:
        return
    held = await tx.rows(HELD, [tx.business_id, [m.appointment_id for m in moves]])
    by_id = {m.appointment_id: m for m in moves}
    wanted = [_shifted(row, by_id[row["appointment_id"]]) for row in held]
    if len({row["appointment_id"] for row in held}) < len(by_id):
        raise SlotTaken("A booking has been changed since the plan was made.")
    await _guard(tx, moves, {row["lane_no"] for row in held})
    await claims.expire_holds(tx, [(c.lane_no, c.starts_at, c.ends_at) for c in wanted])
    await tx.execute(RELEASE, {"business": tx.business_id, "appointments": list(by_id)})
    names = ("lane_no", "starts_at", "ends_at", "item_id")
    columns = [[getattr(claim, name) for claim in wanted] for name in names]
    if await tx.execute(CLAIM, [tx.business_id, *columns]) < len(wanted):
        raise SlotTaken("Someone else holds that time now.")
    await _rewrite(tx, by_id, held)


def _shifted(row: DictRow, m: Move) -> _Claim:
    """Where one claim goes: the first item's on its staff's lane to the new place, any other along with it."""
    if _is_first(row, m) and row["lane_no"] == row["staff_lane"]:
        return _Claim(m.item.lane_no, m.item.claim_starts_at, m.item.claim_ends_at, row["item_id"])
    return _Claim(row["lane_no"], row["starts_at"] + m.shift, row["ends_at"] + m.shift, row["item_id"])


def _is_first(row: DictRow, m: Move) -> bool:
    return bool(row["position"] == 1 and row["item_starts"] == m.before[1])


async def _guard(tx: Transaction, moves: Sequence[Move], held_lanes: set[int]) -> None:
    """The hard rules, under the lanes' locks."""
    versions = {lane: version for m in moves for lane, version in m.versions.items()}
    lanes = sorted(held_lanes | versions.keys())
    now = {row["lane_no"]: row["availability_version"] for row in await tx.rows(LOCK_LANES, [tx.business_id, lanes])}
    if any(now.get(lane) != version for m in moves for lane, version in m.versions.items()):
        raise StaleSnapshot("The hours have changed since the plan was made.")
    items = [m.item for m in moves]
    names = ("id", "service_id", "staff_id", "starts_at", "ends_at", "claim_starts_at", "claim_ends_at")
    columns = [[getattr(item, name) for item in items] for name in names]
    if len(await tx.rows(LAWFUL, [*columns, tx.business_id])) < len(items):
        raise NotAllocated("A service, its length or who performs it has changed since the plan was made.")


async def _rewrite(tx: Transaction, by_id: dict[UUID, Move], held: Sequence[DictRow]) -> None:
    """Items, versions and what the clients will be asked next time; an event and an audit entry each."""
    moves = list(by_id.values())
    firsts = {row["appointment_id"]: row["item_id"] for row in held if _is_first(row, by_id[row["appointment_id"]])}
    if len(firsts) < len(moves):
        raise SlotTaken("A booking has been changed since the plan was made.")
    await tx.execute(SHIFT_ITEMS, [[m.appointment_id for m in moves], [m.shift for m in moves], tx.business_id])
    columns = [[getattr(m.item, name) for m in moves] for name in ("staff_id", "starts_at", "ends_at")]
    await tx.execute(SET_FIRST, [[firsts[m.appointment_id] for m in moves], *columns, tx.business_id])
    before, after = [m.before[1] for m in moves], [m.item.starts_at for m in moves]
    await tx.execute(REMEMBER, [tx.business_id, list(by_id), [1] * len(moves), before, after])
    for row in await tx.rows(NEXT_VERSION, [tx.business_id, list(by_id)]):
        m = by_id[row["id"]]
        was = {"staff_id": str(m.before[0]), "starts_at": m.before[1].isoformat()}
        now = {"staff_id": str(m.item.staff_id), "starts_at": m.item.starts_at.isoformat()}
        await record(tx, "appointment.moved", row["id"], row["version"], before=was, after=now | {"by": "optimiser"})
