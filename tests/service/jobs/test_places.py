"""Plans that take rooms, seats in groups, and what limits leave: from rows to the guarded commit."""

import psycopg
import pytest
from uuid_utils.compat import uuid7

from models.optimisation import Rules, RunKind
from service.commands.allowances import set_rules
from service.commands.catalogue import NewResource, Requirement, add_resource
from service.commands.changes import Change, change_service
from service.db.views import Views
from service.jobs.accept import accept
from service.queries import optimisation as queries
from tests.races.races import assert_invariants, count
from tests.service.nights import accepted, booked, monday, planned, waits
from tests.service.worlds import ANA, BEN, CUT, NOW, salon

pytestmark = pytest.mark.anyio

NINE = (monday(9), monday(9, 30))
SEATS = "SELECT taken FROM group_session WHERE closed_at IS NULL"
CHAIRS = """
SELECT r.name, c.starts_at FROM claim c JOIN resource r ON r.lane_no = c.lane_no
WHERE c.released_at IS NULL ORDER BY c.starts_at, r.name
"""


async def chairs(scope, *names):
    """Give the salon some chairs, one of which every cut needs; returns them."""
    made = [NewResource(name, "chair", id=uuid7()) for name in names]
    for chair in made:
        await add_resource(scope, chair)
    await change_service(scope, Change(CUT, {"requirements": (Requirement("chair"),)}))
    return made


def taken(owner_url):
    with psycopg.connect(owner_url) as connection:
        return [(name, at) for name, at in connection.execute(CHAIRS)]


@pytest.mark.parametrize("names", [("Red",), ("Blue", "Red")])
async def test_as_many_are_placed_at_a_time_as_there_are_chairs(db, owner_url, names):
    scope = await salon(db)
    await chairs(scope, *names)
    for name in ("Rui Dias", "Noa Reis"):
        await waits(scope, *NINE, service=CUT, name=name)
    run = await planned(scope, RunKind.WAITLIST)
    assert (len(run.moves), [u.code for u in run.unplaced]) == (len(names), ["outbid"] * (2 - len(names)))
    assert (await accepted(scope, run)).applied == len(names)
    assert taken(owner_url) == [(name, monday(9)) for name in names]
    assert_invariants(owner_url)


async def test_who_moves_for_another_takes_their_chair_along(db, owner_url):
    scope = await salon(db)
    await chairs(scope, "Red")
    await booked(scope, monday(9, 45))
    await waits(scope, monday(9), monday(10, 30), service=CUT)
    await set_rules(scope, Rules(staff="any"))
    run = await planned(scope)
    assert (await accepted(scope, run)).stale == ()
    assert len(taken(owner_url)) == 1 + sum(m.kind == "place" for m in run.moves)
    assert_invariants(owner_url)


async def test_a_chair_sold_meanwhile_is_planned_again(db, owner_url):
    scope = await salon(db)
    await chairs(scope, "Red")
    await waits(scope, monday(9), monday(11), service=CUT)
    run = await planned(scope, RunKind.WAITLIST)
    [move] = run.moves
    other = BEN if move.staff_id == ANA else ANA
    await booked(scope, move.starts_at, staff=other)
    outcome = await accept(scope, Views(db), run.id, None, NOW)
    assert [why for _, why in outcome.stale] == ["Someone else holds that time now."]
    again = await queries.read(db, scope.business_id, outcome.replanned_by)
    assert [m.starts_at != move.starts_at for m in again.moves] == [True]
    assert (await accepted(scope, again)).applied == 1
    assert_invariants(owner_url)


async def test_a_service_that_needs_another_thing_now_is_refused(db):
    scope = await salon(db)
    await chairs(scope, "Red")
    await waits(scope, *NINE, service=CUT)
    run = await planned(scope, RunKind.WAITLIST)
    await change_service(scope, Change(CUT, {"requirements": (Requirement("basin"),)}))
    outcome = await accepted(scope, run)
    assert (outcome.applied, ["what it needs" in why for _, why in outcome.stale]) == (0, [True])


