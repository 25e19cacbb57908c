"""The board: drag, resize, refusal, undo; empty time clicked; rooms; what is printed."""

from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from service.commands import bookings, catalogue
from service.db.views import Views
from tests.e2e.conftest import BOARD, PHONE
from tests.e2e.test_standards import faults
from tests.service.worlds import ANA, BEN, MONDAY_10, NOW, client


def drag(page: Page, name: str, lanes: int, minutes: int) -> None:
    """Drag somebody's block some lanes to the right and some minutes down."""
    block = page.locator("a.block", has_text=name)
    block.scroll_into_view_if_needed()
    box = block.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 10
    page.mouse.move(x, y)
    page.mouse.down()
    lane = page.locator("svg.day").bounding_box()["width"] / page.locator("svg.heads > svg").count()
    page.mouse.move(x + lanes * lane, y + minutes * 1.2 / 2, steps=5)
    page.mouse.move(x + lanes * lane, y + minutes * 1.2, steps=5)
    expect(page.locator(".place").first).to_be_attached()
    page.mouse.up()


def test_a_drag_is_refused_with_a_reason_then_allowed_then_undone(world, busy, visitor):
    page = visitor.manager(busy)
    page.goto(BOARD)
    drag(page, "Bea", 0, 60)
    expect(page.get_by_role("alert")).to_contain_text("That time is taken")
    expect(page.get_by_role("alert").get_by_role("button").first).to_be_visible()
    drag(page, "Bea", 1, 60)
    expect(page.get_by_role("status")).to_contain_text("Moved.")
    expect(page.locator("a.block", has_text="Bea")).to_have_attribute(
        "aria-label", "11:00 to 11:30, Bea: Cut (confirmed)"
    )
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("a.block", has_text="Bea")).to_have_attribute(
        "aria-label", "10:00 to 10:30, Bea: Cut (confirmed)"
    )


def test_a_booking_that_is_tapped_on_a_phone_comes_into_sight(world, busy, visitor):
    page = visitor.manager(busy, viewport=PHONE, has_touch=True)
    page.goto(BOARD)
    page.locator("a.block", has_text="Bea").tap()
    expect(page.get_by_role("region", name="Bea")).to_be_in_viewport(ratio=0.5)
    for link in page.locator(".top nav a, .top .who, .switch a, main button, .sure summary, .languages a").all():
        assert not link.is_visible() or link.bounding_box()["height"] >= 44, link.text_content()
    page.goto("/board/salon/reports?first=2026-03-02&lang=fa")
    first = page.locator(".columns .track").first.bounding_box()
    figure = page.locator(".columns text.hour").first.bounding_box()
    assert figure["x"] + figure["width"] <= first["x"]


def test_the_board_stays_where_it_was_scrolled_and_opens_at_the_present_hour(world, busy, visitor):
    world.now = MONDAY_10 + timedelta(hours=6)
    page = visitor.manager(busy, viewport={"width": 1440, "height": 500})
    page.goto(BOARD)
    drawn = page.locator("#live > .scroll")
    assert drawn.evaluate("e => e.scrollTop") > 100
    expect(page.locator("line.now")).to_be_in_viewport()
    drawn.evaluate("e => { e.scrollTop = 60; }")
    # Playwright's own wait evaluates text in the page, which its policy forbids.
    while page.evaluate("() => sessionStorage.getItem('/board/salon')") != "0 60":
        page.wait_for_timeout(20)
    page.locator("a.block", has_text="Bea").click()
    expect(page.get_by_role("region", name="Bea")).to_be_visible()
    assert drawn.evaluate("e => e.scrollTop") == 60


def test_a_block_is_pulled_longer_refused_over_the_next_one_and_undone(world, busy, visitor):
    page = visitor.manager(busy)
    page.goto(BOARD)
    bea = page.locator("a.block", has_text="Bea")
    stretch(page, "Bea", 15)
    expect(page.get_by_role("status")).to_contain_text("It takes another time now.")
    expect(bea).to_have_attribute("aria-label", "10:00 to 10:45, Bea: Cut (confirmed)")
    stretch(page, "Bea", 30)
    expect(page.get_by_role("alert")).to_contain_text("That time is taken")
    expect(bea).to_have_attribute("aria-label", "10:00 to 10:45, Bea: Cut (confirmed)")
    page.goto(BOARD)
    stretch(page, "Bea", -25)
    expect(bea).to_have_attribute("aria-label", "10:00 to 10:20, Bea: Cut (confirmed)")
    page.get_by_role("button", name="Undo").click()
    expect(bea).to_have_attribute("aria-label", "10:00 to 10:45, Bea: Cut (confirmed)")


