"""Clients: who comes."""

from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client of one business; without an `id` they get one."""

    name: str
    email: str | None = None
    phone: str | None = None
    id: UUID | None = None


@command
async def register(tx: Transaction, request: NewClient) -> UUID:
    """Add a client and return the id."""
    # Drawn here: a request that came again under its key would not be the same with an id of its own.
    client_id = request.id or uuid7()
    await tx.execute(
        "INSERT INTO client (business_id, id, name, email, phone) VALUES (%s, %s, %s, %s, %s)",
        [tx.business_id, client_id, request.name, request.email, request.phone],
    )
    await record(tx, "client.registered", client_id, 1, after={"name": request.name})
    return client_id
