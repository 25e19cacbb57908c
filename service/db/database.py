"""The pool, and transactions that know their business: the one way to the rows."""

import asyncio
import hashlib
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import LiteralString, Self, TypeVar
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, AsyncCursor, errors
from psycopg.pq import Escaping
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from models.errors import InterlockError, InvalidInput, NotFound, Unavailable
from service.db.origin import NOWHERE, Origin
from service.db.session import ended, hang_up, prepare_session, seconds_left
from service.db.statements import Params, run, written
from service.db.turns import Turns
from service.security.keyring import installed
from service.security.vault import MARK, Vault, client_of
from service.telemetry.metrics import COMMITS, CONFLICTS

T = TypeVar("T")

ATTEMPTS = 4
KEYS = "SELECT client_id, wrapped FROM client_key WHERE business_id = %s AND client_id = ANY(%s)"
TEXT = 25
"""The type text, by its number in pg_type."""
REACH = {"connect_timeout": 4, "tcp_user_timeout": 6_000, "keepalives_idle": 10, "keepalives_interval": 5}
"""A server that says nothing any more is given up (libpq's parameters; milliseconds the second, else seconds)."""
LONGEST_WAIT_S = 5
"""For a connection."""
RETRY_WITHIN_S = 2.5
"""Since the first try; whoever still waits then is told to come back."""


