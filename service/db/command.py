"""A command: one use case, one transaction, at most one effect for each idempotency key."""

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from models.errors import InterlockError, InvalidInput, KeyReused, Unavailable
from service.db.database import Database, Transaction, about
from service.db.origin import NOWHERE, Origin
from service.security.vault import ANSWER

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

KEEP = (
    "INSERT INTO idempotency_key (business_id, principal, route, key, request_hash, response) "
    "VALUES ({business}, {principal}, {route}, {key}, decode({hash}, 'hex'), {response})"
)
KEPT = """
SELECT request_hash, response FROM idempotency_key
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
    request under the same key raises `KeyReused`. A request that failed leaves no key behind. The key is unique and
    travels with the COMMIT: whoever comes second is undone whole, and told what the first was told. What was told is
    kept sealed: it may carry a secret that is stored nowhere else.
    """
    route = f"{work.__module__.rpartition('.')[2]}.{work.__name__}"
    result_type: TypeAdapter[T] = TypeAdapter(get_type_hints(work)["return"])

    async def run(scope: Scope, request: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        async def effect(tx: Transaction) -> T:
            tx.is_command = True
            tx.key = None if scope.key is None else _key_row(scope, route, request)
            result = await work(tx, request, *args, **kwargs)
            if tx.key is not None:
                tx.commit_with(KEEP, **tx.key, response=f'"{tx.sealed(result_type.dump_json(result))}"')
            return result

        try:
            return await scope.db.transact(
                scope.business_id, effect, scope.actor, scope.origin, replays=scope.key is not None
            )
        except InterlockError as error:
            # The key stood already, or what the same request did before is in this one's way.
            if scope.key is None or isinstance(error, Unavailable):
                raise
            kept = await _kept(scope, route, request)
            if kept is None:
                raise
            return result_type.validate_json(kept)

    update_wrapper(run, work)
    return run


def _key_row(scope: Scope, route: str, request: object) -> dict[str, str]:
    body = orjson.dumps(request, option=orjson.OPT_SORT_KEYS, default=str)
    return {
        "business": str(scope.business_id),
        "principal": scope.actor if scope.visitor is None else f"{scope.actor}:{scope.visitor}",
        "route": route,
        "key": scope.key or "",
        "hash": hashlib.sha256(body).hexdigest(),
    }


async def _kept(scope: Scope, route: str, request: object) -> bytes | None:
    """Return what was answered under the request's key, None where nothing was; raises `KeyReused`."""
    own = _key_row(scope, route, request)

    async def read(tx: Transaction) -> dict[str, Any] | None:
        return await tx.row(KEPT, own)

    row = await scope.db.transact(scope.business_id, read, replays=True)
    if row is not None and bytes(row["request_hash"]).hex() != own["hash"]:
        raise KeyReused("This idempotency key was used for another request; use a new one.")
    return None if row is None else _opened(scope, own, row["response"])


def _opened(scope: Scope, own: dict[str, str], kept: object) -> bytes:
    # What the database alone knew of a booking, it has written beside its answer.
    sealed, found = (kept.pop("answer"), kept) if isinstance(kept, dict) and "answer" in kept else (kept, {})
    if not isinstance(sealed, str) or not sealed.startswith(ANSWER):
        return orjson.dumps(kept)  # kept before answers were sealed
    answer = scope.db.vault.open_answer(about(own), sealed)
    if answer is None:
        raise KeyReused("This key's answer was sealed by an installation with another secret; use a new key.")
    return orjson.dumps(orjson.loads(answer) | found) if found else answer
