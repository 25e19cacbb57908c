"""A follower is told which transactions changed a business: its view may hold them already."""

from alembic import op

from models.roles import APP_ROLE

revision = "20261121_27_transactions_told"
down_revision = "20261121_26_waiting_seats"
branch_labels = None
depends_on = None

CHANGES_SINCE = """
CREATE FUNCTION changes_since(known pg_snapshot)
RETURNS TABLE (horizon pg_snapshot, looked_at timestamptz, changed uuid[], transactions bigint[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT pg_current_snapshot(), clock_timestamp(), coalesce(array_agg(c.business_id), '{}'),
           coalesce(array_agg(c.xid::text::bigint), '{}')
    FROM (
        SELECT DISTINCT l.business_id, l.xid FROM change_log l
        WHERE l.xid >= pg_snapshot_xmin(known) AND NOT pg_visible_in_snapshot(l.xid, known)
    ) AS c
$$
"""


def upgrade() -> None:
    op.execute(CHANGES_SINCE)
    op.execute("REVOKE ALL ON FUNCTION changes_since(pg_snapshot) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION changes_since(pg_snapshot) TO {APP_ROLE}")
