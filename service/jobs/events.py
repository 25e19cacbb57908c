"""Events: each is handed to its consumers at least once, in order for each aggregate, and told to live listeners.

What is unpublished is looked for by that, never by a number: numbers are drawn before transactions commit, and whoever
follows the last one seen passes over what commits late.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from procrastinate import App
from procrastinate.job_context import JobContext
from psycopg.rows import DictRow

from service.db.database import Transaction
from service.db.origin import Origin
from service.jobs.queue import WITH_BACKOFF, Installation, installation_of

CHANNEL = "interlock_events"
"""On which every published event is told: business, event, topic, aggregate, version; as JSON."""
MOST_READY = 100
"""Jobs of one business that may be ready at once: the queue is one for all, and others wait behind them."""
HANDLE = "interlock.handle"

# One publisher a business at a time, or two batches could be handed over in the wrong order.
LEASE = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 1)) AS leased"
UNPUBLISHED = """
SELECT id, topic, aggregate_id, aggregate_version, request_id FROM outbox_event
WHERE business_id = %s AND published_at IS NULL ORDER BY id LIMIT greatest(%s - (
    SELECT count(*) FROM jobs.procrastinate_jobs
    WHERE status = 'todo' AND args->>'business_id' = %s::text AND (scheduled_at IS NULL OR scheduled_at <= now())), 0)
"""
PUBLISHED = """
UPDATE outbox_event SET published_at = clock_timestamp() WHERE business_id = %s AND id = ANY(%s)
"""
TELL = "SELECT pg_notify(%s, told) FROM unnest(%s::text[]) AS told"
READ = """
SELECT business_id, id, topic, aggregate_id, aggregate_version AS version, payload, created_at AS at, request_id
FROM outbox_event WHERE business_id = %s AND id = %s
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one aggregate. Who has seen a `version` may pass over it and those before: it comes again.

    `request_id` is of the request that caused it, if one did.
    """

    business_id: UUID
    id: int
    topic: str
    aggregate_id: UUID
    version: int
    payload: dict[str, object]
    at: datetime
    request_id: str | None = None

    @property
    def origin(self) -> Origin:
        """From where what a consumer does about it comes."""
        return Origin(request_id=self.request_id)


@dataclass(frozen=True, slots=True)
class Consumer:
    """What is done about events of some topics; a topic `appointment` stands for all that begin with `appointment.`.

    It may be called more than once for one event, so a second time must change nothing.
    """

    topics: frozenset[str]
    handle: Callable[[Installation, Event], Awaitable[None]]

    def wants(self, topic: str) -> bool:
        """Return whether events of a topic are for it."""
        return topic in self.topics or topic.partition(".")[0] in self.topics


Consumers = Mapping[str, Consumer]
"""By name; the name stands in the jobs, so a consumer that is renamed leaves jobs behind that nobody knows."""


async def publish(installation: Installation, queue: App, consumers: Consumers, business_id: UUID) -> int:
    """Publish a business's oldest unpublished events, as long as not too many of its jobs are ready; returns how many.

    One job for each event and consumer, written in the transaction that marks the events: a crash leaves both or none.
    """

    async def work(tx: Transaction) -> int:
        lease = await tx.row(LEASE, [str(business_id)])
        if lease is None or not lease["leased"]:
            return 0
        events = await tx.rows(UNPUBLISHED, [business_id, MOST_READY, business_id])
        for name, consumer in consumers.items():
            wanted = [event for event in events if consumer.wants(event["topic"])]
            await _hand_over(tx, queue, name, wanted)
        await tx.execute(TELL, [CHANNEL, [_told(business_id, event) for event in events]])
        await tx.execute(PUBLISHED, [business_id, [event["id"] for event in events]])
        return len(events)

    return await installation.db.transact(business_id, work)


async def _hand_over(tx: Transaction, queue: App, consumer: str, events: list[DictRow]) -> None:
    for event in events:
        # The lock keeps one aggregate's events in their order, a retried one before those that wait behind it.
        lock = f"{consumer}/{event['aggregate_id']}"
        job = queue.configure_task(HANDLE, lock=lock, connection=tx.connection)
        cause = {} if event["request_id"] is None else {"request_id": event["request_id"]}
        await job.defer_async(business_id=str(tx.business_id), event_id=event["id"], consumer=consumer, **cause)


def _told(business_id: UUID, event: DictRow) -> str:
    told = {
        "business_id": business_id,
        "id": event["id"],
        "topic": event["topic"],
        "aggregate_id": event["aggregate_id"],
        "version": event["aggregate_version"],
    }
    return orjson.dumps(told).decode()


async def handle(
    context: JobContext, *, business_id: str, event_id: int, consumer: str, request_id: str | None = None
) -> None:
    """Let one consumer handle one event; what it raises is tried again later.

    The request's id is for the job's logs (`service.jobs.worker`).
    """
    installation, consumers = installation_of(context), context.additional_context["consumers"]
    business = UUID(business_id)
    async with installation.db.transaction(business) as tx:
        row = await tx.row(READ, [business, event_id])
    if row is not None:
        await consumers[consumer].handle(installation, Event(**row))


def declare(queue: App) -> None:
    """Declare what the queue's jobs of this module do."""
    queue.task(name=HANDLE, retry=WITH_BACKOFF, pass_context=True)(handle)
