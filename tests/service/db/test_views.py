"""A view kept up with the change log is the view that a full load would give: whatever happened, whoever did it."""

import inspect
import os
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from service.db import views
from service.db.database import Database, Transaction
from solver.errors import InvalidProblem
from tests.service.db.walk import DAYS, FIRST_DAY, SPANS, Walk

pytestmark = pytest.mark.anyio

SEED = int(os.environ.get("INTERLOCK_SEED", random.SystemRandom().randrange(2**32)))
WALKS, STEPS = (60, 200) if os.environ.get("INTERLOCK_FAULTS") == "full" else (4, 60)


def second(rng: random.Random) -> int:
    """Seconds from the horizon's start: often in a busy week, now and then anywhere, before and beyond it too."""
    return rng.choice((rng.randrange(2 * 86400, 6 * 86400), rng.randrange(-31 * 86400, (DAYS + 2) * 86400)))


# step, how often, what it takes; every one may follow any other
STEPS_OF_A_WALK = {
    "book": (8, lambda r: (r.randrange(2), r.randrange(3), r.randrange(2), r.randrange(500))),
    "hold": (8, lambda r: (r.randrange(2), r.randrange(3), r.randrange(2), r.randrange(500))),
    "confirm": (4, lambda r: (r.randrange(2), r.randrange(50))),
    "release": (2, lambda r: (r.randrange(2), r.randrange(50))),
    "run_out": (3, lambda r: (r.randrange(50),)),
    "sweep": (2, lambda r: (r.randrange(2),)),
    "cancel": (4, lambda r: (r.randrange(2), r.randrange(50))),
    "set_day": (5, lambda r: (r.randrange(2), r.randrange(3), r.randrange(-3, DAYS + 3), r.randrange(len(SPANS)))),
    "take_time_off": (
        4,
        lambda r: (r.randrange(2), r.randrange(3), r.randrange(-2900, DAYS * 96), r.choice((1, 9, 99, 2976))),
    ),
    "external": (4, lambda r: (r.randrange(3), second(r), r.randrange(1, 40_000))),
    "drop_external": (2, lambda r: (r.randrange(2),)),
    "push_external": (3, lambda r: (r.randrange(-100_000, 100_000),)),
    "toggle": (2, lambda r: (r.choice(("staff", "service")), r.randrange(2))),
    "reword": (2, lambda r: (r.randrange(2), r.randrange(5, 90), r.randrange(30))),
    "move_business": (1, lambda r: (r.choice(("Europe/Lisbon", "Australia/Lord_Howe", "Europe/Lisbon")),)),
    "drop_weekly": (1, lambda r: (r.randrange(3), r.randrange(7))),
    "slowly": (3, lambda r: (second(r),)),
    "slow_hours": (2, lambda r: (r.randrange(DAYS),)),
    "end_slow": (3, lambda r: (r.randrange(3),)),
    "check": (3, lambda _: (1,)),
}


async def wander(walk: Walk, rng: random.Random, steps: int, outcomes: Counter[str]) -> None:
    """Take random steps and check after each that the view of the first process is what a load would give."""
    taken = []
    names, weights = zip(*((name, weight) for name, (weight, _) in STEPS_OF_A_WALK.items()), strict=True)
    try:
        for name in rng.choices(names, weights, k=steps):
            chosen = STEPS_OF_A_WALK[name][1](rng)
            taken.append(f"{name}{chosen}")
            outcome = getattr(walk, name)(*chosen)
            outcomes[f"{name} {await outcome if inspect.isawaitable(outcome) else outcome}"] += 1
            await walk.check(0)
        await walk.check(1)
    except BaseException as error:
        error.add_note(f"INTERLOCK_SEED={SEED}, after: {', '.join(taken)}")
        raise


@pytest.fixture
async def processes(app_url) -> AsyncIterator[tuple[Database, Database]]:
    """Two pools that share nothing, as two processes would."""
    async with Database(app_url, 2) as one, Database(app_url, 2) as other:
        yield one, other


@pytest.fixture
async def walk(processes, owner_url) -> AsyncIterator[Walk]:
    walk = Walk(processes, owner_url)
    await walk.open()
    yield walk
    walk.close()


async def test_refreshed_equals_loaded_after_every_step_of_any_sequence(processes, owner_url):
    outcomes: Counter[str] = Counter()
    for number in range(WALKS):
        walk = Walk(processes, owner_url)
        await walk.open()
        await wander(walk, random.Random(f"{SEED}/{number}"), STEPS, outcomes)
        walk.close()
    for name in ("book", "hold", "confirm", "cancel", "set_day", "take_time_off"):
        assert outcomes[f"{name} done"], f"no {name} succeeded, so nothing was shown: {outcomes}"


