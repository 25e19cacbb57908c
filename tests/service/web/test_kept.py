"""A booking's own page in each of its states, and the terms that are told before and after."""

import re
from datetime import timedelta
from html import unescape
from uuid import UUID

import pytest

from models.states import Party
from service.commands import attendance, bookings
from service.commands.attendance import Step
from service.commands.changes import Change, change_business, change_service
from service.db.views import Views
from tests.service.web.test_visits import plain
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

pytestmark = pytest.mark.anyio
AT = f"{ANA}~{MONDAY_10.isoformat()}"
HOLD = f"/b/salon/hold?service={CUT}&lang=en"


async def booked(browser) -> str:
    """Book Monday at ten and return the address of the booking's page."""
    form = (await browser.post(HOLD, data={"at": AT})).headers["location"]
    answer = await browser.post(form, data={"at": AT, "name": "Maria Costa", "email": "maria@example.org"})
    return answer.headers["location"]


async def step(db, scope, work, *args, **kwargs) -> None:
    """Take the one booking a step on, as the house does."""
    async with db.transaction(scope.business_id) as tx:
        row = await tx.row("SELECT id, version FROM appointment WHERE status IN ('pending', 'confirmed', 'checked_in')")
    await work(scope, Step(row["id"], row["version"], Party.STAFF), *args, **kwargs)


async def test_what_cancelling_costs_is_told_before_one_books_and_after(db, browser):
    scope = await salon(db)
    rules = {"free_cancellation": 1440, "cancellation_fee_cents": 1500, "last_cancellation": 60}
    await change_service(scope, Change(CUT, rules))
    form = (await browser.post(HOLD, data={"at": AT})).headers["location"]
    told = (
        "Can be changed or cancelled online until Sun 1 Mar, 10:00. "
        "After that, cancelling costs €15.00, until Mon 2 Mar, 09:00."
    )
    assert told in plain((await browser.get(form)).text)
    assert told in plain((await browser.get(await booked(browser))).text)


async def test_the_audit_tells_from_where_a_page_was_used(db, browser):
    scope = await salon(db)
    asked = {"X-Request-ID": "from-the-page"}
    form = (await browser.post(HOLD, data={"at": AT}, headers=asked)).headers["location"]
    typed = {"at": AT, "name": "Maria Costa", "email": "maria@example.org"}
    kept = (await browser.post(form, data=typed, headers=asked)).headers["location"].partition("?")[0]
    await browser.post(f"{kept}/cancel", data={"version": 2}, headers=asked)
    async with db.transaction(scope.business_id) as tx:
        rows = await tx.rows("SELECT action, address, request_id FROM audit_entry WHERE action LIKE 'appointment%'")
    assert {row["action"].partition(".")[2] for row in rows} == {"hold", "confirmed", "cancelled"}
    assert {(row["address"], row["request_id"]) for row in rows} == {("127.0.0.1", "from-the-page")}


async def test_a_fee_that_is_due_already_is_told_as_such(db, browser):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"free_cancellation": 4320, "cancellation_fee_cents": 1500}))
    page = plain((await browser.get(await booked(browser))).text)
    assert page.count("Cancelling now costs €15.00.") == 2
    assert "It can no longer be moved online." in page
    assert "/move" not in page
    await change_service(scope, Change(CUT, {"last_cancellation": 4320}))
    form = (await browser.post(HOLD, data={"at": AT.replace("T10", "T11")})).headers["location"]
    page = plain((await browser.get(form)).text)
    assert "Booked this late, it cannot be changed or cancelled online." in page
    assert "costs" not in page


async def test_what_the_house_must_confirm_is_asked_for_and_answered(db, browser):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"needs_approval": True}))
    form = (await browser.post(HOLD, data={"at": AT})).headers["location"]
    page = plain((await browser.get(form)).text)
    assert "We confirm each request ourselves" in page
    assert "Send the request" in page
    kept = await booked(browser)
    assert "We have your request" in plain((await browser.get(kept)).text)
    await step(db, scope, attendance.decline)
    page = plain((await browser.get(kept)).text)
    assert "We cannot take this booking" in page
    assert "Add to your calendar" not in page


async def test_who_has_arrived_is_welcome_and_what_is_past_is_over(db, browser):
    scope = await salon(db)
    kept = await booked(browser)
    await step(db, scope, attendance.check_in)
    page = plain((await browser.get(kept)).text)
    assert "You are here: welcome." in page
    assert "This booking is over." not in page
    await step(db, scope, attendance.complete, now=MONDAY_10 + timedelta(hours=1))
    assert "This booking is over." in plain((await browser.get(kept)).text)


async def test_a_page_that_was_left_open_says_try_again_not_too_late(db, browser):
    await salon(db)
    kept = (await booked(browser)).split("?")[0]
    answer = await browser.post(f"{kept}/cancel?lang=en", data={"version": 0})
    assert answer.status_code == 409
    page = plain(answer.text)
    assert "That did not work. Please try again." in page
    assert "too late" not in page
    version = re.search(r'name="version" value="(\d+)"', answer.text)[1]
    assert (await browser.post(f"{kept}/cancel", data={"version": version})).status_code == 303


