"""Optimisation runs, their planned moves, and why the rest was not placed."""

from sqlalchemy import CheckConstraint, Column, Float, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, UUID

from models.tables.base import TIME, belongs_to, created_at, identifier, tenant_table

optimisation_run = tenant_table(
    "optimisation_run",
    identifier(),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'planned'")),
    Column("horizon", TSTZRANGE, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("solver_status", Text, nullable=False),
    Column("objective", Float, nullable=False),
    Column("bound", Float, nullable=False),
    Column("gap", Float, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("solve_seconds", Float, nullable=False),
    created_at(),
    CheckConstraint("kind IN ('placement')", name="kind"),
    CheckConstraint("status IN ('planned', 'applied', 'discarded')", name="status"),
    CheckConstraint("gap >= 0", name="gap_not_negative"),
)

planned_move = tenant_table(
    "planned_move",
    identifier(),
    Column("run_id", UUID, nullable=False),
    Column("component", Integer, nullable=False),
    Column("entry_id", UUID, nullable=False),
    Column("entry_version", Integer, nullable=False),
    Column("availability_version", Integer, nullable=False),
    Column("staff_id", UUID, nullable=False),
    Column("starts_at", TIME, nullable=False),
    Column("ends_at", TIME, nullable=False),
    Column("claim_starts_at", TIME, nullable=False),
    Column("claim_ends_at", TIME, nullable=False),
    Column("value", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'planned'")),
    Column("refusal", Text),
    belongs_to("optimisation_run", "run_id"),
    belongs_to("waitlist_entry", "entry_id"),
    belongs_to("staff", "staff_id"),
    CheckConstraint("status IN ('planned', 'applied', 'stale', 'discarded')", name="status"),
    CheckConstraint("ends_at > starts_at AND claim_ends_at > claim_starts_at", name="half_open"),
)
"""What the plan would do, with the versions it was planned on; a move whose versions have moved on is stale."""

unplaced_entry = tenant_table(
    "unplaced_entry",
    Column("run_id", UUID, nullable=False),
    Column("entry_id", UUID, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("relaxation", Text),
    belongs_to("optimisation_run", "run_id"),
    belongs_to("waitlist_entry", "entry_id"),
    key=("run_id", "entry_id"),
)
"""Why a run left an entry waiting, in a sentence, and the smallest relaxation that would place it."""