async def test_who_waits_joins_a_group_until_it_is_full(db, owner_url):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"seats": 3}))
    await booked(scope, monday(9))
    for name in ("Rui Dias", "Noa Reis", "Eva Lima"):
        await waits(scope, *NINE, service=CUT, name=name)
    for kind in (RunKind.REBALANCE, RunKind.WAITLIST):
        run = await planned(scope, kind)
        assert sorted(m.staff_id for m in run.moves) == [ANA, ANA, BEN]
    assert (await accepted(scope, run)).applied == 3
    with psycopg.connect(owner_url) as connection:
        assert sorted(seats for (seats,) in connection.execute(SEATS)) == [1, 3]
    assert_invariants(owner_url)


async def test_a_group_that_fills_up_meanwhile_refuses(db, owner_url):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"seats": 2}))
    for staff in (ANA, BEN, BEN):
        await booked(scope, monday(9), staff=staff)
    await waits(scope, *NINE, service=CUT)
    run = await planned(scope, RunKind.WAITLIST)
    assert [m.staff_id for m in run.moves] == [ANA]
    await booked(scope, monday(9), name="Noa Reis")
    assert (await accepted(scope, run)).applied == 0
    assert_invariants(owner_url)


async def test_a_limit_reached_meanwhile_refuses(db, owner_url):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"daily_limit": 1}))
    await waits(scope, *NINE, service=CUT)
    run = await planned(scope, RunKind.WAITLIST)
    assert len(run.moves) == 1
    await booked(scope, monday(15))
    outcome = await accepted(scope, run)
    assert (outcome.applied, ["1 times a day at most" in why for _, why in outcome.stale]) == (0, [True])
    assert count(owner_url, "SELECT count(*) FROM appointment WHERE status = 'confirmed'") == 1


async def test_moving_within_a_day_that_is_full_is_no_further_visit(db):
    scope = await salon(db)
    await booked(scope, monday(9, 45))
    await waits(scope, monday(9), monday(11))
    await change_service(scope, Change(CUT, {"daily_limit": 1}))
    run = await planned(scope)
    assert (await accepted(scope, run)).stale == ()


async def test_two_of_one_plan_do_not_both_take_the_last_visit_that_a_limit_allows(db):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"daily_limit": 1}))
    for name, priority in (("Rui Dias", 3), ("Noa Reis", 5)):
        await waits(scope, monday(9), monday(12), service=CUT, name=name, priority=priority)
    for kind in (RunKind.REBALANCE, RunKind.WAITLIST):
        run = await planned(scope, kind)
        assert ([m.client for m in run.moves], [u.code for u in run.unplaced]) == (["Noa Reis"], ["outbid"])
        assert "the service has all the visits of that day that it may have, Noa Reis among" in run.unplaced[0].reason
    assert (await accepted(scope, run)).stale == ()


async def test_one_plan_opens_a_group_and_fills_it(db, owner_url):
    scope = await salon(db)
    [red] = await chairs(scope, "Red")
    await change_service(scope, Change(CUT, {"seats": 3}))
    names = ("Rui Dias", "Noa Reis", "Eva Lima", "Ivo Paz")
    for name in names:
        await waits(scope, *NINE, service=CUT, name=name)
    for kind in (RunKind.REBALANCE, RunKind.WAITLIST):
        run = await planned(scope, kind)
        assert (len(run.moves), len({m.staff_id for m in run.moves}), len(run.unplaced)) == (3, 1, 1)
    first, *others = run.moves
    assert (await accepted(scope, run, [m.id for m in others])).stale == ()
    assert taken(owner_url) == [(red.name, monday(9))]
    assert (await accepted(scope, run, [first.id])).stale == ()
    with psycopg.connect(owner_url) as connection:
        assert connection.execute(SEATS).fetchall() == [(3,)]
    assert taken(owner_url) == [(red.name, monday(9))]
    assert_invariants(owner_url)
