"""Clients sealed with keys of their own, and found by keyed hashes."""

from alembic import op

revision = "20261121_11_sealed"
down_revision = "20261121_10_limits"
branch_labels = None
depends_on = None

TENANT = "nullif(current_setting('app.business', true), '')::uuid"
COLUMNS = """
DROP INDEX ix_client_business_id_email;
ALTER TABLE client
    ADD COLUMN email_hash bytea,
    ADD COLUMN phone_hash bytea,
    ADD COLUMN erased_at timestamptz,
    DROP CONSTRAINT ck_client_name_length,
    ADD CONSTRAINT ck_client_name_length CHECK (char_length(name) BETWEEN 1 AND 1000),
    ADD CONSTRAINT ck_client_erased_wholly
        CHECK (erased_at IS NULL OR (email, phone, email_hash, phone_hash) IS NULL);
CREATE INDEX ix_client_business_id_email_hash ON client (business_id, email_hash);
CREATE INDEX ix_client_business_id_phone_hash ON client (business_id, phone_hash);
CREATE TABLE client_key (
    business_id uuid NOT NULL,
    client_id uuid NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_client_key PRIMARY KEY (business_id, client_id),
    CONSTRAINT fk_client_key_client_business_id_client_id
        FOREIGN KEY (business_id, client_id) REFERENCES client (business_id, id),
    CONSTRAINT fk_client_key_business_business_id FOREIGN KEY (business_id) REFERENCES business (id)
);
"""


def upgrade() -> None:
    """Add the hashes and the keys; names that stand there already stay readable as they are."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(COLUMNS)
    op.execute("ALTER TABLE client_key ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE client_key FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON client_key USING (business_id = {TENANT}) WITH CHECK (business_id = {TENANT})")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON client_key TO interlock_app")
