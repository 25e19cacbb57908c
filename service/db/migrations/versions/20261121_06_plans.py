"""Runs with progress and alternatives, plans that move bookings, what booked clients allowed."""

from alembic import op

revision = "20261121_06_plans"
down_revision = "20261121_05_versions"
branch_labels = None
depends_on = None

TENANT = "nullif(current_setting('app.business', true), '')::uuid"

REWRITTEN = ("optimisation_run", "planned_move", "unplaced_entry", "waitlist_entry")

ALLOWANCE = """
CREATE TABLE allowance (
    business_id uuid NOT NULL,
    appointment_id uuid NOT NULL,
    windows tstzmultirange,
    staff text,
    staff_ids uuid[],
    locked boolean NOT NULL DEFAULT false,
    moves integer NOT NULL DEFAULT 0,
    agreed_at timestamptz,
    moved_to timestamptz,
    CONSTRAINT pk_allowance PRIMARY KEY (business_id, appointment_id),
    CONSTRAINT fk_allowance_business_business_id FOREIGN KEY (business_id) REFERENCES business (id),
    CONSTRAINT fk_allowance_appointment_business_id_appointment_id
        FOREIGN KEY (business_id, appointment_id) REFERENCES appointment (business_id, id),
    CONSTRAINT ck_allowance_staff CHECK (staff IN ('same', 'any', 'named')),
    CONSTRAINT ck_allowance_named_has_names CHECK ((staff = 'named') IS TRUE = (staff_ids IS NOT NULL)),
    CONSTRAINT ck_allowance_staff_ids CHECK (cardinality(staff_ids) > 0),
    CONSTRAINT ck_allowance_windows CHECK (NOT isempty(windows)),
    CONSTRAINT ck_allowance_moves CHECK (moves >= 0)
);
"""

RUNS = """
ALTER TABLE optimisation_run
    ADD COLUMN policy text NOT NULL DEFAULT 'balanced',
    ADD COLUMN time_limit float NOT NULL DEFAULT 60,
    ADD COLUMN frozen_minutes integer NOT NULL DEFAULT 1440,
    ADD COLUMN alternative_to uuid,
    ADD COLUMN replan_of uuid,
    ADD COLUMN same_as uuid,
    ADD COLUMN phase text NOT NULL DEFAULT 'done',
    ADD COLUMN elapsed float NOT NULL DEFAULT 0,
    ADD COLUMN heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN stop_requested boolean NOT NULL DEFAULT false,
    ADD COLUMN error text,
    DROP CONSTRAINT ck_optimisation_run_kind,
    DROP CONSTRAINT ck_optimisation_run_status,
    ALTER COLUMN status SET DEFAULT 'running',
    ALTER COLUMN solver_status DROP NOT NULL,
    ALTER COLUMN objective DROP NOT NULL,
    ALTER COLUMN bound DROP NOT NULL,
    ALTER COLUMN gap DROP NOT NULL,
    ALTER COLUMN solve_seconds DROP NOT NULL,
    ALTER COLUMN terms SET DEFAULT '[]';
UPDATE optimisation_run SET kind = 'waitlist', elapsed = solve_seconds, terms = (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'name', key, 'weight', 0, 'units_before', 0, 'units_after', 0, 'before', 0, 'after', value)), '[]')
    FROM jsonb_each(terms));
ALTER TABLE optimisation_run
    ALTER COLUMN policy DROP DEFAULT,
    ALTER COLUMN time_limit DROP DEFAULT,
    ALTER COLUMN frozen_minutes DROP DEFAULT,
    ALTER COLUMN phase SET DEFAULT 'waiting',
    ADD CONSTRAINT fk_optimisation_run_optimisation_run_business_id_alternative_to
        FOREIGN KEY (business_id, alternative_to) REFERENCES optimisation_run (business_id, id),
    ADD CONSTRAINT fk_optimisation_run_optimisation_run_business_id_replan_of
        FOREIGN KEY (business_id, replan_of) REFERENCES optimisation_run (business_id, id),
    ADD CONSTRAINT fk_optimisation_run_optimisation_run_business_id_same_as
        FOREIGN KEY (business_id, same_as) REFERENCES optimisation_run (business_id, id),
    ADD CONSTRAINT uq_optimisation_run_business_id_replan_of UNIQUE (business_id, replan_of),
    ADD CONSTRAINT ck_optimisation_run_kind CHECK (kind IN ('waitlist', 'rebalance', 'reseat')),
    ADD CONSTRAINT ck_optimisation_run_status
        CHECK (status IN ('running', 'planned', 'applied', 'discarded', 'failed')),
    ADD CONSTRAINT ck_optimisation_run_times CHECK (time_limit > 0 AND elapsed >= 0 AND frozen_minutes >= 0),
    ADD CONSTRAINT ck_optimisation_run_failed_says_why CHECK ((status = 'failed') = (error IS NOT NULL)),
    ADD CONSTRAINT ck_optimisation_run_a_plan_has_its_figures CHECK (
        status IN ('running', 'failed') OR num_nulls(solver_status, objective, bound, gap, solve_seconds) = 0);
CREATE UNIQUE INDEX ix_optimisation_run_running ON optimisation_run (business_id)
    WHERE status = 'running' AND alternative_to IS NULL;
CREATE INDEX ix_optimisation_run_business_id_alternative_to ON optimisation_run (business_id, alternative_to);
"""

