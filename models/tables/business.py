"""The tenant and what it sells: lanes, staff, resources, services, allocations, hours, clients."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE, JSONB, UUID, ExcludeConstraint

from models.tables.base import (
    TIME,
    belongs_to,
    created_at,
    identifier,
    metadata,
    name_column,
    tenant_table,
    version,
)


def _named() -> CheckConstraint:
    return CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length")


def _positive(*limits: str) -> CheckConstraint:
    return CheckConstraint(" AND ".join(f"{limit} >= 1" for limit in limits), name="limits_positive")


business = Table(
    "business",
    metadata,
    Column("id", UUID, nullable=False),
    Column("slug", Text, nullable=False),
    name_column(),
    Column("zone", Text, nullable=False),
    Column("locale", Text, nullable=False, server_default=text("'en'")),
    Column("currency", Text, nullable=False, server_default=text("'EUR'")),
    Column("colour", Text, nullable=False, server_default=text("'#0b6e4f'")),
    Column("settings", JSONB, nullable=False, server_default=text("'{}'")),
    version(),
    created_at(),
    Column("deleted_at", TIME),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("slug"),
    CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug_form"),
    CheckConstraint("locale ~ '^[a-z]{2,3}(-[A-Z]{2})?$'", name="locale_form"),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_form"),
    CheckConstraint("colour ~ '^#[0-9a-f]{6}$'", name="colour_form"),
    _named(),
    info={"tenant_column": "id"},
)

lane = tenant_table(
    "lane",
    Column("lane_no", Integer, Identity(always=True), nullable=False),
    Column("availability_version", Integer, nullable=False, server_default=text("1")),
    UniqueConstraint("lane_no"),
    key=("lane_no",),
)
"""Anything that can be claimed. The version grows with every change of the hours of this lane (by trigger)."""

location = tenant_table(
    "location",
    identifier(),
    name_column(),
    Column("address", Text),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    version(),
    _named(),
    CheckConstraint("char_length(address) BETWEEN 1 AND 500", name="address_length"),
)
"""Where a business works. Staff and resources are at one of them at most."""

staff = tenant_table(
    "staff",
    identifier(),
    Column("lane_no", Integer, nullable=False),
    name_column(),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("zone", Text),
    Column("daily_limit", SmallInteger),
    Column("weekly_limit", SmallInteger),
    Column("location_id", UUID),
    version(),
    belongs_to("lane", "lane_no", "lane_no"),
    belongs_to("location", "location_id"),
    UniqueConstraint("lane_no"),
    _named(),
    _positive("daily_limit", "weekly_limit"),
)
"""`zone` is what their hours are wall time in, NULL: the business's. Limits count visits a local day and week."""

