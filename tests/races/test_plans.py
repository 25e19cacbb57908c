"""A plan is applied while others apply it too, discard it, or change what it stands on."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from models.errors import NotAllowed
from models.optimisation import MoveKind, RunKind
from models.sentences import Sentence
from service.commands import availability, bookings, components, optimisation, plans, waitlist
from service.commands.legality import legal_item
from service.commands.plans import Found, Plan, PlannedMove, RunOrder
from service.db.command import Scope
from service.db.views import Views
from tests.races.conftest import sized
from tests.races.races import Together, all_connected, assert_invariants, count, owner_does
from tests.races.test_hours import assert_inside_hours, ended
from tests.races.times import TIMES
from tests.service.worlds import ANA, BEN, CUT, NOW, client, salon

pytestmark = pytest.mark.anyio

MOVES = """
SELECT m.id, m.entry_id, m.status, m.refusal, m.staff_id, m.starts_at, w.status AS entry, w.version, w.appointment_id,
       a.status AS appointment, i.staff_id AS with_staff, i.starts_at AS at
FROM planned_move m JOIN waitlist_entry w ON w.id = m.entry_id
LEFT JOIN appointment a ON a.id = w.appointment_id LEFT JOIN appointment_item i ON i.appointment_id = a.id
WHERE m.run_id = %s ORDER BY m.starts_at, m.staff_id
"""


async def planned(scope: Scope, number: int) -> UUID:
    """Record a plan that places as many waiting clients at as many times."""
    view = await Views(scope.db).current(scope.business_id, NOW)
    placements = []
    for component, (staff, start) in enumerate(TIMES[:number]):
        wish = waitlist.Joining(await client(scope), CUT, ((start, start + timedelta(hours=1)),))
        entry = await waitlist.join(scope, wish, now=NOW)
        item = legal_item(view, CUT, staff, start, NOW)
        placements.append(
            PlannedMove(MoveKind.PLACE, entry.id, entry.version, item, component, 1.0, Sentence.of("first come"))
        )
    return await recorded(scope, placements)


async def recorded(scope: Scope, moves: list[PlannedMove]) -> UUID:
    """Record a plan of some moves."""
    horizon = (TIMES[0][1], TIMES[-1][1] + timedelta(hours=1))
    order = RunOrder(RunKind.REBALANCE, ("balanced",), horizon, 0, 60, 0)
    [run] = await plans.start_run(scope, order)
    plan = Plan("optimal", len(moves), len(moves), 0.0, (), 0.0, tuple(moves), ())
    return await plans.record_plan(scope, Found(run, plan))


def moves_of(owner_url: str, run: UUID) -> list[dict]:
    with psycopg.connect(owner_url, row_factory=dict_row) as connection:
        return connection.execute(MOVES, [run]).fetchall()


def assert_whole(owner_url: str, moves: list[dict]) -> None:
    """Assert that every move took effect wholly or not at all, says so, and that the book is sound."""
    assert_each_whole(moves)
    assert_invariants(owner_url)


def assert_each_whole(moves: list[dict]) -> None:
    """Assert that every move took effect wholly or not at all, and says so."""
    for move in moves:
        if move["status"] == "applied":
            there = (move["entry"], move["appointment"], move["with_staff"], move["at"], move["refusal"])
            assert there == ("placed", "confirmed", move["staff_id"], move["starts_at"], None), move
        else:
            assert move["entry"] != "placed", move
            assert (move["status"] == "stale") == bool(move["refusal"]), move


async def applied_by_many(db, owner_url: str, rounds: int, number: int) -> None:
    """Four apply one plan at once: each move takes effect once, and all four hear the same."""
    for turn in range(rounds):
        scope = await salon(db, slug=f"salon-{turn}")
        run = await planned(scope, number)
        await all_connected(db, scope.business_id, 8)
        answers = await asyncio.gather(*(optimisation.apply(scope, run, now=NOW) for _ in range(4)))
        assert answers == [optimisation.Applied(run, number, ())] * 4, answers
        assert Counter(move["status"] for move in moves_of(owner_url, run)) == {"applied": number}
        assert_whole(owner_url, moves_of(owner_url, run))
        for topic in ("plan.applied", "waitlist.placed"):
            times = count(
                owner_url,
                "SELECT count(*) FROM outbox_event WHERE topic = %s AND business_id = %s",
                [topic, scope.business_id],
            )
            assert times == (1 if topic == "plan.applied" else number)


async def test_a_plan_applied_by_many_at_once_takes_effect_once(crowd, owner_url, conflicts):
    await applied_by_many(crowd, owner_url, sized(20, 1), 60)
    assert not conflicts, conflicts


async def test_without_locking_its_moves_the_second_calls_them_stale(crowd, owner_url, monkeypatch):
    any_state = "SELECT id FROM planned_move WHERE business_id = %s AND id = ANY(%s)"
    read, four = optimisation.components_to_apply, Together(4)

    async def read_together(scope, chosen):
        found = await read(scope, chosen)
        await four.wait()
        return found

    monkeypatch.setattr(optimisation, "components_to_apply", read_together)
    monkeypatch.setattr(components, "LOCK_MOVES", any_state)
    with pytest.raises(AssertionError):
        await applied_by_many(crowd, owner_url, 1, 20)


async def test_a_plan_is_applied_or_discarded(crowd, owner_url, rng, conflicts):
    """One applies and one discards: what has been applied stays, what has not is discarded, and nothing in between."""
    for turn in range(sized(100, 4)):
        scope = await salon(crowd, slug=f"salon-{turn}")
        run = await planned(scope, 6)

        async def discard(scope=scope, run=run) -> None:
            await asyncio.sleep(rng.uniform(0, 0.02))
            await optimisation.discard(scope, run)

        ends = await asyncio.gather(ended(optimisation.apply(scope, run, now=NOW)), ended(discard()))
        moves = moves_of(owner_url, run)
        assert len({move["status"] for move in moves}) == 1, moves
        assert ends.count("done") >= 1, ends
        assert_whole(owner_url, moves)
    with pytest.raises(NotAllowed):
        await optimisation.discard(scope, run)
    assert not conflicts, conflicts


BETWEEN_LOOKS = 50
"""Rounds: the invariants are asked of the whole database, and what one business has broken stays broken."""


async def edited_while_applied(db, owner_url: str, rng: random.Random, rounds: int) -> Counter[str]:
    """Apply plans while clients leave, times are sold, hours withdrawn, time off taken, a service changed."""
    ends: Counter[str] = Counter()
    for turn in range(rounds):
        scope = await salon(db, slug=f"salon-{turn}")
        run = await planned(scope, 16)
        moves = moves_of(owner_url, run)
        view = await Views(db).current(scope.business_id, NOW)
        stranger = await client(scope)
        left, sold, away = rng.sample(range(16), 3)
        sale = bookings.BookRequest(CUT, moves[sold]["staff_id"], moves[sold]["starts_at"], stranger)
        absence = availability.TimeOff(
            moves[away]["staff_id"], moves[away]["starts_at"], moves[away]["starts_at"] + timedelta(minutes=20)
        )
        closing = availability.DayHours(rng.choice((ANA, BEN)), rng.choice(moves)["starts_at"].date(), ())

        async def later(command) -> str:
            await asyncio.sleep(rng.uniform(0, 0.03))
            return await ended(command)

        edits = {
            "left": waitlist.leave(scope, moves[left]["entry_id"]),
            "sold": bookings.book(scope, sale, view=view, now=NOW),
            "away": availability.take_time_off(scope, absence),
        }
        if turn % 3 == 0:
            edits["closed"] = availability.set_day(scope, closing)
        if turn % 5 == 0:
            shorter = f"UPDATE service SET duration = 25 WHERE name = 'Cut' AND business_id = '{scope.business_id}'"
            edits["shorter"] = asyncio.to_thread(owner_does, owner_url, shorter)
        outcomes = await asyncio.gather(
            ended(optimisation.apply(scope, run, now=NOW)), *(later(edit) for edit in edits.values())
        )
        done = dict(zip(("applied", *edits), outcomes, strict=True))
        ends.update(f"{name} {end}" for name, end in done.items())
        moves = moves_of(owner_url, run)
        assert done["applied"] == "done", done
        assert {move["status"] for move in moves} <= {"applied", "stale"}, moves
        assert (moves[left]["entry"] == "left") == (done["left"] == "done"), (done, moves[left])
        assert (moves[left]["status"] == "stale") or done["left"] != "done", (done, moves[left])
        assert (moves[sold]["status"] == "stale") or done["sold"] != "done", (done, moves[sold])
        assert (moves[away]["status"] == "stale") or done["away"] != "done", (done, moves[away])
        assert_each_whole(moves)
        await assert_inside_hours(db, owner_url, scope.business_id)
        if turn % BETWEEN_LOOKS == 0:
            assert_invariants(owner_url)
    assert_invariants(owner_url)
    return ends


async def test_edits_while_a_plan_commits_are_kept_and_make_their_moves_stale(crowd, owner_url, rng, conflicts):
    ends = await edited_while_applied(crowd, owner_url, rng, sized(1_000, 15))
    for edit in ("left", "sold", "away"):
        assert ends[f"{edit} done"], ends
    assert not conflicts, conflicts


async def left_before_it_was_applied(db, owner_url: str) -> None:
    """A client leaves between a plan and its application: they stay away, the others are placed."""
    scope = await salon(db)
    run = await planned(scope, 4)
    first = moves_of(owner_url, run)[0]
    await waitlist.leave(scope, first["entry_id"])
    await optimisation.apply(scope, run, now=NOW)
    moves = moves_of(owner_url, run)
    assert [move["status"] for move in moves] == ["stale", "applied", "applied", "applied"]
    assert moves[0]["entry"] == "left"
    assert_whole(owner_url, moves)


async def test_who_left_before_a_plan_is_applied_is_not_placed(crowd, owner_url):
    await left_before_it_was_applied(crowd, owner_url)


async def test_without_the_entrys_version_a_client_who_left_is_placed(crowd, owner_url, monkeypatch):
    blind = "SELECT id, 1 AS version, 'waiting' AS status FROM waitlist_entry WHERE business_id = %s AND id = ANY(%s)"
    monkeypatch.setattr(components, "LOCK_ENTRIES", blind)
    with pytest.raises(AssertionError):
        await left_before_it_was_applied(crowd, owner_url)


async def test_a_move_whose_time_has_passed_is_stale(crowd, owner_url):
    scope = await salon(crowd)
    run = await planned(scope, 4)
    answer = await optimisation.apply(scope, run, now=TIMES[2][1] + timedelta(minutes=1))
    moves = moves_of(owner_url, run)
    late = [move["id"] for move in moves if move["starts_at"] <= TIMES[2][1]]
    assert answer.applied == len(moves) - len(late)
    assert {move for move, why in answer.stale if why == "That time has passed."} == set(late)


async def test_what_is_not_of_the_run_cannot_be_applied(crowd):
    scope = await salon(crowd)
    run, other = await planned(scope, 2), await planned(scope, 2)
    foreign = (await optimisation.components_to_apply(scope, optimisation.Chosen(other))).alone[0]
    with pytest.raises(optimisation.NotFound):
        await optimisation.apply(scope, run, [foreign], now=NOW)
    await optimisation.discard(scope, run)
    with pytest.raises(NotAllowed):
        await optimisation.apply(scope, run, now=NOW)
