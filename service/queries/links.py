"""Signed links to one booking: the client's credential where they have no account."""

from datetime import timedelta
from uuid import UUID

from service.db.database import Database
from service.security import tokens
from service.security.keyring import Keyring


def signed(keyring: Keyring, business_id: UUID, client_id: UUID, booking_id: UUID, lasts: timedelta) -> str:
    """Return a bearer token with which a client reads, moves or cancels one booking."""
    claims = {"sub": str(client_id), "business": str(business_id), "booking": str(booking_id)}
    return "link." + tokens.signed(keyring, tokens.LINK, int(lasts.total_seconds()), **claims)


async def of_booking(
    db: Database, keyring: Keyring, business_id: UUID, booking_id: UUID, lasts: timedelta
) -> str | None:
    """Return such a token for a booking, None where there is none or it has no client yet."""
    async with db.transaction(business_id) as tx:
        row = await tx.row(
            "SELECT client_id FROM appointment WHERE business_id = %s AND id = %s", [business_id, booking_id]
        )
    if row is None or row["client_id"] is None:
        return None
    return signed(keyring, business_id, row["client_id"], booking_id, lasts)
