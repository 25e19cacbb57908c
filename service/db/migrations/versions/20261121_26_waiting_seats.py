"""Who waits says for how many: a party waits for as many seats of a group."""

from alembic import op

revision = "20261121_26_waiting_seats"
down_revision = "20261121_25_said"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the seats; a constant default rewrites no row, and who waits already waits for one."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE waitlist_entry ADD COLUMN seats smallint DEFAULT 1 NOT NULL")
    op.execute("ALTER TABLE waitlist_entry ADD CONSTRAINT ck_waitlist_entry_seats CHECK (seats BETWEEN 1 AND 1000)")
