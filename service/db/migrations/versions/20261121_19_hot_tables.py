"""What every booking writes no longer locks the business's row to see that it is there."""

from alembic import op

revision = "20261121_19_hot_tables"
down_revision = "20261121_18_following"
branch_labels = None
depends_on = None

TABLES = (
    "appointment", "appointment_item", "claim", "outbox_event", "audit_entry", "idempotency_key", "change_log",
)  # fmt: skip


def upgrade() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_business_business_id")
