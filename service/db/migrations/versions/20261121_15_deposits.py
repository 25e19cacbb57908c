"""Deposits of clients who failed to come; pending requests and waitlist entries that lapse by the clock."""

from alembic import op

revision = "20261121_15_deposits"
down_revision = "20261121_14_causes"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE appointment
    ADD COLUMN deposit_cents integer,
    ADD COLUMN deposit_paid_at timestamptz,
    ADD CONSTRAINT ck_appointment_deposit_positive CHECK (deposit_cents > 0),
    ADD CONSTRAINT ck_appointment_paid_what_was_due CHECK (deposit_paid_at IS NULL OR deposit_cents IS NOT NULL)
"""
PENDING = "CREATE INDEX ix_appointment_pending ON appointment (business_id) WHERE status = 'pending'"
LAPSING = """
CREATE INDEX ix_waitlist_entry_lapsing ON waitlist_entry (business_id, upper(windows)) WHERE status = 'waiting'
"""
DUE_BUSINESSES = """
CREATE FUNCTION due_businesses(moment timestamptz DEFAULT clock_timestamp()) RETURNS TABLE (work text, business_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.work, b.id FROM business b CROSS JOIN LATERAL (VALUES
        ('publish', EXISTS (SELECT FROM outbox_event e WHERE e.business_id = b.id AND e.published_at IS NULL)),
        ('seal', EXISTS (SELECT FROM audit_entry a WHERE a.business_id = b.id AND a.position IS NULL)),
        ('answer', EXISTS (SELECT FROM booking_request r WHERE r.business_id = b.id AND r.status = 'queued')),
        ('expire', EXISTS (SELECT FROM appointment h WHERE h.business_id = b.id AND h.expires_at <= clock_timestamp())),
        ('lapse', EXISTS (
            SELECT FROM appointment p JOIN appointment_item i ON i.business_id = b.id AND i.appointment_id = p.id
            WHERE p.business_id = b.id AND p.status = 'pending' AND i.starts_at <= moment) OR EXISTS (
            SELECT FROM waitlist_entry e
            WHERE e.business_id = b.id AND e.status = 'waiting' AND upper(e.windows) <= moment))
    ) AS w(work, waits) WHERE w.waits
$$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(COLUMNS)
    op.execute(PENDING)
    op.execute(LAPSING)
    for table in ("appointment_item", "waitlist_entry"):
        op.execute(f"CREATE POLICY owner_reads ON {table} FOR SELECT TO CURRENT_USER USING (true)")
    op.execute("DROP FUNCTION due_businesses()")
    op.execute(DUE_BUSINESSES)
    op.execute("REVOKE ALL ON FUNCTION due_businesses FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION due_businesses TO interlock_app")
