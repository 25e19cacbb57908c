"""Moves that take each other's time are applied together or not at all, whatever happens meanwhile."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from uuid_utils.compat import uuid7

from models.errors import StaleSnapshot
from models.optimisation import MoveKind
from models.sentences import Sentence
from models.tables.guarding import CLAIM_TIME
from service.commands import allowances, availability, bookings, components, optimisation, waitlist
from service.commands.plans import PlannedMove
from service.db import database, rescheduling
from service.db.claims import Item
from service.db.command import Scope
from service.db.views import View, Views
from tests.races.conftest import sized
from tests.races.races import all_connected, assert_invariants, breaks_function, count
from tests.races.test_hours import assert_inside_hours, ended
from tests.races.test_plans import recorded
from tests.races.times import TIMES
from tests.service.worlds import ANA, BEN, CUT, NOW, client, salon

pytestmark = pytest.mark.anyio

PLACES = """
SELECT m.component, m.kind, m.status, m.refusal, m.appointment_id, a.status AS appointment, a.version,
       (i.staff_id, i.starts_at) = (m.staff_id, m.starts_at) AS there,
       (i.staff_id, i.starts_at) = (m.before_staff_id, m.before_starts_at) AS still
FROM planned_move m LEFT JOIN waitlist_entry w ON w.id = m.entry_id
LEFT JOIN appointment a ON a.id = coalesce(m.appointment_id, w.appointment_id)
LEFT JOIN appointment_item i ON i.appointment_id = a.id
WHERE m.run_id = %s ORDER BY m.component, m.id
"""

MOVED_THOUGH_CHANGED = """
SELECT m.aggregate_id FROM outbox_event m JOIN outbox_event e ON e.aggregate_id = m.aggregate_id
WHERE m.topic = 'appointment.rescheduled' AND e.topic IN ('appointment.allowance_set', 'appointment.cancelled')
  AND m.aggregate_version > e.aggregate_version
"""

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def book_all(scope: Scope, view: View, number: int) -> list[UUID]:
    """Book the first times, one client each; returns the appointments."""
    made = []
    for staff, start in TIMES[:number]:
        request = bookings.BookRequest(CUT, staff, start, await client(scope), source="test")
        made.append((await bookings.book(scope, request, view=view, now=NOW)).id)
    return made


def item_at(view: View, place: int) -> Item:
    staff, start = TIMES[place]
    info, half = view.lanes[staff], timedelta(minutes=30)
    times = (start, start + half, start, start + half + timedelta(minutes=10))
    return Item(uuid7(), CUT, staff, info.lane_no, info.availability_version, *times)


def goes(view: View, appointment: UUID, component: int, here: int, there: int) -> PlannedMove:
    """A line of a plan that moves an appointment from one of the times to another."""
    staff, start = TIMES[here]
    before = (staff, start, start + timedelta(minutes=30))
    item = item_at(view, there)
    return PlannedMove(MoveKind.MOVE, appointment, 1, item, component, 1.0, Sentence.of("to swap"), before)


def cycle(view: View, made: list[UUID], component: int, first: int, length: int) -> list[PlannedMove]:
    """Everybody of some neighbouring times takes the next one's."""
    ring = range(first, first + length)
    return [goes(view, made[i], component, i, first + (i - first + 1) % length) for i in ring]


def rows_of(owner_url: str, run: UUID) -> list[dict]:
    with psycopg.connect(owner_url, row_factory=dict_row) as connection:
        return connection.execute(PLACES, [run]).fetchall()


def assert_whole(owner_url: str, rows: list[dict]) -> None:
    """Assert that each component took effect wholly or not at all, and that the book is sound."""
    for component in {row["component"] for row in rows}:
        lines = [row for row in rows if row["component"] == component]
        assert len({line["status"] for line in lines}) == 1, lines
        for line in lines:
            if line["status"] == "applied":
                assert (line["there"], line["appointment"]) == (True, "confirmed"), line
            else:
                assert line["kind"] == "place" or line["still"], line
                assert (line["status"] == "stale") == bool(line["refusal"]), line
    with psycopg.connect(owner_url) as connection:
        assert connection.execute(MOVED_THOUGH_CHANGED).fetchall() == []
    assert_invariants(owner_url)


