"""The guard: the statements that give lane time and take it back; each leaves its event and audit entry.

A claim is only ever made by the database's function `claim_time` (models/tables/guarding.py), with
INSERT ... ON CONFLICT DO NOTHING: the table's exclusion constraint decides.
"""

# What a client who failed to come as often as the business bears has to pay ahead, 0: they have to be approved; NULL
# where they came well enough, or nobody asks.
OWED = """, owed AS (
    SELECT coalesce((settings ->> 'no_show_deposit_cents')::int, 0) AS cents FROM business
    WHERE %(asks_approval)s AND id = %(business)s AND (settings ->> 'no_show_threshold')::int <= (
        SELECT count(*) FROM appointment
        WHERE business_id = %(business)s AND client_id = %(client_id)s AND status = 'no_show')
)"""
# Seats given back by `leaving` (session_id, seats); a group that nobody is left in gives its lane time back too.
_LEAVE = """, quitted AS (
    UPDATE group_session s SET taken = s.taken - l.seats,
                         closed_at = CASE WHEN s.taken = l.seats THEN clock_timestamp() END
    FROM leaving l WHERE s.business_id = %(business)s AND s.id = l.session_id
    RETURNING s.id, s.closed_at
), emptied AS (
    UPDATE claim c SET released_at = clock_timestamp()
    FROM quitted WHERE c.business_id = %(business)s AND c.session_id = quitted.id AND quitted.closed_at IS NOT NULL
)"""
# One statement: the claims, and only if all of them stand, the appointment with its items, event, audit and key.
BOOK = """
SELECT * FROM book(%(business)s::uuid, %(wanted)s::wanted[], %(id)s::uuid, %(client_id)s::uuid, %(status)s, %(source)s,
    %(holder)s, %(client_key)s, %(series_id)s::uuid, %(occurrence)s::date, %(hold_minutes)s::int,
    %(asks_approval)s::bool, %(actor)s, %(address)s, %(request_id)s, %(principal)s, %(route)s, %(key)s, %(hash)s,
    %(answer)s)
"""
# A seat in a group that has begun to fill; who finds none opens the group, and the constraint lets one of them.
JOIN_SESSIONS = """
UPDATE group_session s SET taken = s.taken + w.seats
FROM unnest(%(wanted)s::wanted[]) AS w
WHERE s.business_id = %(business)s AND s.service_id = w.service_id AND s.staff_id = w.staff_id
  AND s.starts_at = w.starts_at AND s.closed_at IS NULL AND s.taken + w.seats <= s.seats
RETURNING w.item_id, s.id
"""
LEAVE_SESSIONS = (
    """
WITH leaving AS (
    SELECT * FROM unnest(%(sessions)s::uuid[], %(seats)s::int[]) AS l(session_id, seats)
)"""
    + _LEAVE
    + """
SELECT FROM quitted
"""
)
# Release all, then claim all: a statement of its own before MOVE. The claims go; the audit tells where they were.
RELEASE = (
    """
WITH gone AS (
    DELETE FROM claim WHERE business_id = %(business)s AND item_id = ANY(%(items)s::uuid[]) AND released_at IS NULL
), leaving AS (
    SELECT session_id, sum(seats) AS seats FROM appointment_item
    WHERE business_id = %(business)s AND id = ANY(%(items)s::uuid[]) AND session_id IS NOT NULL GROUP BY session_id
)"""
    + _LEAVE
    + """
SELECT FROM quitted
"""
)
# Gives appointments other times, their claims having been given back before in the same transaction; `kept` are items
# that take as long as they did, whatever their service takes by now.
MOVE = """
WITH outcome AS MATERIALIZED (
    SELECT * FROM claim_time(%(business)s::uuid, %(wanted)s::wanted[], %(kept)s::uuid[], NULL)
), taken AS (
    SELECT FROM outcome WHERE outcome.taken
), given AS (
    SELECT * FROM unnest(%(wanted)s::wanted[]) WHERE service_id IS NOT NULL
), asked AS (
    SELECT %(asks_approval)s AND EXISTS (
        SELECT FROM given g JOIN service v ON v.business_id = %(business)s AND v.id = g.service_id AND v.needs_approval
    ) AS asks_first
), moved AS (
    UPDATE appointment a
    SET version = a.version + 1, status = CASE WHEN asked.asks_first THEN 'pending' ELSE a.status END
    FROM taken, asked WHERE a.business_id = %(business)s AND a.id = ANY(%(ids)s::uuid[])
    RETURNING a.id, a.version, a.status, a.client_id
), was AS (
    SELECT i.* FROM appointment_item i
    JOIN moved ON i.business_id = %(business)s AND i.appointment_id = moved.id
), itemised AS (
    UPDATE appointment_item i
    SET staff_id = g.staff_id, starts_at = g.starts_at, ends_at = g.ends_at, session_id = g.session_id
    FROM given g, taken WHERE i.business_id = %(business)s AND i.id = g.item_id
), told AS (
    SELECT moved.id, moved.version, 'appointment.rescheduled' AS topic,
           (SELECT jsonb_build_object('items', jsonb_agg(jsonb_build_object('service_id', service_id,
                'staff_id', staff_id, 'starts_at', starts_at, 'ends_at', ends_at) ORDER BY position))
            FROM was WHERE was.appointment_id = moved.id) AS before,
           (SELECT jsonb_build_object('status', moved.status, 'client_id', moved.client_id, 'items', jsonb_agg(
                jsonb_build_object('service_id', g.service_id, 'staff_id', g.staff_id, 'starts_at', g.starts_at,
                'ends_at', g.ends_at) ORDER BY was.position))
            FROM was JOIN given g ON g.item_id = was.id WHERE was.appointment_id = moved.id) AS after
    FROM moved
), event AS (
    INSERT INTO outbox_event (business_id, topic, aggregate_id, aggregate_version, payload)
    SELECT %(business)s, topic, id, version, after || jsonb_build_object('before', before) FROM told
), audit AS (
    INSERT INTO audit_entry (business_id, actor, action, aggregate_id, before, after)
    SELECT %(business)s, %(actor)s, topic, id, before, after FROM told
)
SELECT allowed, taken, rivals_expired, asks_first FROM outcome, asked
"""

