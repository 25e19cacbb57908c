"""Runs that go on after the request that started them was answered, one at a time in this process."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from models.errors import InterlockError
from service.commands.plans import SILENT, Progress, tell_progress
from service.db.command import Scope
from service.db.session import in_background
from service.db.views import Views
from solver.answer import Stop
from solver.checker import PlanError
from solver.errors import InvalidProblem

LOG = logging.getLogger(__name__)


class BackgroundRuns:
    """The runs of this process. A run that breaks off says so in its row; a process that dies leaves it silent."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = Stop()
        self._turn = asyncio.Semaphore(1)

    def begin(
        self,
        work: Callable[..., Coroutine[Any, Any, None]],
        scope: Scope,
        views: Views,
        ids: Sequence[UUID],
        now: datetime,
    ) -> None:
        """Carry out some runs, when it is their turn."""

        async def in_turn() -> None:
            await self._turn_comes(scope, ids[0])
            try:
                await work(scope, views, ids, now, stop=self._stop)
            except (InterlockError, InvalidProblem, PlanError) as error:
                LOG.warning("optimisation run %s failed: %s", ids[0], error)
            finally:
                self._turn.release()

        task = in_background(in_turn())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _turn_comes(self, scope: Scope, run_id: UUID) -> None:
        while True:
            try:
                await asyncio.wait_for(self._turn.acquire(), SILENT / 3)
            except TimeoutError:
                await tell_progress(scope, run_id, Progress("waiting"))
            else:
                return

    async def close(self) -> None:
        """Ask all to end with their best plan so far, and wait until they have."""
        self._stop.request()
        await asyncio.gather(*self._tasks, return_exceptions=True)
