"""Clients: who comes."""

import re
from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from models.contact import ADDRESS, ONE_LINE, PHONE
from models.errors import InvalidInput
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client of one business; without an `id` they get one. Raises `InvalidInput` for what is no name or address."""

    name: str
    email: str | None = None
    phone: str | None = None
    id: UUID | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.name) <= 200 or not re.fullmatch(ONE_LINE, self.name):
            raise InvalidInput("A name has 1 to 200 characters on one line.")
        if self.email is not None and not (len(self.email) <= 254 and re.fullmatch(ADDRESS, self.email)):
            raise InvalidInput("That is no e-mail address.")
        if self.phone is not None and not re.fullmatch(PHONE, self.phone):
            raise InvalidInput("That is no phone number; write it like +351 21 000 00 00.")


@command
async def register(tx: Transaction, request: NewClient) -> UUID:
    """Add a client and return the id."""
    return await insert(tx, request)


async def insert(tx: Transaction, client: NewClient) -> UUID:
    """Insert a client, with event and audit, and return the id."""
    # Drawn here: a request that came again under its key would not be the same with an id of its own.
    client_id = client.id or uuid7()
    await tx.execute(
        "INSERT INTO client (business_id, id, name, email, phone) VALUES (%s, %s, %s, %s, %s)",
        [tx.business_id, client_id, client.name, client.email, client.phone],
    )
    await record(tx, "client.registered", client_id, 1, after={"name": client.name})
    return client_id


async def known(tx: Transaction, email: str | None, phone: str | None) -> UUID | None:
    """Return the client who has an e-mail address, or else a phone number; the one registered first."""
    for column, value in (("email", email), ("phone", phone)):
        if value is not None:
            row = await tx.row(
                f"SELECT id FROM client WHERE business_id = %s AND {column} = %s ORDER BY id LIMIT 1",
                [tx.business_id, value],
            )
            if row is not None:
                return UUID(str(row["id"]))
    return None
