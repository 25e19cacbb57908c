"""Token buckets of callers, shared by all processes: unlogged, for nobody misses them after a crash."""

from alembic import op

revision = "20261121_10_limits"
down_revision = "20261121_09_visits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table in a schema of its own: it is about no business, so that no row-level security applies."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("CREATE SCHEMA edge")
    op.execute("CREATE UNLOGGED TABLE edge.rate_limit (caller text PRIMARY KEY, tat timestamptz NOT NULL)")
    op.execute("GRANT USAGE ON SCHEMA edge TO interlock_app")
    op.execute("CREATE VIEW edge.schema_version AS SELECT version_num FROM public.alembic_version")
    op.execute("GRANT SELECT ON edge.schema_version TO interlock_app")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON edge.rate_limit TO interlock_app")