resource = tenant_table(
    "resource",
    identifier(),
    Column("lane_no", Integer, nullable=False),
    name_column(),
    Column("kind", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("location_id", UUID),
    version(),
    belongs_to("lane", "lane_no", "lane_no"),
    belongs_to("location", "location_id"),
    UniqueConstraint("lane_no"),
    _named(),
)

service = tenant_table(
    "service",
    identifier(),
    name_column(),
    Column("duration", Integer, nullable=False),
    Column("buffer_before", Integer, nullable=False, server_default=text("0")),
    Column("buffer_after", Integer, nullable=False, server_default=text("0")),
    Column("slot_interval", Integer, nullable=False, server_default=text("15")),
    Column("minimum_notice", Integer, nullable=False, server_default=text("0")),
    Column("maximum_advance", Integer, nullable=False, server_default=text("60")),
    Column("slot_offset", Integer, nullable=False, server_default=text("0")),
    Column("anchor", Text, nullable=False, server_default=text("'clock'")),
    Column("first_date", Date),
    Column("last_date", Date),
    Column("daily_limit", SmallInteger),
    Column("weekly_limit", SmallInteger),
    Column("client_daily_limit", SmallInteger),
    Column("client_weekly_limit", SmallInteger),
    Column("seats", SmallInteger, nullable=False, server_default=text("1")),
    Column("needs_approval", Boolean, nullable=False, server_default=text("false")),
    Column("free_cancellation", Integer),
    Column("cancellation_fee_cents", Integer, nullable=False, server_default=text("0")),
    Column("last_cancellation", Integer, nullable=False, server_default=text("0")),
    Column("price_cents", Integer, nullable=False, server_default=text("0")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    version(),
    _named(),
    CheckConstraint("duration BETWEEN 1 AND 1440", name="duration_minutes"),
    CheckConstraint("buffer_before BETWEEN 0 AND 720", name="buffer_before_minutes"),
    CheckConstraint("buffer_after BETWEEN 0 AND 720", name="buffer_after_minutes"),
    CheckConstraint("slot_interval BETWEEN 5 AND 120", name="slot_interval_minutes"),
    CheckConstraint("minimum_notice BETWEEN 0 AND 527040", name="minimum_notice_minutes"),
    CheckConstraint("maximum_advance BETWEEN 1 AND 366", name="maximum_advance_days"),
    CheckConstraint("slot_offset >= 0 AND slot_offset < slot_interval", name="slot_offset_minutes"),
    CheckConstraint("anchor IN ('clock', 'shift')", name="anchor"),
    CheckConstraint("last_date >= first_date", name="booking_window"),
    _positive("daily_limit", "weekly_limit", "client_daily_limit", "client_weekly_limit"),
    CheckConstraint("seats BETWEEN 1 AND 1000", name="seats"),
    CheckConstraint("free_cancellation BETWEEN 0 AND 527040", name="free_cancellation_minutes"),
    CheckConstraint("last_cancellation BETWEEN 0 AND 527040", name="last_cancellation_minutes"),
    CheckConstraint("cancellation_fee_cents >= 0", name="fee_not_negative"),
    CheckConstraint("price_cents >= 0", name="price_not_negative"),
)
"""What is sold, and its rules.

Starts lie on the local clock's grid, or count from the shift's opening (`anchor`), `slot_offset` minutes later. Clients
may start from `first_date` to `last_date`, both included, and within its `service_window`s. It is cancelled free until
`free_cancellation` minutes ahead (NULL: always), then for the fee, and not at all by clients in the last
`last_cancellation` minutes.
"""

service_window = tenant_table(
    "service_window",
    Column("service_id", UUID, nullable=False),
    Column("weekday", SmallInteger, nullable=False),
    Column("opens", SmallInteger, nullable=False),
    Column("closes", SmallInteger, nullable=False),
    belongs_to("service", "service_id"),
    CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday_monday_is_0"),
    CheckConstraint("opens BETWEEN 0 AND 1439 AND closes > opens AND closes <= 1440", name="span_minutes"),
    key=("service_id", "weekday", "opens"),
)
"""When a service may start, in the business's wall minutes [opens, closes); a service with none may start any time."""

requirement = tenant_table(
    "requirement",
    identifier(),
    Column("service_id", UUID, nullable=False),
    Column("kind", Text, nullable=False),
    Column("after", Integer, nullable=False, server_default=text("0")),
    Column("length", Integer),
    belongs_to("service", "service_id"),
    CheckConstraint("char_length(kind) BETWEEN 1 AND 100", name="kind_length"),
    CheckConstraint("after BETWEEN 0 AND 1439", name="after_minutes"),
    CheckConstraint("length BETWEEN 1 AND 1440", name="length_minutes"),
)
"""A resource of some kind that a visit needs, from `after` minutes after its start, for `length` (NULL: to its end)."""
Index(None, requirement.c.business_id, requirement.c.service_id)

allocation = tenant_table(
    "allocation",
    Column("service_id", UUID, nullable=False),
    Column("staff_id", UUID, nullable=False),
    Column("duration", Integer),
    Column("price_cents", Integer),
    belongs_to("service", "service_id"),
    belongs_to("staff", "staff_id"),
    CheckConstraint("duration BETWEEN 1 AND 1440", name="duration_minutes"),
    CheckConstraint("price_cents >= 0", name="price_not_negative"),
    key=("service_id", "staff_id"),
)

working_hours = tenant_table(
    "working_hours",
    identifier(),
    Column("lane_no", Integer, nullable=False),
    Column("weekday", SmallInteger, nullable=False),
    Column("opens", SmallInteger, nullable=False),
    Column("closes", SmallInteger, nullable=False),
    Column("valid_from", Date),
    Column("valid_to", Date),
    belongs_to("lane", "lane_no", "lane_no"),
    CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday_monday_is_0"),
    CheckConstraint("opens BETWEEN 0 AND 1439 AND closes > opens AND closes <= 2880", name="span_minutes"),
    CheckConstraint("valid_to > valid_from", name="validity"),
    ExcludeConstraint(
        (text("int8range(lane_no, lane_no, '[]')"), "&&"),
        (text("int4range(weekday * 1440 + opens, weekday * 1440 + closes)"), "&&"),
        (text("daterange(valid_from, valid_to)"), "&&"),
        name="ex_working_hours_no_overlap",
        using="gist",
    ),
)
"""Weekly hours in local wall minutes of the day; `closes` beyond 1440 runs past midnight; valid [from, to)."""

staff_day = tenant_table(
    "staff_day",
    Column("lane_no", Integer, nullable=False),
    Column("day", Date, nullable=False),
    Column("hours", INT4MULTIRANGE),
    Column("appointment_only", INT4MULTIRANGE),
    version(),
    belongs_to("lane", "lane_no", "lane_no"),
    CheckConstraint("hours <@ '{[0,2880)}'::int4multirange", name="hours_minutes"),
    CheckConstraint("appointment_only <@ '{[0,2880)}'::int4multirange", name="appointment_only_minutes"),
    key=("lane_no", "day"),
)
"""One staff member (their lane) on one date.

`hours` (local wall minutes) replace the weekly ones; NULL keeps them, {} closes. What is `appointment_only` staff can
book and clients do not see.
"""

holiday = tenant_table(
    "holiday",
    Column("day", Date, nullable=False),
    name_column(),
    _named(),
    key=("day",),
)
"""A date on which the business is closed, but for staff whose own day says otherwise."""

client = tenant_table(
    "client",
    identifier(),
    name_column(),
    Column("email", Text),
    Column("phone", Text),
    Column("email_hash", LargeBinary),
    Column("phone_hash", LargeBinary),
    created_at(),
    Column("erased_at", TIME),
    Column("deleted_at", TIME),
    version(),
    CheckConstraint("char_length(name) BETWEEN 1 AND 1000", name="name_length"),
    CheckConstraint("erased_at IS NULL OR (email, phone, email_hash, phone_hash) IS NULL", name="erased_wholly"),
)
"""Name, e-mail and phone are sealed with the client's key (`client_key`), and found by their keyed hashes."""
Index(None, client.c.business_id, client.c.email_hash)
Index(None, client.c.business_id, client.c.phone_hash)
