"""Events reach their consumers, requests their answers, jobs their end; what dies is seen and put back."""

import asyncio
import contextlib
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import psycopg
import pytest
from procrastinate.jobs import Status

from models.errors import NotAllowed, NotFound
from service.bootstrap import Interlock
from service.commands import availability, bookings, jobs, requests, waitlist
from service.commands.bookings import BookRequest
from service.db import views
from service.db.pruning import prune
from service.db.views import Views
from service.jobs import events, upkeep, worker
from service.jobs.events import CHANNEL, Consumer, Event
from service.jobs.queue import queue_on
from service.queries import jobs as job_queries
from service.queries import requests as request_queries
from service.queries.audit import AuditFilter, entries, verify
from service.queries.paging import Page
from tests.races.races import count, owner_does
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio


@pytest.fixture
def interlock(db) -> Interlock:
    return Interlock(db, Views(db), lambda: NOW)


class Heard:
    """A consumer that keeps what it hears, and fails as often as it is told to."""

    def __init__(self, *topics: str, failing: int = 0) -> None:
        self.events: list[Event] = []
        self.failing = failing
        self.consumer = Consumer(frozenset(topics), self.handle)

    async def handle(self, _: object, event: Event) -> None:
        if self.failing:
            self.failing -= 1
            raise RuntimeError("not today")
        self.events.append(event)


@contextlib.asynccontextmanager
async def working(interlock, app_url, consumers=None, **options):
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(interlock, app_url, stop, consumers or {}, **options))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def until(condition, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.02)


async def book(scope, view, at=MONDAY_10, staff=ANA):
    return await bookings.book(scope, BookRequest(CUT, staff, at, await client(scope)), view=view, now=NOW)


async def test_each_event_is_heard_once_in_order_with_its_version_and_payload(db, interlock, app_url, owner_url):
    scope = await salon(db)
    heard, deaf = Heard("appointment"), Heard("waitlist.joined")
    booked = await book(scope, await interlock.views.current(scope.business_id, NOW))
    await bookings.cancel(scope, bookings.Cancellation(booked.id), now=NOW)
    await worker.drain(interlock, app_url, {"heard": heard.consumer, "deaf": deaf.consumer})
    assert [(e.topic, e.version, e.aggregate_id) for e in heard.events] == [
        ("appointment.confirmed", 1, booked.id),
        ("appointment.cancelled", 2, booked.id),
    ]
    assert heard.events[0].payload["status"] == "confirmed"
    assert deaf.events == []
    assert count(owner_url, "SELECT count(*) FROM outbox_event WHERE published_at IS NULL") == 0
    await worker.drain(interlock, app_url, {"heard": heard.consumer})
    assert len(heard.events) == 2


async def test_what_commits_late_is_published_all_the_same(db, interlock, app_url):
    """Its number is lower than one already published: who follows the last number passes over it."""
    scope, heard = await salon(db), Heard("late", "client")
    consumers = {"heard": heard.consumer}
    async with db.transaction(scope.business_id) as late:
        await late.execute(
            "INSERT INTO outbox_event (business_id, topic, aggregate_id, aggregate_version, payload) "
            "VALUES (%s, 'late.one', %s, 1, '{}')",
            [scope.business_id, scope.business_id],
        )
        await client(scope)
        await worker.drain(interlock, app_url, consumers)
        assert [e.topic for e in heard.events] == ["client.registered"]
    await worker.drain(interlock, app_url, consumers)
    assert [e.topic for e in heard.events] == ["client.registered", "late.one"]
    assert heard.events[1].id < heard.events[0].id


async def test_following_the_last_number_loses_what_commits_late(db, interlock, app_url, monkeypatch):
    after_the_last = """
        SELECT id, topic, aggregate_id, aggregate_version FROM outbox_event WHERE business_id = %s
        AND id > (SELECT coalesce(max(id), 0) FROM outbox_event WHERE published_at IS NOT NULL) ORDER BY id
        LIMIT greatest(%s, length(%s::text))
    """
    monkeypatch.setattr(events, "UNPUBLISHED", after_the_last)
    with pytest.raises(AssertionError):
        await test_what_commits_late_is_published_all_the_same(db, interlock, app_url)