async def swapped(db, owner_url: str, rounds: int) -> None:
    """Cycles of two, three and five, applied by four at once: everybody sits where the next one sat."""
    for turn in range(rounds):
        scope = await salon(db, slug=f"salon-{turn}")
        view = await Views(db).current(scope.business_id, NOW)
        made = await book_all(scope, view, 20)
        lengths = ((0, 2), (2, 3), (5, 5), (10, 10))
        plan = [move for n, (first, length) in enumerate(lengths) for move in cycle(view, made, n, first, length)]
        run = await recorded(scope, plan)
        await all_connected(db, scope.business_id, 8)
        answers = await asyncio.gather(*(optimisation.apply(scope, run, now=NOW) for _ in range(4)))
        assert answers == [optimisation.Applied(run, 20, ())] * 4, answers
        rows = rows_of(owner_url, run)
        assert {(row["status"], row["version"]) for row in rows} == {("applied", 2)}
        assert_whole(owner_url, rows)
        fresh = await Views(db).current(scope.business_id, NOW)
        assert fresh.snapshot.same_as(view.snapshot) is False


async def test_cyclic_swaps_are_applied_once_and_without_deadlock(crowd, owner_url, conflicts):
    await swapped(crowd, owner_url, sized(250, 2))
    assert not conflicts, conflicts


async def test_without_releasing_all_first_nobody_can_swap(crowd, owner_url, monkeypatch):
    nothing = "SELECT FROM claim WHERE business_id = %(business)s AND item_id = ANY(%(items)s) AND false"
    monkeypatch.setattr(rescheduling, "RELEASE", nothing)
    with pytest.raises(AssertionError):
        await swapped(crowd, owner_url, 1)


async def crossed(db, owner_url: str, rounds: int) -> Counter[str]:
    """Two plans at once, each moving others into the times that the other one's clients leave: one of them wins."""
    ends: Counter[str] = Counter()
    for turn in range(rounds):
        scope = await salon(db, slug=f"salon-{turn}")
        view = await Views(db).current(scope.business_id, NOW)
        made = await book_all(scope, view, 16)
        half = list(range(0, 16, 2))
        one = [goes(view, made[i], 0, i, i + 1) for i in half]
        other = [goes(view, made[i + 1], 0, i + 1, i) for i in reversed(half)]
        runs = [await recorded(scope, plan) for plan in (one, other)]
        await all_connected(db, scope.business_id, 8)
        await asyncio.gather(*(optimisation.apply(scope, run, now=NOW) for run in runs))
        for run in runs:
            rows = rows_of(owner_url, run)
            ends.update(row["status"] for row in rows)
            assert_whole(owner_url, rows)
    return ends


async def test_plans_into_each_others_time_do_not_deadlock(crowd, owner_url, conflicts):
    ends = await crossed(crowd, owner_url, sized(200, 3))
    assert set(ends) == {"stale"}, ends
    assert not conflicts, conflicts


async def placed_crosswise(db) -> None:
    """Two plans give the same two times to others, one beginning where the other ends."""
    scope = await salon(db)
    view = await Views(db).current(scope.business_id, NOW)
    lines = [await comes(scope, view, component, place) for component, place in ((0, 0), (1, 1), (0, 1), (1, 0))]
    runs = [await recorded(scope, plan) for plan in (lines[:2], lines[2:])]
    await all_connected(db, scope.business_id, 4)
    await asyncio.gather(*(optimisation.apply(scope, run, now=NOW) for run in runs))


async def comes(scope: Scope, view: View, component: int, place: int) -> PlannedMove:
    """A line of a plan that places somebody who waits at one of the times."""
    start = TIMES[place][1]
    wish = waitlist.Joining(await client(scope), CUT, ((start, start + timedelta(hours=1)),))
    entry = await waitlist.join(scope, wish, now=NOW)
    return PlannedMove(
        MoveKind.PLACE, entry.id, entry.version, item_at(view, place), component, 1.0, Sentence.of("room is made")
    )


async def test_plans_for_the_same_times_do_not_deadlock(crowd, owner_url, conflicts):
    await placed_crosswise(crowd)
    assert not conflicts, conflicts
    assert_invariants(owner_url)


