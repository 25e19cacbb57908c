"""What a plan says of those whom it leaves without a place, on a real database."""

from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from models.optimisation import RunKind
from service.commands import availability, bookings, waitlist
from service.commands.allowances import Allowance, Allowed, allow
from service.commands.catalogue import NewResource, Requirement, add_resource
from service.commands.changes import Change, Deletion, change_service, change_staff, delete
from service.db.views import Views
from tests.service.nights import MONDAY, accepted, booked, monday, planned
from tests.service.worlds import ANA, BEN, CUT, NOW, client, salon

pytestmark = pytest.mark.anyio

SEAT = "It is a seat in a group, which no plan moves; move it by hand."


async def hours_withdrawn(scope):
    await availability.set_day(scope, availability.DayHours(ANA, MONDAY, (), displace=True))


async def ill(scope):
    absent = availability.TimeOff(ANA, monday(8), monday(20), displace=True)
    await availability.take_time_off(scope, absent)


async def gone(scope):
    await delete(scope, Deletion("staff", ANA))


@pytest.mark.parametrize("kind", [RunKind.RESEAT, RunKind.REBALANCE])
@pytest.mark.parametrize("lose", [hours_withdrawn, ill, gone])
async def test_members_of_a_group_that_lost_its_place_are_named(db, lose, kind):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"seats": 3}))
    members = [await booked(scope, monday(9), name=name) for name in ("Eva Lima", "Noa Reis")]
    locked = await booked(scope, monday(9), name="Rui Dias")
    await allow(scope, Allowance(locked, Allowed(locked=True)))
    await booked(scope, monday(9), staff=BEN)
    assert (await planned(scope, kind)).unplaced == ()
    await lose(scope)
    run = await planned(scope, kind)
    said = "Ana is not there on Mon 02 Mar 09:00, and no other place was found."
    assert {u.appointment_id: (u.code, u.reason) for u in run.unplaced} == {
        **dict.fromkeys(members, ("by_hand", f"{said} {SEAT}")),
        locked: ("locked", f"{said} It is locked where it is; unlock it, or talk to the client."),
    }
    assert run.moves == ()


async def test_a_group_whose_room_is_lost_is_named_with_the_room(db):
    scope = await salon(db)
    room = uuid7()
    await add_resource(scope, NewResource("Studio", "room", id=room))
    await change_service(scope, Change(CUT, {"seats": 3, "requirements": (Requirement("room"),)}))
    member = await booked(scope, monday(9))
    assert (await planned(scope, RunKind.RESEAT)).unplaced == ()
    await delete(scope, Deletion("resource", room))
    [left] = (await planned(scope, RunKind.RESEAT)).unplaced
    assert (left.appointment_id, left.code) == (member, "by_hand")
    said = "A room or device that it holds beside Ana is not there on Mon 02 Mar 09:00"
    assert left.reason == f"{said}, and no other place was found. {SEAT}"


LIMITS = {
    "service": ({"daily_limit": 1}, {}, "the service has all the visits of that day that it may have"),
    "staff": ({}, {"daily_limit": 1}, "the staff member has all the appointments of that day that they may have"),
    "client": ({"client_daily_limit": 1}, {}, "the client has all the visits of that day that one client may have"),
}


@pytest.mark.parametrize("kind", [RunKind.WAITLIST, RunKind.REBALANCE])
@pytest.mark.parametrize("limit", LIMITS)
async def test_whom_only_a_limit_keeps_out_is_told_so_and_what_helps(db, limit, kind):
    scope = await salon(db)
    of_service, of_staff, words = LIMITS[limit]
    await change_service(scope, Change(CUT, of_service))
    await change_staff(scope, Change(ANA, of_staff))
    maria = await client(scope)
    view = await Views(db).current(scope.business_id, NOW)
    await bookings.book(scope, bookings.BookRequest(CUT, ANA, monday(9), maria, source="test"), view=view, now=NOW)
    for staff, when in ((ANA,), monday(9)), (None, monday(14)):
        wish = waitlist.Joining(maria, CUT, ((when, when + timedelta(hours=3)),), staff, 5)
        await waitlist.join(scope, wish, now=NOW - timedelta(days=3))
    run = await planned(scope, kind)
    first, *others = run.unplaced
    assert (first.code, first.reason) == (
        "limit",
        f"Limits rule out every start that hours and bookings leave: {words}, for one on Mon 02 Mar 09:45 with Ana.",
    )
    assert [u.code for u in others] == ([] if limit == "staff" else ["limit"])
    helps = {"staff": "With another staff member: Mon 02 Mar", "service": "With a window ", "client": "With a window "}
    assert first.relaxation.startswith(helps[limit])
    applied = await accepted(scope, run)
    assert (applied.applied, applied.stale) == (len(run.moves), ())
