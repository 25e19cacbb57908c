"""How many messages each command sends, that with BEGIN and that with COMMIT among them: one more would show here."""

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from models.states import Party
from service.commands import attendance, bookings, reschedule, series, series_changes
from service.commands.attendance import Step
from service.commands.legality import Wanted
from service.commands.reschedule import Reschedule, Swap
from service.commands.series import SeriesRequest
from service.commands.series_changes import Extent, SeriesCancellation, SeriesMove
from service.db.views import Views
from service.queries import bookings as booking_queries
from service.queries import schedules
from service.queries.series import far_view, read
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def sent(monkeypatch):
    """Every message to the server, by what it begins with."""
    told: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def counted(self, query, *args, **kwargs):
        told.append(query.decode() if isinstance(query, bytes) else str(query))
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    return told


async def cost(sent, command) -> tuple[int, object]:
    sent.clear()
    result = await command
    if len(sent) == 1:
        # A transaction of its own.
        assert sent[0].lstrip().startswith("SELECT * FROM book(")
    else:
        assert sent[0].startswith("BEGIN")
        assert sent[-1].endswith("COMMIT")
    return len(sent), result


async def test_each_command_sends_as_few_statements_as_it_can(db, sent):
    scope = await salon(db)
    who = await client(scope)
    view = await Views(db).current(scope.business_id, NOW)
    given = {"view": view, "now": NOW}

    def hold(start, **more):
        return bookings.hold(scope, bookings.HoldRequest(CUT, ANA, start, **more), **given)

    def book(start, staff=ANA, **more):
        return bookings.book(scope, bookings.BookRequest(CUT, staff, start, who, **more), **given)

    n, held = await cost(sent, hold(MONDAY_10))
    assert n == 1
    n, _ = await cost(sent, bookings.extend(scope, bookings.Extension(held.id, held.token)))
    assert n == 4
    n, booked = await cost(sent, bookings.confirm(scope, bookings.Confirmation(held.id, held.token, who)))
    assert n == 4, "is the client limited, confirm"
    n, keyed = await cost(sent, hold(MONDAY_10 + HOUR, client_key="k"))
    assert n == 4
    n, _ = await cost(sent, bookings.release(scope, bookings.Release(keyed.id, keyed.token)))
    assert n == 3
    n, at_once = await cost(sent, book(MONDAY_10 + HOUR))
    assert n == 1, "booking at once is one statement and the commit"
    keyed = replace(scope, key="once")
    n, _ = await cost(sent, bookings.book(keyed, bookings.BookRequest(CUT, BEN, MONDAY_10 + HOUR, who), **given))
    assert n == 1, "its key travels along"
    n, visit = await cost(sent, book(MONDAY_10 + DAY, more=(Wanted(CUT, BEN, MONDAY_10 + DAY),)))
    assert n == 3, "of several items it is one statement too"
    n, _ = await cost(
        sent, reschedule.reschedule(scope, Reschedule(booked.id, starts_at=MONDAY_10 + 4 * HOUR), **given)
    )
    assert n == 7, "read, lock lanes, lock rows, release, claim, COMMIT"
    n, _ = await cost(sent, reschedule.swap(scope, Swap(Step(booked.id), Step(at_once.id)), **given))
    assert n == 7
    n, _ = await cost(sent, bookings.cancel(scope, bookings.Cancellation(visit.id, by=Party.CLIENT), now=NOW))
    assert n == 3
    n, _ = await cost(sent, attendance.check_in(scope, Step(booked.id)))
    assert n == 3
    n, _ = await cost(sent, attendance.complete(scope, Step(booked.id), now=MONDAY_10 + DAY))
    assert n == 3


@pytest.mark.parametrize("count", [2, 8])
async def test_a_series_sends_one_statement_for_each_booking_of_it(db, sent, count):
    scope = await salon(db)
    who, view = await client(scope), await far_view(db, scope.business_id, NOW)
    request = SeriesRequest(CUT, ANA, MONDAY_10, f"FREQ=WEEKLY;COUNT={count}", who)
    n, made = await cost(sent, series.book_series(scope, request, view=view, now=NOW))
    assert n == count + 4
    first = made.occurrences[0].appointment_id
    view = await far_view(db, scope.business_id, NOW)
    move = SeriesMove(first, starts_at=MONDAY_10 + HOUR, extent=Extent.ALL)
    n, _ = await cost(sent, series_changes.move_series(scope, move, view=view, now=NOW))
    assert n == 9, "however many there are"
    n, _ = await cost(sent, series_changes.cancel_series(scope, SeriesCancellation(first, extent=Extent.ALL), now=NOW))
    assert n == 2 * count + 5, "a lock and a change each"
    assert len((await read(db, scope.business_id, made.id)).items) == count


@pytest.mark.parametrize("count", [1, 8])
async def test_a_day_a_week_and_a_client_are_read_in_as_many_statements_however_much_there_is(db, sent, count):
    scope = await salon(db)
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    for n in range(count):
        request = bookings.BookRequest(CUT, (ANA, BEN)[n % 2], MONDAY_10 + n // 2 * DAY, who)
        await bookings.book(scope, request, view=view, now=NOW)
    zone = view.snapshot.zone
    for days in (1, 7):
        n, found = await cost(sent, schedules.schedule(db, scope.business_id, zone, MONDAY_10.date(), days))
        assert n == 3
        assert len(found) == min(count, 2 * days)
    n, book = await cost(sent, schedules.of_client(db, scope.business_id, who))
    assert (n, len(book.items)) == (4, count), "the client, and a page of what they booked"
    n, _ = await cost(sent, booking_queries.between(db, scope.business_id, MONDAY_10, MONDAY_10 + 7 * DAY))
    assert n == 3
