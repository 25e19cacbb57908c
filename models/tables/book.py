"""The book: appointments with their items, and claims, the only authority on who holds a lane when."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import UUID, ExcludeConstraint

from models.states import AppointmentStatus
from models.tables.base import TIME, belongs_to, created_at, identifier, tenant_table, version


def one_of(column: str, values: type[AppointmentStatus]) -> str:
    """Return the SQL of a check that `column` is one of an enum's values."""
    return f"{column} IN ({', '.join(repr(v.value) for v in values)})"


appointment = tenant_table(
    "appointment",
    identifier(),
    Column("client_id", UUID),
    Column("status", Text, nullable=False),
    version(),
    Column("source", Text, nullable=False),
    Column("holder", Text),
    Column("expires_at", TIME),
    created_at(),
    belongs_to("client", "client_id"),
    CheckConstraint(one_of("status", AppointmentStatus), name="status"),
    CheckConstraint("(status = 'hold') = (expires_at IS NOT NULL)", name="only_holds_expire"),
    CheckConstraint("status <> 'confirmed' OR client_id IS NOT NULL", name="confirmed_has_client"),
)
"""hold -> confirmed -> cancelled; a hold may also be released or expire. `holder` is the SHA-256 of its token."""
Index(None, appointment.c.business_id, appointment.c.client_id)
Index(
    "ix_appointment_expiring",
    appointment.c.business_id,
    appointment.c.expires_at,
    postgresql_where=text("expires_at IS NOT NULL"),
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
    belongs_to("appointment", "appointment_id"),
    belongs_to("service", "service_id"),
    belongs_to("staff", "staff_id"),
    CheckConstraint("ends_at > starts_at", name="half_open"),
)
Index(None, appointment_item.c.business_id, appointment_item.c.appointment_id)

claim = tenant_table(
    "claim",
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("lane_no", Integer, nullable=False),
    Column("starts_at", TIME, nullable=False),
    Column("ends_at", TIME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("item_id", UUID),
    Column("expires_at", TIME),
    Column("released_at", TIME),
    belongs_to("lane", "lane_no", "lane_no"),
    belongs_to("appointment_item", "item_id"),
    CheckConstraint("kind IN ('item', 'time_off', 'external')", name="kind"),
    CheckConstraint("(kind = 'item') = (item_id IS NOT NULL)", name="item_has_item"),
    CheckConstraint("ends_at > starts_at", name="half_open"),
    CheckConstraint("ends_at - starts_at <= interval '744 hours'", name="at_most_31_days"),
    ExcludeConstraint(
        (text("int8range(lane_no, lane_no, '[]')"), "&&"),
        (text("tstzrange(starts_at, ends_at)"), "&&"),
        name="ex_claim_no_overlap",
        using="gist",
        where=text("released_at IS NULL"),
    ),
)
"""One row for each booked item, live hold, time off or external busy time, buffers included, [starts_at, ends_at).

`expires_at` is set while the claim belongs to a hold. A claim whose `released_at` is set claims nothing.
"""
Index(
    "ix_claim_live",
    claim.c.business_id,
    claim.c.lane_no,
    claim.c.starts_at,
    postgresql_where=text("released_at IS NULL"),
)
Index("ix_claim_item", claim.c.business_id, claim.c.item_id)
