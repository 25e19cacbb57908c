"""Versions of what managers edit: business, staff, service, resource."""

from alembic import op

revision = "20261121_05_versions"
down_revision = "20261121_04_lifecycle"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("business", "staff", "service", "resource"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN version integer NOT NULL DEFAULT 1")
