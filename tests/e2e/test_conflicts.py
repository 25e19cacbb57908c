"""Times that are held, given back, run out, or taken by somebody faster."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.steps import BOOK, booked, expire_holds, fill, somebody_books
from tests.service.worlds import ANA, MONDAY_10


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
