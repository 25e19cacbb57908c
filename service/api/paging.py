"""Pages by cursor: the id of the last row seen, in a Link header (RFC 8288)."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from fastapi import Response


class Identified(Protocol):
    """A row with an id."""

    @property
    def id(self) -> UUID:
        """Its id; ids grow with time."""


def next_page(response: Response, rows: Sequence[Identified], limit: int) -> None:
    """Say where the next page is, if this one is full."""
    if len(rows) == limit:
        response.headers["Link"] = f'<?after={rows[-1].id}&limit={limit}>; rel="next"'
