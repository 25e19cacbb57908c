"""What every write leaves behind in its own transaction: an outbox event and an audit entry."""

from collections.abc import Mapping
from uuid import UUID

from psycopg.types.json import Jsonb

from service.db.database import Transaction

RECORD = """
WITH event AS (
    INSERT INTO outbox_event (business_id, topic, aggregate_id, aggregate_version, payload)
    VALUES (%(business)s, %(topic)s, %(id)s, coalesce(%(version)s, (
        SELECT count(*) + 1 FROM audit_entry WHERE business_id = %(business)s AND aggregate_id = %(id)s)), %(after)s)
)
INSERT INTO audit_entry (business_id, actor, action, aggregate_id, before, after)
VALUES (%(business)s, %(actor)s, %(topic)s, %(id)s, %(before)s, %(after)s)
"""


async def record(
    tx: Transaction,
    topic: str,
    aggregate_id: UUID,
    version: int | None,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object],
) -> None:
    """Write the outbox event `topic` and the audit entry of one change of one aggregate.

    An aggregate that has no version of its own (None) has the number of its changes: each event's is one more than the
    last one's.
    """
    if version is None:
        # One after the other, or two at once would count the same.
        tx.lock_name(f"events/{aggregate_id}")
    await tx.execute(
        RECORD,
        {
            "business": tx.business_id,
            "topic": topic,
            "id": aggregate_id,
            "version": version,
            "actor": tx.actor,
            "before": None if before is None else Jsonb(dict(before)),
            "after": Jsonb(dict(after)),
        },
    )
