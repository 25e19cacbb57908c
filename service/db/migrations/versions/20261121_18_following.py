"""A process follows the changes of all businesses in one look; the log's key is in the order in which it is read."""

from alembic import op

from models.roles import APP_ROLE

revision = "20261121_18_following"
down_revision = "20261121_17_locations"
branch_labels = None
depends_on = None

CHANGED_SINCE = """
CREATE FUNCTION changed_since(known pg_snapshot)
RETURNS TABLE (horizon pg_snapshot, looked_at timestamptz, changed uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT pg_current_snapshot(), clock_timestamp(), ARRAY(
        SELECT DISTINCT c.business_id FROM change_log c
        WHERE c.xid >= pg_snapshot_xmin(known) AND NOT pg_visible_in_snapshot(c.xid, known))
$$
"""


def upgrade() -> None:
    op.execute("ALTER TABLE change_log DROP CONSTRAINT pk_change_log")
    op.execute("ALTER TABLE change_log ADD CONSTRAINT pk_change_log PRIMARY KEY (business_id, xid, id)")
    op.execute("DROP INDEX ix_change_log_business_id_xid")
    op.execute("CREATE INDEX ix_change_log_xid ON change_log (xid)")
    op.execute("CREATE POLICY owner_reads ON change_log FOR SELECT TO CURRENT_USER USING (true)")
    op.execute(CHANGED_SINCE)
    op.execute("REVOKE ALL ON FUNCTION changed_since(pg_snapshot) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION changed_since(pg_snapshot) TO {APP_ROLE}")