async def a_long_transaction_is_not_missed(walk: Walk) -> None:
    """A transaction begins, a later one commits and is seen, then the first one commits: both must be seen."""
    walk.slowly(3 * 86400)
    walk.slow_hours(5)
    await walk.set_day(1, 0, 4, 1)
    await walk.check(0)
    await walk.book(1, 0, 0, 7)
    await walk.check(0)
    walk.slow.commit()
    await walk.check(0)
    assert len(walk.seen[0].snapshot.lanes[-1].busy) == 1


async def test_a_long_transaction_is_not_missed(walk):
    await a_long_transaction_is_not_missed(walk)


async def a_rolled_back_transaction_leaves_nothing(walk: Walk) -> None:
    walk.slowly(3 * 86400)
    await walk.book(0, 0, 0, 7)
    await walk.check(0)
    walk.slow.rollback()
    await walk.check(0)
    assert len(walk.seen[0].snapshot.lanes[-1].busy) == 0


async def test_a_rolled_back_transaction_leaves_nothing(walk):
    await a_rolled_back_transaction_leaves_nothing(walk)


HORIZON = "pg_current_snapshot()::text"


@pytest.mark.parametrize(
    "newest",
    [
        "pg_snapshot_xmax(pg_current_snapshot())::text",
        "(SELECT coalesce(max(xid::text::bigint) + 1, 3)::text FROM change_log)",
    ],
    ids=["the newest transaction", "the newest row"],
)
async def test_a_horizon_past_an_open_transaction_misses_it(walk, monkeypatch, newest):
    for name in ("LOOK", "BUSINESS"):
        careless = f"{newest} || ':' || {newest} || ':'"
        monkeypatch.setattr(views, name, getattr(views, name).replace(HORIZON, careless))
    with pytest.raises(AssertionError, match="differ from a full load"):
        await a_long_transaction_is_not_missed(walk)


AFTER_THE_LAST = """
SELECT (SELECT coalesce(max(id), 0)::text FROM change_log) AS horizon, clock_timestamp() AS looked_at, c.id, c.lane_no,
       c.day, false AS forgotten
FROM (VALUES (1)) AS once
LEFT JOIN change_log c ON c.business_id = %(business)s
    AND c.id > CASE WHEN %(known)s::text LIKE '%%:%%' THEN 0 ELSE %(known)s::text::bigint END
ORDER BY c.id
"""


async def test_following_the_sequence_misses_an_open_transaction(walk, monkeypatch):
    monkeypatch.setattr(views, "LOOK", AFTER_THE_LAST)
    newest = "(SELECT coalesce(max(id), 0)::text FROM change_log)"
    monkeypatch.setattr(views, "BUSINESS", views.BUSINESS.replace(HORIZON, newest))
    with pytest.raises(AssertionError, match="differ from a full load"):
        await a_long_transaction_is_not_missed(walk)


async def a_hold_runs_out_unseen(walk: Walk) -> None:
    """Nobody writes when a hold runs out; the next look still knows."""
    await walk.hold(0, 0, 0, 7)
    assert walk.holds
    await walk.run_out(0)
    await walk.check(0)


async def test_a_hold_that_ran_out_is_gone_without_a_write(walk):
    await a_hold_runs_out_unseen(walk)


async def test_without_the_clock_a_hold_would_stay(walk, monkeypatch):
    monkeypatch.setattr(views, "_expired", lambda *_: set())
    with pytest.raises(AssertionError, match="differ from a full load"):
        await a_hold_runs_out_unseen(walk)


async def a_load_is_of_one_moment(walk: Walk, monkeypatch) -> None:
    """Ben comes back between the statement that reads the staff and the one that reads who performs what."""
    walk.toggle("staff", 1)
    rows, came_back = Transaction.rows, []

    async def meanwhile(tx, sql, params=None):
        if sql == views.ALLOCATIONS and not came_back:
            came_back.append(walk.toggle("staff", 1))
        return await rows(tx, sql, params)

    monkeypatch.setattr(Transaction, "rows", meanwhile)
    view = await views.load(walk.processes[0], walk.business, FIRST_DAY, DAYS)
    assert (len(view.snapshot.staff), came_back) == (3, [None])
    walk.seen[0] = view
    await walk.check(0)
    assert len(walk.seen[0].snapshot.staff) == 4


async def test_a_load_is_of_one_moment(walk, monkeypatch):
    await a_load_is_of_one_moment(walk, monkeypatch)


async def test_a_load_under_read_committed_falls_apart(walk, monkeypatch):
    begin = Transaction.__post_init__
    monkeypatch.setattr(Transaction, "__post_init__", lambda tx: (setattr(tx, "one_snapshot", False), begin(tx)))
    with pytest.raises(InvalidProblem, match="there is no staff member"):
        await a_load_is_of_one_moment(walk, monkeypatch)
