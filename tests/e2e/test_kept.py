"""What a client has, looked at again: by its link, in the list of their own, on the waitlist."""

from playwright.sync_api import expect

from tests.e2e.steps import BOOK, booked, fill


def test_a_booking_is_moved_and_cancelled_by_its_link_without_an_account(world, salon_id, visitor):
    page = visitor.page()
    page.goto(BOOK)
    page.locator(".suggestion").first.click()
    fill(page)
    page.get_by_role("button", name="Confirm the booking").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    other = visitor.page()
    other.goto(page.get_by_label("Link to your booking").input_value())
    expect(other.get_by_role("heading", level=1)).to_have_text("Your booking")
    other.get_by_role("link", name="Move to another time").click()
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
    page.get_by_role("link", name="Move to another time").click()
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


def test_a_link_that_is_not_good_has_a_kind_answer(world, salon_id, visitor, http):
    assert http.get("/b/salon/booking/nonsense").status_code == 410
    page = visitor.page()
    page.goto("/b/salon/booking/eyJhbGciOiJub25lIn0.e30.")
    expect(page.get_by_role("alert")).to_have_text("This link is no longer valid.")
