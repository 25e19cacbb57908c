"""The manager's pages: drag, refusal, undo; live between two browsers; a plan reviewed and accepted in part."""

from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Page, Route, expect

from models.optimisation import RunKind
from service.commands import bookings, catalogue, plans, waitlist
from service.db.views import Views
from service.jobs.optimise import plan_waitlist
from service.queries import optimisation as queries
from tests.e2e.conftest import PHONE
from tests.e2e.test_standards import faults
from tests.service.worlds import ANA, BEN, COLOUR, CUT, MONDAY_10, NOW, client

BOARD = "/board/salon?day=2026-03-02"


@pytest.fixture
def busy(world, salon_id):
    """Ana has Bea at 10:00 and Cem at 11:00; two wait for the morning."""

    async def fill(db):
        scope = world.scope_of(db, salon_id)
        for name, hours in (("Bea", 0), ("Cem", 1)):
            view = await Views(db).current(salon_id, NOW)
            start = MONDAY_10 + timedelta(hours=hours)
            request = bookings.BookRequest(CUT, ANA, start, await client(scope, name))
            await bookings.book(scope, request, view=view, now=NOW)
        for name, service in (("Wim", CUT), ("Eva", COLOUR)):
            window = ((MONDAY_10 - timedelta(hours=1), MONDAY_10 + timedelta(hours=3)),)
            await waitlist.join(scope, waitlist.Joining(await client(scope, name), service, window), now=NOW)

    world.do(fill)
    return salon_id


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


NO_POLLING = "window.setInterval = () => 0"


@pytest.mark.parametrize("span", ["", "&span=week"])
def test_what_one_browser_changes_the_other_shows_by_server_sent_events(world, busy, visitor, span):
    one, other = visitor.manager(busy), visitor.manager(busy)
    other.add_init_script(NO_POLLING)
    with other.expect_response("**/api/v1/businesses/salon/events") as stream:
        other.goto(BOARD + span)
    assert stream.value.headers["content-type"].startswith("text/event-stream")
    one.goto(BOARD)
    one.locator("a.block", has_text="Cem").click()
    one.get_by_role("button", name="Check in").click()
    shown = other.locator(".week .bar.checked_in") if span else other.locator("a.block.checked_in", has_text="Cem")
    expect(shown).to_be_attached()


def test_what_changes_while_the_board_asks_is_asked_for_afterwards(world, busy, visitor):
    page = visitor.manager(busy)
    page.add_init_script(NO_POLLING)
    held: list[Route] = []
    page.route("**/events", lambda route: route.fulfill(status=503))
    page.route("**/board/salon?*since=*", lambda route: held.append(route) if not held else route.continue_())
    page.goto(BOARD)
    with page.expect_request("**/board/salon?*since=*"):
        page.evaluate("document.dispatchEvent(new Event('interlock:changed'))")

    async def join(db):
        scope = world.scope_of(db, busy)
        window = ((MONDAY_10, MONDAY_10 + timedelta(hours=3)),)
        await waitlist.join(scope, waitlist.Joining(await client(scope, "Newly Nil"), CUT, window), now=NOW)

    world.do(join)
    page.evaluate("document.dispatchEvent(new Event('interlock:changed'))")
    held[0].fulfill(status=204)
    expect(page.locator("#beside")).to_contain_text("Newly Nil")
    visitor.complaints[:] = [c for c in visitor.complaints if "503" not in c]


def test_without_a_stream_the_board_polls(world, busy, visitor):
    one, other = visitor.manager(busy), visitor.manager(busy)
    other.route("**/events", lambda route: route.fulfill(status=503))
    other.goto(BOARD)
    one.goto(BOARD)
    one.locator("a.block", has_text="Cem").click()
    one.get_by_role("button", name="Check in").click()
    expect(other.locator("a.block.checked_in", has_text="Cem")).to_be_visible()
    visitor.complaints[:] = [c for c in visitor.complaints if "503" not in c]


def test_who_waits_is_shown_live_too(world, busy, visitor):
    page = visitor.manager(busy)
    page.add_init_script(NO_POLLING)
    with page.expect_response("**/api/v1/businesses/salon/events"):
        page.goto(BOARD)

    async def join(db):
        scope = world.scope_of(db, busy)
        window = ((MONDAY_10, MONDAY_10 + timedelta(hours=3)),)
        await waitlist.join(scope, waitlist.Joining(await client(scope, "Newly Nil"), CUT, window), now=NOW)

    world.do(join)
    expect(page.locator("#beside")).to_contain_text("Newly Nil")


