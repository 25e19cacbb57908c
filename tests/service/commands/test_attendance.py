"""What becomes of a booking: every step of the table and none beside it, policies, fees, no-shows."""

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from models.errors import NotAllowed, NotFound, OutsidePolicy, StaleVersion
from models.states import APPOINTMENT, LIVE, AppointmentStatus, Party
from service.commands import attendance, bookings
from service.commands.attendance import Step
from service.commands.reschedule import Reschedule, reschedule
from service.db.views import Views
from tests.service.worlds import ANA, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

AFTER = MONDAY_10 + timedelta(minutes=1)
STEPS = {
    "approve": attendance.approve,
    "decline": attendance.decline,
    "cancel": lambda scope, step: bookings.cancel(
        scope, bookings.Cancellation(step.appointment_id, step.version, step.by), now=NOW
    ),
    "check_in": attendance.check_in,
    "complete": lambda scope, step: attendance.complete(scope, step, now=AFTER),
    "no_show": lambda scope, step: attendance.no_show(scope, step, now=AFTER),
}
PATHS = {
    "pending": [],
    "confirmed": ["approve"],
    "checked_in": ["approve", "check_in"],
    "completed": ["approve", "check_in", "complete"],
    "no_show": ["approve", "no_show"],
    "cancelled": ["cancel"],
    "declined": ["decline"],
}


def owner(owner_url, sql, params=()):
    with psycopg.connect(owner_url) as connection:
        cursor = connection.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


async def booked(scope, starts_at=MONDAY_10, who=None, by=Party.CLIENT):
    view = await Views(scope.db).current(scope.business_id, NOW)
    request = bookings.BookRequest(CUT, ANA, starts_at, who or await client(scope), by=by)
    return await bookings.book(scope, request, view=view, now=NOW)


@pytest.fixture
async def asking(db, owner_url):
    """A salon that approves every cut."""
    scope = await salon(db)
    owner(owner_url, "UPDATE service SET needs_approval = true")
    return scope


@pytest.mark.parametrize("state", PATHS)
async def test_from_each_state_the_steps_of_the_table_are_taken_and_no_other(asking, owner_url, state):
    legal = {t.command: t.target for t in APPOINTMENT if t.source == state and t.command in STEPS}
    for command, step in STEPS.items():
        booking = await booked(asking)
        assert booking.status == "pending"
        for before in PATHS[state]:
            booking = await STEPS[before](asking, Step(booking.id))
        assert booking.status == state
        if command in legal:
            after = await step(asking, Step(booking.id, booking.version))
            assert (after.status, after.version) == (legal[command], booking.version + 1)
        else:
            with pytest.raises(NotAllowed, match=r"needs one that is|has not begun"):
                await step(asking, Step(booking.id))
        owner(owner_url, "DELETE FROM claim")


@pytest.mark.parametrize("command", STEPS)
async def test_who_may_take_a_step_stands_in_the_table(asking, command):
    booking = await booked(asking)
    source = {t.source for t in APPOINTMENT if t.command == command}
    if AppointmentStatus.PENDING not in source:
        before = "check_in" if command == "complete" else "approve"
        booking = await attendance.approve(asking, Step(booking.id))
        if before == "check_in":
            booking = await attendance.check_in(asking, Step(booking.id))
    allowed = {p for t in APPOINTMENT if t.command == command for p in t.parties}
    for party in set(Party) - allowed:
        with pytest.raises(NotAllowed, match=f"A {party} cannot"):
            await STEPS[command](asking, Step(booking.id, by=party))
    assert (await STEPS[command](asking, Step(booking.id, by=min(allowed)))).version == booking.version + 1


@pytest.mark.parametrize("command", STEPS)
async def test_a_step_honours_the_version_and_what_is_not_there(asking, command):
    booking = await booked(asking)
    with pytest.raises(StaleVersion) as stale:
        await STEPS[command](asking, Step(booking.id, version=9))
    assert stale.value.fields == {"version": 1}
    with pytest.raises(NotFound):
        await STEPS[command](asking, Step(ANA))


@pytest.mark.parametrize("state", PATHS)
async def test_lane_time_is_kept_in_live_states_alone(asking, owner_url, state):
    booking = await booked(asking)
    for before in PATHS[state]:
        booking = await STEPS[before](asking, Step(booking.id))
    live = owner(owner_url, "SELECT count(*) FROM claim WHERE released_at IS NULL")
    assert live == [(1 if state in LIVE else 0,)]
    events = "SELECT aggregate_version, topic FROM outbox_event WHERE aggregate_id = %s ORDER BY id"
    versions = owner(owner_url, events, [booking.id])
    assert [v for v, _ in versions] == list(range(1, booking.version + 1))
    assert versions[-1][1] == f"appointment.{state}"


async def test_what_staff_book_needs_no_approval(asking):
    assert (await booked(asking, by=Party.STAFF)).status == "confirmed"


async def test_a_hold_becomes_pending_where_the_service_wants_approval(asking):
    view = await Views(asking.db).current(asking.business_id, NOW)
    who = await client(asking)
    for by, status in ((Party.CLIENT, "pending"), (Party.STAFF, "confirmed")):
        start = MONDAY_10 + timedelta(hours=status == "confirmed")
        held = await bookings.hold(asking, bookings.HoldRequest(CUT, ANA, start), view=view, now=NOW)
        confirmed = await bookings.confirm(asking, bookings.Confirmation(held.id, held.token, who, by))
        assert (confirmed.status, confirmed.version) == (status, 2)


