"""My appointments: what a browser may see without an account, and with one."""

import re
from datetime import timedelta
from html import unescape
from uuid import uuid4

import httpx
import pytest

from models.permissions import Role
from models.states import Party
from service.commands import attendance, bookings, deposits, offers, waitlist
from service.commands.attendance import Step
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
    assert "Can be changed or cancelled online until Mon 2 Mar, 10:00" in page
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
    assert "Move to another time" in moving.text
    version = moving.text.split('name="version" value="')[1].split('"')[0]
    assert (await browser.post(f"{address}/cancel", data={"version": version})).status_code == 303
    assert "Past and cancelled (1)" in (await browser.get("/b/salon/me")).text


async def waits(browser: httpx.AsyncClient, name: str = "Waiting Wim") -> None:
    """Join the waitlist as a client does, for the mornings of a week."""
    form = {
        "first": "2026-03-02",
        "last": "2026-03-06",
        "after": "09:00",
        "before": "12:00",
        "weekdays": list(range(5)),
    }
    answer = await browser.post(f"/b/salon/waitlist?service={CUT}", data={**form, "name": name, "phone": "+31 20 123"})
    assert "You are on the waitlist" in answer.text


async def offered(business, db) -> None:
    """Offer Ana's Monday morning to who waits."""
    view = await Views(db).current(business.business_id, NOW)
    freed = offers.Freed(ANA, MONDAY_10 - timedelta(hours=1), MONDAY_10 + timedelta(hours=2))
    assert len(await offers.pass_on(business, freed, view=view, now=NOW)) == 1


def action(page: str, what: str) -> str:
    """Return the address of a form about what one waits for."""
    [found] = re.findall(rf'action="([^"]+/{what}[^"]*)"', page)
    return unescape(found)


async def state(business, db) -> str:
    """Return the state of the one entry."""
    async with db.transaction(business.business_id) as tx:
        return (await tx.row("SELECT status FROM waitlist_entry"))["status"]


async def test_what_one_waits_for_is_listed_and_left(business, db, browser):
    await waits(browser)
    page = (await browser.get("/b/salon/me")).text
    assert "On the waitlist" in page
    assert "Mon 2 Mar – Fri 6 Mar" in page
    leave = action(page, "leave")
    # Another browser neither sees it nor takes it off.
    kept = browser.cookies["mine"]
    browser.cookies.clear()
    assert "On the waitlist" not in (await browser.get("/b/salon/me")).text
    assert (await browser.post(leave)).status_code == 404
    answer = await browser.post(leave, headers={"Cookie": f"mine={kept}"})
    assert answer.status_code == 303
    assert await state(business, db) == "left"


async def test_an_offer_is_accepted_where_one_sees_ones_appointments(business, db, browser):
    await waits(browser)
    await offered(business, db)
    page = (await browser.get("/b/salon/me")).text
    assert "A time is free for you" in page
    assert "Mon 2 Mar, 09:00" in page
    answer = await browser.post(action(page, "accept"))
    assert answer.status_code == 303
    assert "You are booked" in (await browser.get(answer.headers["location"])).text
    page = (await browser.get("/b/salon/me")).text
    assert "On the waitlist" not in page
    assert "Mon 2 Mar, 09:00" in page
    assert await state(business, db) == "placed"


async def test_an_offer_is_declined_and_one_waits_on(business, db, browser):
    await waits(browser)
    await offered(business, db)
    answer = await browser.post(action((await browser.get("/b/salon/me")).text, "decline"))
    page = (await browser.get(answer.headers["location"])).text
    assert "you keep waiting" in page
    assert "as soon as a time opens" in page
    assert await state(business, db) == "waiting"


async def test_an_offer_that_has_run_out_is_not_taken(business, db, browser):
    await waits(browser)
    await offered(business, db)
    accept = action((await browser.get("/b/salon/me")).text, "accept")
    async with db.transaction(business.business_id) as tx:
        for table in ("appointment", "claim", "offer"):
            past = "clock_timestamp() - interval '1 second'"
            await tx.execute(f"UPDATE {table} SET expires_at = {past} WHERE expires_at IS NOT NULL")
    answer = await browser.post(accept)
    assert answer.status_code == 409
    assert "That offer is not open any more" in answer.text
    assert "A time is free for you" not in answer.text


async def test_who_is_signed_in_sees_what_they_wait_for_too(business, db, browser):
    maria = await client(business)
    window = (MONDAY_10, MONDAY_10 + timedelta(hours=2))
    await waitlist.join(business, waitlist.Joining(maria, CUT, (window,)), now=NOW)
    assert "On the waitlist" not in (await browser.get("/b/salon/me")).text
    browser.cookies.update(await cookie(business, Role.CLIENT, client_id=maria))
    assert "On the waitlist" in (await browser.get("/b/salon/me")).text


async def test_a_deposit_that_is_due_is_named_until_it_is_paid(business, db, browser):
    maria = await client(business)
    await deposits.set_no_show_rules(business, deposits.NoShowRules(1, 1500))
    view = await Views(db).current(business.business_id, NOW)
    missed = await bookings.book(business, bookings.BookRequest(CUT, ANA, MONDAY_10, maria), view=view, now=NOW)
    later = MONDAY_10 + timedelta(minutes=5)
    await attendance.no_show(business, Step(missed.id, missed.version, Party.STAFF), now=later)
    view = await Views(db).current(business.business_id, NOW)
    request = bookings.BookRequest(CUT, BEN, MONDAY_10 + timedelta(days=1), maria)
    made = await bookings.book(business, request, view=view, now=NOW)
    assert made.deposit_cents == 1500
    browser.cookies.update(await cookie(business, Role.CLIENT, client_id=maria))
    page = unescape((await browser.get("/b/salon/me")).text)
    assert "A deposit of \u2068€15.00\u2069 is due" in page
    [link, *_] = re.findall(r'href="([^"]+/booking/[^"/]+)"', page)
    told = unescape((await browser.get(link)).text)
    assert "A deposit of \u2068€15.00\u2069 is due" in told
    assert "Please pay it to Salon, or call." in told
    await deposits.pay_deposit(business, Step(made.id, made.version, Party.STAFF))
    assert "deposit" not in (await browser.get(link)).text
    assert "deposit" not in (await browser.get("/b/salon/me")).text
