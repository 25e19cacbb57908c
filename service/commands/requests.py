"""Bookings in a burst: asked for in one insert, answered later in order of arrival."""

import inspect
import logging
from datetime import datetime
from typing import LiteralString
from uuid import UUID

import structlog
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter
from uuid_utils.compat import uuid7

from models.errors import InterlockError, StaleSnapshot, Unavailable
from models.states import Party
from service.commands import bookings
from service.commands.attendance import Booking
from service.commands.bookings import BookRequest
from service.commands.clients import check_known
from service.commands.legality import legal_items
from service.commands.nearest import offering_nearest
from service.db.command import command
from service.db.database import Database, Transaction, translated_errors
from service.db.views import View

LONGEST_QUEUE = 10_000
"""Requests of one business that may wait at once."""
BATCH = 20
"""Requests answered in one transaction."""
ASK = """
INSERT INTO booking_request (business_id, id, client_id, actor, address, request_id, wanted)
SELECT %(business)s, %(id)s, %(client)s, %(actor)s, %(address)s, %(request)s, %(wanted)s
WHERE NOT EXISTS (SELECT FROM booking_request WHERE business_id = %(business)s AND status = 'queued' OFFSET %(longest)s)
"""
# The first in the queue is locked by who answers it, so nobody answers a later one meanwhile.
NEXT: LiteralString = """
SELECT id, actor, address, request_id, wanted FROM booking_request
WHERE business_id = %s AND status = 'queued' ORDER BY position LIMIT %s FOR UPDATE
"""
ANSWER = """
UPDATE booking_request SET status = %s, answer = %s, answered_at = clock_timestamp() WHERE business_id = %s AND id = %s
"""
FROM_WHERE = "SELECT set_config('app.address', %s, true), set_config('app.request', %s, true)"
WANTED = TypeAdapter(BookRequest)
MADE = TypeAdapter(Booking)
log = logging.getLogger(__name__)


@command
async def ask(tx: Transaction, request: BookRequest, *, view: View, now: datetime) -> UUID:
    """Put a booking that is legal now in the queue and return the request's id; nothing is promised yet.

    Raises
    ------
    Unavailable
        Too many wait already.
    InterlockError
        As `bookings.book`, where no waiting could help.
    """
    with offering_nearest(view, request.service_id, request.starts_at, now):
        legal_items(view, request.items, now, by_staff=request.by is not Party.CLIENT)
    await check_known(tx, request.client_id)
    request_id = uuid7()
    params = {
        "business": tx.business_id,
        "id": request_id,
        "client": request.client_id,
        "actor": tx.actor,
        "address": tx.origin.address,
        "request": tx.origin.request_id,
        "wanted": Jsonb(WANTED.dump_python(request, mode="json")),
        "longest": LONGEST_QUEUE,
    }
    if not await tx.execute(ASK, params):
        raise Unavailable(f"{LONGEST_QUEUE} bookings wait for their answer already; try again in a minute.")
    return request_id


async def answer(db: Database, business_id: UUID, view: View, now: datetime) -> int:
    """Answer the first requests of a business's queue, at most a batch, in order of arrival; returns how many.

    Booking and answer are of one transaction: whoever dies in between leaves the request in the queue, unbooked.
    """

    async def work(tx: Transaction) -> int:
        waiting = await tx.rows(NEXT, [business_id, BATCH])
        for row in waiting:
            with structlog.contextvars.bound_contextvars(request_id=row["request_id"]):
                status, answered = await _decided(tx, row, view, now)
            await tx.execute(ANSWER, [status, Jsonb(answered), business_id, row["id"]])
        return len(waiting)

    return await db.transact(business_id, work)


async def _decided(tx: Transaction, row: DictRow, view: View, now: datetime) -> tuple[str, dict[str, object]]:
    book = inspect.unwrap(bookings.book)  # what the command does, inside this transaction
    tx.actor = row["actor"]
    await tx.execute(FROM_WHERE, [row["address"] or "", row["request_id"] or ""])
    try:
        with translated_errors():
            async with tx.connection.transaction():
                made = await book(tx, WANTED.validate_python(row["wanted"]), view=view, now=now)
    except (Unavailable, StaleSnapshot):
        raise  # says nothing about the request: it is asked again
    except InterlockError as refusal:
        return "refused", refusal.problem()
    except Exception:
        # One that cannot be decided must not keep all that stand behind it waiting.
        log.exception("booking request %s failed", row["id"])
        return "refused", InterlockError("The booking could not be made.").problem()
    return "booked", MADE.dump_python(made, mode="json")
