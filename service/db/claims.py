"""Taking and giving back lane time: the statements that only the claim table's constraint decides.

Every command that sells time goes through `take`; nothing else inserts a claim for an item.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from models.errors import HoldExpired, NotAllocated, SlotTaken, StaleSnapshot
from service.db.database import Transaction

# A client who has not come so often that the business wants to approve what they book.
NO_SHOWS = """
    (SELECT count(*) FROM appointment
     WHERE business_id = %(business)s AND client_id = %(client_id)s AND status = 'no_show')
    >= (SELECT (settings ->> 'no_show_threshold')::int FROM business WHERE id = %(business)s)
"""
# One statement: the guard (allocated, active, lengths and hours unchanged: FOR SHARE waits for a concurrent change of
# hours and sees its outcome), the claims, and only if all of them stand, the appointment with its items, event and
# audit. A rival that is plain to see spares the locks: live claims of a lane never overlap, so the last that begins
# before the end is the only one to look at. That is haste, no guard; the constraint decides.
TAKE = (
    """
WITH wanted AS (
    SELECT * FROM unnest(
        %(items)s::uuid[], %(services)s::uuid[], %(staff)s::uuid[], %(lanes)s::int[], %(versions)s::int[],
        %(starts)s::timestamptz[], %(ends)s::timestamptz[],
        %(claim_starts)s::timestamptz[], %(claim_ends)s::timestamptz[]
    ) WITH ORDINALITY AS w(item_id, service_id, staff_id, lane_no, availability_version,
                           starts_at, ends_at, claim_starts_at, claim_ends_at, position)
), rival AS (
    SELECT c.expires_at <= clock_timestamp() IS TRUE AS expired FROM wanted w CROSS JOIN LATERAL (
        SELECT ends_at, expires_at FROM claim
        WHERE business_id = %(business)s AND lane_no = w.lane_no AND released_at IS NULL
          AND starts_at < w.claim_ends_at
        ORDER BY starts_at DESC LIMIT 1) c
    WHERE c.ends_at > w.claim_starts_at
), guarded AS (
    SELECT w.*, v.needs_approval FROM wanted w
    JOIN lane l ON l.business_id = %(business)s AND l.lane_no = w.lane_no
               AND l.availability_version = w.availability_version
    JOIN staff s ON s.business_id = %(business)s AND s.id = w.staff_id AND s.lane_no = w.lane_no AND s.active
    JOIN allocation a ON a.business_id = %(business)s AND a.service_id = w.service_id AND a.staff_id = w.staff_id
    JOIN service v ON v.business_id = %(business)s AND v.id = w.service_id AND v.active
     AND w.ends_at = w.starts_at + coalesce(a.duration, v.duration) * interval '1 minute'
     AND w.claim_starts_at = w.starts_at - v.buffer_before * interval '1 minute'
     AND w.claim_ends_at = w.ends_at + v.buffer_after * interval '1 minute'
    WHERE NOT EXISTS (SELECT FROM rival)
    ORDER BY w.lane_no, w.claim_starts_at
    FOR SHARE OF l
), expiry AS (
    SELECT clock_timestamp() + %(hold_minutes)s::int * interval '1 minute' AS expires_at
), claimed AS (
    INSERT INTO claim (business_id, lane_no, starts_at, ends_at, kind, item_id, expires_at)
    SELECT %(business)s, lane_no, claim_starts_at, claim_ends_at, 'item', item_id, expires_at FROM guarded, expiry
    WHERE (SELECT count(*) FROM guarded) = cardinality(%(items)s::uuid[])
    ON CONFLICT DO NOTHING
    RETURNING item_id
), made AS (
    INSERT INTO appointment (business_id, id, client_id, status, source, holder, expires_at)
    SELECT %(business)s, %(id)s, %(client_id)s,
           CASE WHEN %(asks_approval)s AND ((SELECT bool_or(needs_approval) FROM guarded) OR """
    + NO_SHOWS
    + """)
                THEN 'pending' ELSE %(status)s END,
           %(source)s, %(holder)s, expires_at
    FROM expiry WHERE (SELECT count(*) FROM claimed) = cardinality(%(items)s::uuid[])
    RETURNING id, version, status, client_id, expires_at
), itemised AS (
    INSERT INTO appointment_item
        (business_id, id, appointment_id, position, service_id, staff_id, starts_at, ends_at)
    SELECT %(business)s, item_id, made.id, position, service_id, staff_id, starts_at, ends_at FROM guarded, made
), told AS (
    SELECT made.id, made.version, 'appointment.' || made.status AS topic, jsonb_build_object(
        'status', made.status, 'client_id', made.client_id,
        'items', (SELECT jsonb_agg(jsonb_build_object('service_id', service_id, 'staff_id', staff_id,
                  'starts_at', starts_at, 'ends_at', ends_at) ORDER BY position) FROM guarded)) AS after
    FROM made
), event AS (
    INSERT INTO outbox_event (business_id, topic, aggregate_id, aggregate_version, payload)
    SELECT %(business)s, topic, id, version, after FROM told
), audit AS (
    INSERT INTO audit_entry (business_id, actor, action, aggregate_id, after)
    SELECT %(business)s, %(actor)s, topic, id, after FROM told
)
SELECT (SELECT count(*) FROM guarded) AS guarded, (SELECT count(*) FROM claimed) AS claimed,
       (SELECT bool_and(expired) FROM rival) AS rivals_expired, made.expires_at, made.status
