"""A planned move names all that it takes beside its first item in one place, further staff included."""

from alembic import op

revision = "20261121_21_further_staff"
down_revision = "20261121_20_sealed_answers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the versions that stood apart; a visit of several items that is planned now is planned again."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE planned_move DROP COLUMN also_versions")
