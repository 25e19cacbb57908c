"""Who is left out of a plan is told the place that a relaxation would give them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261121_23_relaxed_places"
down_revision = "20261121_22_guarding"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the place; plans made before have none."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.add_column("unplaced_entry", sa.Column("relaxed_staff_id", sa.UUID(), nullable=True))
    op.add_column("unplaced_entry", sa.Column("relaxed_starts_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.create_foreign_key(
        op.f("fk_unplaced_entry_staff_business_id_relaxed_staff_id"),
        "unplaced_entry",
        "staff",
        ["business_id", "relaxed_staff_id"],
        ["business_id", "id"],
    )
    op.create_check_constraint(
        "relaxed_whole", "unplaced_entry", "num_nonnulls(relaxed_staff_id, relaxed_starts_at) <> 1"
    )