@dataclass(slots=True)
class Transaction:
    """One transaction of one business.

    BEGIN, the tenant and the first locks travel in one message, sent with the first statement. `is_command`: it is one
    command's and nothing else's; `key` is the row of that command's idempotency key, until it is kept.
    """

    connection: AsyncConnection[DictRow]
    business_id: UUID
    actor: str
    one_snapshot: bool = False
    origin: Origin = NOWHERE
    vault: Vault = field(default_factory=lambda: Vault(installed()))
    committing: bool = False
    is_command: bool = False
    key: dict[str, str] | None = None
    _begun: bool = False
    _queued: list[str] = field(default_factory=list)
    _last: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._queue_begin()

    def _queue_begin(self) -> None:
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if self.one_snapshot else "BEGIN"
        self._queued = [begin, f"SELECT set_config('app.business', '{self.business_id}', true){self.origin.settings()}"]

    async def rows(self, sql: LiteralString, params: Params | None = None) -> list[DictRow]:
        """Run one statement and return its rows as dictionaries."""
        await self.begin()
        cursor = await run(self.connection, sql, params)
        if not cursor.description:
            return []
        texts = [column.name for column in cursor.description if column.type_code == TEXT]
        rows = await cursor.fetchall()
        return await self._opened(rows, texts) if texts else rows

    async def _opened(self, rows: list[DictRow], texts: list[str]) -> list[DictRow]:
        """Open what is sealed in rows; the keys that are not known yet are read in one statement."""
        sealed = [(row, name) for row in rows for name in texts if (row[name] or "").startswith(MARK)]
        if sealed:
            whose = {client_of(row[name]) for row, name in sealed} - {None}
            await self._learn([client for client in whose if client and not self.vault.knows(self.business_id, client)])
        for row, name in sealed:
            row[name] = self.vault.open(self.business_id, row[name])
        return rows

    async def _learn(self, clients: list[UUID]) -> None:
        if clients:
            cursor = await run(self.connection, KEYS, [self.business_id, clients])
            for row in await cursor.fetchall():
                self.vault.learn(self.business_id, row["client_id"], bytes(row["wrapped"]))

    async def row(self, sql: LiteralString, params: Params | None = None) -> DictRow | None:
        """Run one statement and return its first row, or None."""
        rows = await self.rows(sql, params)
        return rows[0] if rows else None

    async def last_row(self, sql: LiteralString, params: Mapping[str, object]) -> DictRow | None:
        """Run a command's last statement and return its first row.

        If it is the first as well, it is a transaction of its own, in one message, prepared: then it has to tell the
        database itself whose rows it is about. Whatever comes after is another transaction.
        """
        if self._begun or self._queued[2:] or not self.is_command:
            return await self.row(sql, params)
        self.committing = True
        # Texts alone, so that one plan serves, whatever is left out.
        texts = {name: None if value is None else str(value) for name, value in params.items()}
        cursor = await run(self.connection, sql, texts, prepare=True)
        self.committing = False
        return await cursor.fetchone()

    async def only_row(self, sql: LiteralString, params: Mapping[str, object]) -> DictRow | None:
        """Run the one statement of a transaction and return its first row: BEGIN and COMMIT travel in its message."""
        before, self._queued, self._begun, self.committing = self._queued, [], True, True
        cursor = await _simple(self.connection, "; ".join([*before, written(sql, params, self._quote), "COMMIT"]))
        await cursor.set_result(len(before))
        self._begun = self.committing = False
        self._queue_begin()
        return await cursor.fetchone()

    def sealed(self, answer: bytes) -> str:
        """Return a command's answer as it is kept beside its key."""
        return self.vault.seal_answer(about(self.key or {}), answer)

    def _quote(self, text: str) -> str:
        if "\0" in text:
            # What follows it would be lost.
            raise InvalidInput("The database cannot store the value: a text holds no NUL.")
        return bytes(Escaping(self.connection.pgconn).escape_literal(text.encode())).decode()

    async def execute(self, sql: LiteralString, params: Params | None = None) -> int:
        """Run one statement and return the number of rows it touched."""
        await self.begin()
        return (await run(self.connection, sql, params)).rowcount

    def lock_lane_days(self, lane_days: Iterable[tuple[int, int]]) -> None:
        """Queue advisory locks on (lane, UTC day since the epoch), and then the lanes FOR SHARE, both ascending.

        The order is what keeps batches that touch the same lanes from deadlocking; a change of hours has its lanes
        before it looks at what is on them, and so has this.
        """
        ordered = sorted({(int(lane), int(day)) for lane, day in lane_days})
        self._queued += [f"SELECT pg_advisory_xact_lock({lane}, {day})" for lane, day in ordered]
        lanes = ", ".join(str(lane) for lane in sorted({lane for lane, _ in ordered}))
        if lanes:
            self._queued.append(
                f"SELECT FROM lane WHERE business_id = '{self.business_id}' AND lane_no IN ({lanes}) "
                "ORDER BY lane_no FOR SHARE"
            )

    def lock_name(self, name: str) -> None:
        """Queue an advisory lock on a name within the business."""
        digest = hashlib.sha256(f"{self.business_id}/{name}".encode()).digest()
        self._queued.append(f"SELECT pg_advisory_xact_lock({int.from_bytes(digest[:8], signed=True)})")

    def lock_appointment(self, appointment_id: UUID) -> None:
        """Queue a lock on an appointment's row, so that the next statement sees it as it is then."""
        self._queued.append(
            f"SELECT FROM appointment WHERE business_id = '{self.business_id}' AND id = '{appointment_id}' FOR UPDATE"
        )

    def act_as(self, account_id: UUID) -> None:
        """Queue whose own rows it sees beside its business's, before the first statement."""
        self._queued.append(f"SELECT set_config('app.account', '{account_id}', true)")

    def show_key(self, prefix: str) -> None:
        """Queue which API key it may look at, before the first statement."""
        self._queued.append(f"SELECT set_config('app.key', {self._quote(prefix)}, true)")

    async def begin(self) -> None:
        """Send BEGIN, the tenant and the locks queued since."""
        if self._queued:
            statements, self._queued, self._begun = "; ".join(self._queued), [], True
            await _simple(self.connection, statements)

    def commit_with(self, statement: str, **texts: str) -> None:
        """Let a statement travel with the COMMIT, in one message; if it fails, nothing is committed.

        `{name}` stands for one of the texts, quoted.
        """
        quoted = {name: self._quote(text) for name, text in texts.items()}
        self._last.append(statement.format(**quoted))

    async def commit(self) -> None:
        """COMMIT, with what goes along, if anything was begun."""
        if self._begun or self._last:
            await self.begin()
            self.committing = True
            await _simple(self.connection, "; ".join([*self._last, "COMMIT"]))

    async def roll_back(self, *, keep_plans: bool = False) -> None:
        """ROLLBACK, if anything was begun.

        The driver forgets its prepared statements with a transaction, because of what it may have created. A refusal
        has created nothing: with `keep_plans` the next booking is not planned anew, which takes longer than itself.
        """
        if not self._begun:
            return
        prepared_after = self.connection.prepare_threshold
        self.connection.prepare_threshold = None if keep_plans else prepared_after
        try:
            await _simple(self.connection, "ROLLBACK")
        finally:
            self.connection.prepare_threshold = prepared_after