def test_a_plan_is_started_reviewed_accepted_in_part_and_seen_on_the_board(world, busy, visitor):
    page = visitor.manager(busy)
    page.goto(BOARD)
    page.get_by_role("link", name="Start a run").click()
    page.get_by_label("Search for at most").select_option("10")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".gain")).to_contain_text("+2 appointments", timeout=60_000)
    ghost = page.locator("#ghosts .block.planned").first
    expect(ghost).to_be_visible()
    page.get_by_label("From before to after").fill("0")
    expect(ghost).to_have_attribute("opacity", "0")
    page.get_by_label("From before to after").fill("100")
    expect(ghost).to_have_attribute("opacity", "1")
    page.get_by_role("button", name="Tick none").click()
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Accept the ticked ones").click()
    expect(page.get_by_role("status")).to_contain_text("applied")
    page.get_by_role("link", name="Board").click()
    page.goto(BOARD)
    names = page.locator("a.block").all_text_contents()
    assert sum("Wim" in name or "Eva" in name for name in names) == 1


def test_what_went_stale_is_said_afterwards_and_changes_are_shown_by_person(world, busy, visitor):
    async def plan(db):
        scope = world.scope_of(db, busy)
        return await plan_waitlist(scope, Views(db), (MONDAY_10.date(), MONDAY_10.date()), NOW)

    async def book_over(db):
        scope = world.scope_of(db, busy)
        [move] = [m for m in (await queries.read(db, busy, run)).moves if m.client == "Wim"]
        view = await Views(db).current(busy, NOW)
        fast = bookings.BookRequest(CUT, move.staff_id, move.starts_at, await client(scope, "Fast Fred"))
        await bookings.book(scope, fast, view=view, now=NOW)

    run, page = world.do(plan), visitor.manager(busy)
    page.goto(f"/board/salon/plans/{run}")
    expect(page.locator(".moves li")).to_have_count(2)
    page.get_by_label("Only changes of").select_option("Eva")
    expect(page.locator(".moves li")).to_have_count(1)
    page.get_by_label("Only changes of").select_option("")
    expect(page.locator(".moves li")).to_have_count(2)
    world.do(book_over)
    page.get_by_role("button", name="Accept all").click()
    expect(page.get_by_role("status")).to_contain_text("1 applied, 1 refused: the book had changed since")
    stale = page.locator(".moves li.stale")
    expect(stale).to_contain_text("Wim")
    expect(stale).to_contain_text("Someone else holds that time now")
    assert faults(page) == []


def test_a_run_shows_objective_and_bound_as_they_move(world, busy, visitor):
    async def begin(db):
        scope = world.scope_of(db, busy)
        order = plans.RunOrder(RunKind.REBALANCE, ("balanced",), (MONDAY_10, MONDAY_10 + timedelta(days=1)), 1, 60, 0)
        [run] = await plans.start_run(scope, order)
        await plans.begin_run(scope, run)
        return run

    def tell(elapsed, objective, bound):
        progress = plans.Progress("search", objective, bound, elapsed)
        world.do(lambda db: plans.tell_progress(world.scope_of(db, busy), run, progress))

    run, page = world.do(begin), visitor.manager(busy)
    page.goto(f"/board/salon/plans/{run}")
    figures = page.locator("#progress .figures")
    expect(figures).to_contain_text("none yet")
    tell(2, 1000, 2000)
    expect(figures).to_contain_text("1,000")
    expect(figures).to_contain_text("50.0 %", use_inner_text=True)
    tell(4, 1500, 1800)
    expect(figures).to_contain_text("1,500")
    expect(figures).to_contain_text("1,800")
    assert len(page.locator(".trace .objective").get_attribute("points").split()) >= 2
    assert faults(page) == []
    page.get_by_role("button", name="Stop with the best so far").click()
    expect(page.get_by_role("button", name="Stopping")).to_be_disabled()


def test_who_is_not_signed_in_signs_in_first(world, busy, visitor):
    page = visitor.page()
    page.goto(BOARD)
    expect(page).to_have_url(f"{world.address}/login?next=/board/salon%3Fday%3D2026-03-02")
