"""The audit chain: each sealed entry's hash covers the entry and the hash before it, the head covers the end.

Sealing is the worker's, in batches under the head's lock: a chain written by the bookings themselves would make those
of one business wait for each other's commits. See docs/decisions/0006-audit-chain.md.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import LiteralString
from uuid import UUID

from service.db.database import Transaction

BATCH = 1_000
# An array of JSON has one spelling, whatever the fields hold.
DOCUMENT: LiteralString = """
jsonb_build_array(id, extract(epoch FROM created_at), actor, action, aggregate_id, before, after, address, request_id)
::text
"""
BEGIN_CHAIN = """
INSERT INTO audit_head (business_id, position, hash) VALUES (%s, 0, %s) ON CONFLICT DO NOTHING
"""
LOCK_HEAD = "SELECT position, hash FROM audit_head WHERE business_id = %s FOR UPDATE"
UNSEALED: LiteralString = f"""
SELECT id, {DOCUMENT} AS document FROM audit_entry
WHERE business_id = %s AND position IS NULL ORDER BY id LIMIT %s
"""
SEAL = """
UPDATE audit_entry e SET position = s.position, hash = s.hash
FROM unnest(%(ids)s::bigint[], %(positions)s::bigint[], %(hashes)s::bytea[]) AS s(id, position, hash)
WHERE e.business_id = %(business)s AND e.id = s.id
"""
MOVE_HEAD = """
UPDATE audit_head SET position = %s, hash = %s, sealed_at = clock_timestamp() WHERE business_id = %s
"""


def genesis(business_id: UUID) -> bytes:
    """Return what stands before the first entry of a business's chain."""
    return hashlib.sha256(business_id.bytes).digest()


def chained(previous: bytes, documents: Iterable[str]) -> Iterator[bytes]:
    """Yield the hash of each document in turn: SHA-256 over the hash before it and the document."""
    for document in documents:
        previous = hashlib.sha256(previous + document.encode()).digest()
        yield previous


async def seal(tx: Transaction) -> int:
    """Chain the entries that have been committed since the last time, at most a batch; returns how many.

    Entries whose transactions commit late come later in the chain; none is passed over.
    """
    await tx.execute(BEGIN_CHAIN, [tx.business_id, genesis(tx.business_id)])
    head = await tx.row(LOCK_HEAD, [tx.business_id])
    entries = await tx.rows(UNSEALED, [tx.business_id, BATCH])
    if head is None or not entries:
        return 0
    hashes = list(chained(bytes(head["hash"]), (entry["document"] for entry in entries)))
    positions = [head["position"] + number for number in range(1, len(entries) + 1)]
    ids = [entry["id"] for entry in entries]
    await tx.execute(SEAL, {"ids": ids, "positions": positions, "hashes": hashes, "business": tx.business_id})
    await tx.execute(MOVE_HEAD, [positions[-1], hashes[-1], tx.business_id])
    return len(entries)
