"""Signed links to one booking: the client's credential where they have no account."""

from datetime import timedelta
from uuid import UUID

from service.security import tokens
from service.security.keyring import Keyring


def signed(keyring: Keyring, business_id: UUID, client_id: UUID, booking_id: UUID, lasts: timedelta) -> str:
    """Return a bearer token with which a client reads, moves or cancels one booking."""
    claims = {"sub": str(client_id), "business": str(business_id), "booking": str(booking_id)}
    return "link." + tokens.signed(keyring, tokens.LINK, int(lasts.total_seconds()), **claims)
