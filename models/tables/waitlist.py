"""The waitlist: who waits for what and when, and the offers made to them."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, TSTZMULTIRANGE, UUID

from models.states import EntryStatus, OfferStatus, one_of
from models.tables.base import TIME, belongs_to, identifier, tenant_table, version

waitlist_entry = tenant_table(
    "waitlist_entry",
    identifier(),
    Column("client_id", UUID, nullable=False),
    Column("service_id", UUID, nullable=False),
    Column("staff_ids", ARRAY(UUID)),
    Column("windows", TSTZMULTIRANGE, nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("1")),
    Column("since", TIME, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'waiting'")),
    Column("appointment_id", UUID),
    version(),
    Column("seats", SmallInteger, nullable=False, server_default=text("1")),
    belongs_to("client", "client_id"),
    belongs_to("service", "service_id"),
    belongs_to("appointment", "appointment_id"),
    CheckConstraint(f"status IN ({one_of(EntryStatus)})", name="status"),
    CheckConstraint("(status = 'placed') = (appointment_id IS NOT NULL)", name="placed_has_appointment"),
    CheckConstraint("priority BETWEEN 1 AND 100", name="priority"),
    CheckConstraint("seats BETWEEN 1 AND 1000", name="seats"),
    CheckConstraint("NOT isempty(windows)", name="windows"),
    CheckConstraint("cardinality(staff_ids) > 0", name="staff_ids"),
)
"""`windows`: the visit lies wholly inside one of them. `staff_ids` NULL: any allocated staff member.

`seats`: how many come together; all of them in one group.
"""
Index(
    "ix_waitlist_entry_waiting",
    waitlist_entry.c.business_id,
    waitlist_entry.c.since,
    postgresql_where=text("status = 'waiting'"),
)
Index(
    "ix_waitlist_entry_lapsing",
    waitlist_entry.c.business_id,
    text("upper(windows)"),
    postgresql_where=text("status = 'waiting'"),
)

offer = tenant_table(
    "offer",
    identifier(),
    Column("entry_id", UUID, nullable=False),
    Column("appointment_id", UUID, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'open'")),
    Column("expires_at", TIME, nullable=False),
    belongs_to("waitlist_entry", "entry_id"),
    belongs_to("appointment", "appointment_id"),
    CheckConstraint(f"status IN ({one_of(OfferStatus)})", name="status"),
)
"""A hold made for an entry; accepting it confirms the hold."""
Index(None, offer.c.business_id, offer.c.entry_id)
Index(None, offer.c.business_id, offer.c.appointment_id)
Index(
    "uq_offer_open",
    offer.c.business_id,
    offer.c.entry_id,
    unique=True,
    postgresql_where=text("status = 'open'"),
)
