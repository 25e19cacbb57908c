"""Which businesses have changed: one look at the change log, for all views of a process, every few milliseconds."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from uuid import UUID

from models.errors import InterlockError
from service.db.database import Database

EVERY_S = 0.015
"""From the end of one look to the next."""
ASLEEP_S = 1.0
"""After nobody has asked for so long, nobody looks."""
LONGEST_GAP = timedelta(minutes=10)
"""By the database's clock: after so long without a look, what was pruned meanwhile could be missed."""
LOOK = "SELECT horizon::text AS horizon, looked_at, changed, transactions FROM changes_since(%s::pg_snapshot)"
NOW = "SELECT pg_current_snapshot()::text AS horizon, clock_timestamp() AS looked_at"


@dataclass(slots=True)
class Follower:
    """Looks while somebody asks, and tells of each business that has changed; of all (None) where it cannot know.

    What it was told to whom by transactions that a look could not see yet comes with a later one: the log is asked for
    the transactions that were not visible to the look before.

    Attributes
    ----------
    lacks : callable
        Whether there is a view of a business that does not hold a transaction; where there is none, nobody is told.
    since : float
        The moment, by the monotonic clock, at which the last look began: what was committed before has been told.
    at : datetime or None
        The database's clock at that look.
    """

    db: Database
    told: Callable[[UUID | None], None]
    lacks: Callable[[UUID, int], bool] = lambda *_: True
    since: float = -inf
    at: datetime | None = None
    _horizon: str | None = None
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: float = -inf
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, now: float) -> None:
        """Say that somebody reads, at a moment of the monotonic clock."""
        self._asked = now
        if not self._wanted.is_set():
            self._wanted.set()

    async def ended(self, patience_s: float) -> None:
        """Wait for the end of the look that is under way, or of the next one; no longer than some seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._ended.wait()

    async def look(self) -> None:
        """Look once, and tell."""
        try:
            await self._look()
        finally:
            ended, self._ended = self._ended, asyncio.Event()
            ended.set()

    async def _look(self) -> None:
        began, known = time.monotonic(), self._horizon
        rows = await (self.db.anywhere(NOW) if known is None else self.db.anywhere(LOOK, [known]))
        row = rows[0]
        if known is None or self.at is None or row["looked_at"] - self.at > LONGEST_GAP:
            self.told(None)
        else:
            told = zip(row["changed"], row["transactions"], strict=True)
            for business_id in {business for business, transaction in told if self.lacks(business, transaction)}:
                self.told(business_id)
        self._horizon, self.at, self.since = row["horizon"], row["looked_at"], began

    async def follow(self) -> None:
        """Look again and again, until cancelled; a look that fails is made again, from where the last one was."""
        while True:
            await self._wanted.wait()
            try:
                await self.look()
            except InterlockError:
                await asyncio.sleep(10 * EVERY_S)
            await asyncio.sleep(EVERY_S)
            if time.monotonic() - self._asked > ASLEEP_S:
                self._wanted.clear()


def is_visible(transaction: int, snapshot: str) -> bool:
    """Return whether a transaction is in one of the database's snapshots, as `pg_visible_in_snapshot`."""
    xmin, xmax, running = snapshot.split(":")
    return transaction < int(xmin) or (transaction < int(xmax) and str(transaction) not in running.split(","))


@contextlib.asynccontextmanager
async def following(
    db: Database, told: Callable[[UUID | None], None], lacks: Callable[[UUID, int], bool]
) -> AsyncIterator[Follower]:
    """Yield a follower of a database's changes, on a connection of its own: no request's turn comes before its."""
    async with Database(db.url, size=1) as own:
        follower = Follower(own, told, lacks)
        task = asyncio.create_task(follower.follow())
        try:
            yield follower
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
