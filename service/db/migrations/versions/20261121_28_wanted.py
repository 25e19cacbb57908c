"""What a booking wants is one array of rows, and no call stands between it and its claims."""

from alembic import op

revision = "20261121_28_wanted"
down_revision = "20261121_27_transactions_told"
branch_labels = None
depends_on = None

WANTED = """
CREATE TYPE wanted AS (
    item_id uuid, service_id uuid, staff_id uuid, starts_at timestamptz, ends_at timestamptz, capacity int, seats int,
    session_id uuid, joins bool, lane_no int, availability_version int, claim_starts_at timestamptz,
    claim_ends_at timestamptz)
"""
_VARIABLES = """
    item wanted;
    rival_ends timestamptz;
    rival_expires timestamptz;
    rival_session uuid;
    approves bool;
    needs_room bool;
    asks_first bool := false;
    furnished bool := false;"""
_GUARD = """
    allowed := false;
    taken := false;
    FOREACH item IN ARRAY items LOOP
        CONTINUE WHEN item.joins;
        SELECT c.ends_at, c.expires_at, c.session_id INTO rival_ends, rival_expires, rival_session FROM claim c
        WHERE c.business_id = of_business AND c.lane_no = item.lane_no AND c.released_at IS NULL
          AND c.starts_at < item.claim_ends_at
        ORDER BY c.starts_at DESC LIMIT 1;
        IF rival_ends > item.claim_starts_at THEN
            rivals_expired := rivals_expired IS NOT FALSE AND CASE
                WHEN rival_session IS NULL THEN rival_expires <= clock_timestamp() IS TRUE
                ELSE NOT EXISTS (
                    SELECT FROM appointment_item i
                    JOIN appointment a ON a.business_id = i.business_id AND a.id = i.appointment_id
                    WHERE i.business_id = of_business AND i.session_id = rival_session
                      AND (a.status <> 'hold' OR a.expires_at > clock_timestamp())
                      AND a.status IN ('hold', 'pending', 'confirmed', 'checked_in', 'completed')) END;
        END IF;
    END LOOP;
    IF rivals_expired IS NOT NULL THEN
        RETURN;
    END IF;
    IF cardinality(items) > 1 THEN
        PERFORM FROM lane l
        WHERE l.business_id = of_business AND l.lane_no = ANY (ARRAY(SELECT w.lane_no FROM unnest(items) w))
        ORDER BY l.lane_no FOR SHARE OF l;
    END IF;
    FOREACH item IN ARRAY items LOOP
        IF item.service_id IS NULL THEN
            furnished := true;
            CONTINUE;
        END IF;
        SELECT v.needs_approval, EXISTS (
                   SELECT FROM requirement q WHERE q.business_id = of_business AND q.service_id = v.id)
        INTO approves, needs_room
        FROM lane l
        JOIN staff s ON s.business_id = of_business AND s.id = item.staff_id AND s.lane_no = l.lane_no AND s.active
        JOIN allocation a ON a.business_id = of_business AND a.service_id = item.service_id AND a.staff_id = s.id
        JOIN service v ON v.business_id = of_business AND v.id = item.service_id AND v.active
         AND v.seats = item.capacity
         AND (item.item_id = ANY (kept)
              OR item.ends_at = item.starts_at + coalesce(a.duration, v.duration) * interval '1 minute'
             AND item.claim_starts_at = item.starts_at - v.buffer_before * interval '1 minute'
             AND item.claim_ends_at = item.ends_at + v.buffer_after * interval '1 minute')
        WHERE l.business_id = of_business AND l.lane_no = item.lane_no
          AND l.availability_version = item.availability_version
        FOR SHARE OF l;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        asks_first := asks_first OR approves;
        furnished := furnished OR needs_room;
    END LOOP;
    IF furnished AND NOT rooms_suffice(of_business, items) THEN
        RETURN;
    END IF;
    allowed := true;
    FOREACH item IN ARRAY items LOOP
        CONTINUE WHEN item.joins;
        INSERT INTO claim (business_id, lane_no, starts_at, ends_at, kind, item_id, session_id, expires_at)
        VALUES (of_business, item.lane_no, item.claim_starts_at, item.claim_ends_at,
                CASE WHEN item.session_id IS NULL THEN 'item' ELSE 'session' END,
                CASE WHEN item.session_id IS NULL THEN item.item_id END, item.session_id,
                CASE WHEN item.session_id IS NULL THEN expiry END)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        CONTINUE WHEN item.session_id IS NULL OR item.service_id IS NULL;
        INSERT INTO group_session (business_id, id, service_id, staff_id, starts_at, ends_at, seats, taken)
        VALUES (of_business, item.session_id, item.service_id, item.staff_id, item.starts_at, item.ends_at,
                item.capacity, item.seats);
    END LOOP;
    taken := true;"""
