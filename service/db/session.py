"""A connection's limits, and how long anybody waits for one, or for its answer."""

import asyncio
import contextlib
import os
import select
import socket
import time
from collections.abc import Coroutine
from contextvars import ContextVar, copy_context
from math import inf
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from models.roles import APP_ROLE

T = TypeVar("T")
SESSION = """
SET search_path = public, jobs;
SET TimeZone = 'UTC';
SET lock_timeout = '2s';
SET statement_timeout = '5s';
SET idle_in_transaction_session_timeout = '10s'
"""
OWNS_OR_BYPASSES = """
SELECT rolsuper OR rolbypassrls OR EXISTS (SELECT FROM pg_class WHERE relowner = r.oid AND relname = 'claim')
FROM pg_roles r WHERE rolname = current_user
"""


LONGEST_S = 5.5
"""For which a transaction may wait for the server, whose own limit is five seconds: then it is taken to be gone."""
answer_by: ContextVar[float] = ContextVar("answer_by", default=inf)
"""The moment, by the monotonic clock, at which whoever asked wants an answer, be it that there is none."""


def seconds_left() -> float:
    """Return how long may still be waited for the database."""
    return min(LONGEST_S, answer_by.get() - time.monotonic())


def in_background(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Return a task that goes on after the request that began it: it keeps the request's id, not its deadline."""
    context = copy_context()
    context.run(answer_by.set, inf)
    return asyncio.create_task(work, context=context)


def ended(connection: AsyncConnection[DictRow]) -> bool:
    """Return whether the server has ended a connection that lies idle."""
    # There is nothing to read but its end; looking costs no round trip.
    idle = select.poll()
    idle.register(connection.fileno(), select.POLLIN)
    return bool(idle.poll(0))


def hang_up(connection: AsyncConnection[DictRow]) -> None:
    """End a connection from this side."""
    # Who waits on the socket reads its end, as if the server had closed it.
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as ours:
        ours.shutdown(socket.SHUT_RDWR)


async def prepare_session(connection: AsyncConnection[DictRow]) -> None:
    """Set a new connection's limits, and put a role aside that owns the tables or bypasses row-level security."""
    await connection.execute(SESSION.encode(), prepare=False)
    row = await (await connection.execute(OWNS_OR_BYPASSES)).fetchone()
    if row and next(iter(row.values() if isinstance(row, dict) else row)):
        await connection.execute(f"SET ROLE {APP_ROLE}".encode(), prepare=False)
