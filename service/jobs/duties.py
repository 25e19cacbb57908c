"""The worker's duties to each business: publish, seal, answer, expire, lapse; looked for, never waited to be told of.

A notification at each booking would order all commits of the server; one look over all businesses is one statement.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from procrastinate import App

from models.errors import InterlockError
from service.commands import lapsing, requests
from service.db import audit, claims
from service.jobs.events import Consumers, publish
from service.jobs.queue import Installation

DUE = "SELECT work, business_id FROM due_businesses(%s)"
AT_ONCE = 4
"""Duties done side by side."""
Duty = Callable[[UUID], Awaitable[int]]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Round:
    """What one look found, and what came of it."""

    due: int
    done: int


def duties(installation: Installation, queue: App, consumers: Consumers) -> Mapping[str, Duty]:
    """Return what is to be done for each kind of work that `due_businesses` names; each does a batch at most."""
    return {
        "publish": partial(publish, installation, queue, consumers),
        "seal": lambda business: installation.db.transact(business, audit.seal),
        "answer": partial(_answer, installation),
        "expire": lambda business: installation.db.transact(business, claims.expire_holds),
        "lapse": lambda business: lapsing.lapse(installation.db, business, installation.clock()),
    }


async def do_round(installation: Installation, known: Mapping[str, Duty]) -> Round:
    """Look once at all businesses and do a batch of each duty that waits; one that fails keeps no other from theirs."""
    found = await installation.db.anywhere(DUE, [installation.clock()])
    # While versions change, a newer one's schema may name work that this one does not know.
    due = [row for row in found if row["work"] in known]
    seats = asyncio.Semaphore(AT_ONCE)

    async def do(work: str, business_id: UUID) -> int:
        async with seats:
            try:
                return await known[work](business_id)
            except InterlockError as error:
                log.warning("%s for business %s: %s", work, business_id, error.detail)
            except Exception:
                log.exception("%s for business %s failed", work, business_id)
            return 0

    done = await asyncio.gather(*(do(row["work"], row["business_id"]) for row in due))
    return Round(len(due), sum(done))


async def _answer(installation: Installation, business_id: UUID) -> int:
    now = installation.clock()
    view = await installation.views.current(business_id, now)
    return await requests.answer(installation.db, business_id, view, now)
