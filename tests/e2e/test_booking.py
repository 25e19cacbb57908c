"""Booking as a client does it: on a phone, with and without scripts, by keyboard, right to left."""

from datetime import timedelta
from uuid import uuid4

import pytest
from icalendar import Calendar
from playwright.sync_api import expect

from service.commands import bookings, changes
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff
from service.commands.changes import Change
from service.db.views import Views
from service.web.words import Words
from tests.e2e.conftest import DESK
from tests.e2e.steps import BOOK, booked, fill, tab_to
from tests.service.worlds import ANA, MONDAY_10, NOW, WEEK, client

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
    page.locator(".next button").click()
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
    page.locator(".next button").click()
    fill(page)
    page.get_by_role("button", name="Confirm the booking").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Calendar file").click()
    file = Calendar.from_ical(waiting.value.path().read_bytes())
    [event] = file.walk("VEVENT")
    assert (event.errors, file.errors, file["VERSION"]) == ([], [], "2.0")
    assert event.start == MONDAY_10 - timedelta(hours=1)
    assert event.end == MONDAY_10 - timedelta(minutes=30)
    assert {"UID", "DTSTAMP", "SUMMARY"} <= event.keys()
    assert "calendar.google.com" in page.get_by_role("link", name="Google Calendar").get_attribute("href")


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
