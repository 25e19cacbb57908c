"""Reasons of a plan keep what they are made of, to be said in other languages."""

from alembic import op

revision = "20261121_25_said"
down_revision = "20261121_24_client_versions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table in ("planned_move", "unplaced_entry"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN said jsonb")
