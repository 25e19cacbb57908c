"""The first schema: every table, row-level security, the claim constraint, the change log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261121_01_first"
down_revision = None
branch_labels = None
depends_on = None

ROLE = """
DO $$ BEGIN
    CREATE ROLE interlock_app NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$
"""
TENANT = "nullif(current_setting('app.business', true), '')::uuid"


class XID8(sa.types.UserDefinedType[int]):
    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


# table, tenant column, what the app's role may do
TABLES = (
    ("business", "id", "SELECT, INSERT, UPDATE, DELETE"),
    ("audit_entry", "business_id", "SELECT, INSERT"),
    ("change_log", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("client", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("idempotency_key", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("lane", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("optimisation_run", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("outbox_event", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("service", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("appointment", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("resource", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("staff", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("staff_day", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("working_hours", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("allocation", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("appointment_item", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("waitlist_entry", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("claim", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("offer", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("planned_move", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
    ("unplaced_entry", "business_id", "SELECT, INSERT, UPDATE, DELETE"),
)

CLAIM_CHANGED = """
CREATE FUNCTION claim_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO change_log (business_id, lane_no, day)
    SELECT DISTINCT business_id, lane_no, (starts_at AT TIME ZONE 'UTC')::date FROM changed;
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO change_log (business_id, lane_no, day)
        SELECT DISTINCT w.business_id, w.lane_no, (w.starts_at AT TIME ZONE 'UTC')::date
        FROM was w JOIN changed c USING (business_id, id)
        WHERE (w.lane_no, (w.starts_at AT TIME ZONE 'UTC')::date)
           <> (c.lane_no, (c.starts_at AT TIME ZONE 'UTC')::date);
    END IF;
    RETURN NULL;
END $$
"""

LANE_CHANGED = """
CREATE FUNCTION lane_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO change_log (business_id, lane_no) SELECT DISTINCT business_id, lane_no FROM changed;
    RETURN NULL;
END $$
"""

HOURS_CHANGED = """
CREATE FUNCTION hours_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lane SET availability_version = availability_version + 1
    WHERE (business_id, lane_no) IN (SELECT business_id, lane_no FROM changed);
    RETURN NULL;
END $$
"""

CATALOGUE_CHANGED = """
CREATE FUNCTION catalogue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO change_log (business_id) SELECT DISTINCT business_id FROM changed;
    RETURN NULL;
END $$
"""

ZONE_CHANGED = """
CREATE FUNCTION zone_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lane SET availability_version = availability_version + 1
    WHERE business_id IN (SELECT c.id FROM was w JOIN changed c USING (id) WHERE c.zone <> w.zone);
    INSERT INTO change_log (business_id) SELECT id FROM changed;
    RETURN NULL;
