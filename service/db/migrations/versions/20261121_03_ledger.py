"""The audit chain, bookings asked for, the change log's floor, what the worker may know, and the job queue's schema."""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "20261121_03_ledger"
down_revision = "20261121_02_catalogue"
branch_labels = None
depends_on = None

TENANT = "nullif(current_setting('app.business', true), '')::uuid"

AUDIT = """
ALTER TABLE audit_entry
    ADD COLUMN address text DEFAULT nullif(current_setting('app.address', true), ''),
    ADD COLUMN request_id text DEFAULT nullif(current_setting('app.request', true), ''),
    ADD COLUMN position bigint,
    ADD COLUMN hash bytea,
    ADD CONSTRAINT ck_audit_entry_sealed_whole CHECK ((position IS NULL) = (hash IS NULL));
CREATE INDEX ix_audit_entry_unsealed ON audit_entry (business_id, id) WHERE position IS NULL;
CREATE UNIQUE INDEX uq_audit_entry_position ON audit_entry (business_id, position) WHERE position IS NOT NULL;
GRANT UPDATE (position, hash) ON audit_entry TO interlock_app;
CREATE TABLE audit_head (
    business_id uuid NOT NULL,
    position bigint NOT NULL,
    hash bytea NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_audit_head PRIMARY KEY (business_id),
    CONSTRAINT fk_audit_head_business_business_id FOREIGN KEY (business_id) REFERENCES business (id)
);
"""
SEALED_ONCE = """
CREATE FUNCTION sealed_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entry % is sealed', OLD.id USING ERRCODE = 'integrity_constraint_violation';
END $$
"""
SEALED_ONCE_TRIGGER = """
CREATE TRIGGER sealed_once BEFORE UPDATE ON audit_entry FOR EACH ROW WHEN (OLD.position IS NOT NULL)
EXECUTE FUNCTION sealed_once()
"""
REQUESTS = """
CREATE TABLE booking_request (
    business_id uuid NOT NULL,
    id uuid NOT NULL,
    position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    actor text NOT NULL,
    address text,
    request_id text,
    wanted jsonb NOT NULL,
    status text NOT NULL DEFAULT 'queued',
    answer jsonb,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    answered_at timestamptz,
    CONSTRAINT pk_booking_request PRIMARY KEY (business_id, id),
    CONSTRAINT fk_booking_request_business_business_id FOREIGN KEY (business_id) REFERENCES business (id),
    CONSTRAINT ck_booking_request_status CHECK (status IN ('queued', 'booked', 'refused')),
    CONSTRAINT ck_booking_request_answered_has_answer CHECK ((status = 'queued') = (answer IS NULL)),
    CONSTRAINT ck_booking_request_answered_at CHECK ((status = 'queued') = (answered_at IS NULL))
);
CREATE INDEX ix_booking_request_queued ON booking_request (business_id, position) WHERE status = 'queued';
"""
FLOOR = """
CREATE TABLE change_log_floor (
    business_id uuid NOT NULL,
    floor xid8 NOT NULL,
    mark xid8 NOT NULL,
    marked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_change_log_floor PRIMARY KEY (business_id),
    CONSTRAINT fk_change_log_floor_business_business_id FOREIGN KEY (business_id) REFERENCES business (id)
);
"""
INDEXES = """
DROP INDEX ix_outbox_event_unpublished;
CREATE INDEX ix_outbox_event_unpublished ON outbox_event (business_id, id) WHERE published_at IS NULL;
CREATE INDEX ix_appointment_expiring ON appointment (business_id, expires_at) WHERE expires_at IS NOT NULL;
"""
RIGHTS = {
    "audit_head": "SELECT, INSERT, UPDATE",
    "booking_request": "SELECT, INSERT, UPDATE, DELETE",
    "change_log_floor": "SELECT, INSERT, UPDATE, DELETE",
}
READ_BY_OWNER = ("business", "outbox_event", "audit_entry", "appointment", "booking_request")
DUE_BUSINESSES = """
CREATE FUNCTION due_businesses() RETURNS TABLE (work text, business_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.work, b.id FROM business b CROSS JOIN LATERAL (VALUES
        ('publish', EXISTS (SELECT FROM outbox_event e WHERE e.business_id = b.id AND e.published_at IS NULL)),
        ('seal', EXISTS (SELECT FROM audit_entry a WHERE a.business_id = b.id AND a.position IS NULL)),
        ('answer', EXISTS (SELECT FROM booking_request r WHERE r.business_id = b.id AND r.status = 'queued')),
        ('expire', EXISTS (SELECT FROM appointment h WHERE h.business_id = b.id AND h.expires_at <= clock_timestamp()))
    ) AS w(work, waits) WHERE w.waits
$$
"""
EVERY_BUSINESS = """
CREATE FUNCTION every_business() RETURNS TABLE (business_id uuid, slug text, zone text, settings jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id, slug, zone, settings FROM business ORDER BY slug
$$
"""
QUEUE_RIGHTS = """
GRANT USAGE ON SCHEMA jobs TO interlock_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jobs TO interlock_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA jobs TO interlock_app;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statements in (AUDIT, SEALED_ONCE, SEALED_ONCE_TRIGGER, REQUESTS, FLOOR, INDEXES):
        op.execute(statements)
    for table, rights in RIGHTS.items():
        own = f"business_id = {TENANT}"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} USING ({own}) WITH CHECK ({own})")
        op.execute(f"GRANT {rights} ON {table} TO interlock_app")
    for table in READ_BY_OWNER:
        op.execute(f"CREATE POLICY owner_reads ON {table} FOR SELECT TO CURRENT_USER USING (true)")
    for function, name in ((DUE_BUSINESSES, "due_businesses"), (EVERY_BUSINESS, "every_business")):
        op.execute(function)
        op.execute(f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name}() TO interlock_app")
    _create_queue()


def _create_queue() -> None:
    op.execute("CREATE SCHEMA jobs")
    op.execute("SET LOCAL search_path = jobs")
    # As it stands: SQLAlchemy would look for parameters in it.
    cursor = op.get_bind().connection.cursor()
    cursor.execute(SchemaManager.get_schema())
    cursor.close()
    op.execute("SET LOCAL search_path = public")
    op.execute(QUEUE_RIGHTS)