async def test_without_sorted_locks_they_do(crowd, conflicts, monkeypatch):
    whole, both, met = components._apply, asyncio.Barrier(2), set()

    async def meet_after_the_first(*given) -> None:
        await whole(*given)
        if asyncio.current_task() not in met:
            met.add(asyncio.current_task())
            await both.wait()

    monkeypatch.setattr(components, "_apply", meet_after_the_first)
    monkeypatch.setattr(database.Transaction, "lock_lane_days", lambda *_: None)
    await placed_crosswise(crowd)
    assert conflicts["DeadlockDetected"], conflicts


async def mixed_plan(scope: Scope, view: View, made: list[UUID]) -> UUID:
    """Eight components: two clients swap, and a third, who waits, takes the time that a fourth leaves."""
    plan = []
    for n in range(4):
        plan += cycle(view, made, n, 2 * n, 2)
    for n in range(4, 8):
        leaves, free = 2 * n, 2 * n + 20
        plan.append(goes(view, made[leaves], n, leaves, free))
        plan.append(await comes(scope, view, n, leaves))
    return await recorded(scope, plan)


async def edited_while_applied(db, owner_url: str, rng: random.Random, rounds: int) -> Counter[str]:
    """Apply plans of components while clients cancel, lock, times are sold, hours withdrawn, time off taken."""
    ends: Counter[str] = Counter()
    for turn in range(rounds):
        scope = await salon(db, slug=f"salon-{turn}")
        view = await Views(db).current(scope.business_id, NOW)
        made = await book_all(scope, view, 16)
        run = await mixed_plan(scope, view, made)
        gone, locked = rng.sample(range(16), 2)
        sold, away = rng.sample([2 * n + 20 for n in range(4, 8)], 2)
        stranger = await client(scope)
        absence = availability.TimeOff(TIMES[away][0], TIMES[away][1], TIMES[away][1] + timedelta(minutes=20))
        edits = {
            "gone": bookings.cancel(scope, bookings.Cancellation(made[gone]), now=NOW),
            "locked": allowances.allow(scope, allowances.Allowance(made[locked], allowances.Allowed(locked=True))),
            "sold": bookings.book(scope, bookings.BookRequest(CUT, *TIMES[sold], stranger), view=view, now=NOW),
            "away": availability.take_time_off(scope, absence),
        }
        if turn % 3 == 0:
            closing = availability.DayHours(rng.choice((ANA, BEN)), TIMES[away][1].date(), ())
            edits["closed"] = availability.set_day(scope, closing)

        async def later(edit) -> str:
            await asyncio.sleep(rng.uniform(0, 0.04))
            return await ended(edit)

        outcomes = await asyncio.gather(
            ended(optimisation.apply(scope, run, now=NOW)), *(later(edit) for edit in edits.values())
        )
        done = dict(zip(("applied", *edits), outcomes, strict=True))
        ends.update(f"{name} {end}" for name, end in done.items())
        rows = rows_of(owner_url, run)
        ends.update(row["status"] for row in rows)
        assert done["applied"] == "done", done
        if done["gone"] == "done":
            lines = [row for row in rows if row["appointment_id"] == made[gone]]
            assert all(line["appointment"] == "cancelled" for line in lines), lines
        kept = [row for row in rows if row["appointment_id"] != made[gone] or row["status"] != "applied"]
        assert_whole(owner_url, kept if done["gone"] == "done" else rows)
        await assert_inside_hours(db, owner_url, scope.business_id)
    return ends


async def test_edits_while_components_commit_drop_those_alone(crowd, owner_url, rng, conflicts):
    ends = await edited_while_applied(crowd, owner_url, rng, sized(1_000, 12))
    for end in ("gone done", "locked done", "sold done", "away done", "applied", "stale"):
        assert ends[end], ends
    assert not conflicts, conflicts


async def cancelled_while_moved(db, owner_url: str, monkeypatch) -> None:
    """A booking is cancelled whose move is written and not committed yet: the cancellation waits for it."""
    scope = await salon(db)
    view = await Views(db).current(scope.business_id, NOW)
    made = await book_all(scope, view, 1)
    run = await recorded(scope, [goes(view, made[0], 0, 0, 30)])
    written, whole = asyncio.Event(), components._apply

    async def apply_and_wait(*given) -> None:
        await whole(*given)
        written.set()
        while not count(owner_url, WAITING):  # noqa: ASYNC110 - another process waits, not a task
            await asyncio.sleep(0.01)

    async def cancel() -> None:
        await written.wait()
        await bookings.cancel(scope, bookings.Cancellation(made[0]), now=NOW)

    monkeypatch.setattr(components, "_apply", apply_and_wait)
    await asyncio.gather(optimisation.apply(scope, run, now=NOW), cancel())
    assert_invariants(owner_url)


