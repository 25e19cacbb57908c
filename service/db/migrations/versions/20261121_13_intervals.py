"""Starts may come at any interval of 5 to 120 minutes: the grid need not divide a day."""

from alembic import op

revision = "20261121_13_intervals"
down_revision = "20261121_12_event_order"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE service DROP CONSTRAINT ck_service_slot_interval_minutes")
    op.execute(
        "ALTER TABLE service ADD CONSTRAINT ck_service_slot_interval_minutes CHECK (slot_interval BETWEEN 5 AND 120)"
    )
