"""Clients: who comes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from psycopg.rows import DictRow
from uuid_utils.compat import uuid7

from models.contact import ADDRESS, ONE_LINE, PHONE
from models.errors import InvalidInput, NotFound
from service.commands import versions, waitlist
from service.commands.catalogue import Changed
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
LIVE = """
SELECT name, email, phone, deleted_at IS NOT NULL AS deleted, version FROM client
WHERE business_id = %s AND id = %s AND erased_at IS NULL FOR NO KEY UPDATE
"""
ON_THE_LIST = """
SELECT 1 AS known FROM client WHERE business_id = %s AND id = %s AND deleted_at IS NULL AND erased_at IS NULL
"""
DELETE = "UPDATE client SET deleted_at = clock_timestamp(), version = version + 1 WHERE business_id = %s AND id = %s"
RESTORE = "UPDATE client SET deleted_at = NULL, version = version + 1 WHERE business_id = %s AND id = %s"
ERASE = """
UPDATE client SET name = %(erased)s, email = NULL, phone = NULL, email_hash = NULL, phone_hash = NULL,
    erased_at = clock_timestamp(), version = version + 1
WHERE business_id = %(business)s AND id = %(id)s
"""
KEEP_KEY = """
INSERT INTO client_key (business_id, client_id, wrapped) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
CHANGE = """
UPDATE client SET name = %(name)s, email = %(email)s, phone = %(phone)s, email_hash = %(email_hash)s,
    phone_hash = %(phone_hash)s, version = version + 1
WHERE business_id = %(business)s AND id = %(id)s
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


@dataclass(frozen=True, slots=True)
class ClientChange:
    """What to change of a client: `name`, `email`, `phone`; what is left out stays, None takes an address away."""

    id: UUID
    values: Mapping[str, str | None]

    def __post_init__(self) -> None:
        if extra := set(self.values) - {"name", "email", "phone"}:
            raise InvalidInput(f"A client has no {min(extra)!r} that could be changed.")
        if "name" in self.values and self.values["name"] is None:
            raise InvalidInput("A client has a name.")


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
    own = {"business": business_id, "id": client_id, "wrapped": wrapped}
    await tx.execute(INSERT, own | _sealed(tx, client_id, client))
    await record(tx, "client.registered", client_id, 1, after={"id": str(client_id)})
    return client_id


def _sealed(tx: Transaction, client_id: UUID, client: NewClient) -> dict[str, str | bytes | None]:
    """Return the columns that hold who a client is: sealed, and the hashes by which they are found."""
    columns = {"name": client.name, "email": client.email, "phone": client.phone}
    vault, business_id = tx.vault, tx.business_id
    hashes = {f"{kind}_hash": vault.hash(business_id, kind, columns[kind]) for kind in ("email", "phone")}
    sealed = {c: None if text is None else vault.seal(business_id, client_id, text) for c, text in columns.items()}
    return {**sealed, **hashes}


@command
async def change(tx: Transaction, request: ClientChange, *, version: int | None = None) -> Changed:
    """Change a client's name or addresses.

    Raises
    ------
    NotFound, StaleVersion, InvalidInput
        There is no such client; they are no longer at `version`; a value is no name or address.
    """
    now = await _live(tx, request.id, version, deleted=False)
    values = {"name": now["name"], "email": now["email"], "phone": now["phone"], **request.values}
    changed = NewClient(str(values["name"]), values["email"], values["phone"])
    if not tx.vault.knows(tx.business_id, request.id):
        # They were registered before clients were sealed.
        await tx.execute(KEEP_KEY, [tx.business_id, request.id, tx.vault.new_key(tx.business_id, request.id)])
    await tx.execute(CHANGE, {"business": tx.business_id, "id": request.id, **_sealed(tx, request.id, changed)})
    return await _recorded(tx, "client.changed", request.id, now, {"changed": sorted(request.values)})


async def _live(tx: Transaction, client_id: UUID, version: int | None, *, deleted: bool | None) -> DictRow:
    """Lock and return a client who is not erased, and deleted or not as asked."""
    row = await tx.row(LIVE, [tx.business_id, client_id])
    if row is None or deleted not in (None, row["deleted"]):
        raise NotFound(f"There is no such {'deleted ' if deleted else ''}client.")
    versions.check(row["version"], version)
    return row


async def _recorded(
    tx: Transaction, what: str, client_id: UUID, before: DictRow, after: dict[str, object] | None = None
) -> Changed:
    changed = Changed(client_id, before["version"] + 1)
    await record(tx, what, client_id, None, after=after or {})
    return changed


async def known(tx: Transaction, email: str | None, phone: str | None) -> UUID | None:
    """Return the client who has an e-mail address, or else a phone number; the one registered first."""
    for kind, value in (("email", email), ("phone", phone)):
        if value is not None:
            row = await tx.row(KNOWN[kind], [tx.business_id, tx.vault.hash(tx.business_id, kind, value)])
            if row is not None:
                return UUID(str(row["id"]))
    return None


async def check_known(tx: Transaction, client_id: UUID) -> None:
    """Raise `NotFound` unless a client is on the list: neither deleted nor erased."""
    if await tx.row(ON_THE_LIST, [tx.business_id, client_id]) is None:
        raise NotFound("There is no such client.")


@command
async def delete(tx: Transaction, client_id: UUID, *, version: int | None = None) -> Changed:
    """Take a client off the list, to be restored, and off the waitlist; bookings stay theirs. Raises as `change`."""
    now = await _live(tx, client_id, version, deleted=False)
    await waitlist.leave_all(tx, client_id)
    await tx.execute(DELETE, [tx.business_id, client_id])
    return await _recorded(tx, "client.deleted", client_id, now)


@command
async def restore(tx: Transaction, client_id: UUID, *, version: int | None = None) -> Changed:
    """Put a deleted client back on the list; raises `NotFound` where none of that id is deleted, else as `change`.

    What they waited for they have left: they may join again.
    """
    now = await _live(tx, client_id, version, deleted=True)
    await tx.execute(RESTORE, [tx.business_id, client_id])
    return await _recorded(tx, "client.restored", client_id, now)


@command
async def erase(tx: Transaction, client_id: UUID, *, version: int | None = None) -> Changed:
    """Destroy a client's key and with it what is known of them, here and in every copy made before.

    Their bookings stay, as somebody's; they wait for nothing. Raises as `change`; who is deleted can be erased, too.
    """
    now = await _live(tx, client_id, version, deleted=None)
    await waitlist.leave_all(tx, client_id)
    await tx.execute(ERASE, {"business": tx.business_id, "id": client_id, "erased": ERASED})
    for table in ("client_key", "membership"):
        await tx.execute(f"DELETE FROM {table} WHERE business_id = %s AND client_id = %s", [tx.business_id, client_id])
    tx.vault.forget(tx.business_id, client_id)
    return await _recorded(tx, "client.erased", client_id, now)
