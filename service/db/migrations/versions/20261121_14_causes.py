"""An event knows the request that caused it, so that the jobs that it begins know it too."""

from alembic import op

revision = "20261121_14_causes"
down_revision = "20261121_13_intervals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what stands there already has none."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(
        "ALTER TABLE outbox_event ADD COLUMN request_id text DEFAULT nullif(current_setting('app.request', true), '')"
    )
