"""My appointments: what a browser may see without an account, and with one."""

from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from models.permissions import Role
from service.commands import bookings
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff
from service.db.command import Scope
from service.db.views import Views
from tests.service.people import cookie
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, WEEK, client, salon

pytestmark = pytest.mark.anyio


@pytest.fixture
async def business(db):
    """A salon; the browser of these tests is signed in nowhere."""
    return await salon(db)


async def booked(browser: httpx.AsyncClient, name: str = "Maria Costa", day: str = "2026-03-02T10:00:00+00:00") -> str:
    """Book as a client does and return the address of the booking."""
    held = await browser.post(f"/b/salon/hold?service={CUT}", data={"at": f"{ANA}~{day}"})
    form = {"at": f"{ANA}~{day}", "name": name, "email": "maria@example.org"}
    return (await browser.post(held.headers["location"], data=form)).headers["location"]


async def test_a_browser_lists_what_it_has_booked_and_another_does_not(business, browser):
    assert "no appointments that this browser knows" in (await browser.get("/b/salon/me")).text
    address = await booked(browser)
    page = (await browser.get("/b/salon/me")).text
    assert "Mon 2 Mar, 10:00" in page
    assert "Can be changed online until Mon 2 Mar, 10:00" in page
    browser.cookies.clear()
    # The same name and address in another browser show nothing of the first one's.
    await booked(browser, day="2026-03-03T10:00:00+00:00")
    other = (await browser.get("/b/salon/me")).text
    assert "Tue 3 Mar, 10:00" in other
    assert "Mon 2 Mar" not in other
    # The link that was sent brings its booking along.
    await browser.get(address)
    assert "Mon 2 Mar, 10:00" in (await browser.get("/b/salon/me")).text


async def test_a_cookie_that_is_not_ours_or_of_another_business_lists_nothing(business, db, browser):
    await booked(browser)
    kept = browser.cookies["mine"]
    other = Opening("Other", "other", "Europe/Lisbon", (NewStaff("Eve", WEEK),), (NewService("Cut", 30),))
    await open_business(Scope(db, uuid4(), actor="test"), other)
    for value, slug in ((kept, "other"), (kept[:-2] + "xx", "salon"), ("nonsense", "salon")):
        browser.cookies.clear()
        page = await browser.get(f"/b/{slug}/me", headers={"Cookie": f"mine={value}"})
        assert (page.status_code, "no appointments that this browser knows" in page.text) == (200, True)


async def test_who_is_signed_in_sees_all_of_theirs_and_nobody_elses(business, db, browser):
    maria, other = await client(business), await client(business, "Somebody Else")
    for n, (who, staff) in enumerate(((maria, ANA), (maria, BEN), (other, BEN))):
        view = await Views(db).current(business.business_id, NOW)
        request = bookings.BookRequest(CUT, staff, MONDAY_10 + timedelta(days=n), who)
        made = await bookings.book(business, request, view=view, now=NOW)
        if n == 1:
            await bookings.cancel(business, bookings.Cancellation(made.id, made.version), now=NOW)
    assert (await browser.get("/me")).headers["location"] == "/login?next=/me"
    browser.cookies.update(await cookie(business, Role.CLIENT, client_id=maria))
    assert (await browser.get("/me")).headers["location"] == "/b/salon/me"
    page = (await browser.get("/b/salon/me")).text
    assert "Past and cancelled (1)" in page
    assert page.count('class="ticket"') == 2
    assert "Wed 4 Mar" not in page


async def test_a_list_leads_to_pages_that_move_and_cancel(business, browser):
    await booked(browser)
    page = (await browser.get("/b/salon/me")).text
    address = page.split('/move"')[0].rsplit('href="', 1)[1]
    moving = await browser.get(f"{address}/move")
    assert "Choose another time" in moving.text
    version = moving.text.split('name="version" value="')[1].split('"')[0]
    assert (await browser.post(f"{address}/cancel", data={"version": version})).status_code == 303
    assert "Past and cancelled (1)" in (await browser.get("/b/salon/me")).text
