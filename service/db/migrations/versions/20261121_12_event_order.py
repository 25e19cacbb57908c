"""Events in an order that readers can follow: by transaction, behind every one that is open."""

from alembic import op

revision = "20261121_12_event_order"
down_revision = "20261121_11_sealed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the transaction's id; what stands there already gets this one's."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE outbox_event ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id()")
    op.execute("CREATE INDEX ix_outbox_event_business_id_xid_id ON outbox_event (business_id, xid, id)")
