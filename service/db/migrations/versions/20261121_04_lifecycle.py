"""The whole life of an appointment: more states, fees, the client's key and one extension of a hold."""

from alembic import op

revision = "20261121_04_lifecycle"
down_revision = "20261121_03_ledger"
branch_labels = None
depends_on = None

APPOINTMENT = """
ALTER TABLE appointment
    ADD COLUMN client_key text,
    ADD COLUMN extended boolean NOT NULL DEFAULT false,
    ADD COLUMN fee_cents integer,
    DROP CONSTRAINT ck_appointment_status,
    DROP CONSTRAINT ck_appointment_confirmed_has_client,
    ADD CONSTRAINT ck_appointment_status CHECK (status IN (
        'hold', 'pending', 'confirmed', 'checked_in', 'completed', 'no_show', 'cancelled', 'declined', 'expired',
        'released')),
    ADD CONSTRAINT ck_appointment_booked_has_client
        CHECK (status IN ('hold', 'released', 'expired') OR client_id IS NOT NULL),
    ADD CONSTRAINT ck_appointment_fee_not_negative CHECK (fee_cents >= 0);
CREATE INDEX ix_appointment_holder ON appointment (business_id, holder) WHERE status = 'hold';
CREATE INDEX ix_appointment_client_key ON appointment (business_id, client_key) WHERE status = 'hold';
CREATE INDEX ix_appointment_no_show ON appointment (business_id, client_id) WHERE status = 'no_show';
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(APPOINTMENT)
