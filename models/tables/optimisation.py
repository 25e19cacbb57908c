"""Optimisation runs, their planned moves, why the rest was not placed; and what clients allowed to be moved."""

from sqlalchemy import Boolean, CheckConstraint, Column, Float, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZMULTIRANGE, TSTZRANGE, UUID

from models.states import MoveStatus, RunStatus, one_of
from models.tables.base import TIME, belongs_to, created_at, identifier, tenant_table

allowance = tenant_table(
    "allowance",
    Column("appointment_id", UUID, nullable=False),
    Column("windows", TSTZMULTIRANGE),
    Column("staff", Text),
    Column("staff_ids", ARRAY(UUID)),
    Column("locked", Boolean, nullable=False, server_default=text("false")),
    Column("moves", Integer, nullable=False, server_default=text("0")),
    Column("agreed_at", TIME),
    Column("moved_to", TIME),
    belongs_to("appointment", "appointment_id"),
    CheckConstraint("staff IN ('same', 'any', 'named')", name="staff"),
    CheckConstraint("(staff = 'named') IS TRUE = (staff_ids IS NOT NULL)", name="named_has_names"),
    CheckConstraint("cardinality(staff_ids) > 0", name="staff_ids"),
    CheckConstraint("NOT isempty(windows)", name="windows"),
    CheckConstraint("moves >= 0", name="moves"),
    key=("appointment_id",),
)
"""What a booked client allowed; NULL stands for the business's own rules, no row for all of them.

`moves` counts the plans that moved it. `agreed_at` is the start that the client once chose, as long as the booking
still is where the last plan put it (`moved_to`): moves do not add up to more than was allowed.
"""

