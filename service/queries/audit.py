"""The audit: what was done, by whom, from where; and whether the record of it is whole."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from models.errors import InvalidInput
from service.db.audit import DOCUMENT, genesis
from service.db.database import Database, Transaction
from service.queries.paging import Page, PageOf, page_of

FIRST = Page(100)
PAGE = 10_000
"""Links checked in one statement."""
LIST = """
SELECT id, created_at AS at, actor, action, aggregate_id, coalesce(before, (
           SELECT p.after FROM audit_entry p
           WHERE p.business_id = %(business)s AND p.aggregate_id = e.aggregate_id AND p.id < e.id
           ORDER BY p.id DESC LIMIT 1)) AS before,
       after, address, request_id, position
FROM audit_entry e
WHERE business_id = %(business)s
  AND (%(aggregate)s::uuid IS NULL OR aggregate_id = %(aggregate)s)
  AND (%(action)s::text IS NULL OR action = %(action)s OR starts_with(action, %(action)s || '.'))
  AND (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(start)s::timestamptz IS NULL OR created_at >= %(start)s)
  AND (%(end)s::timestamptz IS NULL OR created_at < %(end)s)
"""
# A link is whole if its position follows and its hash is that of the entry and the hash before.
LINKS: LiteralString = f"""
SELECT count(*) AS links, max(position) AS position, (array_agg(hash ORDER BY position DESC))[1] AS hash,
       min(position) FILTER (WHERE broken) AS broken_at
FROM (SELECT position, hash,
             position <> %(after)s::bigint + row_number() OVER by_position
             OR hash <> sha256(coalesce(lag(hash) OVER by_position, %(previous)s::bytea) || document) AS broken
      FROM (SELECT position, hash, convert_to({DOCUMENT}, 'UTF8') AS document FROM audit_entry
            WHERE business_id = %(business)s AND position > %(after)s ORDER BY position LIMIT %(page)s) AS page
      WINDOW by_position AS (ORDER BY position)) AS links
"""
HEAD = "SELECT position, hash FROM audit_head WHERE business_id = %s"
OPEN_END = """
SELECT count(*) AS entries, extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS oldest_s
FROM audit_entry WHERE business_id = %s AND position IS NULL
"""
BUSINESSES = "SELECT business_id, slug FROM every_business()"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change: who did what to which aggregate, from where; `position` once it is sealed.

    `before` is what the entry says, or else what the aggregate's entry before it left.
    """

    id: int
    at: datetime
    actor: str
    action: str
    aggregate_id: UUID
    before: dict[str, object] | None
    after: dict[str, object] | None
    address: str | None
    request_id: str | None
    position: int | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries: of one aggregate, an action or its prefix (`appointment`), an actor, within [start, end)."""

    aggregate_id: UUID | None = None
    action: str | None = None
    actor: str | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a business's chain is whole.

    Attributes
    ----------
    sealed, unsealed : int
        Entries in the chain, and those that wait for the worker: `oldest_unsealed_s` seconds the longest.
    broken : str or None
        What is wrong with the chain and where; None if it is whole.
    head : str
        `position:hash` of the last link. Noted elsewhere, it also shows that a whole chain was replaced.
    """

    sealed: int
    unsealed: int
    oldest_unsealed_s: float | None
    broken: str | None
    head: str


async def entries(db: Database, business_id: UUID, wanted: AuditFilter, page: Page = FIRST) -> PageOf[AuditEntry]:
    """Return the entries that a filter lets through, the latest first."""
    asked = {
        "business": business_id,
        "aggregate": wanted.aggregate_id,
        "action": wanted.action,
        "actor": wanted.actor,
        "start": wanted.start,
        "end": wanted.end,
    }
    async with db.transaction(business_id) as tx:
        return await page_of(tx, lambda row: AuditEntry(**row), LIST, asked, {"id": "bigint"}, page, descending=True)


async def verify(db: Database, business_id: UUID, known_head: str | None = None) -> Verdict:
    """Return whether every link of a business's chain holds, to the head, and, where given, through a known head."""
    async with db.transaction(business_id, one_snapshot=True) as tx:
        return await verdict(tx, known_head)


async def verdict(tx: Transaction, known_head: str | None = None) -> Verdict:
    """Return the verdict on a transaction's business, as that transaction sees it."""
    position, last, broken_at = 0, genesis(tx.business_id), None
    while broken_at is None:
        page = {"business": tx.business_id, "after": position, "previous": last, "page": PAGE}
        links = await tx.row(LINKS, page)
        if links is None or not links["links"]:
            break
        position, last, broken_at = links["position"], bytes(links["hash"]), links["broken_at"]
    broken = None if broken_at is None else f"The entry at position {broken_at} is not what was sealed."
    waiting = await tx.row(OPEN_END, [tx.business_id]) or {"entries": 0, "oldest_s": None}
    if not position and not waiting["entries"]:
        broken = "There is no entry at all, not even of the business's opening."
    return Verdict(
        sealed=position,
        unsealed=waiting["entries"],
        oldest_unsealed_s=waiting["oldest_s"],
        broken=broken or await _broken_end(tx, position, last) or await _unknown(tx, known_head),
        head=f"{position}:{last.hex()}",
    )


async def businesses(db: Database) -> list[tuple[UUID, str]]:
    """Return id and public name of every business of the installation."""
    return [(row["business_id"], row["slug"]) for row in await db.anywhere(BUSINESSES)]


async def _broken_end(tx: Transaction, position: int, last: bytes) -> str | None:
    head = await tx.row(HEAD, [tx.business_id])
    end = (0, genesis(tx.business_id)) if head is None else (head["position"], bytes(head["hash"]))
    if end != (position, last):
        return f"The chain ends at position {position}, but was sealed to position {end[0]}."
    return None


async def _unknown(tx: Transaction, known_head: str | None) -> str | None:
    if known_head is None:
        return None
    known, _, hash_ = known_head.partition(":")
    if not known.isdecimal():
        raise InvalidInput("A head is written position:hash, as `interlock audit verify` prints it.")
    row = await tx.row(
        "SELECT hash FROM audit_entry WHERE business_id = %s AND position = %s", [tx.business_id, int(known)]
    )
    there = genesis(tx.business_id) if known == "0" else None if row is None else bytes(row["hash"])
    return None if there is not None and there.hex() == hash_ else f"The chain does not lead through {known_head}."
