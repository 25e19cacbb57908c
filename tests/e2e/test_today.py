"""A staff member's own day on a phone: who is next, check in, no-show, time blocked and freed."""

from datetime import timedelta

from playwright.sync_api import expect

from models.permissions import Role
from tests.e2e.test_standards import faults
from tests.service.worlds import ANA, BEN, MONDAY_10

FINGER = 40
"""Pixels that a button is high at least."""


def test_a_staff_member_works_through_their_day_on_a_phone(world, busy, visitor):
    world.now = MONDAY_10 + timedelta(minutes=10)
    page = visitor.member(busy, Role.STAFF, ANA, has_touch=True)
    page.goto("/board/salon/today")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ana, Monday 2 March")
    expect(page.locator(".gain")).to_have_text("Next: 11:00 Cem, Cut")
    assert page.get_by_role("navigation", name="Pages").get_by_role("link").all_text_contents() == ["Board", "Today"]
    bea, cem = (page.locator("li.visit", has_text=name) for name in ("Bea", "Cem"))
    expect(bea).to_contain_text("late")
    assert all(button.bounding_box()["height"] >= FINGER for button in page.get_by_role("button").all())
    bea.get_by_role("button", name="Check in").tap()
    expect(bea).to_contain_text("checked in")
    bea.get_by_role("button", name="Complete").tap()
    expect(bea).to_contain_text("completed")
    expect(cem.get_by_role("button", name="No-show")).to_be_disabled()
    page.get_by_text("Block time").tap()
    page.get_by_label("From").fill("14:00")
    page.get_by_label("Until").fill("15:00")
    page.get_by_role("button", name="Block", exact=True).tap()
    block = page.locator("li.visit.off")
    expect(block).to_contain_text("14:00 to 15:00")
    assert faults(page) == []
    world.now = MONDAY_10 + timedelta(hours=2)
    page.reload()
    cem.get_by_text("No-show", exact=True).tap()
    cem.get_by_role("button", name="Mark as a no-show").tap()
    expect(page.locator(".gain")).to_have_text("Nobody else to come.")
    block.get_by_role("button", name="Free it").tap()
    expect(block).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_a_staff_member_may_not_see_is_refused_kindly(world, busy, visitor):
    page = visitor.member(busy, Role.STAFF, ANA)
    for path in ("plans", "reports", "jobs", "settings"):
        assert page.goto(f"/board/salon/{path}").status == 403
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/board/salon/today?staff=" + str(BEN))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ben")
    expect(page.get_by_text("Block time")).to_have_count(0)
    page.goto("/board/salon?day=2026-03-02")
    page.get_by_text("Block time").click()
    assert page.locator("form[action*=blocks] option").all_text_contents() == ["Ana"]
    expect(page.locator("a.block")).to_have_count(2)
    expect(page.locator("#beside")).not_to_contain_text("plan")
