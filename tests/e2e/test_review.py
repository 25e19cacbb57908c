"""A plan: started, followed, reviewed, accepted in part, compared with gentler and bolder ones."""

from datetime import timedelta

from playwright.sync_api import expect

from models.optimisation import RunKind
from service.commands import bookings, plans, waitlist
from service.db.views import Views
from service.jobs.demo_salon import set_up_salon
from service.jobs.optimise import plan_waitlist
from service.queries import businesses
from service.queries import optimisation as queries
from tests.e2e.conftest import BOARD
from tests.e2e.test_standards import faults
from tests.service.worlds import BEN, CUT, MONDAY_10, NOW, client


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


def test_the_trade_off_curve_leads_to_a_gentler_plan(world, visitor):
    async def night(db):
        evening = await set_up_salon(db, MONDAY_10.date(), NOW)
        return evening.run_id, (await businesses.by_slug(db, evening.slug)).id

    run, salon = world.do(night)
    page = visitor.manager(salon)
    page.goto(f"/board/demo-salon/plans/{run}")
    expect(page.locator(".gain")).to_contain_text("+9 appointments, 16 clients moved")
    dots = page.locator(".trade a")
    expect(dots).to_have_count(2)
    [gentle, bold] = [dots.nth(n).locator("circle").bounding_box() for n in (0, 1)]
    if gentle["x"] > bold["x"]:
        gentle, bold = bold, gentle
    assert gentle["y"] > bold["y"], "fewer are placed where fewer are moved"
    page.get_by_role("link", name="gentle: 3 placed, 3 moved").click()
    expect(page.locator(".gain")).to_contain_text("+3 appointments, 3 clients moved")
    expect(page.locator(".trade a.own text")).to_have_text("gentle")
    assert faults(page) == []
    for language, name in (("de", "sanft"), ("es", "suave"), ("fa", "ملایم")):
        page.goto(f"{page.url.split('?')[0]}?lang={language}")
        expect(page.locator(".trade a.own text")).to_have_text(name)
        inside = page.locator(".trade").bounding_box()
        for text in page.locator(".trade text").all():
            box = text.bounding_box()
            assert box["x"] >= inside["x"] - 1, language
            assert box["x"] + box["width"] <= inside["x"] + inside["width"] + 1, language


def test_who_is_left_out_waits_for_more_and_the_next_plan_places_them(world, salon_id, visitor):
    async def narrow(db):
        scope = world.scope_of(db, salon_id)
        window = ((MONDAY_10, MONDAY_10 + timedelta(minutes=20)),)
        await waitlist.join(scope, waitlist.Joining(await client(scope, "Nel"), CUT, window, (BEN,)), now=NOW)
        return await plan_waitlist(scope, Views(db), (MONDAY_10.date(), MONDAY_10.date()), NOW)

    page = visitor.manager(salon_id)
    page.goto(f"/board/salon/plans/{world.do(narrow)}")
    page.get_by_role("link", name="Offer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Another time for Nel")
    assert faults(page) == []
    page.get_by_role("button", name="Add it to what they wait for").click()
    expect(page.get_by_role("status")).to_contain_text("They wait for that too now")
    page.get_by_role("link", name="Start a run").click()
    page.get_by_label("Search for at most").select_option("10")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".gain")).to_contain_text("+1 appointment", timeout=60_000)
    page.get_by_role("button", name="Accept all").click()
    expect(page.get_by_role("status")).to_contain_text("1 applied")