optimisation_run = tenant_table(
    "optimisation_run",
    identifier(),
    Column("kind", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'running'")),
    Column("horizon", TSTZRANGE, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("time_limit", Float, nullable=False),
    Column("frozen_minutes", Integer, nullable=False),
    Column("alternative_to", UUID),
    Column("replan_of", UUID),
    Column("same_as", UUID),
    Column("phase", Text, nullable=False, server_default=text("'waiting'")),
    Column("elapsed", Float, nullable=False, server_default=text("0")),
    Column("heartbeat_at", TIME, nullable=False, server_default=text("clock_timestamp()")),
    Column("stop_requested", Boolean, nullable=False, server_default=text("false")),
    Column("error", Text),
    Column("solver_status", Text),
    Column("objective", Float),
    Column("bound", Float),
    Column("gap", Float),
    Column("terms", JSONB, nullable=False, server_default=text("'[]'")),
    Column("solve_seconds", Float),
    created_at(),
    belongs_to("optimisation_run", "alternative_to"),
    belongs_to("optimisation_run", "replan_of"),
    belongs_to("optimisation_run", "same_as"),
    UniqueConstraint("business_id", "replan_of"),
    CheckConstraint("kind IN ('waitlist', 'rebalance', 'reseat')", name="kind"),
    CheckConstraint(f"status IN ({one_of(RunStatus)})", name="status"),
    CheckConstraint("gap >= 0", name="gap_not_negative"),
    CheckConstraint("time_limit > 0 AND elapsed >= 0 AND frozen_minutes >= 0", name="times"),
    CheckConstraint("(status = 'failed') = (error IS NOT NULL)", name="failed_says_why"),
    CheckConstraint(
        "status IN ('running', 'failed') OR num_nulls(solver_status, objective, bound, gap, solve_seconds) = 0",
        name="a_plan_has_its_figures",
    ),
)
"""running -> planned -> applied or discarded; a run that broke off has failed.

While it runs, objective, bound, gap and elapsed seconds tell how far it is; whoever sets `stop_requested` ends it with
its best plan so far. `alternative_to` is the run beside which it was made by another policy, `replan_of` the one whose
refused moves it plans again, `same_as` an alternative whose plan it repeats.
"""
Index(
    "ix_optimisation_run_running",
    optimisation_run.c.business_id,
    unique=True,
    postgresql_where=text("status = 'running' AND alternative_to IS NULL"),
)
Index(None, optimisation_run.c.business_id, optimisation_run.c.alternative_to)

planned_move = tenant_table(
    "planned_move",
    identifier(),
    Column("run_id", UUID, nullable=False),
    Column("component", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("entry_id", UUID),
    Column("entry_version", Integer),
    Column("appointment_id", UUID),
    Column("appointment_version", Integer),
    Column("service_id", UUID, nullable=False),
    Column("availability_version", Integer, nullable=False),
    Column("staff_id", UUID, nullable=False),
    Column("starts_at", TIME, nullable=False),
    Column("ends_at", TIME, nullable=False),
    Column("claim_starts_at", TIME, nullable=False),
    Column("claim_ends_at", TIME, nullable=False),
    Column("rooms", JSONB, nullable=False, server_default=text("'[]'")),
    Column("before_staff_id", UUID),
    Column("before_starts_at", TIME),
    Column("before_ends_at", TIME),
    Column("value", Float, nullable=False),
    Column("gain", Float),
    Column("pays", JSONB, nullable=False, server_default=text("'{}'")),
    Column("buys", ARRAY(UUID), nullable=False, server_default=text("'{}'")),
    Column("reason", Text, nullable=False),
    Column("said", JSONB),
    Column("status", Text, nullable=False, server_default=text("'planned'")),
    Column("refusal", Text),
    belongs_to("optimisation_run", "run_id"),
    belongs_to("waitlist_entry", "entry_id"),
    belongs_to("appointment", "appointment_id"),
    belongs_to("service", "service_id"),
    belongs_to("staff", "staff_id"),
    belongs_to("staff", "before_staff_id"),
    CheckConstraint("kind IN ('place', 'move', 'reseat')", name="kind"),
    CheckConstraint(f"status IN ({one_of(MoveStatus)})", name="status"),
    CheckConstraint("ends_at > starts_at AND claim_ends_at > claim_starts_at", name="half_open"),
    CheckConstraint(
        "CASE kind WHEN 'place' THEN num_nulls(entry_id, entry_version) = 0 AND appointment_id IS NULL "
        "ELSE num_nulls(appointment_id, appointment_version, before_staff_id, before_starts_at, before_ends_at) = 0 "
        "AND entry_id IS NULL END",
        name="what_moves",
    ),
)
"""What the plan would do, with the versions it was planned on; a move whose versions have moved on is stale.

Moves of one `component` take each other's time: they are applied together or not at all. `rooms` are what is taken
beside the staff member's lane, the lanes of a visit's further staff included: lane number, version of its hours, from,
until. `pays` is what the move costs by term, `buys` who takes its old time (appointments and entries), `gain` how much
less the plan would be worth without it, where that is proven.
"""
Index(None, planned_move.c.business_id, planned_move.c.run_id)

unplaced_entry = tenant_table(
    "unplaced_entry",
    identifier(),
    Column("run_id", UUID, nullable=False),
    Column("entry_id", UUID),
    Column("appointment_id", UUID),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("relaxation", Text),
    Column("insistence", Text),
    Column("relaxed_staff_id", UUID),
    Column("relaxed_starts_at", TIME),
    Column("said", JSONB),
    belongs_to("optimisation_run", "run_id"),
    belongs_to("waitlist_entry", "entry_id"),
    belongs_to("appointment", "appointment_id"),
    belongs_to("staff", "relaxed_staff_id"),
    CheckConstraint("num_nonnulls(entry_id, appointment_id) = 1", name="one_of_both"),
    CheckConstraint("num_nonnulls(relaxed_staff_id, relaxed_starts_at) <> 1", name="relaxed_whole"),
)
"""Why a run left an entry waiting, or an appointment that must leave without a place, in a sentence.

`relaxation` is the smallest concession that would place it (where: `relaxed_...`), `insistence` what it would cost the
others to place it.
`said` holds what each of the three is made of (`models.sentences`), to say it in another language.
"""
Index(None, unplaced_entry.c.business_id, unplaced_entry.c.run_id)
