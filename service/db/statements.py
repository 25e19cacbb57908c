"""Statements as the server reads them: values numbered, worked out once for each text."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from psycopg import AsyncConnection, AsyncCursor, AsyncRawCursor
from psycopg.rows import DictRow

Params = Mapping[str, object] | Sequence[object]
PLACEHOLDER = re.compile(r"%(?:\((?P<name>\w+)\)s|(?P<next>s)|%)")
PLAIN = re.compile(r"[A-Za-z0-9 {},.:+-]*")
LONG = 3000
"""Characters of a statement that takes longer to plan than to run: it is prepared when it is first sent."""


async def run(
    connection: AsyncConnection[DictRow], sql: str, params: Params | None, *, prepare: bool = False
) -> AsyncCursor[DictRow]:
    """Run one statement with its values, `%(name)s` or `%s`; `%%` is a percent sign.

    With `prepare` the connection keeps its plan from the first time on.
    """
    if connection.cursor_factory is not AsyncCursor:
        # Cursors that trace: they read the statement as it is written.
        return await connection.execute(sql.encode(), params)
    text, names = numbered(sql) if params is not None else (sql.encode(), ())
    values = [params[name] for name in names] if isinstance(params, Mapping) else params
    # The driver would search a long text for placeholders each time anew: a third of a booking's time on this side.
    cursor = AsyncRawCursor(connection)
    return await cursor.execute(text, values, prepare=prepare or len(text) > LONG or None)


@lru_cache(maxsize=2000)
def numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement with $1, $2 … for its placeholders, and the name of each where they have names."""
    places: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        if match["name"] is None and match["next"] is None:
            return "%"
        return f"${places.setdefault(match['name'] or f' {match.start()}', len(places) + 1)}"

    text = PLACEHOLDER.sub(number, sql)
    return text.encode(), tuple(places)


def written(sql: str, params: Mapping[str, object], quote: Callable[[str], str]) -> str:
    """Return a statement with its values written into it, as a message of several statements needs it."""
    parts, names = _parted(sql)
    values = [_literal(params[name], quote) for name in names]
    return "".join([part for pair in zip(parts, values, strict=False) for part in pair] + [parts[-1]])


def _literal(value: object, quote: Callable[[str], str]) -> str:
    if value is None:
        return "NULL"
    text = str(value)
    # Letters, digits and what identifiers, times and arrays of them are written with mean nothing else in quotes.
    return f"'{text}'" if PLAIN.fullmatch(text) else quote(text)


@lru_cache(maxsize=20)
def _parted(sql: str) -> tuple[list[str], list[str]]:
    split = PLACEHOLDER.split(sql)
    return split[::3], split[1::3]
