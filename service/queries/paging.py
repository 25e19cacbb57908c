"""Lists a page at a time, by the values of the last row seen: one way for every list."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import LiteralString, TypeVar

import orjson
from psycopg.rows import DictRow

from models.errors import InvalidInput
from service.db.database import Transaction

T = TypeVar("T")
Order = Mapping[LiteralString, LiteralString]
"""The columns by which a list is sorted, with their types; together they are unique."""


@dataclass(frozen=True, slots=True)
class Page:
    """At most `limit` rows (None: all) after the one that a `cursor` stands for.

    Raises
    ------
    InvalidInput
        A page of no rows, or of more than 1000.
    """

    limit: int | None = None
    cursor: str | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and not 1 <= self.limit <= 1000:
            raise InvalidInput("A page has 1 to 1000 rows.")


WHOLE = Page()


class PageOf(list[T]):
    """The rows of a page, and the cursor with which the next one begins; None on the last."""

    next: str | None = None


async def page_of(
    tx: Transaction,
    made: Callable[[DictRow], T],
    sql: LiteralString,
    params: Mapping[str, object],
    order: Order,
    page: Page = WHOLE,
    *,
    descending: bool = False,
) -> PageOf[T]:
    """Return a page of what a statement selects, each row made into what is listed.

    Raises
    ------
    InvalidInput
        The cursor is not one of this list's.
    """
    columns, way = ", ".join(order), " DESC" if descending else ""
    by = ", ".join(f"{column}{way}" for column in order)
    after: dict[str, str] = {}
    where: LiteralString = "true"
    if page.cursor is not None:
        after = {f"after_{n}": value for n, value in enumerate(_read(page.cursor, len(order)))}
        last = ", ".join(f"%(after_{n})s::{kind}" for n, kind in enumerate(order.values()))
        where = f"({columns}) {'<' if descending else '>'} ({last})"
    most: dict[str, object] = {"most": None if page.limit is None else page.limit + 1}
    statement = f"SELECT * FROM ({sql}) AS listed WHERE {where} ORDER BY {by} LIMIT %(most)s::bigint"
    rows = await tx.rows(statement, {**params, **after, **most})
    shown = rows if page.limit is None else rows[: page.limit]
    cursor = _written([shown[-1][column] for column in order]) if len(shown) < len(rows) else None
    listed = PageOf(made(row) for row in shown)
    listed.next = cursor
    return listed


def _written(values: Sequence[object]) -> str:
    texts = [value.isoformat() if isinstance(value, date) else str(value) for value in values]
    return base64.urlsafe_b64encode(orjson.dumps(texts)).decode().rstrip("=")


def _read(cursor: str, length: int) -> list[str]:
    try:
        values = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("That cursor is not of this list; begin with the first page.") from error
    if not isinstance(values, list) or len(values) != length or not all(isinstance(value, str) for value in values):
        raise InvalidInput("That cursor is not of this list; begin with the first page.")
    return values