FROM (VALUES (1)) AS once LEFT JOIN made ON true
"""
)

# Moves one or more appointments from one state to the next with every condition in the WHERE, gives back or keeps
# their claims, and leaves event and audit; rows that another transaction changed meanwhile are seen changed.
_CHANGE_HEAD = (
    """
WITH changed AS (
    UPDATE appointment a
    SET status = CASE WHEN %(asks_approval)s AND (EXISTS (
                SELECT FROM appointment_item i
                JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id AND v.needs_approval
                WHERE i.business_id = a.business_id AND i.appointment_id = a.id) OR """
    + NO_SHOWS
    + """) THEN 'pending' ELSE %(target)s END,
        version = version + 1, expires_at = NULL, holder = NULL, client_id = coalesce(%(client_id)s, client_id),
        fee_cents = CASE WHEN %(charged_at)s::timestamptz IS NULL THEN fee_cents ELSE (
            SELECT coalesce(sum(v.cancellation_fee_cents) FILTER (
                       WHERE i.starts_at - v.free_cancellation * interval '1 minute' < %(charged_at)s), 0)
            FROM appointment_item i JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
            WHERE i.business_id = a.business_id AND i.appointment_id = a.id) END
    WHERE business_id = %(business)s AND status = ANY(%(sources)s::text[])
"""
)
_CHANGE_TAIL = """
    RETURNING id, version, status, client_id, fee_cents
), claims AS (
    UPDATE claim c SET expires_at = NULL, released_at = CASE WHEN %(release)s THEN clock_timestamp() END
    FROM changed JOIN appointment_item i ON i.business_id = %(business)s AND i.appointment_id = changed.id
    WHERE c.business_id = %(business)s AND c.item_id = i.id AND c.released_at IS NULL
), told AS (
    SELECT id, version, 'appointment.' || status AS topic, jsonb_strip_nulls(jsonb_build_object(
        'status', status, 'client_id', client_id, 'fee_cents', fee_cents, 'reason', %(reason)s::text)) AS after
    FROM changed
), event AS (
    INSERT INTO outbox_event (business_id, topic, aggregate_id, aggregate_version, payload)
    SELECT %(business)s, topic, id, version, after FROM told
), audit AS (
    INSERT INTO audit_entry (business_id, actor, action, aggregate_id, after)
    SELECT %(business)s, %(actor)s, topic, id, after FROM told
)
SELECT id, version, status, fee_cents FROM changed
"""
CHANGE_ONE = (
    _CHANGE_HEAD
    + """
      AND id = %(appointment_id)s AND (%(version)s::int IS NULL OR version = %(version)s)
      AND (%(holder)s::text IS NULL OR holder = %(holder)s)
      AND (expires_at IS NULL OR expires_at > clock_timestamp())
      AND (%(ahead_of)s::timestamptz IS NULL OR NOT EXISTS (
        SELECT FROM appointment_item i JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
        WHERE i.business_id = a.business_id AND i.appointment_id = a.id
          AND i.starts_at - v.last_cancellation * interval '1 minute' <= %(ahead_of)s))
      AND (%(begun_by)s::timestamptz IS NULL OR EXISTS (
        SELECT FROM appointment_item i
        WHERE i.business_id = a.business_id AND i.appointment_id = a.id AND i.starts_at <= %(begun_by)s))
