"""Clients: who comes."""

import re
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from uuid_utils.compat import uuid7

from models.contact import ADDRESS, ONE_LINE, PHONE
from models.errors import InvalidInput, NotFound
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record
from service.security.vault import ERASED

INSERT = """
WITH made AS (
    INSERT INTO client (business_id, id, name, email, phone, email_hash, phone_hash)
    VALUES (%(business)s, %(id)s, %(name)s, %(email)s, %(phone)s, %(email_hash)s, %(phone_hash)s)
)
INSERT INTO client_key (business_id, client_id, wrapped) VALUES (%(business)s, %(id)s, %(wrapped)s)
"""
KNOWN: dict[str, LiteralString] = {
    "email": "SELECT id FROM client WHERE business_id = %s AND email_hash = %s AND deleted_at IS NULL ORDER BY id",
    "phone": "SELECT id FROM client WHERE business_id = %s AND phone_hash = %s AND deleted_at IS NULL ORDER BY id",
}
SAME = """
SELECT id, name FROM client
WHERE business_id = %(business)s AND (%(email)s::bytea IS NULL OR email_hash = %(email)s)
  AND (%(phone)s::bytea IS NULL OR phone_hash = %(phone)s) AND erased_at IS NULL
  AND deleted_at IS NULL
ORDER BY created_at, id LIMIT 20
"""
OF_LIVE: LiteralString = "WHERE business_id = %s AND id = %s AND erased_at IS NULL AND deleted_at IS "
DELETE: LiteralString = "UPDATE client SET deleted_at = clock_timestamp() " + OF_LIVE + "NULL"
RESTORE: LiteralString = "UPDATE client SET deleted_at = NULL " + OF_LIVE + "NOT NULL"
ERASE = """
UPDATE client SET name = %(erased)s, email = NULL, phone = NULL, email_hash = NULL, phone_hash = NULL,
    erased_at = clock_timestamp()
WHERE business_id = %(business)s AND id = %(id)s AND erased_at IS NULL
"""


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


@command
async def recognise(tx: Transaction, request: NewClient) -> UUID:
    """Return the client with that name and every contact given, who is added if there is none."""
    return await recognised(tx, request)


async def recognised(tx: Transaction, client: NewClient) -> UUID:
    """Do what `recognise` does inside another command's transaction."""
    hashes = {kind: tx.vault.hash(tx.business_id, kind, getattr(client, kind)) for kind in ("email", "phone")}
    if any(hashes.values()):
        rows = await tx.rows(SAME, {"business": tx.business_id, **hashes})
        # Their names are sealed in the database: it cannot compare them.
        same = next((row["id"] for row in rows if row["name"].lower() == client.name.lower()), None)
        if same is not None:
            return UUID(str(same))
    return await insert(tx, client)


async def insert(tx: Transaction, client: NewClient) -> UUID:
    """Insert a client, with event and audit, and return the id."""
    # Drawn here: a request that came again under its key would not be the same with an id of its own.
    client_id, vault, business_id = client.id or uuid7(), tx.vault, tx.business_id
    wrapped = vault.new_key(business_id, client_id)
    sealed = {
        column: None if value is None else vault.seal(business_id, client_id, value)
        for column, value in (("name", client.name), ("email", client.email), ("phone", client.phone))
    }
    hashes = {f"{kind}_hash": vault.hash(business_id, kind, getattr(client, kind)) for kind in ("email", "phone")}
    await tx.execute(INSERT, {"business": business_id, "id": client_id, "wrapped": wrapped, **sealed, **hashes})
    await record(tx, "client.registered", client_id, 1, after={"id": str(client_id)})
    return client_id


async def known(tx: Transaction, email: str | None, phone: str | None) -> UUID | None:
    """Return the client who has an e-mail address, or else a phone number; the one registered first."""
    for kind, value in (("email", email), ("phone", phone)):
        if value is not None:
            row = await tx.row(KNOWN[kind], [tx.business_id, tx.vault.hash(tx.business_id, kind, value)])
            if row is not None:
                return UUID(str(row["id"]))
    return None


@command
async def delete(tx: Transaction, client_id: UUID) -> UUID:
    """Take a client off the list, to be restored; bookings stay theirs. Raises `NotFound` where there is none."""
    if not await tx.execute(DELETE, [tx.business_id, client_id]):
        raise NotFound("There is no such client.")
    await record(tx, "client.deleted", client_id, None, after={})
    return client_id


@command
async def restore(tx: Transaction, client_id: UUID) -> UUID:
    """Put a deleted client back on the list; raises `NotFound` where none of that id is deleted."""
    if not await tx.execute(RESTORE, [tx.business_id, client_id]):
        raise NotFound("There is no such deleted client.")
    await record(tx, "client.restored", client_id, None, after={})
    return client_id


@command
async def erase(tx: Transaction, client_id: UUID) -> UUID:
    """Destroy a client's key and with it what is known of them, here and in every copy made before.

    Their bookings stay, as somebody's. Raises `NotFound` where there is no such client, or not any more.
    """
    if not await tx.execute(ERASE, {"business": tx.business_id, "id": client_id, "erased": ERASED}):
        raise NotFound("There is no such client.")
    for table in ("client_key", "membership"):
        await tx.execute(f"DELETE FROM {table} WHERE business_id = %s AND client_id = %s", [tx.business_id, client_id])
    tx.vault.forget(tx.business_id, client_id)
    await record(tx, "client.erased", client_id, None, after={})
    return client_id
