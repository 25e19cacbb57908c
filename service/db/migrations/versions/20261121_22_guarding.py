"""A booking is one call of a function; what a claim is for is looked at when the transaction ends."""

from alembic import op

revision = "20261121_22_guarding"
down_revision = "20261121_21_further_staff"
branch_labels = None
depends_on = None

ROOMS_SUFFICE = """
CREATE FUNCTION rooms_suffice(
    of_business uuid, item_ids uuid[], services uuid[], item_starts timestamptz[], item_ends timestamptz[],
    joins bool[], at_items uuid[], at_lanes int[], at_versions int[], at_starts timestamptz[], at_ends timestamptz[]
) RETURNS bool LANGUAGE sql AS $$
    WITH wanted AS (
        SELECT * FROM unnest(item_ids, services, item_starts, item_ends, joins)
            AS w(item_id, service_id, starts_at, ends_at, joined)
    ), room AS (
        SELECT * FROM unnest(at_items, at_lanes, at_versions, at_starts, at_ends)
            WITH ORDINALITY AS r(item_id, lane_no, availability_version, starts_at, ends_at, n)
        WHERE n > cardinality(item_ids)
    ), needed AS (
        SELECT w.item_id, q.kind, w.starts_at + q.after * interval '1 minute' AS starts_at,
               coalesce(w.starts_at + (q.after + q.length) * interval '1 minute', w.ends_at) AS ends_at
        FROM wanted w JOIN requirement q ON q.business_id = of_business AND q.service_id = w.service_id
        WHERE NOT w.joined AND (q.length IS NOT NULL OR w.starts_at + q.after * interval '1 minute' < w.ends_at)
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
CLAIM_TIME = """
CREATE FUNCTION claim_time(
    of_business uuid, item_ids uuid[], services uuid[], staffs uuid[], item_starts timestamptz[],
    item_ends timestamptz[], capacities int[], seat_counts int[], sessions uuid[], joins bool[],
    at_items uuid[], at_lanes int[], at_versions int[], at_starts timestamptz[], at_ends timestamptz[],
    kept uuid[], expiry timestamptz, OUT allowed bool, OUT taken bool, OUT rivals_expired bool, OUT asks_first bool
) LANGUAGE plpgsql AS $$
DECLARE
    items int := cardinality(item_ids);
    rival record;
    found_service record;
    furnished bool := cardinality(at_items) > items;
    session uuid;
BEGIN
    allowed := false;
    taken := false;
    asks_first := false;
    FOR n IN 1..cardinality(at_items) LOOP
        CONTINUE WHEN n <= items AND joins[n];
        SELECT c.ends_at, c.expires_at, c.session_id INTO rival FROM claim c
        WHERE c.business_id = of_business AND c.lane_no = at_lanes[n] AND c.released_at IS NULL
          AND c.starts_at < at_ends[n]
        ORDER BY c.starts_at DESC LIMIT 1;
        IF rival.ends_at > at_starts[n] THEN
            rivals_expired := rivals_expired IS NOT FALSE AND CASE
                WHEN rival.session_id IS NULL THEN rival.expires_at <= clock_timestamp() IS TRUE
                ELSE NOT EXISTS (
                    SELECT FROM appointment_item i
                    JOIN appointment a ON a.business_id = i.business_id AND a.id = i.appointment_id
                    WHERE i.business_id = of_business AND i.session_id = rival.session_id
                      AND (a.status <> 'hold' OR a.expires_at > clock_timestamp())
                      AND a.status IN ('hold', 'pending', 'confirmed', 'checked_in', 'completed')) END;
        END IF;
    END LOOP;
    IF rivals_expired IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM FROM lane l WHERE l.business_id = of_business AND l.lane_no = ANY (at_lanes) ORDER BY l.lane_no FOR SHARE;
    FOR n IN 1..items LOOP
        SELECT v.needs_approval, EXISTS (
                   SELECT FROM requirement q WHERE q.business_id = of_business AND q.service_id = v.id) AS furnished
        INTO found_service
        FROM lane l
        JOIN staff s ON s.business_id = of_business AND s.id = staffs[n] AND s.lane_no = l.lane_no AND s.active
        JOIN allocation a ON a.business_id = of_business AND a.service_id = services[n] AND a.staff_id = s.id
        JOIN service v ON v.business_id = of_business AND v.id = services[n] AND v.active AND v.seats = capacities[n]
         AND (item_ids[n] = ANY (kept)
              OR item_ends[n] = item_starts[n] + coalesce(a.duration, v.duration) * interval '1 minute'
             AND at_starts[n] = item_starts[n] - v.buffer_before * interval '1 minute'
             AND at_ends[n] = item_ends[n] + v.buffer_after * interval '1 minute')
        WHERE l.business_id = of_business AND l.lane_no = at_lanes[n] AND l.availability_version = at_versions[n];
        IF NOT FOUND THEN
            RETURN;
        END IF;
        asks_first := asks_first OR found_service.needs_approval;
        furnished := furnished OR found_service.furnished;
    END LOOP;
    IF furnished AND NOT rooms_suffice(of_business, item_ids, services, item_starts, item_ends, joins, at_items,
                                       at_lanes, at_versions, at_starts, at_ends) THEN
        RETURN;
    END IF;
    allowed := true;
    FOR n IN 1..cardinality(at_items) LOOP
        CONTINUE WHEN n <= items AND joins[n];
        session := sessions[array_position(item_ids, at_items[n])];
        INSERT INTO claim (business_id, lane_no, starts_at, ends_at, kind, item_id, session_id, expires_at)
        VALUES (of_business, at_lanes[n], at_starts[n], at_ends[n],
                CASE WHEN session IS NULL THEN 'item' ELSE 'session' END,
                CASE WHEN session IS NULL THEN at_items[n] END, session, CASE WHEN session IS NULL THEN expiry END)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END LOOP;
    FOR n IN 1..items LOOP
        CONTINUE WHEN joins[n] OR sessions[n] IS NULL;
        INSERT INTO group_session (business_id, id, service_id, staff_id, starts_at, ends_at, seats, taken)
        VALUES (of_business, sessions[n], services[n], staffs[n], item_starts[n], item_ends[n], capacities[n],
                seat_counts[n]);
    END LOOP;
    taken := true;
