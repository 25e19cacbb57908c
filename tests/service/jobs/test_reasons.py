"""What a plan says of those whom it leaves without a place, on a real database."""

import pytest
from uuid_utils.compat import uuid7

from models.optimisation import RunKind
from service.commands import availability
from service.commands.allowances import Allowance, Allowed, allow
from service.commands.catalogue import NewResource, Requirement, add_resource
from service.commands.changes import Change, Deletion, change_service, delete
from tests.service.nights import MONDAY, booked, monday, planned
from tests.service.worlds import ANA, BEN, CUT, salon

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
    said = "Ana is not there on Mon 02 Mar at 09:00, and no other place was found."
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
    said = "A room or device that it holds beside Ana is not there on Mon 02 Mar at 09:00"
    assert left.reason == f"{said}, and no other place was found. {SEAT}"
