"""Groups with seats, series, rooms claimed beside staff, one open offer an entry, and the read models as views."""

from alembic import op

revision = "20261121_09_visits"
down_revision = "20261121_08_people"
branch_labels = None
depends_on = None

TENANT = "nullif(current_setting('app.business', true), '')::uuid"
TABLES = """
CREATE TABLE series (
    business_id uuid NOT NULL,
    id uuid NOT NULL,
    client_id uuid NOT NULL,
    service_id uuid NOT NULL,
    staff_id uuid NOT NULL,
    rule text NOT NULL,
    first_day date NOT NULL,
    minute smallint NOT NULL,
    zone text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_series PRIMARY KEY (business_id, id),
    CONSTRAINT fk_series_business_business_id FOREIGN KEY (business_id) REFERENCES business (id),
    CONSTRAINT fk_series_client_business_id_client_id
        FOREIGN KEY (business_id, client_id) REFERENCES client (business_id, id),
    CONSTRAINT fk_series_service_business_id_service_id
        FOREIGN KEY (business_id, service_id) REFERENCES service (business_id, id),
    CONSTRAINT fk_series_staff_business_id_staff_id
        FOREIGN KEY (business_id, staff_id) REFERENCES staff (business_id, id),
    CONSTRAINT ck_series_wall_minute CHECK (minute BETWEEN 0 AND 1439),
    CONSTRAINT ck_series_rule_length CHECK (char_length(rule) BETWEEN 1 AND 500)
);
CREATE TABLE group_session (
    business_id uuid NOT NULL,
    id uuid NOT NULL,
    service_id uuid NOT NULL,
    staff_id uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    seats smallint NOT NULL,
    taken smallint NOT NULL,
    closed_at timestamptz,
    CONSTRAINT pk_group_session PRIMARY KEY (business_id, id),
    CONSTRAINT fk_group_session_business_business_id FOREIGN KEY (business_id) REFERENCES business (id),
    CONSTRAINT fk_group_session_service_business_id_service_id
        FOREIGN KEY (business_id, service_id) REFERENCES service (business_id, id),
    CONSTRAINT fk_group_session_staff_business_id_staff_id
        FOREIGN KEY (business_id, staff_id) REFERENCES staff (business_id, id),
    CONSTRAINT ck_group_session_seats CHECK (taken BETWEEN 0 AND seats),
    CONSTRAINT ck_group_session_closed_when_empty CHECK ((taken = 0) = (closed_at IS NOT NULL))
);
CREATE UNIQUE INDEX uq_group_session_open ON group_session (business_id, service_id, staff_id, starts_at)
    WHERE closed_at IS NULL;
"""
COLUMNS = """
ALTER TABLE appointment
    ADD COLUMN series_id uuid,
    ADD COLUMN occurrence date,
    ADD CONSTRAINT fk_appointment_series_business_id_series_id
        FOREIGN KEY (business_id, series_id) REFERENCES series (business_id, id),
    ADD CONSTRAINT ck_appointment_series_has_occurrence CHECK ((series_id IS NULL) = (occurrence IS NULL));
CREATE UNIQUE INDEX uq_appointment_occurrence ON appointment (business_id, series_id, occurrence)
    WHERE series_id IS NOT NULL;
ALTER TABLE appointment_item
    ADD COLUMN session_id uuid,
    ADD COLUMN seats smallint NOT NULL DEFAULT 1,
    ADD CONSTRAINT fk_appointment_item_group_session_business_id_session_id
        FOREIGN KEY (business_id, session_id) REFERENCES group_session (business_id, id),
    ADD CONSTRAINT ck_appointment_item_seats CHECK (seats BETWEEN 1 AND 1000);
CREATE INDEX ix_appointment_item_session ON appointment_item (business_id, session_id) WHERE session_id IS NOT NULL;
ALTER TABLE claim
    ADD COLUMN session_id uuid,
    DROP CONSTRAINT ck_claim_kind,
    ADD CONSTRAINT fk_claim_group_session_business_id_session_id
        FOREIGN KEY (business_id, session_id) REFERENCES group_session (business_id, id),
    ADD CONSTRAINT ck_claim_kind CHECK (kind IN ('item', 'session', 'time_off', 'external')),
    ADD CONSTRAINT ck_claim_session_has_session CHECK ((kind = 'session') = (session_id IS NOT NULL));
CREATE INDEX ix_claim_session ON claim (business_id, session_id) WHERE session_id IS NOT NULL;
CREATE INDEX ix_offer_business_id_appointment_id ON offer (business_id, appointment_id);
CREATE UNIQUE INDEX uq_offer_open ON offer (business_id, entry_id) WHERE status = 'open';
"""
SEATS_CHANGED = """
CREATE FUNCTION seats_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO change_log (business_id, lane_no, day)
    SELECT DISTINCT c.business_id, c.lane_no, (c.starts_at AT TIME ZONE 'UTC')::date
    FROM changed s JOIN claim c ON c.business_id = s.business_id AND c.session_id = s.id;
    RETURN NULL;
END $$
"""
SEATS_CHANGED_TRIGGER = """
CREATE TRIGGER seats_changed_update AFTER UPDATE ON group_session
REFERENCING OLD TABLE AS was NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION seats_changed()
"""
STAFF_DAILY_SCHEDULE = """
CREATE VIEW staff_daily_schedule WITH (security_invoker = true) AS
        SELECT x.business_id, x.staff_id, x.staff, (x.starts_at AT TIME ZONE x.zone)::date AS day, x.kind, x.starts_at,
               x.ends_at, x.claim_starts_at, x.claim_ends_at, x.appointment_id, x.status, x.version, x.service,
               x.client_id, x.client, x.seats
        FROM (
    SELECT c.business_id, t.id AS staff_id, t.name AS staff, c.kind, i.starts_at, i.ends_at,
           c.starts_at AS claim_starts_at, c.ends_at AS claim_ends_at, a.id AS appointment_id, a.status, a.version,
           v.name AS service, a.client_id, n.name AS client, i.seats, coalesce(t.zone, b.zone) AS zone
    FROM claim c
    JOIN staff t ON t.business_id = c.business_id AND t.lane_no = c.lane_no
    JOIN business b ON b.id = c.business_id
    JOIN appointment_item i ON i.business_id = c.business_id AND i.id = c.item_id
    JOIN appointment a ON a.business_id = i.business_id AND a.id = i.appointment_id
    JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
    LEFT JOIN client n ON n.business_id = a.business_id AND n.id = a.client_id
    WHERE c.released_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())
            UNION ALL
    SELECT c.business_id, t.id AS staff_id, t.name AS staff, c.kind, i.starts_at, i.ends_at,
           c.starts_at AS claim_starts_at, c.ends_at AS claim_ends_at, a.id AS appointment_id, a.status, a.version,
           v.name AS service, a.client_id, n.name AS client, i.seats, coalesce(t.zone, b.zone) AS zone
    FROM claim c
    JOIN staff t ON t.business_id = c.business_id AND t.lane_no = c.lane_no
    JOIN business b ON b.id = c.business_id
    JOIN appointment_item i ON i.business_id = c.business_id AND i.session_id = c.session_id
    JOIN appointment a ON a.business_id = i.business_id AND a.id = i.appointment_id
    JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
    LEFT JOIN client n ON n.business_id = a.business_id AND n.id = a.client_id
    WHERE c.released_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())
              AND a.status IN ('hold', 'pending', 'confirmed', 'checked_in', 'completed')
              AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp())
            UNION ALL
            SELECT c.business_id, t.id, t.name, c.kind, c.starts_at, c.ends_at, c.starts_at, c.ends_at,
                   NULL, NULL, NULL, NULL, NULL, NULL, NULL, coalesce(t.zone, b.zone)
            FROM claim c
            JOIN staff t ON t.business_id = c.business_id AND t.lane_no = c.lane_no
            JOIN business b ON b.id = c.business_id
            WHERE c.released_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())
              AND c.kind NOT IN ('item', 'session')) x
"""
CLIENT_APPOINTMENT_VIEW = """
CREATE VIEW client_appointment_view WITH (security_invoker = true) AS
        SELECT a.business_id, a.client_id, a.id AS appointment_id, a.status, a.version, a.fee_cents, a.series_id,
               a.occurrence, a.created_at, i.position, i.service_id, v.name AS service, i.staff_id, t.name AS staff,
               i.starts_at, i.ends_at, i.seats
        FROM appointment a
        JOIN appointment_item i ON i.business_id = a.business_id AND i.appointment_id = a.id
        JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
        JOIN staff t ON t.business_id = i.business_id AND t.id = i.staff_id
        WHERE a.client_id IS NOT NULL
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(TABLES)
    for table in ("series", "group_session"):
        own = f"business_id = {TENANT}"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} USING ({own}) WITH CHECK ({own})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO interlock_app")
    op.execute(COLUMNS)
    op.execute(SEATS_CHANGED)
    op.execute(SEATS_CHANGED_TRIGGER)
    for name, view in (
        ("staff_daily_schedule", STAFF_DAILY_SCHEDULE),
        ("client_appointment_view", CLIENT_APPOINTMENT_VIEW),
    ):
        op.execute(view)
        op.execute(f"GRANT SELECT ON {name} TO interlock_app")
