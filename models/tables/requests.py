"""Bookings asked for and not yet answered: accepted at once, decided by the worker in order of arrival."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from models.tables.base import TIME, created_at, identifier, tenant_table

booking_request = tenant_table(
    "booking_request",
    identifier(),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("address", Text),
    Column("request_id", Text),
    Column("wanted", JSONB, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'queued'")),
    Column("answer", JSONB),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    created_at(),
    Column("answered_at", TIME),
    CheckConstraint("status IN ('queued', 'booked', 'refused')", name="status"),
    CheckConstraint("(status = 'queued') = (answer IS NULL)", name="answered_has_answer"),
    CheckConstraint("(status = 'queued') = (answered_at IS NULL)", name="answered_at"),
)
"""`position` is the order of arrival; `answer` the booking, or the problem document that says why there is none."""
Index(
    "ix_booking_request_queued",
    booking_request.c.business_id,
    booking_request.c.position,
    postgresql_where=text("status = 'queued'"),
)