def about(key: Mapping[str, str]) -> bytes:
    """Return what an answer that is kept under a key is sealed for."""
    return "\0".join(key.values()).encode()


async def _simple(connection: AsyncConnection[DictRow], sql: str) -> AsyncCursor[DictRow]:
    # Several statements in one message cannot be prepared; the text is ours, a caller's only where it is quoted.
    return await connection.execute(sql.encode(), prepare=False)


@dataclass(slots=True)
class Database:
    """A pool of connections of the app's role.

    Parameters
    ----------
    url : str or callable
        libpq connection string, or what returns it for each new connection. A role that owns the tables or bypasses
        row-level security is replaced by `interlock_app` as soon as a connection is made.
    size : int
        Connections at the most.
    vault : Vault
        Opens what is sealed in the rows; by default with the keys of this process's installation.
    when_changed : list of callables
        Told of each business in which `transact` has, or may have, changed something, before it returns.
    """

    url: str | Callable[[], Awaitable[str]] = field(repr=False)
    size: int = 10
    vault: Vault = field(default_factory=lambda: Vault(installed()), repr=False)
    when_changed: list[Callable[[UUID], None]] = field(default_factory=list, repr=False)
    _pool: AsyncConnectionPool[AsyncConnection[DictRow]] | None = None
    _turns: Turns = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._turns = Turns(self.size)

    async def open(self) -> Self:
        """Open the pool; raises `Unavailable` where no connection can be had in 10 s."""
        self._pool = AsyncConnectionPool(
            self.url,
            min_size=1,
            max_size=self.size,
            timeout=LONGEST_WAIT_S,
            # Not an attempt that waits longer and longer, but the next caller, finds the server again.
            reconnect_timeout=2,
            kwargs={"autocommit": True, "row_factory": dict_row, **REACH},
            configure=prepare_session,
            open=False,
        )
        try:
            await self._pool.open(wait=True, timeout=10)
        except PoolTimeout as error:
            await self._pool.close()
            raise Unavailable("The database does not answer; see `interlock db status`.") from error
        return self

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(
        self, business_id: UUID, actor: str = "system", origin: Origin = NOWHERE, *, one_snapshot: bool = False
    ) -> AsyncIterator[Transaction]:
        """Yield a transaction of a business; commits at the end, rolls back on any exception.

        With `one_snapshot` it only reads, and all its statements see the same moment.

        Raises
        ------
        Unavailable
            The database cannot answer now.
        InvalidInput, NotFound
            A constraint of the schema refused the values.
        """
        if self._pool is None:
            raise Unavailable("The database pool is not open.")
        with translated_errors():
            async with self._connection(self._pool, business_id) as connection:
                tx = Transaction(connection, business_id, actor, one_snapshot, origin, self.vault)
                overdue = asyncio.get_running_loop().call_later(seconds_left(), hang_up, connection)
                try:
                    yield tx
                    await tx.commit()
                except BaseException as error:
                    if not connection.broken:
                        await tx.roll_back(keep_plans=isinstance(error, InterlockError))
                    elif isinstance(error, psycopg.OperationalError) and not tx.committing:
                        raise Contended("The connection was lost; nothing was changed.") from error
                    raise
                finally:
                    overdue.cancel()

    @asynccontextmanager
    async def _connection(
        self, pool: AsyncConnectionPool[AsyncConnection[DictRow]], business_id: UUID | None = None
    ) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Yield a connection that the server has not ended while it lay idle, when it is the business's turn."""
        try:
            await self._turns.take(business_id, min(LONGEST_WAIT_S, seconds_left()))
        except TimeoutError as error:
            raise PoolTimeout("no connection became free in time") from error
        try:
            async with self._live(pool) as connection:
                yield connection
        finally:
            self._turns.give(business_id)

    @asynccontextmanager
    async def _live(
        self, pool: AsyncConnectionPool[AsyncConnection[DictRow]]
    ) -> AsyncIterator[AsyncConnection[DictRow]]:
        while True:
            async with pool.connection(timeout=min(LONGEST_WAIT_S, seconds_left())) as connection:
                if not ended(connection):
                    yield connection
                    return
                # Closed, or the pool would hand it out again.
                await connection.close()

    async def anywhere(self, sql: LiteralString, params: Params | None = None) -> list[DictRow]:
        """Run one statement outside any business; row-level security leaves it what belongs to none.

        Raises
        ------
        Unavailable
            The database cannot answer now.
        """
        if self._pool is None:
            raise Unavailable("The database pool is not open.")
        with translated_errors():
            async with self._connection(self._pool) as connection:
                cursor = await run(connection, sql, params)
                return await cursor.fetchall() if cursor.description else []

    async def transact(
        self,
        business_id: UUID,
        work: Callable[[Transaction], Awaitable[T]],
        actor: str = "system",
        origin: Origin = NOWHERE,
        *,
        replays: bool = False,
    ) -> T:
        """Run `work` in a transaction; what cannot have taken effect is tried again.

        That is a deadlock, serialisation failure, lock timeout, or a connection lost before the COMMIT was sent; with
        `replays`, where doing it twice is doing it once, a connection lost later, too.

        Raises
        ------
        Unavailable
            Still in conflict after three retries with jitter, or nobody knows whether it took effect.
        """
        try:
            return await self._insisting(business_id, work, actor, origin, replays=replays)
        finally:
            # However it ended: who was cut off at the COMMIT cannot know.
            for told in self.when_changed:
                told(business_id)

    async def _insisting(
        self,
        business_id: UUID,
        work: Callable[[Transaction], Awaitable[T]],
        actor: str,
        origin: Origin,
        *,
        replays: bool,
    ) -> T:
        began = time.monotonic()
        for attempt in range(ATTEMPTS):
            try:
                async with self.transaction(business_id, actor, origin) as tx:
                    result = await work(tx)
            except Unavailable as error:
                lost = isinstance(error.__cause__, psycopg.OperationalError)
                if not isinstance(error, Contended) and not (replays and lost):
                    raise
                if time.monotonic() - began > RETRY_WITHIN_S:
                    break
                CONFLICTS.labels("contended").inc()
                await asyncio.sleep(random.uniform(0, 0.02) * 2**attempt)  # noqa: S311 - jitter, not a secret
            except InterlockError as error:
                if error.status in (409, 412):
                    CONFLICTS.labels(error.code).inc()
                raise
            else:
                COMMITS.inc()
                return result
        raise Unavailable("Too much contention, or too many lost connections; try again shortly.")


