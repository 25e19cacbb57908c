"""Answers kept under idempotency keys are sealed; those that showed the token of a hold are forgotten."""

from alembic import op

revision = "20261121_20_sealed_answers"
down_revision = "20261121_19_hot_tables"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forget the answers with a token in plain text; a hold lasts an hour at the most."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE idempotency_key NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM idempotency_key WHERE jsonb_exists(response, 'token')")
    op.execute("ALTER TABLE idempotency_key FORCE ROW LEVEL SECURITY")