CLAIM_TIME = f"""
CREATE FUNCTION claim_time(
    of_business uuid, items wanted[], kept uuid[], expiry timestamptz,
    OUT allowed bool, OUT taken bool, OUT rivals_expired bool
) LANGUAGE plpgsql AS $$
DECLARE{_VARIABLES}
BEGIN{_GUARD}
END $$
"""
ROOMS_SUFFICE = """
CREATE FUNCTION rooms_suffice(of_business uuid, items wanted[]) RETURNS bool LANGUAGE sql AS $$
    WITH room AS (
        SELECT w.item_id, w.lane_no, w.availability_version, w.claim_starts_at AS starts_at, w.claim_ends_at AS ends_at
        FROM unnest(items) w WHERE w.service_id IS NULL
    ), needed AS (
        SELECT w.item_id, q.kind, w.starts_at + q.after * interval '1 minute' AS starts_at,
               coalesce(w.starts_at + (q.after + q.length) * interval '1 minute', w.ends_at) AS ends_at
        FROM unnest(items) w JOIN requirement q ON q.business_id = of_business AND q.service_id = w.service_id
        WHERE NOT w.joins AND (q.length IS NOT NULL OR w.starts_at + q.after * interval '1 minute' < w.ends_at)
    ), lacking AS (
        SELECT * FROM needed EXCEPT ALL
        SELECT r.item_id, s.kind, r.starts_at, r.ends_at FROM room r
        JOIN lane l ON l.business_id = of_business AND l.lane_no = r.lane_no
                   AND l.availability_version = r.availability_version
        JOIN resource s ON s.business_id = of_business AND s.lane_no = r.lane_no AND s.active
    )
    SELECT (SELECT count(*) FROM needed) = (SELECT count(*) FROM room) AND NOT EXISTS (SELECT FROM lacking)
$$
"""
BOOK = f"""
CREATE FUNCTION book(
    of_business uuid, items wanted[],
    appointment_id uuid, client uuid, wanted_status text, by_source text, held_by text, counted_by text, of_series uuid,
    on_day date, hold_minutes int, asks_approval bool, by_actor text, from_address text, by_request text,
    by_principal text, on_route text, under_key text, hashed text, answer text,
    OUT allowed bool, OUT taken bool, OUT rivals_expired bool, OUT status text, OUT expires_at timestamptz,
    OUT deposit_cents int
) LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.business', of_business::text, true);
    kept uuid[];
    expiry timestamptz := clock_timestamp() + hold_minutes * interval '1 minute';
    owes bool;
    told jsonb := '[]';
    n int := 0;{_VARIABLES}
BEGIN{_GUARD}
    IF client IS NOT NULL THEN
        SELECT (b.settings ->> 'no_show_threshold')::int <= CASE WHEN asks_approval THEN (
                   SELECT count(*) FROM appointment a
                   WHERE a.business_id = of_business AND a.client_id = client AND a.status = 'no_show') END,
               nullif((b.settings ->> 'no_show_deposit_cents')::int, 0)
        INTO owes, deposit_cents FROM client c JOIN business b ON b.id = of_business
        WHERE c.business_id = of_business AND c.id = client AND c.deleted_at IS NULL AND c.erased_at IS NULL;
        IF NOT FOUND THEN
            RAISE foreign_key_violation USING CONSTRAINT = 'fk_appointment_client_business_id_client_id';
        END IF;
    END IF;
    IF owes IS NOT TRUE THEN
        deposit_cents := NULL;
    END IF;
    status := CASE WHEN asks_approval AND (asks_first OR owes) THEN 'pending' ELSE wanted_status END;
    expires_at := expiry;
    INSERT INTO appointment (business_id, id, client_id, status, source, holder, client_key, series_id, occurrence,
                             expires_at, deposit_cents)
    VALUES (of_business, appointment_id, client, status, by_source, held_by, counted_by, of_series, on_day, expiry,
            deposit_cents);
    FOREACH item IN ARRAY items LOOP
        EXIT WHEN item.service_id IS NULL;
        n := n + 1;
        INSERT INTO appointment_item
            (business_id, id, appointment_id, position, service_id, staff_id, starts_at, ends_at, session_id, seats)
        VALUES (of_business, item.item_id, appointment_id, n, item.service_id, item.staff_id, item.starts_at,
                item.ends_at, item.session_id, item.seats);
        told := told || jsonb_build_object('service_id', item.service_id, 'staff_id', item.staff_id,
                                           'starts_at', item.starts_at, 'ends_at', item.ends_at);
    END LOOP;
    told := jsonb_build_object('status', status, 'client_id', client, 'items', told)
         || CASE WHEN deposit_cents IS NULL THEN '{{}}' ELSE jsonb_build_object('deposit_cents', deposit_cents) END;
    INSERT INTO outbox_event (business_id, topic, aggregate_id, aggregate_version, payload, request_id)
    VALUES (of_business, 'appointment.' || status, appointment_id, 1, told, by_request);
    INSERT INTO audit_entry (business_id, actor, action, aggregate_id, after, address, request_id)
    VALUES (of_business, by_actor, 'appointment.' || status, appointment_id, told, from_address, by_request);
    IF under_key IS NOT NULL THEN
        INSERT INTO idempotency_key (business_id, principal, route, key, request_hash, response)
        VALUES (of_business, by_principal, on_route, under_key, decode(hashed, 'hex'),
                jsonb_build_object('answer', answer, 'status', status, 'deposit_cents', deposit_cents,
                                   'expires_at', expiry));
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for name in ("book", "claim_time", "rooms_suffice"):
        op.execute(f"DROP FUNCTION {name}")
    for statement in (WANTED, ROOMS_SUFFICE, CLAIM_TIME, BOOK):
        op.execute(statement)
