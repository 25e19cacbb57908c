"""Plans that take rooms, seats in groups, and what limits leave: from rows to the guarded commit."""

from datetime import timedelta

import psycopg
import pytest
from uuid_utils.compat import uuid7

from models.optimisation import Rules, RunKind
from service.commands import availability, bookings
from service.commands.allowances import set_rules
from service.commands.catalogue import NewResource, Requirement, add_resource
from service.commands.changes import Change, Deletion, change_service, delete
from service.db.views import Views
from service.jobs.accept import accept
from service.queries import optimisation as queries
from tests.races.races import assert_invariants, count, owner_does
from tests.service.nights import MONDAY, accepted, booked, monday, planned, waits
from tests.service.worlds import ANA, BEN, CUT, NOW, client, salon

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
    said = (await queries.said(db, scope.business_id, run.id))[run.moves[0].id]
    assert [fields for _, fields in said["refusal"]] == [{"n": 1}], "it can be said in other languages"
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


async def visit_of_two(scope, second=BEN):
    """Maria's cut with Ana at ten and one with another at eleven, as one visit."""
    view = await Views(scope.db).current(scope.business_id, NOW)
    more = (bookings.Wanted(CUT, second, monday(11)),)
    order = bookings.BookRequest(CUT, ANA, monday(10), await client(scope), source="test", more=more)
    return (await bookings.book(scope, order, view=view, now=NOW)).id


async def items(scope, db):
    async with db.transaction(scope.business_id) as tx:
        rows = await tx.rows(
            "SELECT i.staff_id, i.starts_at FROM appointment_item i WHERE i.appointment_id IN "
            "(SELECT appointment_id FROM appointment_item WHERE position = 2) ORDER BY position",
            [],
        )
    return [(row["staff_id"], row["starts_at"]) for row in rows]


async def reseated(scope, days=0):
    run = await planned(scope, RunKind.RESEAT, days=(MONDAY, MONDAY + timedelta(days=days)))
    outcome = await accepted(scope, run)
    assert outcome.stale == ()
    return run


async def test_a_visit_that_loses_its_second_staff_member_keeps_its_times_with_another(db, owner_url):
    scope = await salon(db)
    visit = await visit_of_two(scope)
    closing = availability.DayHours(BEN, MONDAY, (), displace=True)
    assert (await availability.set_day(scope, closing)).displaced == (visit,)
    [move] = (await reseated(scope)).moves
    assert (move.kind, move.appointment_id) == ("reseat", visit)
    assert move.reason.startswith(
        "A colleague whom it needs beside Ana is not there at the booked time. At the same time"
    )
    assert await items(scope, db) == [(ANA, monday(10)), (ANA, monday(11))]
    assert_invariants(owner_url)


async def test_a_visit_that_loses_its_first_staff_member_keeps_the_others(db, owner_url):
    scope = await salon(db)
    visit = await visit_of_two(scope)
    owner_does(owner_url, "UPDATE staff SET active = false WHERE name = 'Ana'")
    [move] = (await reseated(scope)).moves
    assert (move.kind, move.appointment_id, move.staff_id) == ("reseat", visit, BEN)
    assert await items(scope, db) == [(BEN, monday(10)), (BEN, monday(11))]
    assert_invariants(owner_url)


async def test_a_visit_whose_colleague_is_replaced_by_nobody_moves_as_a_whole(db, owner_url):
    scope = await salon(db)
    await visit_of_two(scope)
    await booked(scope, monday(11), name="Noa Reis")
    await availability.set_day(scope, availability.DayHours(BEN, MONDAY, (), displace=True))
    run = await reseated(scope)
    assert [m.kind for m in run.moves] == ["reseat"]
    (_, first), (_, second) = await items(scope, db)
    assert second - first == timedelta(hours=1)
    assert first != monday(10)
    assert_invariants(owner_url)


async def test_a_lost_chair_is_exchanged_for_another_of_its_kind(db, owner_url):
    scope = await salon(db)
    blue, _ = await chairs(scope, "Blue", "Red")
    visit = await booked(scope, monday(10))
    assert taken(owner_url) == [("Blue", monday(10))]
    await delete(scope, Deletion("resource", blue.id))
    run = await reseated(scope)
    assert [(m.appointment_id, m.staff_id, m.starts_at) for m in run.moves] == [(visit, ANA, monday(10))]
    assert run.moves[0].reason.startswith("A room or device that it holds beside Ana is not there at the booked time.")
    assert taken(owner_url) == [("Red", monday(10))]
    assert_invariants(owner_url)


async def test_a_lost_chair_without_another_is_named(db, owner_url):
    scope = await salon(db)
    [blue] = await chairs(scope, "Blue")
    visit = await booked(scope, monday(10))
    await delete(scope, Deletion("resource", blue.id))
    run = await planned(scope, RunKind.RESEAT)
    assert (run.moves, [u.appointment_id for u in run.unplaced]) == ((), [visit])
    assert run.unplaced[0].reason.startswith("A room or device that it holds beside Ana is not there on Mon 02 Mar")
