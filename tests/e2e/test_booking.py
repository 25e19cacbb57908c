"""Booking as a client does it: on a phone, with and without scripts, against somebody faster, right to left."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from service.commands import bookings, changes
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff
from service.commands.changes import Change
from service.db.views import Views
from service.web.words import Words
from tests.e2e.conftest import DESK
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, WEEK, client

BOOK = "/b/salon?service=00000000-0000-0000-0000-00000000000b"


def booked(world, salon_id) -> list[tuple]:
    """Return who is booked when."""

    async def read(db):
        async with db.transaction(salon_id) as tx:
            return await tx.rows(
                "SELECT a.status, c.name, c.email, i.starts_at FROM appointment a "
                "JOIN appointment_item i ON i.appointment_id = a.id LEFT JOIN client c ON c.id = a.client_id "
                "WHERE a.status = 'confirmed' ORDER BY i.starts_at"
            )

    return [tuple(row.values()) for row in world.do(read)]


def somebody_books(world, salon_id, start, staff=(ANA, BEN)) -> None:
    """Book a start with each of the staff, as somebody faster."""

    async def take(db):
        scope = world.scope_of(db, salon_id)
        for member in staff:
            view = await Views(db).current(salon_id, NOW)
            request = bookings.BookRequest(CUT, member, start, await client(scope, "Fast Fred"))
            await bookings.book(scope, request, view=view, now=NOW)

    world.do(take)


def fill(page: Page, name: str = "Maria Costa", email: str = "maria@example.org") -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("E-mail").fill(email)


TAPS = """
addEventListener("click", () => sessionStorage.setItem("taps", 1 + Number(sessionStorage.getItem("taps"))), true)
"""


def test_a_client_books_on_a_phone_with_four_taps(world, salon_id, visitor):
    page = visitor.page(has_touch=True, is_mobile=True)
    page.add_init_script(TAPS)
    page.goto(BOOK)
    page.locator(".suggestion").first.tap()
    page.get_by_label("Name").tap()
    page.keyboard.type("Tapping Tea")
    page.get_by_label("E-mail").tap()
    page.keyboard.type("tea@example.org")
    page.get_by_role("button", name="Confirm the booking").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    assert int(page.evaluate("sessionStorage.getItem('taps')")) <= 4
    assert [name for _, name, _, _ in booked(world, salon_id)] == ["Tapping Tea"]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_client_books_in_two_taps_and_a_name(world, salon_id, visitor, scripts):
    page = visitor.page(java_script_enabled=scripts)
    page.goto(BOOK)
    expect(page.get_by_role("heading", level=1)).to_have_text("Cut")
    expect(page.locator(".next")).to_have_text("Next: Mon 2 Mar, 09:00")
    assert page.locator(".suggestion").count() == 3
    page.locator(".suggestion").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your time")
    fill(page)
    page.get_by_role("button", name="Confirm the booking").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    [(status, name, email, start)] = booked(world, salon_id)
    assert (status, name, email) == ("confirmed", "Maria Costa", "maria@example.org")
    assert start == MONDAY_10 - timedelta(hours=1)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_client_adds_a_service_and_books_both(world, salon_id, visitor, scripts):
    page = visitor.page(java_script_enabled=scripts)
    page.goto(BOOK)
    page.get_by_label("Add another service").select_option(label="Colour · 1 h · free of charge")
    if not scripts:
        page.get_by_role("button", name="Show").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cut and Colour")
    page.locator(".suggestion").first.click()
    expect(page.locator(".ticket .lines li")).to_have_count(2)
    fill(page)
    page.get_by_role("button", name="Confirm the booking").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    expect(page.locator(".ticket .lines li")).to_have_count(2)
    assert len(booked(world, salon_id)) == 2


def test_the_calendar_file_holds_the_booking(world, salon_id, visitor):
    page = visitor.page()
    page.goto(BOOK)
    page.locator(".suggestion").first.click()
    fill(page)
    page.get_by_role("button", name="Confirm the booking").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Calendar file").click()
    text = waiting.value.path().read_text()
    assert "BEGIN:VCALENDAR" in text
    assert "DTSTART:20260302T090000Z" in text
    assert "DTEND:20260302T093000Z" in text
    assert "calendar.google.com" in page.get_by_role("link", name="Google Calendar").get_attribute("href")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_conflict_keeps_the_form_and_offers_the_nearest(world, salon_id, visitor, scripts):
    page = visitor.page(java_script_enabled=scripts)
    page.goto(BOOK + "&day=2026-03-02")
    page.get_by_role("button", name="10:00", exact=True).click()
    # Without scripts it stands in whole minutes; a busy machine may take some of them away.
    expect(page.locator(".clock b")).to_have_text(re.compile(r"^(10:00|9:\d\d)$" if scripts else r"^(10|9)$"))
    expire_holds(world, salon_id)
    somebody_books(world, salon_id, MONDAY_10)
    fill(page, "Wim", "wim@example.org")
    page.get_by_label("Telephone").fill("+31 20 123")
    page.get_by_role("button", name="Confirm the booking").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody was faster")
    expect(page.get_by_label("Name")).to_have_value("Wim")
    expect(page.get_by_label("E-mail")).to_have_value("wim@example.org")
    expect(page.get_by_label("Telephone")).to_have_value("+31 20 123")
    near = page.locator("button.suggestion")
    assert near.count() == 3
    near.first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    assert [name for _, name, _, _ in booked(world, salon_id)].count("Wim") == 1


def expire_holds(world, salon_id) -> None:
    """Let every hold run out, as ten minutes would."""

    async def expire(db):
        async with db.transaction(salon_id) as tx:
            for table in ("appointment", "claim"):
                await tx.execute(
                    f"UPDATE {table} SET expires_at = clock_timestamp() - interval '1 second' "
                    "WHERE expires_at IS NOT NULL"
                )

    world.do(expire)


def test_a_hold_that_ran_out_is_still_confirmed_where_nobody_was_faster(world, salon_id, visitor):
    page = visitor.page()
    page.goto(BOOK)
    page.locator(".suggestion").first.click()
    expire_holds(world, salon_id)
    fill(page)
    page.get_by_role("button", name="Confirm the booking").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    assert len(booked(world, salon_id)) == 1


def test_two_browsers_race_for_one_slot_and_one_gets_it(world, salon_id, visitor):
    first, second = visitor.page(), visitor.page()
    for page in (first, second):
        page.goto(BOOK + f"&day=2026-03-02&staff={ANA}")
    for page in (first, second):
        page.get_by_role("button", name="10:00", exact=True).click()
    expect(first.get_by_role("heading", level=1)).to_have_text("Your time")
    expect(second.get_by_role("alert")).to_contain_text("Mon 2 Mar, 10:00 has just been taken")
    second.locator(".alarm .suggestion").first.click()
    expect(second.get_by_role("heading", level=1)).to_have_text("Your time")


def test_back_from_the_form_shows_the_time_as_ones_own(world, salon_id, visitor):
    page = visitor.page()
    page.goto(BOOK + "&day=2026-03-02")
    page.get_by_role("button", name="10:00", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your time")
    page.go_back()
    expect(page.locator(".own")).to_contain_text("Mon 2 Mar, 10:00")
    page.locator(".own a").click()
    expect(page.locator(".ticket")).to_contain_text("Mon 2 Mar, 10:00")


def test_another_choice_gives_the_first_hold_back(world, salon_id, visitor):
    page = visitor.page()
    page.goto(BOOK + f"&day=2026-03-02&staff={ANA}")
    page.get_by_role("button", name="10:00", exact=True).click()
    page.get_by_role("link", name="Choose another time").click()
    # 10:15 overlaps the hold on 10:00 itself: it is free for whoever holds that.
    page.get_by_role("button", name="11:00", exact=True).click()
    expect(page.locator(".ticket")).to_contain_text("11:00")
    page.get_by_role("link", name="Choose another time").click()
    expect(page.get_by_role("button", name="10:00", exact=True)).to_be_visible()


def test_a_form_sent_twice_books_once(world, salon_id, visitor, http):
    page = visitor.page()
    page.goto(BOOK)
    page.locator(".suggestion").first.click()
    path, at = page.url, page.locator("input[name=at]").get_attribute("value")
    form = {"at": at, "name": "Double Dora", "email": "dora@example.org"}
    answers = [http.post(path, data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(booked(world, salon_id)) == 1


def test_days_and_months_are_chosen_without_loading_the_page_anew(world, salon_id, visitor):
    page = visitor.page(viewport=DESK)
    page.goto(BOOK)
    page.evaluate("window.same = true")
    page.locator(".strip a").nth(2).click()
    expect(page.locator("#times h3")).to_have_text("Times on Wednesday 4 March")
    page.get_by_role("link", name="Month").click()
    expect(page.locator(".strip.month li")).to_have_count(35)
    assert page.evaluate("window.same")
    assert "span=month" in page.url


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until something has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if wanted.evaluate("e => e === document.activeElement"):
            return
    pytest.fail(f"{wanted} is not reached with the Tab key")


def test_the_whole_booking_by_keyboard_alone(world, salon_id, visitor):
    page = visitor.page()
    page.goto(BOOK)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    tab_to(page, page.locator(".suggestion").nth(1))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your time")
    tab_to(page, page.get_by_label("Name"))
    page.keyboard.type("Key Kim")
    page.keyboard.press("Tab")
    page.keyboard.type("kim@example.org")
    tab_to(page, page.get_by_role("button", name="Confirm the booking"))
    page.keyboard.press("Space")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")


def test_persian_is_read_from_right_to_left(world, salon_id, visitor):
    page = visitor.page(locale="fa-IR")
    page.goto(BOOK)
    assert page.evaluate("getComputedStyle(document.body).direction") == "rtl"
    expect(page.locator(".next")).to_contain_text(Words("fa").digits("09:00"))
    days = page.locator(".strip li")
    assert days.first.bounding_box()["x"] > days.last.bounding_box()["x"]


def test_times_are_shown_in_another_zone_on_demand(world, salon_id, visitor):
    page = visitor.page(timezone_id="Asia/Tokyo")
    page.goto(BOOK)
    expect(page.locator(".zone")).to_contain_text("Portugal (Lisbon) Time")
    page.get_by_role("link", name="Show in my time zone, Tokyo").click()
    expect(page.locator(".next")).to_have_text("Next: Mon 2 Mar, 18:00")
    expect(page.locator(".zone")).to_contain_text("UTC+09:00")


def test_who_finds_nothing_learns_why_and_joins_the_waitlist(world, salon_id, visitor):
    page = visitor.page()
    page.goto(BOOK + "&day=2026-03-07&first=2026-03-02")
    expect(page.locator(".times")).to_contain_text("Nobody who offers Cut works that day.")
    page.get_by_role("link", name="From Mon 9 Mar on").click()
    expect(page.locator("#times h3")).to_have_text("Times on Monday 9 March")
    page.go_back()
    page.get_by_role("link", name="Join the waitlist").click()
    page.get_by_role("button", name="Put me on the waitlist").click()
    expect(page.locator("#name-problem")).to_have_text("Please tell us your name.")
    fill(page, "Waiting Wim", "wim@example.org")
    page.get_by_role("button", name="Put me on the waitlist").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are on the waitlist")

    async def read(db):
        async with db.transaction(salon_id) as tx:
            return await tx.row("SELECT status, lower(windows) AS start FROM waitlist_entry")

    row = world.do(read)
    assert (row["status"], row["start"].isoformat()) == ("waiting", "2026-03-07T08:00:00+00:00")


def test_the_widget_sizes_itself_and_tells_its_host(world, salon_id, visitor):
    page = visitor.page(viewport=DESK)
    host = (
        "<!doctype html><title>Host</title><h1>My site</h1>"
        f"<script src='{world.address}/widget.js' data-business='salon' data-service='{CUT}'></script>"
        "<script>window.told=[];for(const e of ['height','booked'])"
        "addEventListener('interlock:'+e,()=>window.told.push(e))</script>"
    )
    page.route("**/host.html", lambda route: route.fulfill(body=host, content_type="text/html"))
    page.goto("/host.html")
    frame = page.frame_locator("iframe")
    frame.locator(".suggestion").first.click()
    frame.get_by_label("Name").fill("Framed Fay")
    frame.get_by_label("E-mail").fill("fay@example.org")
    frame.get_by_role("button", name="Confirm the booking").click()
    expect(frame.get_by_role("heading", level=1)).to_have_text("You are booked")
    page.wait_for_function("window.told.includes('booked') && window.told.includes('height')")
    assert page.locator("iframe").bounding_box()["height"] != 640
    assert len(booked(world, salon_id)) == 1


def test_a_booking_is_moved_and_cancelled_by_its_link_without_an_account(world, salon_id, visitor):
    page = visitor.page()
    page.goto(BOOK)
    page.locator(".suggestion").first.click()
    fill(page)
    page.get_by_role("button", name="Confirm the booking").click()
    other = visitor.page()
    other.goto(page.url.split("?")[0])
    expect(other.get_by_role("heading", level=1)).to_have_text("Your booking")
    other.get_by_role("link", name="Choose another time").click()
    # Its own time is free for itself.
    other.get_by_role("button", name="09:15", exact=True).click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Your booking has been moved")
    expect(other.locator(".ticket")).to_contain_text("09:15")
    other.get_by_text("Cancel the booking").first.click()
    other.get_by_role("button", name="Cancel the booking").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Your booking is cancelled")
    assert booked(world, salon_id) == []


def test_my_appointments_are_listed_moved_and_cancelled(world, salon_id, visitor):
    page = visitor.page()
    page.goto(BOOK)
    page.locator(".suggestion").first.click()
    fill(page)
    page.get_by_role("button", name="Confirm the booking").click()
    page.get_by_role("link", name="My appointments").click()
    expect(page.locator(".ticket")).to_have_count(1)
    expect(page.locator(".ticket")).to_contain_text("Cut · with Ana")
    page.get_by_role("link", name="Choose another time").click()
    page.get_by_role("button", name="11:00", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your booking has been moved")
    page.get_by_role("link", name="My appointments").click()
    expect(page.locator(".ticket")).to_contain_text("11:00")
    page.get_by_role("link", name="Cancel the booking").click()
    page.get_by_text("Cancel the booking").first.click()
    page.get_by_role("button", name="Cancel the booking").click()
    page.get_by_role("link", name="My appointments").click()
    expect(page.locator("main")).to_contain_text("Past and cancelled (1)")
    assert booked(world, salon_id) == []


PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJ"
    "RU5ErkJggg=="
)


def test_the_page_has_the_logo_and_the_colour_of_the_business(world, salon_id, visitor):
    async def dress(db):
        looks = {"colour": "#7a1fa2", "settings": {"logo": PIXEL, "place": "Rua das Flores 12"}}
        await changes.change_business(world.scope_of(db, salon_id), Change(salon_id, looks))

    world.do(dress)
    page = visitor.page()
    page.goto(BOOK)
    assert page.locator(".top img").evaluate("img => img.complete && img.naturalWidth") == 1
    assert page.locator(".next button").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(122, 31, 162)"
    expect(page.locator(".top")).to_contain_text("Rua das Flores 12")


def test_a_group_shows_the_places_that_are_left(world, visitor):
    yoga = NewService("Yoga", 60, seats=3, slot_interval=60)

    async def make(db):
        scope = world.scope_of(db, uuid4())
        await open_business(
            scope, Opening("Studio", "studio", "Europe/Lisbon", (NewStaff("Rita", WEEK, ANA),), (yoga,))
        )
        view = await Views(db).current(scope.business_id, NOW)
        request = bookings.BookRequest(yoga.id, ANA, MONDAY_10, await client(scope), seats=2)
        await bookings.book(scope, request, view=view, now=NOW)

    world.do(make)
    page = visitor.page()
    page.goto("/b/studio?day=2026-03-02")
    expect(page.locator(".times button", has_text="10:00")).to_contain_text("1 place left")
    expect(page.locator(".times button", has_text="11:00")).to_contain_text("3 places left")
    page.locator(".times button", has_text="10:00").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your time")


def test_a_link_that_is_not_good_has_a_kind_answer(world, salon_id, visitor, http):
    assert http.get("/b/salon/booking/nonsense").status_code == 410
    page = visitor.page()
    page.goto("/b/salon/booking/eyJhbGciOiJub25lIn0.e30.")
    expect(page.get_by_role("alert")).to_have_text("This link is no longer valid.")


def test_only_the_widget_may_be_framed(world, salon_id, http):
    assert "frame-ancestors 'none'" in http.get(BOOK).headers["content-security-policy"]
    assert "frame-ancestors *" in http.get(BOOK + "&embed=1").headers["content-security-policy"]