async def test_a_published_event_is_told_to_live_listeners(db, interlock, app_url):
    scope = await salon(db)
    async with await psycopg.AsyncConnection.connect(app_url, autocommit=True) as listener:
        await listener.execute(f"LISTEN {CHANNEL}")
        who = await client(scope)
        await worker.drain(interlock, app_url, {})
        told = [orjson.loads(n.payload) async for n in listener.notifies(timeout=2, stop_after=2)]
    assert [(t["topic"], t["version"]) for t in told] == [("business.opened", 1), ("client.registered", 1)]
    assert (told[1]["business_id"], told[1]["aggregate_id"]) == (str(scope.business_id), str(who))


async def test_a_consumer_that_fails_is_tried_again_before_the_aggregates_next_event(db, interlock, app_url, owner_url):
    scope, heard = await salon(db), Heard("appointment", failing=1)
    consumers = {"heard": heard.consumer}
    booked = await book(scope, await interlock.views.current(scope.business_id, NOW))
    await bookings.cancel(scope, bookings.Cancellation(booked.id), now=NOW)
    await worker.drain(interlock, app_url, consumers)
    assert heard.events == []  # the second waits behind the first
    [waiting] = await job_queries.listed(db, scope.business_id, Page(1), status="todo")
    first = (await job_queries.listed(db, scope.business_id))[-1]
    assert (first.attempts, first.error) == (1, "RuntimeError: not today")
    assert first.scheduled_at > datetime.now(UTC)
    owner_does(owner_url, "UPDATE jobs.procrastinate_jobs SET scheduled_at = NULL")
    await worker.drain(interlock, app_url, consumers)
    assert [e.version for e in heard.events] == [1, 2]
    assert waiting.task == "interlock.handle"


async def dead_letter(db, interlock, app_url, owner_url, heard: Heard):
    """A business with one job that has been tried as often as it may be."""
    scope = await salon(db)
    await client(scope)
    consumers = {"heard": heard.consumer}
    for _ in range(7):
        await worker.drain(interlock, app_url, consumers)
        owner_does(owner_url, "UPDATE jobs.procrastinate_jobs SET scheduled_at = NULL")
    return scope, consumers


async def test_a_dead_letter_is_listed_with_its_reason_and_put_back(db, interlock, app_url, owner_url, caplog):
    heard = Heard("client", failing=7)
    scope, consumers = await dead_letter(db, interlock, app_url, owner_url, heard)
    [dead] = await job_queries.listed(db, scope.business_id, status="failed")
    assert (dead.error, dead.args["consumer"], dead.attempts) == ("RuntimeError: not today", "heard", 7)
    assert await job_queries.listed(db, None, status="failed") == [dead]
    rival = await salon(db, slug="rival")
    assert await job_queries.listed(db, rival.business_id) == []
    with pytest.raises(NotFound):
        await jobs.requeue(rival, jobs.DeadLetter(dead.id))
    await jobs.requeue(scope, jobs.DeadLetter(dead.id))
    with pytest.raises(NotAllowed):
        await jobs.requeue(scope, jobs.DeadLetter(dead.id))
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET search_path = jobs")
        owner.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", [dead.id])
    with caplog.at_level("INFO", "interlock.jobs"):
        assert await jobs.requeue_any(db) == 1
        assert await jobs.requeue_any(db) == 0
    assert f"the operator put jobs [{dead.id}] back into the queue" in caplog.messages
    await worker.drain(interlock, app_url, consumers)
    assert [e.topic for e in heard.events] == ["client.registered"]


