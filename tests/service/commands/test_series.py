"""Series: one local time over DST, each occurrence booked or named; this one, what follows, or all of it."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from models.errors import InvalidInput, NotAllowed, OutsidePolicy, SlotTaken, StaleVersion
from models.states import Party
from service.commands import bookings, series, series_changes
from service.commands.reschedule import Reschedule, reschedule
from service.commands.series import SeriesRequest
from service.commands.series_changes import Extent, SeriesCancellation, SeriesMove
from service.queries.series import far_view, read
from tests.races.races import assert_invariants
from tests.service.worlds import ANA, BEN, COLOUR, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


async def view_of(scope):
    return await far_view(scope.db, scope.business_id, NOW)


async def repeat(scope, rule, start=MONDAY_10, staff=ANA, service=CUT, by=Party.CLIENT, who=None):
    request = SeriesRequest(service, staff, start, rule, who or await client(scope), by)
    return await series.book_series(scope, request, view=await view_of(scope), now=NOW)


async def book(scope, start, staff=ANA):
    request = bookings.BookRequest(CUT, staff, start, await client(scope))
    return await bookings.book(scope, request, view=await view_of(scope), now=NOW)


async def starts(scope, made):
    found = await read(scope.db, scope.business_id, made.id)
    return [(item.starts_at, item.staff_id) for item in found.items if item.status == "confirmed"]


async def test_the_local_time_is_kept_when_the_clocks_change(db, owner_url):
    scope = await salon(db)
    made = await repeat(scope, "FREQ=WEEKLY;COUNT=6")
    assert [o.conflict for o in made.occurrences] == [None] * 6
    hours = [start.hour for start, _ in await starts(scope, made)]
    assert hours == [10, 10, 10, 10, 9, 9], "Lisbon is an hour ahead of UTC from 29 March"
    assert_invariants(owner_url)


async def test_each_occurrence_is_booked_or_named_with_the_nearest_alternative(db, owner_url):
    scope = await salon(db)
    await book(scope, MONDAY_10 + WEEK)
    made = await repeat(scope, "FREQ=WEEKLY;COUNT=3")
    booked, conflict, third = made.occurrences
    assert (booked.version, third.version) == (1, 1)
    assert (conflict.code, conflict.appointment_id, conflict.day) == ("slot-taken", None, (MONDAY_10 + WEEK).date())
    assert abs(conflict.nearest.starts_at - MONDAY_10 - WEEK) <= HOUR / 4
    assert len(await starts(scope, made)) == 2
    assert_invariants(owner_url)


async def test_what_is_never_to_be_had_is_refused_whole(db, owner_url):
    scope = await salon(db)
    who = await client(scope)
    for error, rule, start in (
        (InvalidInput, "FREQ=SECONDLY;COUNT=3", MONDAY_10),
        (InvalidInput, "FREQ=WEEKLY;BYDAY=TU;COUNT=3", MONDAY_10),
        (OutsidePolicy, "FREQ=WEEKLY;COUNT=2", MONDAY_10 + timedelta(minutes=5)),
    ):
        with pytest.raises(error):
            await repeat(scope, rule, start, who=who)
    with psycopg.connect(owner_url) as connection:
        assert connection.execute("SELECT count(*) FROM series").fetchone() == (0,)


async def test_beyond_what_can_be_booked_ahead_occurrences_are_named(db):
    scope = await salon(db)
    made = await repeat(scope, "FREQ=MONTHLY;BYDAY=1MO;COUNT=4")
    assert [o.code for o in made.occurrences] == [None, None, "outside-policy", "outside-policy"]


async def test_a_local_time_that_the_clocks_skip_is_named(db, owner_url):
    scope = await salon(db, zone="Europe/Lisbon")
    with psycopg.connect(owner_url) as connection:
        connection.execute(
            "UPDATE working_hours SET weekday = (weekday + 6) % 7, opens = 0, closes = 300 WHERE opens = 540"
        )
    sunday = datetime(2026, 3, 22, 1, 30, tzinfo=UTC)
    made = await repeat(scope, "FREQ=WEEKLY;COUNT=3", sunday)
    assert [(o.code, o.starts_at and o.starts_at.hour) for o in made.occurrences] == [
        (None, 1),
        ("closed", None),
        (None, 0),
    ]


async def test_a_series_asks_for_approval_as_a_booking_does(db, owner_url):
    scope = await salon(db)
    with psycopg.connect(owner_url) as connection:
        connection.execute("UPDATE service SET needs_approval = true")
    made = await repeat(scope, "FREQ=WEEKLY;COUNT=2")
    assert {item.status for item in (await read(db, scope.business_id, made.id)).items} == {"pending"}


async def move(scope, booking, start=None, staff=None, extent=Extent.FOLLOWING, version=None):
    request = SeriesMove(booking, version, starts_at=start, staff_id=staff, extent=extent)
    return await series_changes.move_series(scope, request, view=await view_of(scope), now=NOW)


async def test_this_one_moves_alone_this_and_following_together_or_all(db, owner_url):
    scope = await salon(db)
    made = await repeat(scope, "FREQ=WEEKLY;COUNT=4")
    ids = [o.appointment_id for o in made.occurrences]
    alone = Reschedule(ids[1], starts_at=MONDAY_10 + WEEK + DAY)
    await reschedule(scope, alone, view=await view_of(scope), now=NOW)
    following = await move(scope, ids[2], MONDAY_10 + 2 * WEEK + HOUR)
    assert [(o.appointment_id, o.conflict) for o in following.occurrences] == [(ids[2], None), (ids[3], None)]
    every = await move(scope, ids[0], staff=BEN, extent=Extent.ALL)
    assert [o.version for o in every.occurrences] == [2, 3, 3, 3]
    assert await starts(scope, made) == [
        (MONDAY_10, BEN),
        (MONDAY_10 + WEEK + DAY, BEN),
        (MONDAY_10 + 2 * WEEK + HOUR, BEN),
        (MONDAY_10 + 3 * WEEK + HOUR, BEN),
    ]
    assert_invariants(owner_url)


async def test_a_series_moves_through_its_own_times(db, owner_url):
    scope = await salon(db)
    made = await repeat(scope, "FREQ=DAILY;COUNT=4")
    moved = await move(scope, made.occurrences[0].appointment_id, MONDAY_10 + DAY, extent=Extent.ALL)
    assert [o.conflict for o in moved.occurrences] == [None] * 4
    assert [start for start, _ in await starts(scope, made)] == [MONDAY_10 + n * DAY for n in (1, 2, 3, 4)]
    assert_invariants(owner_url)


async def test_what_cannot_go_stays_and_is_named(db, owner_url):
    scope = await salon(db)
    made = await repeat(scope, "FREQ=DAILY;COUNT=5")
    moved = await move(scope, made.occurrences[0].appointment_id, MONDAY_10 + DAY, extent=Extent.ALL)
    *gone, friday = moved.occurrences
    assert (friday.code, friday.nearest is not None) == ("closed", True), "it would be on Saturday"
    assert [o.code for o in gone] == ["slot-taken"] * 4, "each is in the way of the one before"
    assert [start for start, _ in await starts(scope, made)] == [MONDAY_10 + n * DAY for n in range(5)]
    await book(scope, MONDAY_10 + 2 * DAY + HOUR)
    later = await move(scope, made.occurrences[0].appointment_id, MONDAY_10 + HOUR, extent=Extent.ALL)
    assert [o.code for o in later.occurrences] == [None, None, "slot-taken", None, None]
    assert_invariants(owner_url)


async def test_a_series_is_cancelled_from_here_on_or_whole(db, owner_url):
    scope = await salon(db)
    made = await repeat(scope, "FREQ=WEEKLY;COUNT=4")
    ids = [o.appointment_id for o in made.occurrences]
    with pytest.raises(StaleVersion):
        await series_changes.cancel_series(scope, SeriesCancellation(ids[2], 7), now=NOW)
    done = await series_changes.cancel_series(scope, SeriesCancellation(ids[2], 1, reason="moves away"), now=NOW)
    assert [o.appointment_id for o in done.occurrences] == ids[2:]
    rest = await series_changes.cancel_series(scope, SeriesCancellation(ids[1], extent=Extent.ALL), now=NOW)
    assert [o.appointment_id for o in rest.occurrences] == ids[:2]
    assert await starts(scope, made) == []
    alone = await book(scope, MONDAY_10)
    with pytest.raises(NotAllowed, match="no series"):
        await move(scope, alone.id, MONDAY_10 + HOUR)
    with pytest.raises(NotAllowed, match="is cancelled"):
        await series_changes.cancel_series(scope, SeriesCancellation(ids[1]), now=NOW)
    assert_invariants(owner_url)


async def test_a_client_cancels_of_a_series_what_the_policy_allows(db, owner_url):
    scope = await salon(db)
    with psycopg.connect(owner_url) as connection:
        connection.execute("UPDATE service SET last_cancellation = 2880")
    made = await repeat(scope, "FREQ=DAILY;COUNT=3")
    first = made.occurrences[0].appointment_id
    request = SeriesCancellation(first, by=Party.CLIENT, extent=Extent.ALL)
    done = await series_changes.cancel_series(scope, request, now=NOW)
    assert [o.code for o in done.occurrences] == ["outside-policy", None, None]


async def test_a_taken_first_date_with_nothing_else_is_refused(db):
    scope = await salon(db)
    await book(scope, MONDAY_10)
    with pytest.raises(SlotTaken):
        await repeat(scope, "FREQ=WEEKLY;COUNT=1")
    assert (await repeat(scope, "FREQ=WEEKLY;COUNT=2", MONDAY_10 + 2 * DAY, service=COLOUR)).id