END $$
"""
BOOK = """
CREATE FUNCTION book(
    of_business uuid, item_ids uuid[], services uuid[], staffs uuid[], item_starts timestamptz[],
    item_ends timestamptz[], capacities int[], seat_counts int[], sessions uuid[], joins bool[],
    at_items uuid[], at_lanes int[], at_versions int[], at_starts timestamptz[], at_ends timestamptz[],
    appointment_id uuid, client uuid, wanted_status text, by_source text, held_by text, counted_by text, of_series uuid,
    on_day date, hold_minutes int, asks_approval bool, by_actor text,
    by_principal text, on_route text, under_key text, hashed text, answer text,
    OUT allowed bool, OUT taken bool, OUT rivals_expired bool, OUT status text, OUT expires_at timestamptz,
    OUT deposit_cents int
) LANGUAGE plpgsql AS $$
DECLARE
    claimed record;
    owes bool := false;
    told jsonb := '[]';
BEGIN
    expires_at := clock_timestamp() + hold_minutes * interval '1 minute';
    claimed := claim_time(of_business, item_ids, services, staffs, item_starts, item_ends, capacities, seat_counts,
                          sessions, joins, at_items, at_lanes, at_versions, at_starts, at_ends, NULL, expires_at);
    allowed := claimed.allowed;
    taken := claimed.taken;
    rivals_expired := claimed.rivals_expired;
    IF NOT taken THEN
        RETURN;
    END IF;
    IF asks_approval THEN
        SELECT nullif(coalesce((b.settings ->> 'no_show_deposit_cents')::int, 0), 0) INTO deposit_cents FROM business b
        WHERE b.id = of_business AND (b.settings ->> 'no_show_threshold')::int <= (
            SELECT count(*) FROM appointment a
            WHERE a.business_id = of_business AND a.client_id = client AND a.status = 'no_show');
        owes := FOUND;
    END IF;
    status := CASE WHEN asks_approval AND (claimed.asks_first OR owes) THEN 'pending' ELSE wanted_status END;
    INSERT INTO appointment (business_id, id, client_id, status, source, holder, client_key, series_id, occurrence,
                             expires_at, deposit_cents)
    VALUES (of_business, appointment_id, client, status, by_source, held_by, counted_by, of_series, on_day, expires_at,
            deposit_cents);
    FOR n IN 1..cardinality(item_ids) LOOP
        INSERT INTO appointment_item
            (business_id, id, appointment_id, position, service_id, staff_id, starts_at, ends_at, session_id, seats)
        VALUES (of_business, item_ids[n], appointment_id, n, services[n], staffs[n], item_starts[n], item_ends[n],
                sessions[n], seat_counts[n]);
        told := told || jsonb_build_object('service_id', services[n], 'staff_id', staffs[n],
                                           'starts_at', item_starts[n], 'ends_at', item_ends[n]);
    END LOOP;
    told := jsonb_build_object('status', status, 'client_id', client, 'items', told)
         || CASE WHEN deposit_cents IS NULL THEN '{}' ELSE jsonb_build_object('deposit_cents', deposit_cents) END;
    INSERT INTO outbox_event (business_id, topic, aggregate_id, aggregate_version, payload)
    VALUES (of_business, 'appointment.' || status, appointment_id, 1, told);
    INSERT INTO audit_entry (business_id, actor, action, aggregate_id, after)
    VALUES (of_business, by_actor, 'appointment.' || status, appointment_id, told);
    IF under_key IS NOT NULL THEN
        INSERT INTO idempotency_key (business_id, principal, route, key, request_hash, response)
        VALUES (of_business, by_principal, on_route, under_key, decode(hashed, 'hex'),
                jsonb_build_object('answer', answer, 'status', status, 'deposit_cents', deposit_cents,
                                   'expires_at', expires_at));
    END IF;
END $$
"""
REFERENCES = ("fk_claim_appointment_item_business_id_item_id", "fk_claim_group_session_business_id_session_id")


def upgrade() -> None:
    for name in REFERENCES:
        op.execute(f"ALTER TABLE claim ALTER CONSTRAINT {name} DEFERRABLE INITIALLY DEFERRED")
    for function in (ROOMS_SUFFICE, CLAIM_TIME, BOOK):
        op.execute(function)