async def test_a_business_that_fails_keeps_no_other_from_its_turn(db, interlock, app_url, monkeypatch, caplog):
    broken, sound = await salon(db), await salon(db, slug="sound")
    publish = events.publish

    async def failing(installation, queue, consumers, business_id):
        if business_id == broken.business_id:
            raise RuntimeError("broken")
        return await publish(installation, queue, consumers, business_id)

    monkeypatch.setattr("service.jobs.duties.publish", failing)
    heard = Heard("business")
    await worker.drain(interlock, app_url, {"heard": heard.consumer})
    assert [e.business_id for e in heard.events] == [sound.business_id]
    assert "failed" in caplog.text


async def test_the_running_worker_publishes_seals_and_expires(db, interlock, app_url, owner_url):
    scope = await salon(db)
    view = await interlock.views.current(scope.business_id, NOW)
    held = await bookings.hold(scope, bookings.HoldRequest(CUT, ANA, MONDAY_10), view=view, now=NOW)
    owner_does(
        owner_url,
        "UPDATE appointment SET expires_at = clock_timestamp() WHERE status = 'hold'",
        "UPDATE claim SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL",
    )
    heard = Heard("appointment")
    async with working(interlock, app_url, {"heard": heard.consumer}):

        async def done() -> bool:
            return [e.topic for e in heard.events] == ["appointment.hold", "appointment.expired"]

        await until(done)
        [expired] = await entries(db, scope.business_id, AuditFilter(action="appointment.expired"))
        assert expired.aggregate_id == held.id

        async def sealed() -> bool:
            return (await verify(db, scope.business_id)).unsealed == 0

        await until(sealed)


async def asked(scope, who: UUID, at: datetime, staff=ANA) -> UUID:
    view = await Views(scope.db).current(scope.business_id, NOW)
    return await requests.ask(scope, BookRequest(CUT, staff, at, who), view=view, now=NOW)


async def test_bookings_asked_for_are_answered_in_order_of_arrival(db, interlock, app_url):
    scope = await salon(db)
    who = [await client(scope, f"Client {n}") for n in range(3)]
    ids = [await asked(scope, one, MONDAY_10) for one in who]
    first, second, third = [await request_queries.read(db, scope.business_id, id_) for id_ in ids]
    assert [(r.status, r.ahead) for r in (first, second, third)] == [("queued", 0), ("queued", 1), ("queued", 2)]
    await worker.drain(interlock, app_url, {})
    first, second, third = [await request_queries.read(db, scope.business_id, id_) for id_ in ids]
    assert (first.status, first.booking["status"]) == ("booked", "confirmed")
    assert {(r.status, r.problem["code"]) for r in (second, third)} == {("refused", "slot-taken")}
    [made] = await entries(db, scope.business_id, AuditFilter(action="appointment"))
    assert (made.actor, str(made.aggregate_id)) == ("test", first.booking["id"])


async def test_a_request_that_cannot_be_decided_keeps_no_other_waiting(db, interlock, app_url, monkeypatch, caplog):
    scope = await salon(db)
    who = await client(scope)
    bad = await asked(scope, who, MONDAY_10)
    closed = await asked(scope, who, MONDAY_10 + timedelta(days=1))
    await availability.set_day(scope, availability.DayHours(ANA, MONDAY_10.date() + timedelta(days=1), ()))
    good = await asked(scope, who, MONDAY_10 + timedelta(hours=1))
    validate = requests.WANTED.validate_python

    class Failing:
        def validate_python(self, wanted):
            if wanted["starts_at"].startswith("2026-03-02T10:00"):
                raise RuntimeError("a fault of ours")
            return validate(wanted)

    monkeypatch.setattr(requests, "WANTED", Failing())
    await worker.drain(interlock, app_url, {})
    answers = [await request_queries.read(db, scope.business_id, id_) for id_ in (bad, closed, good)]
    assert [a.status for a in answers] == ["refused", "refused", "booked"]
    assert [a.problem["code"] for a in answers[:2]] == ["internal", "closed"]
    assert "a fault of ours" in caplog.text


