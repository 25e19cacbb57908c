"""How races are run, and what must hold after each of them."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from uuid import UUID

import psycopg

from models.errors import InterlockError
from service.db.database import Database

LOCK_WAITS = """
SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database() AND NOT l.granted
"""
# Each is asked of everything that a run has left: no part of one may look through a table row by row.
INVARIANTS = {
    "two live claims overlap": """
        SELECT id FROM (
            SELECT id, starts_at, max(ends_at) OVER (PARTITION BY lane_no ORDER BY starts_at, id
                                                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM claim WHERE released_at IS NULL) AS of_lane
        WHERE before > starts_at
    """,
    "a live appointment without a live claim for each item": """
        SELECT a.id FROM appointment a JOIN appointment_item i ON i.appointment_id = a.id
        WHERE a.status IN ('hold', 'pending', 'confirmed', 'checked_in', 'completed')
          AND NOT EXISTS (SELECT FROM claim c WHERE c.item_id = i.id AND c.released_at IS NULL
                                                AND (c.expires_at IS NULL) = (a.expires_at IS NULL))
          AND NOT EXISTS (SELECT FROM claim c WHERE c.session_id = i.session_id AND c.released_at IS NULL)
    """,
    "a live claim of an appointment that is over": """
        SELECT a.id FROM appointment a JOIN appointment_item i ON i.appointment_id = a.id
        JOIN claim c ON c.item_id = i.id AND c.released_at IS NULL
        WHERE a.status NOT IN ('hold', 'pending', 'confirmed', 'checked_in', 'completed')
    """,
    "a group whose seats are not those of its members": """
        SELECT s.id FROM group_session s WHERE s.taken <> (
            SELECT coalesce(sum(i.seats), 0) FROM appointment_item i JOIN appointment a ON a.id = i.appointment_id
            WHERE i.session_id = s.id AND a.status IN ('hold', 'pending', 'confirmed', 'checked_in', 'completed'))
    """,
    "a group without exactly one claim of its staff member's lane while it is open": """
        SELECT s.id FROM group_session s JOIN staff t ON t.id = s.staff_id
        WHERE (s.closed_at IS NULL)::int <> (
            SELECT count(*) FROM claim c
            WHERE c.session_id = s.id AND c.lane_no = t.lane_no AND c.released_at IS NULL)
    """,
    "an item that claims another time than its own": """
        SELECT i.id FROM appointment_item i JOIN staff t ON t.id = i.staff_id
        JOIN claim c ON c.item_id = i.id AND c.lane_no = t.lane_no AND c.released_at IS NULL
        WHERE NOT (c.starts_at <= i.starts_at AND c.ends_at >= i.ends_at)
    """,
    "an appointment without items": """
        SELECT id FROM appointment WHERE id NOT IN (SELECT appointment_id FROM appointment_item)
    """,
    "a version without exactly one outbox event and one audit entry": """
        SELECT a.id, a.version FROM appointment a LEFT JOIN (
            SELECT aggregate_id AS id, count(*) AS events, count(DISTINCT aggregate_version) AS versions
            FROM outbox_event GROUP BY aggregate_id) e USING (id) LEFT JOIN (
            SELECT aggregate_id AS id, count(*) AS entries FROM audit_entry GROUP BY aggregate_id) n USING (id)
        WHERE (e.events, e.versions, n.entries) IS DISTINCT FROM (a.version, a.version, a.version)
    """,
    "a placed entry without its confirmed appointment": """
        SELECT w.id FROM waitlist_entry w LEFT JOIN appointment a ON a.id = w.appointment_id
        WHERE w.status = 'placed' AND a.client_id IS DISTINCT FROM w.client_id
    """,
    "a confirmed appointment of the optimiser that no placed entry names": """
        SELECT id FROM appointment WHERE source = 'optimiser'
        AND id NOT IN (SELECT appointment_id FROM waitlist_entry WHERE appointment_id IS NOT NULL)
    """,
}


MEETING = (
    "CREATE SEQUENCE arrived",
    """
    CREATE FUNCTION met() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
    BEGIN
        PERFORM nextval('arrived');
        WHILE clock_timestamp() < statement_timestamp() + interval '4 s' LOOP
            EXIT WHEN (SELECT last_value FROM arrived) > 1;
            PERFORM pg_sleep(0.01);
        END LOOP;
    END $$
    """,
    """
    CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM met(); RETURN NULL; END $$
    """,
)
MEET_BEFORE_COMMIT = (
    *MEETING,
    """
    CREATE CONSTRAINT TRIGGER meet AFTER INSERT ON claim DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION meet()
    """,
)
"""Makes the first that claims wait with its COMMIT until another has claimed: what a broken guard lets happen, does."""


class Together:
    """A point at which so many wait for each other; whoever waits for five seconds goes on alone."""

    def __init__(self, parties: int) -> None:
        self._barrier = asyncio.Barrier(parties)

    async def wait(self) -> None:
        with contextlib.suppress(TimeoutError, asyncio.BrokenBarrierError):
            async with asyncio.timeout(5):
                await self._barrier.wait()


def assert_invariants(owner_url: str) -> None:
    """Assert, by SQL that shares nothing with the service, what no race may break."""
    with psycopg.connect(owner_url) as connection:
        broken = {name: rows for name, sql in INVARIANTS.items() if (rows := connection.execute(sql).fetchall())}
    assert not broken, broken


async def at_once(*tries: Awaitable[object]) -> Counter[str]:
    """Start all at once and count how they end: "done", or the code of the refusal."""
    return Counter(await asyncio.gather(*(_outcome(attempt) for attempt in tries)))


async def _outcome(attempt: Awaitable[object]) -> str:
    try:
        await attempt
    except InterlockError as refusal:
        return refusal.code
    return "done"


async def rush(attempts: int, connections: int, attempt: Callable[[int], Awaitable[object]]) -> Counter[str]:
    """Make many attempts, `connections` at a time, and count how they end."""
    numbers = iter(range(attempts))
    ends: Counter[str] = Counter()

    async def one_after_another() -> None:
        for number in numbers:
            ends[await _outcome(attempt(number))] += 1

    await asyncio.gather(*(one_after_another() for _ in range(connections)))
    return ends


async def all_connected(db: Database, business_id: UUID, connections: int) -> None:
    """Have every connection of the pool open before the race begins."""
    async with AsyncExitStack() as stack:

        async def connect() -> None:
            tx = await stack.enter_async_context(db.transaction(business_id))
            await tx.begin()

        await asyncio.gather(*(connect() for _ in range(connections)))


async def until_done_or_waiting(task: asyncio.Task[object], owner_url: str) -> None:
    """Return when a task has ended, or somebody in the database waits for a lock."""
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as connection:
        while not task.done():
            cursor = await connection.execute(LOCK_WAITS)
            if await cursor.fetchone():
                return
            await asyncio.sleep(0.01)


def owner_does(owner_url: str, *statements: str) -> None:
    """Run statements behind the service's back."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def breaks_function(owner_url: str, function: str, part: str, instead: str = "") -> None:
    """Replace a part of a function of the database, which has to be there."""
    assert part in function
    owner_does(owner_url, function.replace(part, instead).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))


def count(owner_url: str, sql: str, params: Iterable[object] = ()) -> int:
    """Return the number that one statement answers with."""
    with psycopg.connect(owner_url) as connection:
        row = connection.execute(sql, list(params)).fetchone()
    return int(row[0]) if row else 0