END $$
"""

CHANGED_ROWS = {
    "INSERT": "NEW TABLE AS changed",
    "UPDATE": "OLD TABLE AS was NEW TABLE AS changed",
    "DELETE": "OLD TABLE AS changed",
}

# operation, table, function
TRIGGERS = (
    ("UPDATE", "lane", "lane_changed"),
    ("UPDATE", "business", "zone_changed"),
    ("INSERT", "claim", "claim_changed"),
    ("INSERT", "working_hours", "hours_changed"),
    ("INSERT", "staff_day", "hours_changed"),
    ("INSERT", "staff", "catalogue_changed"),
    ("INSERT", "service", "catalogue_changed"),
    ("INSERT", "allocation", "catalogue_changed"),
    ("UPDATE", "claim", "claim_changed"),
    ("UPDATE", "working_hours", "hours_changed"),
    ("UPDATE", "staff_day", "hours_changed"),
    ("UPDATE", "staff", "catalogue_changed"),
    ("UPDATE", "service", "catalogue_changed"),
    ("UPDATE", "allocation", "catalogue_changed"),
    ("DELETE", "claim", "claim_changed"),
    ("DELETE", "working_hours", "hours_changed"),
    ("DELETE", "staff_day", "hours_changed"),
    ("DELETE", "staff", "catalogue_changed"),
    ("DELETE", "service", "catalogue_changed"),
    ("DELETE", "allocation", "catalogue_changed"),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    # ### commands auto generated by Alembic - please adjust! ###
    op.create_table(
        "business",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name=op.f("ck_business_slug_form")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 200", name=op.f("ck_business_name_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_business")),
        sa.UniqueConstraint("slug", name=op.f("uq_business_slug")),
        info={"tenant_column": "id"},
    )
    op.create_table(
        "audit_entry",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("aggregate_id", sa.UUID(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.Column("after", postgresql.JSONB(), nullable=True),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_audit_entry_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_audit_entry")),
        info={"tenant_column": "business_id"},
    )
    op.create_index(
        op.f("ix_audit_entry_business_id_aggregate_id"),
        "audit_entry",
        ["business_id", "aggregate_id"],
        unique=False,
    )
    op.create_table(
        "change_log",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("xid", XID8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("lane_no", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_change_log_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_change_log")),
        info={"tenant_column": "business_id"},
    )
    op.create_index(op.f("ix_change_log_business_id_xid"), "change_log", ["business_id", "xid"], unique=False)
    op.create_table(
        "client",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 200", name=op.f("ck_client_name_length")),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_client_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_client")),
        info={"tenant_column": "business_id"},
    )
    op.create_index(op.f("ix_client_business_id_email"), "client", ["business_id", "email"], unique=False)
    op.create_table(
        "idempotency_key",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("response", postgresql.JSONB(), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_idempotency_key_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "principal", "route", "key", name=op.f("pk_idempotency_key")),
        info={"tenant_column": "business_id"},
    )
    op.create_table(
        "lane",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("lane_no", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("availability_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_lane_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "lane_no", name=op.f("pk_lane")),
        sa.UniqueConstraint("lane_no", name=op.f("uq_lane_lane_no")),
        info={"tenant_column": "business_id"},
    )
    op.create_table(
        "optimisation_run",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'planned'"), nullable=False),
        sa.Column("horizon", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("solver_status", sa.Text(), nullable=False),
        sa.Column("objective", sa.Float(), nullable=False),
        sa.Column("bound", sa.Float(), nullable=False),
        sa.Column("gap", sa.Float(), nullable=False),
        sa.Column("terms", postgresql.JSONB(), nullable=False),
        sa.Column("solve_seconds", sa.Float(), nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("kind IN ('placement')", name=op.f("ck_optimisation_run_kind")),
        sa.CheckConstraint("status IN ('planned', 'applied', 'discarded')", name=op.f("ck_optimisation_run_status")),
        sa.CheckConstraint("gap >= 0", name=op.f("ck_optimisation_run_gap_not_negative")),
        sa.ForeignKeyConstraint(
            ["business_id"], ["business.id"], name=op.f("fk_optimisation_run_business_business_id")
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_optimisation_run")),
        info={"tenant_column": "business_id"},
    )
    op.create_table(
        "outbox_event",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("aggregate_id", sa.UUID(), nullable=False),
        sa.Column("aggregate_version", sa.Integer(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("published_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_outbox_event_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_outbox_event")),
        info={"tenant_column": "business_id"},
    )
    op.create_index(
        "ix_outbox_event_unpublished",
        "outbox_event",
        ["id"],
        unique=False,
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "service",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=False),
        sa.Column("buffer_before", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("buffer_after", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("slot_interval", sa.Integer(), server_default=sa.text("15"), nullable=False),
        sa.Column("minimum_notice", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("maximum_advance", sa.Integer(), server_default=sa.text("60"), nullable=False),
        sa.Column("price_cents", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("buffer_after BETWEEN 0 AND 720", name=op.f("ck_service_buffer_after_minutes")),
        sa.CheckConstraint("buffer_before BETWEEN 0 AND 720", name=op.f("ck_service_buffer_before_minutes")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 200", name=op.f("ck_service_name_length")),
        sa.CheckConstraint("duration BETWEEN 1 AND 1440", name=op.f("ck_service_duration_minutes")),
        sa.CheckConstraint("maximum_advance BETWEEN 1 AND 366", name=op.f("ck_service_maximum_advance_days")),
        sa.CheckConstraint("minimum_notice BETWEEN 0 AND 527040", name=op.f("ck_service_minimum_notice_minutes")),
        sa.CheckConstraint("price_cents >= 0", name=op.f("ck_service_price_not_negative")),
        sa.CheckConstraint(
            "slot_interval BETWEEN 5 AND 120 AND 1440 % slot_interval = 0",
            name=op.f("ck_service_slot_interval_minutes"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_service_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_service")),
        info={"tenant_column": "business_id"},
    )
    op.create_table(
        "appointment",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("client_id", sa.UUID(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(status = 'hold') = (expires_at IS NOT NULL)", name=op.f("ck_appointment_only_holds_expire")
        ),
        sa.CheckConstraint(
            "status <> 'confirmed' OR client_id IS NOT NULL", name=op.f("ck_appointment_confirmed_has_client")
        ),
        sa.CheckConstraint(
            "status IN ('hold', 'confirmed', 'cancelled', 'expired', 'released')",
            name=op.f("ck_appointment_status"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "client_id"],
            ["client.business_id", "client.id"],
            name=op.f("fk_appointment_client_business_id_client_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_appointment_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_appointment")),
        info={"tenant_column": "business_id"},
    )
    op.create_index(
        op.f("ix_appointment_business_id_client_id"),
        "appointment",
        ["business_id", "client_id"],
        unique=False,
    )
    op.create_table(
        "resource",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("lane_no", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 200", name=op.f("ck_resource_name_length")),
        sa.ForeignKeyConstraint(
            ["business_id", "lane_no"],
            ["lane.business_id", "lane.lane_no"],
            name=op.f("fk_resource_lane_business_id_lane_no"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_resource_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_resource")),
        sa.UniqueConstraint("lane_no", name=op.f("uq_resource_lane_no")),
        info={"tenant_column": "business_id"},
    )
    op.create_table(
        "staff",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("lane_no", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 200", name=op.f("ck_staff_name_length")),
        sa.ForeignKeyConstraint(
            ["business_id", "lane_no"],
            ["lane.business_id", "lane.lane_no"],
            name=op.f("fk_staff_lane_business_id_lane_no"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_staff_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_staff")),
        sa.UniqueConstraint("lane_no", name=op.f("uq_staff_lane_no")),
        info={"tenant_column": "business_id"},
    )
    op.create_table(
        "staff_day",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("lane_no", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("hours", postgresql.INT4MULTIRANGE(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("hours <@ '{[0,2880)}'::int4multirange", name=op.f("ck_staff_day_hours_minutes")),
        sa.ForeignKeyConstraint(
            ["business_id", "lane_no"],
            ["lane.business_id", "lane.lane_no"],
            name=op.f("fk_staff_day_lane_business_id_lane_no"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_staff_day_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "lane_no", "day", name=op.f("pk_staff_day")),
        info={"tenant_column": "business_id"},
    )
    op.create_table(
        "working_hours",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("lane_no", sa.Integer(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("opens", sa.SmallInteger(), nullable=False),
        sa.Column("closes", sa.SmallInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(lane_no, lane_no, '[]')"), "&&"),
            (sa.text("int4range(weekday * 1440 + opens, weekday * 1440 + closes)"), "&&"),
            (sa.text("daterange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="ex_working_hours_no_overlap",
        ),
        sa.CheckConstraint(
            "opens BETWEEN 0 AND 1439 AND closes > opens AND closes <= 2880",
            name=op.f("ck_working_hours_span_minutes"),
        ),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_working_hours_validity")),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_working_hours_weekday_monday_is_0")),
        sa.ForeignKeyConstraint(
            ["business_id", "lane_no"],
            ["lane.business_id", "lane.lane_no"],
            name=op.f("fk_working_hours_lane_business_id_lane_no"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_working_hours_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_working_hours")),
        info={"tenant_column": "business_id"},
    )
    op.create_table(
        "allocation",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("service_id", sa.UUID(), nullable=False),
        sa.Column("staff_id", sa.UUID(), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.CheckConstraint("duration BETWEEN 1 AND 1440", name=op.f("ck_allocation_duration_minutes")),
        sa.ForeignKeyConstraint(
            ["business_id", "service_id"],
            ["service.business_id", "service.id"],
            name=op.f("fk_allocation_service_business_id_service_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "staff_id"],
            ["staff.business_id", "staff.id"],
            name=op.f("fk_allocation_staff_business_id_staff_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_allocation_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "service_id", "staff_id", name=op.f("pk_allocation")),
        info={"tenant_column": "business_id"},
    )
    op.create_table(
        "appointment_item",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("appointment_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("service_id", sa.UUID(), nullable=False),
        sa.Column("staff_id", sa.UUID(), nullable=False),
        sa.Column("starts_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ends_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_appointment_item_half_open")),
        sa.ForeignKeyConstraint(
            ["business_id", "appointment_id"],
            ["appointment.business_id", "appointment.id"],
            name=op.f("fk_appointment_item_appointment_business_id_appointment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "service_id"],
            ["service.business_id", "service.id"],
            name=op.f("fk_appointment_item_service_business_id_service_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "staff_id"],
            ["staff.business_id", "staff.id"],
            name=op.f("fk_appointment_item_staff_business_id_staff_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["business.id"], name=op.f("fk_appointment_item_business_business_id")
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_appointment_item")),
        info={"tenant_column": "business_id"},
    )
    op.create_index(
        op.f("ix_appointment_item_business_id_appointment_id"),
        "appointment_item",
        ["business_id", "appointment_id"],
        unique=False,
    )
    op.create_table(
        "waitlist_entry",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("client_id", sa.UUID(), nullable=False),
        sa.Column("service_id", sa.UUID(), nullable=False),
        sa.Column("staff_ids", postgresql.ARRAY(sa.UUID()), nullable=True),
        sa.Column("windows", postgresql.TSTZMULTIRANGE(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("since", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("appointment_id", sa.UUID(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "(status = 'placed') = (appointment_id IS NOT NULL)",
            name=op.f("ck_waitlist_entry_placed_has_appointment"),
        ),
        sa.CheckConstraint("status IN ('waiting', 'offered', 'placed', 'left')", name=op.f("ck_waitlist_entry_status")),
        sa.CheckConstraint("NOT isempty(windows)", name=op.f("ck_waitlist_entry_windows")),
        sa.CheckConstraint("cardinality(staff_ids) > 0", name=op.f("ck_waitlist_entry_staff_ids")),
        sa.CheckConstraint("priority BETWEEN 1 AND 100", name=op.f("ck_waitlist_entry_priority")),
        sa.ForeignKeyConstraint(
            ["business_id", "appointment_id"],
            ["appointment.business_id", "appointment.id"],
            name=op.f("fk_waitlist_entry_appointment_business_id_appointment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "client_id"],
            ["client.business_id", "client.id"],
            name=op.f("fk_waitlist_entry_client_business_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "service_id"],
            ["service.business_id", "service.id"],
            name=op.f("fk_waitlist_entry_service_business_id_service_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_waitlist_entry_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_waitlist_entry")),
        info={"tenant_column": "business_id"},
    )
    op.create_index(
        "ix_waitlist_entry_waiting",
        "waitlist_entry",
        ["business_id", "since"],
        unique=False,
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_table(
        "claim",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("lane_no", sa.Integer(), nullable=False),
        sa.Column("starts_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ends_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("item_id", sa.UUID(), nullable=True),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("released_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(lane_no, lane_no, '[]')"), "&&"),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            where=sa.text("released_at IS NULL"),
            using="gist",
            name="ex_claim_no_overlap",
        ),
        sa.CheckConstraint("(kind = 'item') = (item_id IS NOT NULL)", name=op.f("ck_claim_item_has_item")),
        sa.CheckConstraint("ends_at - starts_at <= interval '744 hours'", name=op.f("ck_claim_at_most_31_days")),
        sa.CheckConstraint("kind IN ('item', 'time_off', 'external')", name=op.f("ck_claim_kind")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_claim_half_open")),
        sa.ForeignKeyConstraint(
            ["business_id", "item_id"],
            ["appointment_item.business_id", "appointment_item.id"],
            name=op.f("fk_claim_appointment_item_business_id_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "lane_no"],
            ["lane.business_id", "lane.lane_no"],
            name=op.f("fk_claim_lane_business_id_lane_no"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_claim_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_claim")),
        info={"tenant_column": "business_id"},
    )
    op.create_index("ix_claim_item", "claim", ["business_id", "item_id"], unique=False)
    op.create_index(
        "ix_claim_live",
        "claim",
        ["business_id", "lane_no", "starts_at"],
        unique=False,
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "offer",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("entry_id", sa.UUID(), nullable=False),
        sa.Column("appointment_id", sa.UUID(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('open', 'accepted', 'declined', 'expired')", name=op.f("ck_offer_status")),
        sa.ForeignKeyConstraint(
            ["business_id", "appointment_id"],
            ["appointment.business_id", "appointment.id"],
            name=op.f("fk_offer_appointment_business_id_appointment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "entry_id"],
            ["waitlist_entry.business_id", "waitlist_entry.id"],
            name=op.f("fk_offer_waitlist_entry_business_id_entry_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_offer_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_offer")),
        info={"tenant_column": "business_id"},
    )
    op.create_index(op.f("ix_offer_business_id_entry_id"), "offer", ["business_id", "entry_id"], unique=False)
    op.create_table(
        "planned_move",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("component", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.UUID(), nullable=False),
        sa.Column("entry_version", sa.Integer(), nullable=False),
        sa.Column("availability_version", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.UUID(), nullable=False),
        sa.Column("starts_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ends_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("claim_starts_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("claim_ends_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'planned'"), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('planned', 'applied', 'stale', 'discarded')", name=op.f("ck_planned_move_status")
        ),
        sa.CheckConstraint(
            "ends_at > starts_at AND claim_ends_at > claim_starts_at", name=op.f("ck_planned_move_half_open")
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "entry_id"],
            ["waitlist_entry.business_id", "waitlist_entry.id"],
            name=op.f("fk_planned_move_waitlist_entry_business_id_entry_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "run_id"],
            ["optimisation_run.business_id", "optimisation_run.id"],
            name=op.f("fk_planned_move_optimisation_run_business_id_run_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "staff_id"],
            ["staff.business_id", "staff.id"],
            name=op.f("fk_planned_move_staff_business_id_staff_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_planned_move_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_planned_move")),
        info={"tenant_column": "business_id"},
    )
    op.create_table(
        "unplaced_entry",
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("entry_id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("relaxation", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["business_id", "entry_id"],
            ["waitlist_entry.business_id", "waitlist_entry.id"],
            name=op.f("fk_unplaced_entry_waitlist_entry_business_id_entry_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "run_id"],
            ["optimisation_run.business_id", "optimisation_run.id"],
            name=op.f("fk_unplaced_entry_optimisation_run_business_id_run_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_unplaced_entry_business_business_id")),
        sa.PrimaryKeyConstraint("business_id", "run_id", "entry_id", name=op.f("pk_unplaced_entry")),
        info={"tenant_column": "business_id"},
    )
    # ### end Alembic commands ###
    _secure()
    _keep_change_log()


def _secure() -> None:
    op.execute(ROLE)
    for table, column, rights in TABLES:
        own = f"{column} = {TENANT}"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} USING ({own}) WITH CHECK ({own})")
        op.execute(f"GRANT {rights} ON {table} TO interlock_app")
    op.execute("CREATE POLICY by_slug ON business FOR SELECT USING (slug = current_setting('app.slug', true))")


def _keep_change_log() -> None:
    for function in (CLAIM_CHANGED, LANE_CHANGED, HOURS_CHANGED, CATALOGUE_CHANGED, ZONE_CHANGED):
        op.execute(function)
    for operation, table, function in TRIGGERS:
        op.execute(
            f"CREATE TRIGGER {function}_{operation.lower()} AFTER {operation} ON {table} "
            f"REFERENCING {CHANGED_ROWS[operation]} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