MOVES = """
ALTER TABLE planned_move
    ADD COLUMN kind text NOT NULL DEFAULT 'place',
    ADD COLUMN appointment_id uuid,
    ADD COLUMN appointment_version integer,
    ADD COLUMN service_id uuid,
    ADD COLUMN also_versions jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN before_staff_id uuid,
    ADD COLUMN before_starts_at timestamptz,
    ADD COLUMN before_ends_at timestamptz,
    ADD COLUMN gain float,
    ADD COLUMN pays jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN buys uuid[] NOT NULL DEFAULT '{}',
    ALTER COLUMN entry_id DROP NOT NULL,
    ALTER COLUMN entry_version DROP NOT NULL;
UPDATE planned_move m SET service_id = w.service_id FROM waitlist_entry w
    WHERE w.business_id = m.business_id AND w.id = m.entry_id;
ALTER TABLE planned_move
    ALTER COLUMN kind DROP DEFAULT,
    ALTER COLUMN service_id SET NOT NULL,
    ADD CONSTRAINT fk_planned_move_appointment_business_id_appointment_id
        FOREIGN KEY (business_id, appointment_id) REFERENCES appointment (business_id, id),
    ADD CONSTRAINT fk_planned_move_service_business_id_service_id
        FOREIGN KEY (business_id, service_id) REFERENCES service (business_id, id),
    ADD CONSTRAINT fk_planned_move_staff_business_id_before_staff_id
        FOREIGN KEY (business_id, before_staff_id) REFERENCES staff (business_id, id),
    ADD CONSTRAINT ck_planned_move_kind CHECK (kind IN ('place', 'move', 'reseat')),
    ADD CONSTRAINT ck_planned_move_what_moves CHECK (
        CASE kind WHEN 'place' THEN num_nulls(entry_id, entry_version) = 0 AND appointment_id IS NULL
        ELSE num_nulls(appointment_id, appointment_version, before_staff_id, before_starts_at, before_ends_at) = 0
             AND entry_id IS NULL END);
CREATE INDEX ix_planned_move_business_id_run_id ON planned_move (business_id, run_id);
"""

UNPLACED = """
ALTER TABLE unplaced_entry
    ADD COLUMN id uuid,
    ADD COLUMN appointment_id uuid,
    ADD COLUMN insistence text,
    DROP CONSTRAINT pk_unplaced_entry;
UPDATE unplaced_entry SET id = gen_random_uuid();
ALTER TABLE unplaced_entry
    ALTER COLUMN id SET NOT NULL,
    ALTER COLUMN entry_id DROP NOT NULL,
    ADD CONSTRAINT pk_unplaced_entry PRIMARY KEY (business_id, id),
    ADD CONSTRAINT fk_unplaced_entry_appointment_business_id_appointment_id
        FOREIGN KEY (business_id, appointment_id) REFERENCES appointment (business_id, id),
    ADD CONSTRAINT ck_unplaced_entry_one_of_both CHECK (num_nonnulls(entry_id, appointment_id) = 1);
CREATE INDEX ix_unplaced_entry_business_id_run_id ON unplaced_entry (business_id, run_id);
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(ALLOWANCE)
    own = f"business_id = {TENANT}"
    op.execute("ALTER TABLE allowance ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE allowance FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON allowance USING ({own}) WITH CHECK ({own})")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON allowance TO interlock_app")
    # What is there is rewritten by an owner who need not be a superuser.
    for table in REWRITTEN:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    for statements in (RUNS, MOVES, UNPLACED):
        op.execute(statements)
    for table in REWRITTEN:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
