"""The version that an edit expects (If-Match): checked and moved on in one way, whatever has it.

What has no row of its own shares another's: weekly hours their staff member's, allocations their service's, holidays
and rules the business's.
"""

from typing import LiteralString
from uuid import UUID

from models.errors import NotFound, StaleVersion
from service.db.database import Transaction

NOUNS = {"staff": "staff member"}


def check(present: int, expected: int | None) -> None:
    """Raise `StaleVersion` unless the version is the expected one; None expects none."""
    if expected is not None and expected != present:
        raise stale(present)


def stale(present: int) -> StaleVersion:
    """Return what says that somebody has changed a row meanwhile."""
    return StaleVersion(f"It is at version {present} now; read it again.", version=present)


def no_such(table: str) -> NotFound:
    """Return what says that a table has no such row."""
    return NotFound(f"There is no such {NOUNS.get(table, table)}.")


async def advance(tx: Transaction, table: LiteralString, row_id: UUID, expected: int | None) -> int:
    """Move a row of the business on to its next version, which locks it until the commit; returns that version.

    Before the lanes of a staff member are locked, as whoever changes the staff member does.

    Raises
    ------
    NotFound, StaleVersion
        There is no such row; it has changed since it was read.
    """
    own = {"business": tx.business_id, "id": row_id, "expected": expected}
    where: LiteralString = "id = %(id)s" + ("" if table == "business" else " AND business_id = %(business)s")
    row = await tx.row(
        f"UPDATE {table} SET version = version + 1 "
        f"WHERE {where} AND (%(expected)s::int IS NULL OR version = %(expected)s) RETURNING version",
        own,
    )
    if row is not None:
        return int(row["version"])
    present = await tx.row(f"SELECT version FROM {table} WHERE {where}", own)
    raise no_such(table) if present is None else stale(present["version"])
