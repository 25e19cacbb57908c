"""API keys: programs that act in one business, within their scopes."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from models.errors import InvalidInput, NotFound
from models.permissions import KEY_SCOPES
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record
from service.security import tokens


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to make: what it is for, what it may, and until when."""

    name: str
    scopes: tuple[str, ...]
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.scopes) - KEY_SCOPES)
        if unknown or not self.scopes:
            raise InvalidInput(f"A key's scopes are among {', '.join(sorted(KEY_SCOPES))}.", unknown=unknown)


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is shown once: only its hash is kept."""

    id: UUID
    prefix: str
    key: str = field(repr=False)


@command
async def create(tx: Transaction, request: NewKey) -> Key:
    """Make a key and return it, this once."""
    prefix, key = tokens.drawn_key()
    made, scopes = Key(uuid7(), prefix, key), sorted(set(request.scopes))
    await tx.execute(
        "INSERT INTO api_key (business_id, id, prefix, secret_hash, name, scopes, created_by, expires_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [tx.business_id, made.id, prefix, tokens.digest(key), request.name, scopes, tx.actor, request.expires_at],
    )
    await record(tx, "key.created", made.id, 1, after={"name": request.name, "prefix": prefix, "scopes": scopes})
    return made


@command
async def revoke(tx: Transaction, key_id: UUID) -> UUID:
    """Revoke a key from this moment on; raises `NotFound` where there is none that is live."""
    row = await tx.row(
        "UPDATE api_key SET revoked_at = clock_timestamp() WHERE business_id = %s AND id = %s AND revoked_at IS NULL "
        "RETURNING prefix",
        [tx.business_id, key_id],
    )
    if row is None:
        raise NotFound("There is no such key.")
    await record(tx, "key.revoked", key_id, 2, after={"prefix": row["prefix"]})
    return key_id
