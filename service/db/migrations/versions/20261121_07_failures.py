"""Why a job failed, kept beside it; requests name their client."""

from alembic import op

revision = "20261121_07_failures"
down_revision = "20261121_06_plans"
branch_labels = None
depends_on = None

FAILURE = """
CREATE TABLE jobs.failure (
    job_id bigint PRIMARY KEY REFERENCES jobs.procrastinate_jobs ON DELETE CASCADE,
    error text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs.failure TO interlock_app;
ALTER TABLE booking_request
    DROP COLUMN attempts,
    ADD COLUMN client_id uuid NOT NULL,
    ADD CONSTRAINT fk_booking_request_client_business_id_client_id
        FOREIGN KEY (business_id, client_id) REFERENCES client (business_id, id);
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(FAILURE)
