"""The book: appointments with their items, and claims, the only authority on who holds a lane when."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Identity, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import UUID, ExcludeConstraint

from models.states import AppointmentStatus, one_of
from models.tables.base import TIME, belongs_to, created_at, identifier, tenant_table, version

appointment = tenant_table(
    "appointment",
    identifier(),
    Column("client_id", UUID),
    Column("status", Text, nullable=False),
    version(),
    Column("source", Text, nullable=False),
    Column("holder", Text),
    Column("client_key", Text),
    Column("extended", Boolean, nullable=False, server_default=text("false")),
    Column("expires_at", TIME),
    Column("fee_cents", Integer),
    created_at(),
    belongs_to("client", "client_id"),
    CheckConstraint(f"status IN ({one_of(AppointmentStatus)})", name="status"),
    CheckConstraint("(status = 'hold') = (expires_at IS NOT NULL)", name="only_holds_expire"),
    CheckConstraint("status IN ('hold', 'released', 'expired') OR client_id IS NOT NULL", name="booked_has_client"),
    CheckConstraint("fee_cents >= 0", name="fee_not_negative"),
)
"""Its states and who may change them: `models.states`, drawn in docs/states.md.

`holder` is the SHA-256 of a hold's token, `client_key` that of whatever the caller counts holds by; `extended` once.
`fee_cents` is what cancelling late or not coming costs the client.
"""
Index(None, appointment.c.business_id, appointment.c.client_id)
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
Index(
    "ix_appointment_no_show",
    appointment.c.business_id,
    appointment.c.client_id,
    postgresql_where=text("status = 'no_show'"),
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