async def test_a_cancellation_that_waited_for_a_move_frees_the_new_time(crowd, owner_url, monkeypatch):
    await cancelled_while_moved(crowd, owner_url, monkeypatch)


async def test_without_locking_it_first_a_cancellation_leaves_the_new_claim_behind(crowd, owner_url, monkeypatch):
    monkeypatch.setattr(database.Transaction, "lock_appointment", lambda *_: None)
    with pytest.raises(AssertionError, match="a live claim of an appointment that is over"):
        await cancelled_while_moved(crowd, owner_url, monkeypatch)


async def test_without_the_bookings_version_one_is_moved_that_was_just_locked(crowd, owner_url, monkeypatch):
    monkeypatch.setattr(components, "_refuse_stale", lambda *_: None)
    monkeypatch.setattr(rescheduling, "check", lambda *_: None)
    scope = await salon(crowd)
    view = await Views(crowd).current(scope.business_id, NOW)
    made = await book_all(scope, view, 1)
    run = await recorded(scope, [goes(view, made[0], 0, 0, 30)])
    await allowances.allow(scope, allowances.Allowance(made[0], allowances.Allowed(locked=True)))
    await optimisation.apply(scope, run, now=NOW)
    with pytest.raises(AssertionError):
        assert_whole(owner_url, rows_of(owner_url, run))


async def chain_applied(db, owner_url: str) -> None:
    """One booking goes to a free time, and another takes the time that it leaves."""
    scope = await salon(db)
    view = await Views(db).current(scope.business_id, NOW)
    made = await book_all(scope, view, 2)
    run = await recorded(scope, [goes(view, made[0], 0, 0, 30), goes(view, made[1], 0, 1, 0)])
    await optimisation.apply(scope, run, now=NOW)
    assert_whole(owner_url, rows_of(owner_url, run))


async def test_a_chain_of_moves_is_applied_whole(crowd, owner_url):
    await chain_applied(crowd, owner_url)


async def test_applied_move_by_move_a_component_is_left_half_done(crowd, owner_url, monkeypatch):
    whole = components.apply_components

    async def one_by_one(scope, together, *, now):
        rows = {str(move): move for move in together}
        with psycopg.connect(owner_url) as connection:
            starts = connection.execute("SELECT id FROM planned_move ORDER BY starts_at").fetchall()
        for (move,) in starts:
            await whole(scope, [rows[str(move)]], now=now)

    monkeypatch.setattr(optimisation, "apply_components", one_by_one)
    with pytest.raises(AssertionError):
        await chain_applied(crowd, owner_url)


async def test_without_the_hours_version_someone_is_moved_to_a_closed_day(crowd, owner_url):
    scope = await salon(crowd)
    view = await Views(crowd).current(scope.business_id, NOW)
    breaks_function(owner_url, CLAIM_TIME, "AND l.availability_version = item.availability_version")
    made = await book_all(scope, view, 1)
    run = await recorded(scope, [goes(view, made[0], 0, 0, 30)])
    await availability.set_day(scope, availability.DayHours(TIMES[30][0], TIMES[30][1].date(), ()))
    await optimisation.apply(scope, run, now=NOW)
    with pytest.raises(AssertionError):
        await assert_inside_hours(crowd, owner_url, scope.business_id)


async def test_with_it_the_move_is_refused(crowd, owner_url):
    scope = await salon(crowd)
    view = await Views(crowd).current(scope.business_id, NOW)
    made = await book_all(scope, view, 1)
    run = await recorded(scope, [goes(view, made[0], 0, 0, 30)])
    await availability.set_day(scope, availability.DayHours(TIMES[30][0], TIMES[30][1].date(), ()))
    answer = await optimisation.apply(scope, run, now=NOW)
    assert (answer.applied, [why for _, why in answer.stale]) == (
        0,
        [components.WORDS[StaleSnapshot]],
    )
    assert_whole(owner_url, rows_of(owner_url, run))