async def test_a_move_stays_with_the_same_person_and_names_another_where_they_are_taken(db, browser):
    scope = await salon(db)
    kept = (await booked(browser)).split("?")[0]
    view = await Views(db).current(scope.business_id, NOW)
    rival = bookings.BookRequest(CUT, ANA, MONDAY_10 + timedelta(hours=4), await client(scope))
    await bookings.book(scope, rival, view=view, now=NOW)
    page = (await browser.get(f"{kept}/move?day=2026-03-02&lang=en")).text
    assert "Now: Mon 2 Mar, 10:00 · with Ana" in plain(page)
    buttons = re.findall(r'name="at" value="([^"]+)">(.+?)</button>', page)
    offered = {plain(label)[:5]: (UUID(at[:36]), plain(label)[6:]) for at, label in buttons}
    assert "10:00" not in offered
    assert offered["10:15"] == offered["11:00"] == (ANA, "")
    assert offered["14:00"] == (BEN, "with Ben")
    assert all(named == ("with Ben" if who == BEN else "") for who, named in offered.values())
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    at = unescape(next(at for at, label in buttons if label.startswith("11:00")))
    assert (await browser.post(f"{kept}/move", data={"at": at, "version": version})).status_code == 303
    assert "Mon 2 Mar, 11:00 Cut · 30 min · free of charge with Ana" in plain((await browser.get(kept)).text)


async def test_the_link_of_a_booking_stands_on_its_page_and_opens_it_anywhere(db, browser):
    await salon(db)
    kept = await booked(browser)
    page = (await browser.get(kept)).text
    link = re.search(r'readonly dir="ltr" value="([^"]+)"', page)[1]
    assert link == f"http://127.0.0.1:8000{kept.split('?')[0]}"
    assert "_blank" not in page.split('class="keep"')[1].split("</div>")[0]
    browser.cookies.clear()
    assert "Your booking" in plain((await browser.get(link)).text)
    # Of a frame nobody sees the address: there it opens on a page of its own.
    framed = (await browser.get(f"{kept}&embed=1")).text
    assert f'href="{link}" target="_blank"' in framed


async def test_another_time_that_was_taken_instead_stays_chosen_while_the_form_is_mended(db, browser):
    scope = await salon(db)
    form = (await browser.post(HOLD, data={"at": AT})).headers["location"]
    later = f"{ANA}~{(MONDAY_10 + timedelta(hours=1)).isoformat()}"
    answer = await browser.post(form, data={"at": AT, "instead": later, "name": ""})
    sent = dict(re.findall(r'<input type="hidden" name="(at|instead)" value="([^"]+)"', unescape(answer.text)))
    assert sent == {"at": later, "instead": later}
    answer = await browser.post(form, data={**sent, "name": "Maria Costa", "email": "maria@example.org"})
    assert answer.status_code == 303
    async with db.transaction(scope.business_id) as tx:
        rows = await tx.rows(
            "SELECT i.starts_at FROM appointment a JOIN appointment_item i ON i.appointment_id = a.id "
            "WHERE a.status = 'confirmed'"
        )
    assert [row["starts_at"] for row in rows] == [MONDAY_10 + timedelta(hours=1)]


async def test_who_may_not_come_again_that_day_is_told_so_and_not_that_the_time_is_gone(db, browser):
    scope = await salon(db)
    await booked(browser)
    await change_service(scope, Change(CUT, {"client_daily_limit": 1}))
    later = AT.replace("T10", "T15")
    form = (await browser.post(HOLD, data={"at": later})).headers["location"]
    answer = await browser.post(form, data={"at": later, "name": "Maria Costa", "email": "maria@example.org"})
    assert answer.status_code == 409
    page = plain(answer.text)
    assert "You have all the visits of that day or week already." in page
    assert "not on offer" not in page
    assert 'value="Maria Costa"' in answer.text


async def test_a_fourth_time_held_from_one_place_is_told_as_such(db, browser):
    await salon(db)
    for hour in (9, 10, 14, 15):
        browser.cookies.clear()
        answer = await browser.post(HOLD, data={"at": AT.replace("T10", f"T{hour:02}")})
    assert answer.status_code == 409
    assert "Three times are held from here already" in plain(answer.text)


async def test_a_frame_without_cookies_knows_its_own_hold_by_the_address(db, browser):
    scope = await salon(db)
    form = (await browser.post(f"{HOLD}&embed=1", data={"at": AT})).headers["location"]
    browser.cookies.clear()
    back = unescape(re.search(r'class="quiet" href="([^"]+)"', (await browser.get(form)).text)[1])
    page = await browser.get(back)
    assert "held for you" in page.text
    hold = unescape(re.search(r'action="([^"]+/hold[^"]*)"', page.text)[1])
    later = AT.replace("T10:00", "T10:15")
    assert (await browser.post(hold, data={"at": later})).status_code == 303
    browser.cookies.clear()
    async with db.transaction(scope.business_id) as tx:
        assert len(await tx.rows("SELECT 1 FROM appointment WHERE status = 'hold'")) == 1
    # Outside a frame the cookie knows it, and the address stays short.
    form = (await browser.post(HOLD, data={"at": AT.replace("T10", "T15")})).headers["location"]
    assert "own=" not in (await browser.get(form)).text


async def test_a_logo_that_cannot_be_shown_is_not_asked_for(db, browser):
    scope = await salon(db)
    for kept, shown in (("data:image/svg+xml;base64,PHN2Zy8+", False), ("data:image/png;base64,iVBORw0KGgo=", True)):
        await change_business(scope, Change(scope.business_id, {"settings": {"logo": kept}}))
        assert ("<img" in (await browser.get("/b/salon")).text) == shown
