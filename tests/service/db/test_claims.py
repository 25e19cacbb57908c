"""Rooms and groups under the guard, from items made by hand: what no arrays have promised is still decided here."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from uuid_utils.compat import uuid7

from models.errors import SlotTaken, StaleSnapshot
from service.commands import bookings
from service.commands.bookings import Cancellation
from service.db import claims, rescheduling
from service.db.claims import Appointment, Item, Room
from tests.races.races import assert_invariants
from tests.service.worlds import ANA, BEN, COLOUR, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def rows(owner_url, sql, params=()):
    with psycopg.connect(owner_url) as connection:
        cursor = connection.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
async def scope(db):
    return await salon(db)


@pytest.fixture
def lanes(scope, owner_url):
    return {
        i: (n, v)
        for i, n, v in rows(
            owner_url, "SELECT s.id, lane_no, availability_version FROM staff s JOIN lane USING (lane_no)"
        )
    }


def item(lanes, start=MONDAY_10, staff=ANA, service=CUT, **more):
    minutes, after = (30, 10) if service == CUT else (60, 0)
    end = start + minutes * MINUTE
    lane, version = lanes[staff]
    return Item(uuid7(), service, staff, lane, version, start, end, start, end + after * MINUTE, **more)


async def take(scope, *items, status="confirmed", who=None, **more):
    who = who or await client(scope)
    appointment = Appointment(uuid4(), status, "test", client_id=who, **more)
    async with scope.db.transaction(scope.business_id) as tx:
        await claims.take(tx, appointment, list(items))
    return appointment.id


async def hold(scope, *items):
    return await take(scope, *items, status="hold", holder="x", hold_minutes=5)


def run_out(owner_url):
    rows(owner_url, "UPDATE appointment SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL")
    rows(owner_url, "UPDATE claim SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL")


# --- rooms -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def room(scope, owner_url, lanes):
    """A chair that every cut needs, from ten minutes after its start to its end."""
    with psycopg.connect(owner_url) as connection:
        lane = connection.execute(
            "INSERT INTO lane (business_id) VALUES (%s) RETURNING lane_no, availability_version", [scope.business_id]
        ).fetchone()
        connection.execute(
            "INSERT INTO resource (business_id, id, lane_no, name, kind) VALUES (%s, %s, %s, 'Chair', 'chair')",
            [scope.business_id, uuid4(), lane[0]],
        )
        connection.execute(
            "INSERT INTO requirement (business_id, id, service_id, kind, after) VALUES (%s, %s, %s, 'chair', 10)",
            [scope.business_id, uuid4(), CUT],
        )
    return lambda start: Room(*lane, start + 10 * MINUTE, start + 30 * MINUTE)


async def test_a_room_is_claimed_with_the_staff_member_and_freed_with_them(scope, lanes, room, owner_url):
    booked = await take(scope, item(lanes, rooms=(room(MONDAY_10),)))
    assert len(rows(owner_url, "SELECT id FROM claim WHERE released_at IS NULL")) == 2
    with pytest.raises(SlotTaken):
        await take(scope, item(lanes, staff=BEN, rooms=(room(MONDAY_10),)))
    assert rows(owner_url, "SELECT count(*) FROM claim WHERE released_at IS NULL") == [(2,)], "all or nothing"
    await bookings.cancel(scope, Cancellation(booked), now=NOW)
    assert await take(scope, item(lanes, staff=BEN, rooms=(room(MONDAY_10),)))
    assert_invariants(owner_url)


@pytest.mark.parametrize("how", ["none", "other kind", "wrong time", "not active", "too many", "stale hours"])
async def test_without_the_room_that_it_needs_nothing_is_booked(scope, lanes, room, owner_url, how):
    needed = room(MONDAY_10)
    rooms = {
        "none": (),
        "wrong time": (Room(needed.lane_no, needed.availability_version, MONDAY_10, MONDAY_10 + 20 * MINUTE),),
        "too many": (needed, Room(needed.lane_no, needed.availability_version, MONDAY_10 + HOUR, MONDAY_10 + 2 * HOUR)),
        "stale hours": (Room(needed.lane_no, 99, needed.starts_at, needed.ends_at),),
    }.get(how, (needed,))
    if how == "other kind":
        rows(owner_url, "UPDATE resource SET kind = 'sink'")
    if how == "not active":
        rows(owner_url, "UPDATE resource SET active = false")
    with pytest.raises(StaleSnapshot):
        await take(scope, item(lanes, rooms=rooms))
    assert rows(owner_url, "SELECT count(*) FROM claim") == [(0,)]


async def test_a_move_takes_its_room_along(scope, lanes, room, owner_url):
    booked = await take(scope, item(lanes, rooms=(room(MONDAY_10),)))
    later = MONDAY_10 + 15 * MINUTE
    async with scope.db.transaction(scope.business_id) as tx:
        [standing] = await rescheduling.standing(tx, [booked])
    assert len(standing.spans) == 2
    moved = item(lanes, later, rooms=(room(later),))
    wanted = rescheduling.Move(standing, (Item(standing.items[0].id, *list(_fields(moved))[1:]),))
    async with scope.db.transaction(scope.business_id) as tx:
        assert [moved.version for moved in await rescheduling.move(tx, [wanted])] == [2]
    claimed = rows(owner_url, "SELECT starts_at FROM claim WHERE released_at IS NULL ORDER BY starts_at")
    assert claimed == [(later,), (later + 10 * MINUTE,)]
    assert_invariants(owner_url)


def _fields(found: Item):
    return (getattr(found, name) for name in Item.__dataclass_fields__)


# --- groups ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def group(scope, owner_url, lanes):
    """Cuts have three seats."""
    rows(owner_url, "UPDATE service SET seats = 3 WHERE id = %s", [CUT])

    def seat(start=MONDAY_10, staff=ANA, seats=1):
        return item(lanes, start, staff, capacity=3, seats=seats)

    return seat


def session(owner_url):
    return rows(owner_url, "SELECT seats, taken FROM group_session WHERE closed_at IS NULL")


async def test_seats_are_sold_until_there_are_none(scope, group, owner_url):
    first = await take(scope, group())
    assert session(owner_url) == [(3, 1)]
    await take(scope, group(seats=2))
    assert session(owner_url) == [(3, 3)]
    with pytest.raises(SlotTaken):
        await take(scope, group())
    await bookings.cancel(scope, Cancellation(first), now=NOW)
    assert session(owner_url) == [(3, 2)]
    with pytest.raises(SlotTaken):
        await take(scope, group(seats=2))
    assert session(owner_url) == [(3, 2)], "a refusal takes no seat"
    await take(scope, group())
    assert rows(owner_url, "SELECT count(*) FROM claim WHERE released_at IS NULL") == [(1,)]
    assert_invariants(owner_url)


async def test_the_last_to_leave_frees_the_lane(scope, lanes, group, owner_url):
    both = [await take(scope, group()) for _ in range(2)]
    colour = item(lanes, service=COLOUR)
    for booked in both:
        with pytest.raises(SlotTaken):
            await take(scope, colour)
        await bookings.cancel(scope, Cancellation(booked), now=NOW)
    assert session(owner_url) == []
    await take(scope, colour)
    with pytest.raises(SlotTaken):
        await take(scope, group())
    assert_invariants(owner_url)


async def test_seats_of_expired_holds_are_sold_again_without_a_sweeper(scope, lanes, group, owner_url):
    for _ in range(3):
        await hold(scope, group())
    with pytest.raises(SlotTaken):
        await take(scope, group())
    run_out(owner_url)
    await take(scope, group(seats=3))
    assert session(owner_url) == [(3, 3)]
    await hold(scope, group(MONDAY_10 + HOUR))
    run_out(owner_url)
    await take(scope, item(lanes, MONDAY_10 + HOUR, service=COLOUR))
    assert_invariants(owner_url)


async def test_seats_asked_for_at_once_are_never_oversold(scope, group, owner_url):
    who = await client(scope)
    for day in range(5):
        start = MONDAY_10 + timedelta(days=day)
        ends = await asyncio.gather(
            *(take(scope, group(start, seats=1 + n % 2), who=who) for n in range(10)), return_exceptions=True
        )
        assert all(isinstance(end, UUID | SlotTaken) for end in ends), ends
    assert {taken for _, taken in session(owner_url)} <= {2, 3}
    assert len(session(owner_url)) == 5
    assert_invariants(owner_url)


async def test_without_the_compare_and_set_seats_are_oversold_or_the_schema_refuses(
    scope, group, owner_url, monkeypatch
):
    monkeypatch.setattr(claims, "JOIN_SESSIONS", claims.JOIN_SESSIONS.replace("AND s.taken + w.seats <= s.seats", ""))
    with pytest.raises(Exception, match="ck_group_session_seats"):  # noqa: PT012
        for _ in range(4):
            await take(scope, group())


async def test_a_seat_moves_to_another_group_and_its_old_one_stays(scope, group, owner_url):
    first, _ = await take(scope, group()), await take(scope, group())
    later = MONDAY_10 + HOUR
    await take(scope, group(later))
    async with scope.db.transaction(scope.business_id) as tx:
        [standing] = await rescheduling.standing(tx, [first])
    assert standing.spans == [], "others sit in its group"
    moved = Item(standing.items[0].id, *list(_fields(group(later)))[1:])
    async with scope.db.transaction(scope.business_id) as tx:
        await rescheduling.move(tx, [rescheduling.Move(standing, (moved,))])
    assert rows(owner_url, "SELECT taken FROM group_session ORDER BY starts_at") == [(1,), (2,)]
    async with scope.db.transaction(scope.business_id) as tx:
        [standing] = await rescheduling.standing(tx, [first])
        back = Item(standing.items[0].id, *list(_fields(group()))[1:])
        await rescheduling.move(tx, [rescheduling.Move(standing, (back,))])
    assert rows(owner_url, "SELECT taken FROM group_session ORDER BY starts_at") == [(2,), (1,)]
    assert_invariants(owner_url)
