"""The board: one page of a day, before and after the last run; forms that start, accept and discard."""

import re
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta

import httpx
import pytest

from service import bootstrap
from service.bootstrap import Interlock
from service.commands import bookings, waitlist
from service.commands.optimisation import apply
from service.db.views import Views
from service.jobs.optimise import plan_waitlist
from tests.service.people import cookie
from tests.service.worlds import ANA, CUT, NOW, client, salon

MONDAY = date(2026, 3, 2)
pytestmark = pytest.mark.anyio


@pytest.fixture
async def scope(db):
    """A salon with one booking and one client waiting for the same Monday."""
    scope = await salon(db)
    view = await Views(db).current(scope.business_id, NOW)
    ten = datetime.combine(MONDAY, datetime.min.time(), NOW.tzinfo) + timedelta(hours=10)
    request = bookings.BookRequest(CUT, ANA, ten, await client(scope, "Booked <b>Bea</b>"))
    await bookings.book(scope, request, view=view, now=NOW)
    waiting = waitlist.Joining(await client(scope, "Waiting Wim"), CUT, ((ten, ten + timedelta(hours=3)),))
    await waitlist.join(scope, waiting, now=NOW)
    return scope


@pytest.fixture
async def browser(db, monkeypatch, scope):
    """A browser in which the owner is signed in, on the test's database and clock."""

    @asynccontextmanager
    async def running():
        yield Interlock(db, Views(db), lambda: NOW)

    monkeypatch.setattr(bootstrap, "running", running)
    app = bootstrap.server_app()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as browser,
    ):
        browser.cookies.update(await cookie(scope))
        yield browser


async def test_the_day_shows_lanes_bookings_and_who_waits(scope, browser):
    page = (await browser.get("/board/salon", params={"day": str(MONDAY)})).text
    assert "Monday 02 March 2026" in page
    assert "Ana" in page
    assert "Ben" in page
    assert "Waiting Wim" in page
    assert "Booked &lt;b&gt;Bea&lt;/b&gt;" in page
    assert "<b>Bea</b>" not in page


async def test_a_plan_is_a_ghost_until_it_is_accepted(scope, browser):
    answer = await browser.post("/board/salon/runs", data={"day": str(MONDAY)})
    assert answer.status_code == 303
    planned = (await browser.get("/board/salon", params={"day": str(MONDAY)})).text
    assert 'class="block planned"' in planned
    assert 'class="arrow planned"' in planned
    run = re.search(r"/runs/([0-9a-f-]{36})/apply", planned).group(1)
    move = re.search(r'name="moves" value="([0-9a-f-]{36})"', planned).group(1)
    await browser.post(f"/board/salon/runs/{run}/apply", data={"day": str(MONDAY), "moves": move})
    after = (await browser.get("/board/salon", params={"day": str(MONDAY)})).text
    before = (await browser.get("/board/salon", params={"day": str(MONDAY), "view": "before"})).text
    assert 'class="block placed"' in after
    assert 'class="block placed"' not in before
    assert before.count('class="block confirmed"') == after.count('class="block confirmed"') == 1


async def test_a_discarded_plan_books_nothing(scope, browser):
    await browser.post("/board/salon/runs", data={"day": str(MONDAY)})
    page = (await browser.get("/board/salon", params={"day": str(MONDAY)})).text
    run = re.search(r"/runs/([0-9a-f-]{36})/discard", page).group(1)
    await browser.post(f"/board/salon/runs/{run}/discard", data={"day": str(MONDAY)})
    assert 'class="block planned"' not in (await browser.get("/board/salon", params={"day": str(MONDAY)})).text
    assert (await browser.post(f"/board/salon/runs/{run}/apply", data={"day": str(MONDAY)})).status_code == 409


async def test_a_form_of_another_site_is_refused(scope, browser):
    refused = await browser.post(
        "/board/salon/runs", data={"day": str(MONDAY)}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "cross-site")
    refused = await browser.post("/board/salon/runs", data={"day": "x"}, headers={"Origin": "https://evil.example"})
    assert refused.status_code == 403
    assert (await browser.get("/board/salon", headers={"Host": "evil.example"})).status_code == 400


async def test_kind_answers_to_what_is_not_there(scope, browser):
    assert (await browser.get("/board/nobody")).status_code == 404
    assert (await browser.get("/board/salon", params={"day": "2026-02-30"})).status_code == 422
    assert (await browser.get("/board/salon", params={"day": "2031-01-01"})).status_code == 200


async def test_applying_twice_places_nobody_twice(scope, db):
    run = await plan_waitlist(scope, Views(db), (MONDAY, MONDAY), NOW)
    first, second = await apply(scope, run, now=NOW), await apply(scope, run, now=NOW)
    assert first == second
    assert (first.applied, first.stale) == (1, ())
    async with db.transaction(scope.business_id) as tx:
        claims = await tx.row("SELECT count(*) AS n FROM claim WHERE released_at IS NULL")
    assert claims == {"n": 2}