async def test_a_visit_is_missed_or_completed_only_once_it_has_begun(db):
    scope = await salon(db)
    booking = await booked(scope)
    with pytest.raises(NotAllowed, match="has not begun"):
        await attendance.no_show(scope, Step(booking.id), now=MONDAY_10 - timedelta(seconds=1))
    booking = await attendance.check_in(scope, Step(booking.id))
    with pytest.raises(NotAllowed, match="has not begun"):
        await attendance.complete(scope, Step(booking.id), now=NOW)
    assert (await attendance.complete(scope, Step(booking.id), now=MONDAY_10)).status == "completed"


POLICY = "UPDATE service SET free_cancellation = 1440, cancellation_fee_cents = 1500, last_cancellation = 60"


@pytest.mark.parametrize(
    ("ahead", "fee"),
    [
        (timedelta(days=1, minutes=1), 0),
        (timedelta(days=1), 0),
        (timedelta(hours=23, minutes=59), 1500),
        (timedelta(minutes=61), 1500),
        (timedelta(minutes=60), None),
        (timedelta(0), None),
        (-timedelta(minutes=1), None),
    ],
)
async def test_a_client_cancels_free_then_for_a_fee_then_not_at_all(db, owner_url, ahead, fee):
    scope = await salon(db)
    owner(owner_url, POLICY)
    booking = await booked(scope)
    wanted = bookings.Cancellation(booking.id, by=Party.CLIENT)
    if fee is None:
        with pytest.raises(OutsidePolicy, match="please call"):
            await bookings.cancel(scope, wanted, now=MONDAY_10 - ahead)
        staff = await bookings.cancel(scope, bookings.Cancellation(booking.id), now=MONDAY_10 - ahead)
        assert (staff.status, staff.fee_cents) == ("cancelled", None)
    else:
        cancelled = await bookings.cancel(scope, wanted, now=MONDAY_10 - ahead)
        assert cancelled.fee_cents == fee
        assert owner(owner_url, "SELECT fee_cents FROM appointment") == [(fee,)]


async def test_who_was_not_approved_cancels_for_nothing(asking, owner_url):
    owner(owner_url, POLICY)
    booking = await booked(asking)
    wanted = bookings.Cancellation(booking.id, by=Party.CLIENT)
    assert (await bookings.cancel(asking, wanted, now=MONDAY_10 - timedelta(hours=2))).fee_cents == 0


async def test_what_a_service_approves_is_asked_for_again_by_who_moves_it(asking):
    booking = await booked(asking, by=Party.STAFF)
    for n, (by, status) in enumerate(((Party.STAFF, "confirmed"), (Party.CLIENT, "pending")), start=1):
        view = await Views(asking.db).current(asking.business_id, NOW)
        later = Reschedule(booking.id, by=by, starts_at=MONDAY_10 + timedelta(hours=n))
        booking = await reschedule(asking, later, view=view, now=NOW)
        assert (booking.status, booking.version) == (status, n + 1)
    assert (await attendance.approve(asking, Step(booking.id))).status == "confirmed"


async def test_a_client_does_not_move_out_of_reach_of_the_fee(db, owner_url):
    scope = await salon(db)
    owner(owner_url, POLICY)
    booking = await booked(scope)
    view = await Views(db).current(scope.business_id, NOW)
    later = Reschedule(booking.id, by=Party.CLIENT, starts_at=MONDAY_10 + timedelta(days=7))
    with pytest.raises(OutsidePolicy, match="too late to move"):
        await reschedule(scope, later, view=view, now=MONDAY_10 - timedelta(hours=23))
    await reschedule(scope, replace(later, by=Party.STAFF), view=view, now=MONDAY_10 - timedelta(hours=23))
    moved = Reschedule(booking.id, by=Party.CLIENT, starts_at=MONDAY_10 + timedelta(hours=1))
    view = await Views(db).current(scope.business_id, NOW)
    assert (await reschedule(scope, moved, view=view, now=NOW)).version == 3


async def test_without_a_policy_cancelling_is_free_until_the_start(db):
    scope = await salon(db)
    booking = await booked(scope)
    wanted = bookings.Cancellation(booking.id, by=Party.CLIENT)
    with pytest.raises(OutsidePolicy):
        await bookings.cancel(scope, wanted, now=MONDAY_10)
    assert (await bookings.cancel(scope, wanted, now=MONDAY_10 - timedelta(minutes=1))).fee_cents == 0


async def test_who_does_not_come_pays_and_beyond_the_threshold_has_to_ask(db, owner_url):
    scope = await salon(db)
    owner(owner_url, POLICY)
    owner(owner_url, """UPDATE business SET settings = '{"no_show_threshold": 2}'""")
    who, other = await client(scope), await client(scope)
    for times in range(2):
        booking = await booked(scope, MONDAY_10 + timedelta(hours=times), who)
        assert booking.status == "confirmed"
        missed = await attendance.no_show(scope, Step(booking.id), now=MONDAY_10 + timedelta(hours=3))
        assert missed.fee_cents == 1500
    assert (await booked(scope, who=who)).status == "pending"
    assert (await booked(scope, MONDAY_10 + timedelta(hours=1), other)).status == "confirmed"
    assert (await booked(scope, MONDAY_10 + timedelta(hours=4), who, Party.STAFF)).status == "confirmed"


async def test_what_nobody_approved_lapses_when_it_begins(asking):
    booking = await booked(asking)
    with pytest.raises(NotAllowed, match="has not begun"):
        await attendance.lapse(asking, booking.id, now=NOW)
    assert (await attendance.lapse(asking, booking.id, now=MONDAY_10)).status == "expired"