def test_one_that_was_pulled_longer_keeps_its_length_where_it_is_dragged(world, busy, visitor):
    page = visitor.manager(busy)
    page.goto(BOARD)
    bea = page.locator("a.block", has_text="Bea")
    stretch(page, "Bea", 15)
    expect(bea).to_have_attribute("aria-label", "10:00 to 10:45, Bea: Cut (confirmed)")
    page.goto(BOARD)
    with page.expect_response("**/places?*") as lit:
        drag(page, "Bea", 1, 60)
    # The last place that lights up leaves 45 minutes until Ana and Ben go home at half past five.
    assert max(start for _, start in lit.value.json()).startswith("2026-03-02T16:45")
    expect(page.get_by_role("status")).to_contain_text("Moved.")
    expect(bea).to_have_attribute("aria-label", "11:00 to 11:45, Bea: Cut (confirmed)")
    page.get_by_role("button", name="Undo").click()
    expect(bea).to_have_attribute("aria-label", "10:00 to 10:45, Bea: Cut (confirmed)")


def stretch(page: Page, name: str, minutes: int) -> None:
    """Pull the lower edge of somebody's block."""
    grip = page.locator("a.block", has_text=name).locator(".grip")
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + minutes * 1.2 / 2, steps=3)
    page.mouse.move(x, y + minutes * 1.2, steps=3)
    page.mouse.up()


def test_a_booking_is_moved_and_made_longer_by_forms_without_scripts(world, busy, visitor):
    page = visitor.manager(busy, java_script_enabled=False)
    page.goto(BOARD)
    page.locator("a.block", has_text="Bea").click()
    page.get_by_text("Move", exact=True).first.click()
    form = page.locator(".opened .fields")
    form.get_by_label("With").select_option(str(BEN))
    form.get_by_label("Time").fill("09:30")
    form.get_by_role("button", name="Move").click()
    expect(page.get_by_role("status")).to_contain_text("Moved.")
    expect(page.locator(".opened")).to_contain_text("Mon 2 Mar, 09:30")
    page.get_by_text("Make longer or shorter").click()
    page.get_by_label("Minutes").fill("40")
    page.get_by_role("button", name="Change").click()
    expect(page.locator(".opened")).to_contain_text("09:30 to 10:10")


def test_who_waits_is_marked_where_they_fit_and_booked_there(world, busy, visitor):
    page = visitor.manager(busy)
    page.goto(BOARD)
    expect(page.locator("svg.day .opening", has_text="Wim")).to_be_visible()
    page.get_by_role("button", name="Book Wim").click()
    expect(page.locator("a.block", has_text="Wim")).to_be_visible()
    expect(page.locator("#beside")).not_to_contain_text("Wim")


def test_empty_time_that_is_clicked_is_booked(world, busy, visitor):
    page = visitor.manager(busy)
    page.goto(BOARD)
    # Ben's lane, 10:00: an hour below the first line.
    width = page.locator("svg.day").bounding_box()["width"]
    page.locator("svg.day").click(position={"x": 0.75 * width, "y": 12 + 60 * 1.2})
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page.locator("#booking").get_by_label("Time")).to_have_value("10:00")
    page.locator("#booking").get_by_label("Service").select_option(label="Cut (30 min)")
    page.get_by_label("Name").fill("Walk-in Wanda")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator("a.block", has_text="Walk-in Wanda")).to_be_visible()


