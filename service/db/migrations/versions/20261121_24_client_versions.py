"""Clients have a version, so that an edit can say which one it is of."""

from alembic import op

revision = "20261121_24_client_versions"
down_revision = "20261121_23_relaxed_places"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the version; a constant default rewrites no row."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE client ADD COLUMN version integer DEFAULT 1 NOT NULL")
