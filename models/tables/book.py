"""The book: appointments with their items, and claims, the only authority on who holds a lane when."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import UUID, ExcludeConstraint

from models.states import AppointmentStatus, one_of
from models.tables.base import TIME, belongs_to, created_at, identifier, tenant_table, version

series = tenant_table(
    "series",
    identifier(),
    Column("client_id", UUID, nullable=False),
    Column("service_id", UUID, nullable=False),
    Column("staff_id", UUID, nullable=False),
    Column("rule", Text, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("minute", SmallInteger, nullable=False),
    Column("zone", Text, nullable=False),
    created_at(),
    belongs_to("client", "client_id"),
    belongs_to("service", "service_id"),
    belongs_to("staff", "staff_id"),
    CheckConstraint("minute BETWEEN 0 AND 1439", name="wall_minute"),
    CheckConstraint("char_length(rule) BETWEEN 1 AND 500", name="rule_length"),
)
"""Appointments that repeat by a rule (RFC 5545, RRULE) from a local date on, at a wall minute of a zone."""

appointment = tenant_table(
    "appointment",
    identifier(),
    Column("client_id", UUID),
    Column("status", Text, nullable=False),
    version(),
    Column("source", Text, nullable=False),
    Column("holder", Text),
    Column("client_key", Text),
    Column("series_id", UUID),
    Column("occurrence", Date),
    Column("extended", Boolean, nullable=False, server_default=text("false")),
    Column("expires_at", TIME),
    Column("fee_cents", Integer),
    Column("deposit_cents", Integer),
    Column("deposit_paid_at", TIME),
    created_at(),
    belongs_to("client", "client_id"),
    belongs_to("series", "series_id"),
    CheckConstraint("(series_id IS NULL) = (occurrence IS NULL)", name="series_has_occurrence"),
    CheckConstraint(f"status IN ({one_of(AppointmentStatus)})", name="status"),
    CheckConstraint("(status = 'hold') = (expires_at IS NOT NULL)", name="only_holds_expire"),
    CheckConstraint("status IN ('hold', 'released', 'expired') OR client_id IS NOT NULL", name="booked_has_client"),
    CheckConstraint("fee_cents >= 0", name="fee_not_negative"),
    CheckConstraint("deposit_cents > 0", name="deposit_positive"),
    CheckConstraint("deposit_paid_at IS NULL OR deposit_cents IS NOT NULL", name="paid_what_was_due"),
    written_often=True,
)
"""Its states and who may change them: `models.states`, drawn in docs/states.md.