def test_rooms_are_lanes_too_where_a_booking_moves_in_time_alone(world, busy, visitor):
    async def furnish(db):
        scope = world.scope_of(db, busy)
        for name in ("Room 1", "Room 2"):
            await catalogue.add_resource(scope, catalogue.NewResource(name, "room"))
        massage = catalogue.NewService("Massage", 30, requirements=(catalogue.Requirement("room"),), id=UUID(int=99))
        await catalogue.add_service(scope, massage)
        request = bookings.BookRequest(massage.id, BEN, MONDAY_10, await client(scope, "Mia"))
        await bookings.book(scope, request, view=await Views(db).current(busy, NOW), now=NOW)

    world.do(furnish)
    page = visitor.manager(busy)
    page.goto(BOARD)
    page.get_by_role("link", name="Rooms").click()
    assert page.locator("svg.heads .name").all_text_contents() == ["Room 1", "Room 2"]
    expect(page.locator("a.block")).to_have_count(1)
    drag(page, "Mia", 1, 60)
    expect(page.get_by_role("status")).to_contain_text("Moved.")
    mia = page.locator("a.block", has_text="Mia")
    expect(mia).to_have_attribute("aria-label", "11:00 to 11:30, Mia: Massage (confirmed)")
    expect(mia).to_have_attribute("data-staff", str(BEN))


def test_lanes_share_the_width_stay_beside_their_hours_and_are_printed_whole(world, busy, visitor):
    page = visitor.manager(busy)
    page.goto(BOARD)
    shared = page.locator("svg.day").bounding_box()["width"]
    assert shared == pytest.approx(720, abs=2), "two lanes, as wide as lanes become"
    page.set_viewport_size(PHONE)
    scroll, axis = page.locator(".scroll"), page.locator("svg.hours")
    assert page.locator("svg.day").bounding_box()["width"] >= 300
    left = axis.bounding_box()["x"]
    scroll.evaluate("box => { box.scrollLeft = 200; box.scrollTop = 200; }")
    assert axis.bounding_box()["x"] == left
    assert page.locator("svg.heads").bounding_box()["y"] == pytest.approx(scroll.bounding_box()["y"], abs=2)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1047})
    expect(page.get_by_role("navigation", name="View")).to_be_hidden()
    expect(page.locator("#panel")).to_be_hidden()
    sizes = scroll.evaluate("box => [box.scrollWidth, box.clientWidth, box.scrollHeight, box.clientHeight]")
    assert sizes[0] <= sizes[1]
    assert sizes[2] <= sizes[3]


def test_who_is_not_signed_in_signs_in_first(world, busy, visitor):
    page = visitor.page()
    page.goto(BOARD)
    expect(page).to_have_url(f"{world.address}/login?next=/board/salon%3Fday%3D2026-03-02")


def test_the_line_of_the_present_moment_stands_at_it_and_moves_on(world, busy, visitor):
    world.now = MONDAY_10 + timedelta(minutes=20)
    page = visitor.manager(busy)
    page.goto("/board/salon")
    line, bea = page.locator("line.now"), page.locator("a.block", has_text="Bea")
    expect(bea).to_have_class("block confirmed late")
    box, stands = bea.bounding_box(), line.bounding_box()
    # Two thirds into a visit of half an hour.
    assert stands["y"] - box["y"] == pytest.approx(20 * 1.2, abs=2)
    assert stands["width"] == pytest.approx(page.locator("svg.day").bounding_box()["width"], abs=2)
    world.now += timedelta(minutes=20)
    page.evaluate("document.dispatchEvent(new Event('interlock:changed'))")
    expect(bea).to_have_class("block confirmed")
    assert line.bounding_box()["y"] - stands["y"] == pytest.approx(20 * 1.2, abs=1)
    page.goto("/board/salon?day=2026-03-03")
    expect(line).to_have_count(0)


def test_the_board_is_worked_with_the_keyboard_alone(world, busy, visitor):
    page = visitor.manager(busy)
    page.goto(BOARD)
    page.locator("a.block", has_text="Bea").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".opened h2")).to_have_text("Bea")
    page.locator(".opened summary", has_text="Move").first.focus()
    page.keyboard.press("Enter")
    page.locator(".opened select[name=staff]").focus()
    page.keyboard.type("Ben")
    page.locator(".opened .fields button", has_text="Move").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Moved.")
    expect(page.locator("a.block", has_text="Bea")).to_have_attribute("data-staff", str(BEN))
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("a.block", has_text="Bea")).to_have_attribute("data-staff", str(ANA))
    assert faults(page) == []
