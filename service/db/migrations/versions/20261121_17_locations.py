"""Locations; businesses and clients that are deleted and can be restored; keys under which a business is opened."""

from alembic import op

revision = "20261121_17_locations"
down_revision = "20261121_16_planned_rooms"
branch_labels = None
depends_on = None

TENANT = "business_id = nullif(current_setting('app.business', true), '')::uuid"
TABLE = """
CREATE TABLE location (
    business_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    address text,
    active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT pk_location PRIMARY KEY (business_id, id),
    CONSTRAINT fk_location_business_business_id FOREIGN KEY (business_id) REFERENCES business (id),
    CONSTRAINT ck_location_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT ck_location_address_length CHECK (char_length(address) BETWEEN 1 AND 500)
)
"""
PLACED = """
ALTER TABLE {table} ADD COLUMN location_id uuid,
    ADD CONSTRAINT fk_{table}_location_business_id_location_id
        FOREIGN KEY (business_id, location_id) REFERENCES location (business_id, id)
"""
EVERY_BUSINESS = """
CREATE OR REPLACE FUNCTION every_business() RETURNS TABLE (business_id uuid, slug text, zone text, settings jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id, slug, zone, CASE WHEN deleted_at IS NULL THEN settings ELSE '{}' END FROM business ORDER BY slug
$$
"""


def upgrade() -> None:
    """Add the table and the columns; none has a default that would rewrite rows."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(TABLE)
    op.execute("ALTER TABLE location ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE location FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON location USING ({TENANT}) WITH CHECK ({TENANT})")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON location TO interlock_app")
    for table in ("staff", "resource"):
        op.execute(PLACED.format(table=table))
    for table in ("business", "client"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN deleted_at timestamptz")
    op.execute(
        "ALTER TABLE idempotency_key ALTER CONSTRAINT fk_idempotency_key_business_business_id "
        "DEFERRABLE INITIALLY DEFERRED"
    )
    op.execute(EVERY_BUSINESS)