"""
    + _CHANGE_TAIL
)
EXPIRE = (
    _CHANGE_HEAD
    + """
      AND expires_at <= clock_timestamp()
      AND (%(lanes)s::int[] IS NULL OR id IN (
        SELECT i.appointment_id
        FROM unnest(%(lanes)s::int[], %(claim_starts)s::timestamptz[], %(claim_ends)s::timestamptz[]) AS w(l, s, e)
        JOIN claim c ON c.business_id = %(business)s AND c.lane_no = w.l AND c.released_at IS NULL
                    AND c.starts_at < w.e AND c.starts_at > w.s - interval '744 hours' AND c.ends_at > w.s
                    AND c.expires_at <= clock_timestamp()
        JOIN appointment_item i ON i.business_id = %(business)s AND i.id = c.item_id))
"""
    + _CHANGE_TAIL
)


@dataclass(frozen=True, slots=True)
class Item:
    """One service by one staff member at one time, with the lane time that it occupies, buffers included.

    Times are aware and half-open. `availability_version` is that of the lane's hours when the time was found legal.
    """

    id: UUID
    service_id: UUID
    staff_id: UUID
    lane_no: int
    availability_version: int
    starts_at: datetime
    ends_at: datetime
    claim_starts_at: datetime
    claim_ends_at: datetime


@dataclass(frozen=True, slots=True)
class Appointment:
    """The appointment that the items become if their time is free."""

    id: UUID
    status: str
    source: str
    client_id: UUID | None = None
    holder: str | None = None
    hold_minutes: int | None = None
    asks_approval: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One appointment's next state, and what must hold for it.

    `release`: its lane time is given back. `asks_approval`: it becomes pending instead where the service or the
    client's record wants that. `charged_at`: when the fee by its services' policies is counted and recorded.
    `ahead_of`: a moment that must lie before the services' last cancellation. `begun_by`: one not before its start.
    """

    appointment_id: UUID
    target: str
    sources: list[str]
    release: bool
    version: int | None = None
    holder: str | None = None
    client_id: UUID | None = None
    reason: str | None = None
    asks_approval: bool = False
    charged_at: datetime | None = None
    ahead_of: datetime | None = None
    begun_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """An appointment after a change of state; `fee_cents` is None unless it has come to one."""

    version: int
    status: str
    fee_cents: int | None


def hashed(token: str) -> str:
    """Return the SHA-256 of a holder's token; the token itself is never stored."""
    return hashlib.sha256(token.encode()).hexdigest()


