"""The widget on a site of its business's own."""

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.e2e.conftest import DESK, PHONE
from tests.e2e.steps import BOOK, booked, fill, tab_to
from tests.service.worlds import CUT

EVENTS = """
if (parent === window) {
  window.told = [];
  for (const what of ["page", "height", "booked", "moved", "cancelled", "waiting"])
    addEventListener("interlock:" + what, (event) => window.told.push([what, event.detail]));
}
"""


@pytest.fixture
def host(salon_id, host_of):
    """The example's page with the salon's widget: its address."""
    return host_of(f'data-business="salon" data-service="{CUT}" data-lang="en"')


def framed(visitor, host: str, **options: object) -> tuple[Page, FrameLocator]:
    """Open the host's page; return it and its frame."""
    page = visitor.page(**options)
    page.add_init_script(EVENTS)
    page.goto(host)
    return page, page.frame_locator("iframe")


def test_a_visit_of_two_services_is_booked_in_a_frame_that_may_keep_no_cookies(world, salon_id, visitor, host):
    page, frame = framed(visitor, host, has_touch=True, is_mobile=True)
    frame.get_by_label("Add another service").select_option(label="Colour · 1 h · free of charge")
    expect(frame.get_by_role("heading", level=1)).to_have_text("Cut and Colour")
    frame.locator(".times button").last.tap()
    expect(frame.locator(".ticket .lines li")).to_have_count(2)
    assert page.context.cookies() == []
    # The host's page shows the top of what came, and the frame is as high as that.
    page.wait_for_function("document.querySelector('iframe').getBoundingClientRect().top >= -1")
    frame.get_by_role("link", name="Choose another time").tap()
    # It knows its own hold without a cookie, and gives it back for another time.
    expect(frame.locator(".own")).to_contain_text("held for you")
    frame.locator(".next button").tap()
    fill(frame, "Framed Fay", "fay@example.org")
    frame.get_by_role("button", name="Confirm the booking").tap()
    expect(frame.get_by_role("heading", level=1)).to_have_text("You are booked")
    page.wait_for_function("told.some(([what]) => what === 'booked')")
    told = dict(page.evaluate("told"))
    assert told["booked"]["at"] == "2026-03-02T09:00:00+00:00"
    assert told["page"]["title"] == "You are booked · Salon"
    expect(page.locator("iframe")).to_have_attribute("title", "You are booked · Salon")
    expect(page.get_by_role("status")).to_contain_text("See you on")
    assert [name for _, name, _, _ in booked(world, salon_id)] == ["Framed Fay"] * 2
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_frame_is_as_high_as_what_stands_in_it(salon_id, visitor, host, size):
    page, frame = framed(visitor, host, viewport=size)

    def fits() -> bool:
        inside = frame.locator("html").evaluate("e => e.getBoundingClientRect().height")
        page.wait_for_function(
            "high => Math.abs(document.querySelector('iframe').getBoundingClientRect().height - high) < 2", arg=inside
        )
        return inside

    week = fits()
    frame.get_by_role("link", name="Month").click()
    expect(frame.locator(".strip.month li")).to_have_count(35)
    assert fits() > week
    frame.locator("summary").click()
    fits()
    frame.locator(".suggestion").first.click()
    expect(frame.get_by_role("heading", level=1)).to_have_text("Your time")
    fits()


def test_a_service_is_added_in_the_frame_by_keyboard_alone(salon_id, visitor, host):
    page, frame = framed(visitor, host)
    add = frame.get_by_label("Add another service")
    tab_to(page, add)
    for service in ("Colour · 1 h · free of charge", "Cut · 30 min · free of charge"):
        page.keyboard.press("ArrowDown")
        # An arrow passes by: nothing is chosen until its user says so.
        expect(add.locator("option:checked")).to_have_text(service)
    assert "also=" not in page.frames[1].url
    tab_to(page, frame.get_by_role("button", name="Show").first)
    page.keyboard.press("Enter")
    expect(frame.get_by_role("heading", level=1)).to_have_text("Cut and Cut")
    # The focus is where the choice was made.
    expect(frame.get_by_label("Then")).to_be_focused()


def test_the_frame_is_light_on_a_light_page(salon_id, visitor, host):
    page, _ = framed(visitor, host)
    assert page.locator("iframe").evaluate("frame => getComputedStyle(frame).colorScheme") == "light"
    page.evaluate("document.documentElement.style.colorScheme = 'dark'")
    page.evaluate(
        "() => { const tag = document.createElement('script'); tag.src = document.querySelector('script').src;"
        "tag.dataset.business = 'salon'; document.body.append(tag); }"
    )
    page.wait_for_function("document.querySelectorAll('iframe').length === 2")
    assert page.locator("iframe").last.evaluate("frame => getComputedStyle(frame).colorScheme") == "dark"


def test_what_goes_wrong_in_the_frame_shows_in_the_frame(salon_id, visitor, host):
    page, frame = framed(visitor, host)
    frame.locator("html").evaluate("() => { location.href = '/b/salon/booking/nonsense?lang=en&embed=1' }")
    expect(frame.get_by_role("alert")).to_have_text("This link is no longer valid.")
    page.wait_for_function("document.querySelector('iframe').getBoundingClientRect().height < 400")
    frame.get_by_role("link", name="Start again").click()
    expect(frame.locator(".suggestion").first).to_be_visible()


def test_only_the_widget_may_be_framed(world, salon_id, http):
    assert "frame-ancestors 'none'" in http.get(BOOK).headers["content-security-policy"]
    assert "frame-ancestors *" in http.get(BOOK + "&embed=1").headers["content-security-policy"]
