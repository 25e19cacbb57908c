"""Clients who are deleted or erased: nothing new is made for them, what waits for them ends, what is booked stays."""

from uuid import uuid4

import pytest

from models.errors import NotAllowed, NotFound
from service.commands import bookings, clients, offers, optimisation, requests, series, waitlist
from service.db.views import Views
from service.queries import waitlist as queries
from tests.races.races import assert_invariants, count, owner_does
from tests.races.test_components import comes, rows_of
from tests.races.test_plans import recorded
from tests.service.commands.test_bookings import view_of
from tests.service.commands.test_offers import MORNING, entries, pass_on, run_out, waits
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio

LIVE = "SELECT count(*) FROM claim WHERE released_at IS NULL"


async def gone(scope, how):
    who = await client(scope)
    await how(scope, who)
    return who


@pytest.mark.parametrize("how", [clients.delete, clients.erase])
async def test_nothing_new_is_made_for_who_is_gone(db, owner_url, how):
    scope = await salon(db)
    view, given = await view_of(scope), {"view": await view_of(scope), "now": NOW}
    nobody = uuid4()
    held = await bookings.hold(scope, bookings.HoldRequest(CUT, ANA, MONDAY_10), view=view, now=NOW)
    for who in (await gone(scope, how), nobody):
        for doomed in (
            bookings.book(scope, bookings.BookRequest(CUT, BEN, MONDAY_10, who), **given),
            bookings.confirm(scope, bookings.Confirmation(held.id, held.token, who)),
            waitlist.join(scope, waitlist.Joining(who, CUT, MORNING), now=NOW),
            requests.ask(scope, bookings.BookRequest(CUT, BEN, MONDAY_10, who), **given),
            series.book_series(scope, series.SeriesRequest(CUT, BEN, MONDAY_10, "FREQ=DAILY;COUNT=2", who), **given),
        ):
            with pytest.raises(NotFound, match="no such client"):
                await doomed
    assert count(owner_url, LIVE) == 1, "the hold, which another may still confirm"
    await bookings.confirm(scope, bookings.Confirmation(held.id, held.token, await client(scope)))
    assert_invariants(owner_url)


@pytest.mark.parametrize("how", [clients.delete, clients.erase])
async def test_who_is_gone_waits_no_longer_and_the_next_is_offered_their_time(db, owner_url, how):
    scope = await salon(db)
    who = await client(scope)
    joined = [await waitlist.join(scope, waitlist.Joining(who, CUT, MORNING), now=NOW) for _ in range(2)]
    next_one = await waits(scope, since=MONDAY_10)
    [offer] = await pass_on(scope)
    assert offer.entry_id == joined[0].id
    await how(scope, who)
    assert entries(owner_url) == {joined[0].id: "left", joined[1].id: "left", next_one: "waiting"}
    assert count(owner_url, LIVE) == 0, "what was held for them is free"
    with pytest.raises(NotAllowed, match="declined already"):
        await offers.accept(scope, offers.Acceptance(offer.id))
    [again] = await pass_on(scope)
    assert again.entry_id == next_one
    assert_invariants(owner_url)


@pytest.mark.parametrize("leaves", [clients.delete, clients.erase, None])
async def test_an_offer_that_ran_out_keeps_nobody_on_the_list(db, owner_url, leaves):
    scope = await salon(db)
    who = await client(scope)
    entry = (await waitlist.join(scope, waitlist.Joining(who, CUT, MORNING), now=NOW)).id
    await pass_on(scope)
    run_out(owner_url)
    await (waitlist.leave(scope, entry) if leaves is None else leaves(scope, who))
    assert entries(owner_url) == {entry: "left"}
    assert count(owner_url, "SELECT count(*) FROM offer WHERE status = 'open'") == 0
    assert_invariants(owner_url)


async def test_who_is_restored_may_wait_anew_and_what_they_booked_was_theirs_all_along(db, owner_url):
    scope = await salon(db)
    who = await client(scope)
    booking = bookings.BookRequest(CUT, BEN, MONDAY_10, who)
    booked = await bookings.book(scope, booking, view=await view_of(scope), now=NOW)
    old = (await waitlist.join(scope, waitlist.Joining(who, CUT, MORNING), now=NOW)).id
    await clients.delete(scope, who)
    await clients.restore(scope, who)
    new = (await waitlist.join(scope, waitlist.Joining(who, CUT, MORNING), now=NOW)).id
    assert entries(owner_url) == {old: "left", new: "waiting"}
    status = "SELECT count(*) FROM appointment WHERE id = %s AND client_id = %s AND status = 'confirmed'"
    assert count(owner_url, status, [booked.id, who]) == 1


async def test_whom_somebody_deleted_behind_the_service_no_job_places(db, owner_url):
    """Rows from before: a deleted client still waits. The others are offered, placed; the plan says why not they."""
    scope = await salon(db)
    view = await Views(scope.db).current(scope.business_id, NOW)
    plan = [await comes(scope, view, n, 2 * n) for n in range(3)]
    run = await recorded(scope, plan)
    first, second = await waits(scope), await waits(scope, since=MONDAY_10)
    gone_ones = [plan[1].subject, first]
    for entry in gone_ones:
        owner_does(
            owner_url,
            "UPDATE client SET deleted_at = clock_timestamp() "
            f"WHERE id = (SELECT client_id FROM waitlist_entry WHERE id = '{entry}')",
        )
    waiting = {entry.id for entry in await queries.waiting(db, scope.business_id)}
    assert waiting == {plan[0].subject, plan[2].subject, second}
    [offer] = await pass_on(scope)
    assert offer.entry_id == second
    await offers.decline(scope, offer.id)
    outcome = await optimisation.apply(scope, run, now=NOW)
    assert outcome.applied == 2
    told = {row["status"]: row["refusal"] for row in rows_of(owner_url, run)}
    assert told == {"applied": None, "stale": "The client is on the list no longer."}
    assert_invariants(owner_url)
