"""A command: one use case, one transaction, at most one effect for each idempotency key."""

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from models.errors import InvalidInput, KeyReused
from service.db.database import NOWHERE, Database, Origin, Transaction

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

RESERVE = """
INSERT INTO idempotency_key (business_id, principal, route, key, request_hash)
VALUES (%(business)s, %(principal)s, %(route)s, %(key)s, %(hash)s)
ON CONFLICT DO NOTHING
"""
REMEMBERED = """
SELECT request_hash, response FROM idempotency_key
WHERE business_id = %(business)s AND principal = %(principal)s AND route = %(route)s AND key = %(key)s
"""
REMEMBER = """
UPDATE idempotency_key SET response = %(response)s
WHERE business_id = %(business)s AND principal = %(principal)s AND route = %(route)s AND key = %(key)s
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom a command runs: the business, who asks from where, the key under which it may take effect once.

    `visitor` tells those apart who share an actor because they have no account: each has keys of their own.
    """

    db: Database
    business_id: UUID
    actor: str = "system"
    key: str | None = None
    origin: Origin = NOWHERE
    visitor: str | None = None

    def __post_init__(self) -> None:
        if self.key is not None and not 1 <= len(self.key) <= 255:
            raise InvalidInput("An idempotency key has 1 to 255 characters.")


def command(
    work: Callable[Concatenate[Transaction, R, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Scope, R, P], Coroutine[Any, Any, T]]:
    """Make a use case of a function `(tx, request, …) -> result`; the commit stands before the result returns.

    With `scope.key` set, the same request gives the stored result again without a second effect; another
    request under the same key raises `KeyReused`. A request that failed leaves no key behind.
    """
    route = f"{work.__module__.rpartition('.')[2]}.{work.__name__}"
    result_type: TypeAdapter[T] = TypeAdapter(get_type_hints(work)["return"])

    async def run(scope: Scope, request: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        async def once(tx: Transaction) -> T:
            slot = _key_row(scope, route, request)
            if await tx.execute(RESERVE, slot) == 0:
                return await _replayed(tx, slot, result_type)
            result = await work(tx, request, *args, **kwargs)
            await tx.execute(REMEMBER, slot | {"response": Jsonb(result_type.dump_python(result, mode="json"))})
            return result

        async def always(tx: Transaction) -> T:
            return await work(tx, request, *args, **kwargs)

        effect = always if scope.key is None else once
        replays = scope.key is not None
        return await scope.db.transact(scope.business_id, effect, scope.actor, scope.origin, replays=replays)

    update_wrapper(run, work)
    return run


def _key_row(scope: Scope, route: str, request: object) -> dict[str, Any]:
    body = orjson.dumps(request, option=orjson.OPT_SORT_KEYS, default=str)
    return {
        "business": scope.business_id,
        "principal": scope.actor if scope.visitor is None else f"{scope.actor}:{scope.visitor}",
        "route": route,
        "key": scope.key,
        "hash": hashlib.sha256(body).digest(),
    }


async def _replayed(tx: Transaction, slot: dict[str, Any], result_type: TypeAdapter[T]) -> T:
    row = await tx.row(REMEMBERED, slot)
    if row is None or bytes(row["request_hash"]) != slot["hash"]:
        raise KeyReused("This idempotency key was used for another request; use a new one.")
    return result_type.validate_python(row["response"], strict=False)