class Contended(Unavailable):
    """A conflict between transactions, or a connection lost before the COMMIT, that another try may do without."""


class translated_errors:  # noqa: N801 - used as a with-statement, like contextlib.suppress
    """Turn the driver's errors into the domain's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None and (translated := translate(error)) is not None:
            raise translated from error


def translate(error: BaseException) -> InterlockError | None:
    """Return the domain's error for one of the driver's, None for anything else."""
    match error:
        case errors.SerializationFailure() | errors.DeadlockDetected() | errors.LockNotAvailable():
            return Contended("Another transaction holds what this one needs.")
        case errors.ForeignKeyViolation():
            return NotFound(missing(error.diag.constraint_name or ""))
        case errors.UniqueViolation():
            return InvalidInput(f"That exists already ({error.diag.constraint_name}).")
        case errors.IntegrityError():
            return InvalidInput(f"The schema refuses the values ({error.diag.constraint_name}).")
        case errors.DataError() | UnicodeEncodeError():
            return InvalidInput(f"The database cannot store the value: {first_line(error)}.")
        case PoolTimeout() | psycopg.OperationalError():
            return Unavailable("The database cannot answer now; try again shortly.")
    return None


def missing(foreign_key: str) -> str:
    """Return what to say where the row that a foreign key refers to is not there; its name says which."""
    for noun in ("client", "service", "staff"):
        if f"_{noun}_business_id_" in foreign_key:
            return f"There is no such {noun}{' member' if noun == 'staff' else ''}."
    return f"What it refers to does not exist ({foreign_key})."


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return re.split(r"[\r\n]", str(error), maxsplit=1)[0]
