"""Signed links: made for the client of one booking, and on record."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from models.errors import NotFound
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record
from service.security import links
from service.security.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Linking:
    """The booking, and for how many days its link is to hold."""

    booking_id: UUID
    days: int


@command
async def link(tx: Transaction, request: Linking, *, keyring: Keyring) -> str:
    """Return a bearer token for a booking's client; the audit tells who made one, for whom, and for how long.

    Raises
    ------
    NotFound
        There is no such booking, or it has no client yet.
    """
    row = await tx.row(
        "SELECT client_id FROM appointment WHERE business_id = %s AND id = %s", [tx.business_id, request.booking_id]
    )
    if row is None or row["client_id"] is None:
        raise NotFound("There is no such booking with a client.")
    after = {"booking_id": str(request.booking_id), "client_id": str(row["client_id"]), "days": request.days}
    # A link is a thing of its own: making one changes no booking, and no version of one.
    await record(tx, "link.made", uuid7(), 1, after=after)
    return links.signed(keyring, tx.business_id, row["client_id"], request.booking_id, timedelta(days=request.days))