async def test_two_workers_keep_the_order_and_book_once(db, interlock, app_url, owner_url):
    scope = await salon(db)
    who = await client(scope)
    starts = [MONDAY_10 + timedelta(minutes=15 * n) for n in range(8)]
    ids = [await asked(scope, who, at, staff) for at in starts for staff in (ANA, BEN)] + [
        await asked(scope, who, starts[0])
    ]
    await asyncio.gather(*(worker.drain(interlock, app_url, {}) for _ in range(3)))
    states = [(await request_queries.read(db, scope.business_id, id_)).status for id_ in ids]
    assert "queued" not in states
    assert states[:2] == ["booked", "booked"]
    assert states[-1] == "refused"
    assert count(owner_url, "SELECT count(*) FROM appointment") == states.count("booked")
    answered = "SELECT count(*) FROM (SELECT answered_at < lag(answered_at) OVER (ORDER BY position) AS late FROM booking_request) t WHERE late"  # noqa: E501
    assert count(owner_url, answered) == 0


async def test_the_job_of_a_worker_that_died_is_taken_over(db, interlock, app_url, owner_url):
    scope, heard = await salon(db), Heard("business")
    consumers = {"heard": heard.consumer}
    queue = queue_on(app_url, events.declare, upkeep.declare)
    async with queue.open_async():
        await events.publish(interlock, queue, consumers, scope.business_id)
        dead = await queue.job_manager.register_worker()
        assert (await queue.job_manager.fetch_job(queues=None, worker_id=dead)).task_name == "interlock.handle"
        for turn in range(7):
            owner_does(owner_url, "UPDATE jobs.procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
            await queue.configure_task("interlock.take_over_stalled").defer_async(timestamp=0)
            if turn < 6:
                # Whoever takes it over dies too.
                await _only(queue, interlock, consumers, "interlock.take_over_stalled")
                dead = await queue.job_manager.register_worker()
                job = await queue.job_manager.fetch_job(queues=None, worker_id=dead)
                assert (job is None) == (turn == 5), turn
    [lost] = await job_queries.listed(db, scope.business_id)
    assert (lost.status, heard.events) == ("failed", [])
    await jobs.requeue(scope, jobs.DeadLetter(lost.id))
    await worker.drain(interlock, app_url, consumers)
    assert [e.topic for e in heard.events] == ["business.opened"]


async def _only(queue, interlock, consumers, task: str) -> None:
    """Run the jobs of one kind, as a worker would."""
    for job in await queue.job_manager.list_jobs_async(task=task, status="todo"):
        worker_id = await queue.job_manager.register_worker()
        fetched = await queue.job_manager.fetch_job(queues=None, worker_id=worker_id)
        assert fetched.id == job.id
        context = SimpleNamespace(app=queue, additional_context={"installation": interlock, "consumers": consumers})
        await queue.tasks[task](context, **fetched.task_kwargs)
        await queue.job_manager.finish_job_by_id_async(job_id=fetched.id, status=Status.SUCCEEDED, delete_job=True)


@pytest.mark.parametrize(
    ("zone", "at", "start", "night"),
    [
        ("Europe/Lisbon", time(2, 0), "2026-03-02T02:00+00:00", date(2026, 3, 2)),
        ("Europe/Lisbon", time(2, 0), "2026-03-02T01:45+00:00", None),
        ("Europe/Lisbon", time(2, 0), "2026-03-02T02:15+00:00", None),
        ("America/New_York", time(2, 0), "2026-03-02T07:00+00:00", date(2026, 3, 2)),
        ("America/New_York", time(2, 30), "2026-03-08T07:30+00:00", date(2026, 3, 8)),  # a time that is skipped
        ("America/New_York", time(1, 30), "2026-11-01T05:30+00:00", date(2026, 11, 1)),
        ("America/New_York", time(1, 30), "2026-11-01T06:30+00:00", None),  # the second time that hour comes
        ("Pacific/Auckland", time(0, 0), "2026-03-01T11:00+00:00", date(2026, 3, 2)),
    ],
)
def test_a_night_begins_once_at_its_local_time(zone, at, start, night):
    begin = datetime.fromisoformat(start)
    assert upkeep.Night(at).begins(ZoneInfo(zone), begin, begin + upkeep.EVERY) == night


async def test_the_night_plans_the_waitlist_and_accepts_it_where_the_business_says_so(
    db, interlock, app_url, owner_url
):
    scope, manual, never = await salon(db), await salon(db, slug="manual"), await salon(db, slug="never")
    for one in (scope, manual, never):
        wish = waitlist.Joining(await client(one), CUT, ((MONDAY_10, MONDAY_10 + timedelta(hours=1)),))
        await waitlist.join(one, wish, now=NOW)
    owner_does(
        owner_url,
        'UPDATE business SET settings = \'{"nightly": {"at": "08:00", "apply": true}}\' WHERE slug = \'salon\'',
        'UPDATE business SET settings = \'{"nightly": {"at": "08:00"}}\' WHERE slug = \'manual\'',
        "UPDATE business SET settings = '{\"nightly\": false}' WHERE slug = 'never'",
    )
    queue = queue_on(app_url)
    async with queue.open_async():
        for _ in range(2):
            await queue.configure_task("interlock.nights").defer_async(timestamp=int(NOW.timestamp()))
            await worker.drain(interlock, app_url, {})
    placed = "SELECT count(*) FROM appointment WHERE source = 'optimiser' AND business_id = %s"
    runs = "SELECT count(*) FROM optimisation_run WHERE business_id = %s"
    found = [[count(owner_url, sql, [s.business_id]) for sql in (placed, runs)] for s in (scope, manual, never)]
    assert found[0][0] == 1
    assert found[1][0] == 0
    assert found[1][1] >= 1
    assert found[2] == [0, 0]
    assert await job_queries.listed(db, None, status="failed") == []


async def test_a_view_older_than_what_was_pruned_is_read_anew(db, interlock, owner_url):
    scope, fresh = await salon(db), Views(db)
    old = await interlock.views.current(scope.business_id, NOW)
    await book(scope, await fresh.current(scope.business_id, NOW))

    async def pruned() -> bool:
        # A transaction of anybody's in the cluster keeps what it might still have to see.
        await prune(db, scope.business_id, unread="0 seconds")
        return count(owner_url, "SELECT count(*) FROM change_log") == 0

    await until(pruned)
    new = await interlock.views.current(scope.business_id, NOW)
    assert new.snapshot.lanes[0].busy.tolist() != old.snapshot.lanes[0].busy.tolist()
    assert (
        new.snapshot.lanes[0].busy.tolist()
        == (await fresh.current(scope.business_id, NOW)).snapshot.lanes[0].busy.tolist()
    )


async def test_without_the_floor_what_was_pruned_is_missed(db, interlock, owner_url, monkeypatch):
    monkeypatch.setattr(views, "LOOK", views.LOOK.replace(") AS forgotten", ") AND false AS forgotten"))
    with pytest.raises(AssertionError):
        await test_a_view_older_than_what_was_pruned_is_read_anew(db, interlock, owner_url)


async def test_pruning_keeps_what_a_retry_may_bring_back(db, interlock, app_url, owner_url):
    scope = await salon(db)
    await client(scope)
    await worker.drain(interlock, app_url, {})
    before = count(owner_url, "SELECT count(*) FROM outbox_event")
    await prune(db, scope.business_id)
    assert count(owner_url, "SELECT count(*) FROM outbox_event") == before
    owner_does(owner_url, "UPDATE outbox_event SET published_at = published_at - interval '31 days'")
    await prune(db, scope.business_id)
    assert count(owner_url, "SELECT count(*) FROM outbox_event") == 0
