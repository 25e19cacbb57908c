"""Which other sites may call a business's API from a browser (CORS, the Fetch standard)."""

import re

from psycopg.types.json import Jsonb

from models.errors import InvalidInput
from service.commands import versions
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record

FORM = r"^https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$"
"""An origin as browsers send it: lower case, no path."""


@command
async def allow(
    tx: Transaction, request: tuple[str, ...], *, version: int | None = None
) -> tuple[tuple[str, ...], int]:
    """Let these sites' pages, and no others, call the business's API; returns them and the business's next version.

    Raises
    ------
    InvalidInput, StaleVersion
        One is no origin; the business is no longer at `version`.
    """
    wrong = [origin for origin in request if not re.fullmatch(FORM, origin)]
    if wrong:
        raise InvalidInput(f"{wrong[0]!r} is no origin; write https://www.example.com.")
    origins, now_at = tuple(sorted(set(request))), await versions.advance(tx, "business", tx.business_id, version)
    await tx.execute(
        "UPDATE business SET settings = settings || jsonb_build_object('origins', %s::jsonb) WHERE id = %s",
        [Jsonb(origins), tx.business_id],
    )
    await record(tx, "business.origins", tx.business_id, None, after={"origins": origins})
    return origins, now_at
