"""Settings: a week of hours painted with the mouse or typed."""

from playwright.sync_api import expect

from tests.service.worlds import BEN


def test_hours_are_painted_with_the_mouse_or_typed(world, busy, visitor):
    page = visitor.manager(busy)
    page.goto(f"/board/salon/settings/staff/{BEN}")
    hours, week = page.get_by_label("Weekly hours, from today on"), page.locator("svg.paint")
    hours.fill("Mon 09:00-12:00")
    expect(week.locator("rect.bar")).to_have_count(1)
    box = week.bounding_box()
    scale = box["width"] / 776

    def stroke(day: int, first: int, last: int) -> None:
        y = box["y"] + (16 + 26 * day + 11) * scale
        page.mouse.move(box["x"] + (44 + 30 * first + 2) * scale, y)
        page.mouse.down()
        page.mouse.move(box["x"] + (44 + 30 * last - 2) * scale, y, steps=4)
        page.mouse.up()

    stroke(1, 10, 14)
    expect(hours).to_have_value("Mon 09:00-12:00\nTue 10:00-14:00")
    stroke(0, 10, 11)
    expect(hours).to_have_value("Mon 09:00-10:00 11:00-12:00\nTue 10:00-14:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Weekly hours, from today on")).to_have_value(
        "Mon 09:00-10:00 11:00-12:00\nTue 10:00-14:00"
    )
