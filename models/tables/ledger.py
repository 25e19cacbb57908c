"""What every write leaves behind: outbox events, audit entries, idempotency keys, the change log."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Identity, Index, Integer, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.types import UserDefinedType

from models.tables.base import TIME, created_at, tenant_table


class XID8(UserDefinedType[int]):
    """A 64-bit transaction id; its order is the order of starting, not of committing."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in PostgreSQL."""
        return "xid8"


outbox_event = tenant_table(
    "outbox_event",
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("topic", Text, nullable=False),
    Column("aggregate_id", UUID, nullable=False),
    Column("aggregate_version", Integer, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("xid", XID8, nullable=False, server_default=text("pg_current_xact_id()")),
    created_at(),
    Column("published_at", TIME),
    Column("request_id", Text, server_default=text("nullif(current_setting('app.request', true), '')")),
    written_often=True,
)
"""One event a change, written in the change's own transaction; published at least once.

`request_id` is of the request that made the change, or caused the job that made it.
"""
Index(None, outbox_event.c.business_id, outbox_event.c.xid, outbox_event.c.id)
Index(
    "ix_outbox_event_unpublished",
    outbox_event.c.business_id,
    outbox_event.c.id,
    postgresql_where=text("published_at IS NULL"),
)

audit_entry = tenant_table(
    "audit_entry",
    Column("id", BigInteger, Identity(always=True), nullable=False),
    created_at(),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("aggregate_id", UUID, nullable=False),
    Column("before", JSONB),
    Column("after", JSONB),
    Column("address", Text, server_default=text("nullif(current_setting('app.address', true), '')")),
    Column("request_id", Text, server_default=text("nullif(current_setting('app.request', true), '')")),
    Column("position", BigInteger),
    Column("hash", LargeBinary),
    CheckConstraint("(position IS NULL) = (hash IS NULL)", name="sealed_whole"),
    written_often=True,
)
"""Who did what, from where, with the state before and after.

Append-only: the app's role may not delete an entry, nor change it but for sealing it, once: `position` in the
business's chain, and `hash` over the entry and the hash before (see docs/decisions/0006-audit-chain.md).
"""
Index(None, audit_entry.c.business_id, audit_entry.c.aggregate_id)
Index(
    "ix_audit_entry_unsealed",
    audit_entry.c.business_id,
    audit_entry.c.id,
    postgresql_where=text("position IS NULL"),
)
Index(
    "uq_audit_entry_position",
    audit_entry.c.business_id,
    audit_entry.c.position,
    unique=True,
    postgresql_where=text("position IS NOT NULL"),
)

audit_head = tenant_table(
    "audit_head",
    Column("position", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("sealed_at", TIME, nullable=False, server_default=text("clock_timestamp()")),
    key=(),
)
"""The last link of a business's chain: without it, deleting the last entries would not show."""

idempotency_key = tenant_table(
    "idempotency_key",
    Column("principal", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("response", JSONB),
    created_at(),
    key=("principal", "route", "key"),
    written_often=True,
)

change_log = tenant_table(
    "change_log",
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("xid", XID8, nullable=False, server_default=text("pg_current_xact_id()")),
    Column("lane_no", Integer),
    Column("day", Date),
    key=("xid", "id"),
    written_often=True,
)
"""What a snapshot must read again: one lane's claims of one UTC day, one lane's hours (no day), or all (no lane).

Written by triggers, so that no path of writing can forget it.
"""
Index(None, change_log.c.xid)

change_log_floor = tenant_table(
    "change_log_floor",
    Column("floor", XID8, nullable=False),
    Column("mark", XID8, nullable=False),
    Column("marked_at", TIME, nullable=False, server_default=text("clock_timestamp()")),
    key=(),
)
"""What has been pruned of the change log: a view whose cursor lies below `floor` is read anew.

`mark` is the floor of the next pruning, so that what is pruned is at least one interval old.
"""