async def take(tx: Transaction, appointment: Appointment, items: list[Item]) -> DictRow:
    """Insert the claims, and the appointment if every claim stands; all or nothing.

    Expired holds that overlap are released first, in this transaction, when they turn out to be in the way.

    Returns
    -------
    DictRow
        `status` that it has; `expires_at` of a hold by the database's clock, None for others.

    Raises
    ------
    SlotTaken
        Someone else holds a lane at that time.
    StaleSnapshot
        A lane's hours or the service's lengths changed since the items were found legal.
    NotAllocated
        A staff member does not perform the service (any more).
    """
    params = _take_params(tx, appointment, items)
    outcome = await _attempt(tx, params)
    if outcome["rivals_expired"]:
        await expire_holds(tx, params)
        outcome = await _attempt(tx, params)
    if outcome["rivals_expired"] is None and outcome["guarded"] < len(items):
        raise await _unguarded(tx, items)
    if outcome["claimed"] < len(items):
        raise SlotTaken("That time has just been taken; choose another.")
    return outcome


async def expire_holds(tx: Transaction, overlapping: dict[str, object] | None = None) -> int:
    """Release expired holds (all, or those over given lane times) by the database's clock; returns how many."""
    params: dict[str, object] = {
        "lanes": None,
        "claim_starts": None,
        "claim_ends": None,
        **(overlapping or {}),
    }
    expiry = Change(tx.business_id, "expired", ["hold"], release=True)
    return len(await tx.rows(EXPIRE, asdict(expiry) | params | _who(tx)))


async def change(tx: Transaction, wanted: Change) -> Changed | None:
    """Move one appointment to another state if all conditions hold now; None if one does not.

    A hold past its expiry by the database's clock never matches.
    """
    if wanted.charged_at or wanted.begun_by:
        # What is decided by its times has to see those that another transaction is just giving it.
        tx.lock_appointment(wanted.appointment_id)
    row = await tx.row(CHANGE_ONE, asdict(wanted) | _who(tx))
    return None if row is None else Changed(row["version"], row["status"], row["fee_cents"])


async def _attempt(tx: Transaction, params: dict[str, object]) -> DictRow:
    row = await tx.row(TAKE, params)
    if row is None:
        raise HoldExpired("The booking left no trace; try again.")
    return row


def _take_params(tx: Transaction, appointment: Appointment, items: list[Item]) -> dict[str, object]:
    return {
        "items": _array(i.id for i in items),
        "services": _array(i.service_id for i in items),
        "staff": _array(i.staff_id for i in items),
        "lanes": _array(i.lane_no for i in items),
        "versions": _array(i.availability_version for i in items),
        "starts": _array(i.starts_at for i in items),
        "ends": _array(i.ends_at for i in items),
        "claim_starts": _array(i.claim_starts_at for i in items),
        "claim_ends": _array(i.claim_ends_at for i in items),
        "id": appointment.id,
        "client_id": appointment.client_id,
        "status": appointment.status,
        "source": appointment.source,
        "holder": appointment.holder,
        "hold_minutes": appointment.hold_minutes,
        "asks_approval": appointment.asks_approval,
        **_who(tx),
    }


def _array(values: Iterable[UUID | int | datetime]) -> str:
    # The driver's own array dumper took a quarter of a booking's time on this side.
    return f"{{{','.join(map(str, values))}}}"


def _who(tx: Transaction) -> dict[str, object]:
    return {"business": tx.business_id, "actor": tx.actor}


async def _unguarded(tx: Transaction, items: list[Item]) -> NotAllocated | StaleSnapshot:
    allocated = await tx.rows(
        "SELECT 1 AS one FROM allocation a "
        "JOIN staff s ON s.business_id = a.business_id AND s.id = a.staff_id AND s.active "
        "JOIN service v ON v.business_id = a.business_id AND v.id = a.service_id AND v.active "
        "JOIN unnest(%s::uuid[], %s::uuid[]) AS w(service_id, staff_id) "
        "  ON w.service_id = a.service_id AND w.staff_id = a.staff_id WHERE a.business_id = %s",
        [[i.service_id for i in items], [i.staff_id for i in items], tx.business_id],
    )
    if len(allocated) < len({(i.service_id, i.staff_id) for i in items}):
        return NotAllocated("That staff member does not perform the service.")
    return StaleSnapshot("Working hours or the service have changed since this time was offered; look again.")