`holder` is the SHA-256 of a hold's token, `client_key` that of whatever the caller counts holds by; `extended` once.
`fee_cents` is what cancelling late or not coming costs the client, `deposit_cents` what has to be paid before it is
confirmed, due until `deposit_paid_at`. `occurrence` is the local date on which the rule of
its series set it, wherever it was moved since.
"""
Index(None, appointment.c.business_id, appointment.c.client_id)
Index(
    "uq_appointment_occurrence",
    appointment.c.business_id,
    appointment.c.series_id,
    appointment.c.occurrence,
    unique=True,
    postgresql_where=text("series_id IS NOT NULL"),
)
Index(
    "ix_appointment_expiring",
    appointment.c.business_id,
    appointment.c.expires_at,
    postgresql_where=text("expires_at IS NOT NULL"),
)
Index(
    "ix_appointment_holder",
    appointment.c.business_id,
    appointment.c.holder,
    postgresql_where=text("status = 'hold'"),
)
Index(
    "ix_appointment_client_key",
    appointment.c.business_id,
    appointment.c.client_key,
    postgresql_where=text("status = 'hold'"),
)
Index("ix_appointment_pending", appointment.c.business_id, postgresql_where=text("status = 'pending'"))
Index(
    "ix_appointment_no_show",
    appointment.c.business_id,
    appointment.c.client_id,
    postgresql_where=text("status = 'no_show'"),
)

group_session = tenant_table(
    "group_session",
    identifier(),
    Column("service_id", UUID, nullable=False),
    Column("staff_id", UUID, nullable=False),
    Column("starts_at", TIME, nullable=False),
    Column("ends_at", TIME, nullable=False),
    Column("seats", SmallInteger, nullable=False),
    Column("taken", SmallInteger, nullable=False),
    Column("closed_at", TIME),
    belongs_to("service", "service_id"),
    belongs_to("staff", "staff_id"),
    CheckConstraint("taken BETWEEN 0 AND seats", name="seats"),
    CheckConstraint("(taken = 0) = (closed_at IS NOT NULL)", name="closed_when_empty"),
)
"""A group at one start: it claims its lane once, and its members take seats. The last to leave closes it."""
Index(
    "uq_group_session_open",
    group_session.c.business_id,
    group_session.c.service_id,
    group_session.c.staff_id,
    group_session.c.starts_at,
    unique=True,
    postgresql_where=text("closed_at IS NULL"),
)

appointment_item = tenant_table(
    "appointment_item",
    identifier(),
    Column("appointment_id", UUID, nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("service_id", UUID, nullable=False),
    Column("staff_id", UUID, nullable=False),
    Column("starts_at", TIME, nullable=False),
    Column("ends_at", TIME, nullable=False),
    Column("session_id", UUID),
    Column("seats", SmallInteger, nullable=False, server_default=text("1")),
    belongs_to("appointment", "appointment_id"),
    belongs_to("group_session", "session_id"),
    CheckConstraint("seats BETWEEN 1 AND 1000", name="seats"),
    belongs_to("service", "service_id"),
    belongs_to("staff", "staff_id"),
    CheckConstraint("ends_at > starts_at", name="half_open"),
    written_often=True,
)
Index(None, appointment_item.c.business_id, appointment_item.c.appointment_id)
Index(
    "ix_appointment_item_session",
    appointment_item.c.business_id,
    appointment_item.c.session_id,
    postgresql_where=text("session_id IS NOT NULL"),
)

claim = tenant_table(
    "claim",
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("lane_no", Integer, nullable=False),
    Column("starts_at", TIME, nullable=False),
    Column("ends_at", TIME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("item_id", UUID),
    Column("session_id", UUID),
    Column("expires_at", TIME),
    Column("released_at", TIME),
    belongs_to("lane", "lane_no", "lane_no"),
    belongs_to("appointment_item", "item_id", deferred=True),
    belongs_to("group_session", "session_id", deferred=True),
    CheckConstraint("kind IN ('item', 'session', 'time_off', 'external')", name="kind"),
    CheckConstraint("(kind = 'item') = (item_id IS NOT NULL)", name="item_has_item"),
    CheckConstraint("(kind = 'session') = (session_id IS NOT NULL)", name="session_has_session"),
    CheckConstraint("ends_at > starts_at", name="half_open"),
    CheckConstraint("ends_at - starts_at <= interval '744 hours'", name="at_most_31_days"),
    ExcludeConstraint(
        (text("int8range(lane_no, lane_no, '[]')"), "&&"),
        (text("tstzrange(starts_at, ends_at)"), "&&"),
        name="ex_claim_no_overlap",
        using="gist",
        where=text("released_at IS NULL"),
    ),
    written_often=True,
)
"""One row for each lane that an item, group, time off or external busy time takes, buffers included, half-open.

A room that an item needs is a claim of the same item on the room's lane. `expires_at` is set while the claim belongs
to a hold. A claim whose `released_at` is set claims nothing.
"""
Index(
    "ix_claim_live",
    claim.c.business_id,
    claim.c.lane_no,
    claim.c.starts_at,
    postgresql_where=text("released_at IS NULL"),
)
Index("ix_claim_item", claim.c.business_id, claim.c.item_id)
Index("ix_claim_session", claim.c.business_id, claim.c.session_id, postgresql_where=text("session_id IS NOT NULL"))
