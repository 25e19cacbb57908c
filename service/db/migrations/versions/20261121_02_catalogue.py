"""The rules of services and staff: windows, limits, seats, resources, holidays, policies, the staff's own zones."""

from alembic import op

revision = "20261121_02_catalogue"
down_revision = "20261121_01_first"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE business
    ADD COLUMN locale text NOT NULL DEFAULT 'en',
    ADD COLUMN currency text NOT NULL DEFAULT 'EUR',
    ADD COLUMN colour text NOT NULL DEFAULT '#0b6e4f',
    ADD CONSTRAINT ck_business_locale_form CHECK (locale ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
    ADD CONSTRAINT ck_business_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    ADD CONSTRAINT ck_business_colour_form CHECK (colour ~ '^#[0-9a-f]{6}$');
ALTER TABLE staff
    ADD COLUMN zone text,
    ADD COLUMN daily_limit smallint,
    ADD COLUMN weekly_limit smallint,
    ADD CONSTRAINT ck_staff_limits_positive CHECK (daily_limit >= 1 AND weekly_limit >= 1);
ALTER TABLE service
    ADD COLUMN slot_offset integer NOT NULL DEFAULT 0,
    ADD COLUMN anchor text NOT NULL DEFAULT 'clock',
    ADD COLUMN first_date date,
    ADD COLUMN last_date date,
    ADD COLUMN daily_limit smallint,
    ADD COLUMN weekly_limit smallint,
    ADD COLUMN client_daily_limit smallint,
    ADD COLUMN client_weekly_limit smallint,
    ADD COLUMN seats smallint NOT NULL DEFAULT 1,
    ADD COLUMN needs_approval boolean NOT NULL DEFAULT false,
    ADD COLUMN free_cancellation integer,
    ADD COLUMN cancellation_fee_cents integer NOT NULL DEFAULT 0,
    ADD COLUMN last_cancellation integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT ck_service_slot_offset_minutes CHECK (slot_offset >= 0 AND slot_offset < slot_interval),
    ADD CONSTRAINT ck_service_anchor CHECK (anchor IN ('clock', 'shift')),
    ADD CONSTRAINT ck_service_booking_window CHECK (last_date >= first_date),
    ADD CONSTRAINT ck_service_limits_positive CHECK (
        daily_limit >= 1 AND weekly_limit >= 1 AND client_daily_limit >= 1 AND client_weekly_limit >= 1),
    ADD CONSTRAINT ck_service_seats CHECK (seats BETWEEN 1 AND 1000),
    ADD CONSTRAINT ck_service_free_cancellation_minutes CHECK (free_cancellation BETWEEN 0 AND 527040),
    ADD CONSTRAINT ck_service_last_cancellation_minutes CHECK (last_cancellation BETWEEN 0 AND 527040),
    ADD CONSTRAINT ck_service_fee_not_negative CHECK (cancellation_fee_cents >= 0);
ALTER TABLE allocation
    ADD COLUMN price_cents integer,
    ADD CONSTRAINT ck_allocation_price_not_negative CHECK (price_cents >= 0);
ALTER TABLE staff_day
    ADD COLUMN appointment_only int4multirange,
    ADD CONSTRAINT ck_staff_day_appointment_only_minutes CHECK (appointment_only <@ '{[0,2880)}'::int4multirange);
"""

TABLES = """
CREATE TABLE service_window (
    business_id uuid NOT NULL,
    service_id uuid NOT NULL,
    weekday smallint NOT NULL,
    opens smallint NOT NULL,
    closes smallint NOT NULL,
    CONSTRAINT pk_service_window PRIMARY KEY (business_id, service_id, weekday, opens),
    CONSTRAINT fk_service_window_business_business_id FOREIGN KEY (business_id) REFERENCES business (id),
    CONSTRAINT fk_service_window_service_business_id_service_id
        FOREIGN KEY (business_id, service_id) REFERENCES service (business_id, id),
    CONSTRAINT ck_service_window_weekday_monday_is_0 CHECK (weekday BETWEEN 0 AND 6),
    CONSTRAINT ck_service_window_span_minutes
        CHECK (opens BETWEEN 0 AND 1439 AND closes > opens AND closes <= 1440)
);
CREATE TABLE requirement (
    business_id uuid NOT NULL,
    id uuid NOT NULL,
    service_id uuid NOT NULL,
    kind text NOT NULL,
    after integer NOT NULL DEFAULT 0,
    length integer,
    CONSTRAINT pk_requirement PRIMARY KEY (business_id, id),
    CONSTRAINT fk_requirement_business_business_id FOREIGN KEY (business_id) REFERENCES business (id),
    CONSTRAINT fk_requirement_service_business_id_service_id
        FOREIGN KEY (business_id, service_id) REFERENCES service (business_id, id),
    CONSTRAINT ck_requirement_kind_length CHECK (char_length(kind) BETWEEN 1 AND 100),
    CONSTRAINT ck_requirement_after_minutes CHECK (after BETWEEN 0 AND 1439),
    CONSTRAINT ck_requirement_length_minutes CHECK (length BETWEEN 1 AND 1440)
);
CREATE INDEX ix_requirement_business_id_service_id ON requirement (business_id, service_id);
CREATE TABLE holiday (
    business_id uuid NOT NULL,
    day date NOT NULL,
    name text NOT NULL,
    CONSTRAINT pk_holiday PRIMARY KEY (business_id, day),
    CONSTRAINT fk_holiday_business_business_id FOREIGN KEY (business_id) REFERENCES business (id),
    CONSTRAINT ck_holiday_name_length CHECK (char_length(name) BETWEEN 1 AND 200)
);
"""

TENANT = "nullif(current_setting('app.business', true), '')::uuid"

STAFF_CHANGED = """
CREATE FUNCTION staff_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lane SET availability_version = availability_version + 1
    WHERE (business_id, lane_no) IN (
        SELECT c.business_id, c.lane_no FROM was w JOIN changed c USING (business_id, id)
        WHERE (c.zone, c.active) IS DISTINCT FROM (w.zone, w.active));
    RETURN NULL;
END $$
"""
HOLIDAYS_CHANGED = """
CREATE FUNCTION holidays_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lane SET availability_version = availability_version + 1
    WHERE business_id IN (SELECT business_id FROM changed);
    INSERT INTO change_log (business_id) SELECT DISTINCT business_id FROM changed;
    RETURN NULL;
END $$
"""
CHANGED_ROWS = {
    "INSERT": "NEW TABLE AS changed",
    "UPDATE": "OLD TABLE AS was NEW TABLE AS changed",
    "DELETE": "OLD TABLE AS changed",
}


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(TABLES)
    for table in ("service_window", "requirement", "holiday"):
        own = f"business_id = {TENANT}"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} USING ({own}) WITH CHECK ({own})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO interlock_app")
    op.execute(STAFF_CHANGED)
    op.execute(HOLIDAYS_CHANGED)
    _trigger("staff", "UPDATE", "staff_changed")
    for operation in CHANGED_ROWS:
        _trigger("holiday", operation, "holidays_changed")
        for table in ("resource", "service_window", "requirement"):
            _trigger(table, operation, "catalogue_changed")


def _trigger(table: str, operation: str, function: str) -> None:
    op.execute(
        f"CREATE TRIGGER {function}_{operation.lower()} AFTER {operation} ON {table} "
        f"REFERENCING {CHANGED_ROWS[operation]} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
    )
