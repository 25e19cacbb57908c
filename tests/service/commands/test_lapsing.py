"""What ends by the clock though nobody calls: the worker's round finds it, and its time is free again."""

from datetime import timedelta

import pytest

from models.errors import Past
from service import bootstrap
from service.bootstrap import Interlock
from service.commands import attendance, lapsing, waitlist
from service.commands.attendance import Step
from service.db.views import Views
from service.jobs import worker
from tests.races.races import assert_invariants, count, owner_does
from tests.service.commands.test_attendance import booked, owner
from tests.service.commands.test_offers import entries, waits
from tests.service.worlds import CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


async def worked(db, app_url, now):
    """Let the worker do all that waits at a moment."""
    await worker.drain(Interlock(db, Views(db), lambda: now), app_url, bootstrap.consumers())


async def test_the_worker_lets_lapse_what_nobody_answered_in_time(db, app_url, owner_url):
    scope = await salon(db)
    owner_does(owner_url, "UPDATE service SET needs_approval = true")
    first, later, approved = [await booked(scope, MONDAY_10 + n * HOUR) for n in range(3)]
    await attendance.approve(scope, Step(approved.id))
    waiting, over = await waits(scope, ((MONDAY_10, MONDAY_10 + 9 * HOUR),)), await waits(scope)
    await worked(db, app_url, NOW)
    assert {row[0] for row in owner(owner_url, "SELECT status FROM appointment")} == {"pending", "confirmed"}
    assert set(entries(owner_url).values()) == {"waiting"}
    await worked(db, app_url, MONDAY_10 + HOUR - timedelta(seconds=1))
    assert dict(owner(owner_url, "SELECT id, status FROM appointment")) == {
        first.id: "expired",
        later.id: "pending",
        approved.id: "confirmed",
    }
    await worked(db, app_url, MONDAY_10 + HOUR)
    assert dict(owner(owner_url, "SELECT id, status FROM appointment"))[later.id] == "expired"
    assert entries(owner_url) == {waiting: "offered", over: "left"}, "freed time goes to who waits for it"
    assert count(owner_url, "SELECT count(*) FROM claim WHERE released_at IS NULL") == 2
    assert count(owner_url, "SELECT count(*) FROM outbox_event WHERE topic = 'waitlist.lapsed'") == 1
    assert_invariants(owner_url)


async def test_what_was_approved_since_it_was_looked_for_stays(db, owner_url, monkeypatch):
    scope = await salon(db)
    owner_does(owner_url, "UPDATE service SET needs_approval = true")
    booking = await booked(scope)
    lapse = attendance.lapse

    async def approved_first(scope, request, *, now):
        await attendance.approve(scope, Step(booking.id))
        return await lapse(scope, request, now=now)

    monkeypatch.setattr(attendance, "lapse", approved_first)
    assert await lapsing.lapse(db, scope.business_id, MONDAY_10) == 0
    assert owner(owner_url, "SELECT status FROM appointment") == [("confirmed",)]


async def test_nobody_waits_for_what_has_passed(db):
    scope = await salon(db)
    windows = tuple((NOW - timedelta(hours=n), NOW - timedelta(hours=n - 1)) for n in (1, 3))
    with pytest.raises(Past):
        await waitlist.join(scope, waitlist.Joining(await client(scope), CUT, windows), now=NOW)
