"""Which other sites may call a business's API from a browser (CORS, the Fetch standard)."""

import re

from psycopg.types.json import Jsonb

from models.errors import InvalidInput
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record

FORM = r"^https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$"
"""An origin as browsers send it: lower case, no path."""


@command
async def allow(tx: Transaction, request: tuple[str, ...]) -> tuple[str, ...]:
    """Let these sites' pages, and no others, call the business's API; raises `InvalidInput` for what is no origin."""
    wrong = [origin for origin in request if not re.fullmatch(FORM, origin)]
    if wrong:
        raise InvalidInput(f"{wrong[0]!r} is no origin; write https://www.example.com.")
    origins = tuple(sorted(set(request)))
    await tx.execute(
        "UPDATE business SET settings = settings || jsonb_build_object('origins', %s::jsonb) WHERE id = %s",
        [Jsonb(origins), tx.business_id],
    )
    await record(tx, "business.origins", tx.business_id, None, after={"origins": origins})
    return origins