# Moves one or more appointments from one state to the next with every condition in the WHERE, gives back or keeps
# their claims, and leaves event and audit; rows that another transaction changed meanwhile are seen changed.
_CHANGE_HEAD = (
    """
WITH once AS (SELECT)"""
    + OWED
    + """, changed AS (
    UPDATE appointment a
    SET status = CASE WHEN %(asks_approval)s AND (EXISTS (SELECT FROM owed) OR EXISTS (
                SELECT FROM appointment_item i
                JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id AND v.needs_approval
                WHERE i.business_id = a.business_id AND i.appointment_id = a.id))
            THEN 'pending' ELSE %(target)s END,
        deposit_cents = coalesce((SELECT nullif(cents, 0) FROM owed), deposit_cents),
        version = version + 1, expires_at = NULL, holder = NULL, client_id = coalesce(%(client_id)s, client_id),
        fee_cents = CASE WHEN %(charged_at)s::timestamptz IS NULL THEN fee_cents WHEN status = 'pending' THEN 0 ELSE (
            SELECT coalesce(sum(v.cancellation_fee_cents) FILTER (
                       WHERE i.starts_at - v.free_cancellation * interval '1 minute' < %(charged_at)s), 0)
            FROM appointment_item i JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
            WHERE i.business_id = a.business_id AND i.appointment_id = a.id) END
    WHERE business_id = %(business)s AND status = ANY(%(sources)s::text[])
"""
)
_CHANGE_TAIL = (
    """
    RETURNING id, version, status, client_id, fee_cents, deposit_cents
), claims AS (
    UPDATE claim c SET expires_at = NULL, released_at = CASE WHEN %(release)s THEN clock_timestamp() END
    FROM changed JOIN appointment_item i ON i.business_id = %(business)s AND i.appointment_id = changed.id
    WHERE c.business_id = %(business)s AND c.item_id = i.id AND c.released_at IS NULL
), leaving AS (
    SELECT i.session_id, sum(i.seats) AS seats
    FROM changed JOIN appointment_item i ON i.business_id = %(business)s AND i.appointment_id = changed.id
    WHERE %(release)s AND i.session_id IS NOT NULL GROUP BY i.session_id
)"""
    + _LEAVE
    + """, told AS (
    SELECT id, version, 'appointment.' || status AS topic, jsonb_strip_nulls(jsonb_build_object(
        'status', status, 'client_id', client_id, 'fee_cents', fee_cents, 'reason', %(reason)s::text,
        'deposit_cents', CASE WHEN status = 'pending' THEN deposit_cents END)) AS after
    FROM changed
), event AS (
    INSERT INTO outbox_event (business_id, topic, aggregate_id, aggregate_version, payload)
    SELECT %(business)s, topic, id, version, after FROM told
), audit AS (
    INSERT INTO audit_entry (business_id, actor, action, aggregate_id, after)
    SELECT %(business)s, %(actor)s, topic, id, after FROM told
)
SELECT id, version, status, fee_cents, deposit_cents FROM changed
"""
)
CHANGE_ONE = (
    _CHANGE_HEAD
    + """
      AND id = %(appointment_id)s AND (%(version)s::int IS NULL OR version = %(version)s)
      AND (%(holder)s::text IS NULL OR holder = %(holder)s)
      AND (%(client_id)s::uuid IS NULL OR EXISTS (
        SELECT FROM client c WHERE c.business_id = %(business)s AND c.id = %(client_id)s
          AND c.deleted_at IS NULL AND c.erased_at IS NULL))
      AND (%(target)s::text <> 'confirmed' OR deposit_cents IS NULL OR deposit_paid_at IS NOT NULL)
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
# Who locks lanes does so before holds, and holds in the order of their ids: then nobody waits in a circle.
SHARE_LANES = """
SELECT FROM lane WHERE business_id = %(business)s AND lane_no = ANY(%(lanes)s::int[]) ORDER BY lane_no FOR SHARE
"""
EXPIRE = (
    _CHANGE_HEAD
    + """
      AND id IN (
        SELECT h.id FROM appointment h
        WHERE h.business_id = %(business)s AND h.status = 'hold' AND h.expires_at <= clock_timestamp()
          AND (%(lanes)s::int[] IS NULL OR h.id IN (
            SELECT i.appointment_id
            FROM unnest(%(lanes)s::int[], %(claim_starts)s::timestamptz[], %(claim_ends)s::timestamptz[]) AS w(l, s, e)
            JOIN claim c ON c.business_id = %(business)s AND c.lane_no = w.l AND c.released_at IS NULL
                        AND c.starts_at < w.e AND c.starts_at > w.s - interval '744 hours' AND c.ends_at > w.s
            JOIN appointment_item i
              ON i.business_id = %(business)s AND (i.id = c.item_id OR i.session_id = c.session_id)))
        ORDER BY h.id FOR UPDATE)
"""
    + _CHANGE_TAIL
)
