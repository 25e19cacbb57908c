"""Clients: who comes."""

from dataclasses import dataclass, field
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client of one business."""

    name: str
    email: str | None = None
    phone: str | None = None
    id: UUID = field(default_factory=uuid7)


@command
async def register(tx: Transaction, request: NewClient) -> UUID:
    """Add a client and return the id."""
    await tx.execute(
        "INSERT INTO client (business_id, id, name, email, phone) VALUES (%s, %s, %s, %s, %s)",
        [tx.business_id, request.id, request.name, request.email, request.phone],
    )
    await record(tx, "client.registered", request.id, 1, after={"name": request.name})
    return request.id
