"""A session keeps the scope that it was granted: no refresh token ever gives more."""

from alembic import op

revision = "20261121_29_granted"
down_revision = "20261121_28_wanted"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the scope; a constant default rewrites no row, and sessions that stand keep what they had: everything."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE session ADD COLUMN scope text DEFAULT '' NOT NULL")
