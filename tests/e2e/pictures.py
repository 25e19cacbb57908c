"""Every page at three widths, into docs/pictures: `make pictures`. Look at them.

All of them show one fortnight of March 2026: the house is seen on its second Thursday at twenty past eleven, clients
book on the Sunday before it.
"""

from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.sync_api import expect

from models.optimisation import RunKind
from models.permissions import Role
from models.states import Party
from service.commands import attendance, availability, bookings, changes, offers, plans
from service.commands.attendance import Step
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff
from service.commands.changes import Change
from service.db.views import Views
from service.jobs.demo import set_up
from service.jobs.demo_salon import set_up_salon
from service.queries import boards, businesses
from service.queries.slots import SlotsWanted, find
from tests.e2e.conftest import DESK, PHONE, TABLET
from tests.e2e.steps import expire_holds
from tests.service.worlds import ANA, MONDAY_10, NOW, WEEK, client

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
COLOURS = 256
SIZES = (DESK, PHONE, TABLET)
THURSDAY = timedelta(days=10)
CLOCK = {"hour": 11, "minute": 20}
GREEN = "#0b6e4f"


@pytest.fixture
def demo(world):
    """The demo clinic and the demo salon: their ids, plans and days."""

    async def fill(db):
        made = await set_up(db, NOW, lambda *_: None)
        clinic = await businesses.by_slug(db, made.slug)
        await changes.change_business(world.scope_of(db, clinic.id), Change(clinic.id, {"colour": GREEN}))
        evening = await set_up_salon(db, made.first_day + THURSDAY + timedelta(days=1), NOW)
        salon = await businesses.by_slug(db, evening.slug)
        for business in (clinic, salon):
            # A run begins by the database's clock.
            async with db.transaction(business.id) as tx:
                await tx.execute("UPDATE optimisation_run SET created_at = %s", [NOW + THURSDAY])
        return clinic, made, salon, evening

    return world.do(fill)


async def lived_in(db, scope, clinic, day) -> datetime:
    """Let a day be half over: who came, who is late, who did not come, who asks, what is blocked; return the moment."""
    now = datetime(day.year, day.month, day.day, **CLOCK, tzinfo=ZoneInfo(clinic.zone))
    lanes = await boards.lanes(db, clinic.id)
    span = now.replace(hour=0, minute=0), now.replace(hour=23)
    claims = await boards.claims(db, clinic.id, [lane.lane_no for lane in lanes], *span)
    missed = True
    for claim in sorted((c for c in claims if c.id and c.starts_at <= now), key=lambda c: c.starts_at):
        if claim.ends_at <= now and missed and claim.lane_no == lanes[-1].lane_no:
            await attendance.no_show(scope, Step(claim.id, claim.version), now=now)
            missed = False
        elif claim.ends_at <= now:
            arrived = await attendance.check_in(scope, Step(claim.id, claim.version))
            await attendance.complete(scope, Step(claim.id, arrived.version), now=now)
        elif claim.lane_no != lanes[0].lane_no:
            await attendance.check_in(scope, Step(claim.id, claim.version))
    await _asked_and_blocked(db, scope, clinic, now)
    return now


async def _asked_and_blocked(db, scope, clinic, now) -> None:
    service = (await businesses.services(db, clinic.id))[0]
    await changes.change_service(scope, Change(service.id, {"needs_approval": True}))
    evening = now.replace(hour=23)
    for minutes, name in ((60, "Teresa Prado"), (180, "Rui Siqueira")):
        view = await Views(db).current(clinic.id, now)
        slot = next(iter(find(view, SlotsWanted(service.id, now + timedelta(minutes=minutes), evening), now, limit=1)))
        asked = bookings.BookRequest(
            service.id, slot.staff_id, slot.starts_at, await client(scope, name), "web", Party.CLIENT
        )
        await bookings.book(scope, asked, view=view, now=now)
    await changes.change_service(scope, Change(service.id, {"needs_approval": False}))
    view = await Views(db).current(clinic.id, now)
    free = list(find(view, SlotsWanted(service.id, now, evening, by_staff=True), now, limit=500))
    last = max(free, key=lambda slot: slot.starts_at)
    await availability.take_time_off(scope, availability.TimeOff(last.staff_id, last.starts_at, last.ends_at))


def test_pictures(demo, world, visitor, host_of):
    clinic, made, salon, evening = demo
    day = made.first_day + THURSDAY
    world.now = world.do(lambda db: lived_in(db, world.scope_of(db, clinic.id), clinic, day))
    run = world.do(lambda db: under_way(db, world.scope_of(db, salon.id), evening.day))
    for size in SIZES:
        review(visitor, size, demo, run)
        house(world, visitor, size, demo)
    world.now = NOW
    for size in SIZES:
        booking(visitor, size, made.first_day)
        visit(visitor, size)
        somebody_faster(visitor, size)
        dark_and_framed(visitor, size, host_of)
        # No more than three times are held from one place.
        expire_holds(world, clinic.id)


async def under_way(db, scope, day):
    """Begin a run that does not end."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("Europe/Lisbon"))
    span = (midnight, midnight + timedelta(days=1))
    [run] = await plans.start_run(scope, plans.RunOrder(RunKind.REBALANCE, ("balanced",), span, 1, 60, 0))
    await plans.begin_run(scope, run)
    return run


def house(world, visitor, size, demo):
    clinic, made, *_ = demo
    day = made.first_day + THURSDAY
    page = visitor.manager(clinic.id, viewport=size, timezone_id="America/Sao_Paulo")
    board = "/board/demo-clinic"

    async def ids(db):
        return (await businesses.staff(db, clinic.id))[0].id, (await businesses.services(db, clinic.id))[0].id

    member, service = world.do(ids)
    pages = {
        "board-persian": f"{board}?lang=fa",
        "week": f"{board}?span=week&lang=en",
        "list": f"{board}?span=list",
        "plans": f"{board}/plans",
        "jobs": f"{board}/jobs",
        "reports": f"{board}/reports?first={made.first_day}&last={day}",
        "reports-service": f"{board}/reports?first={made.first_day}&last={day}&by=service",
        "settings": f"{board}/settings",
        "settings-hours": f"{board}/settings/staff/{member}",
        "settings-matrix": f"{board}/settings/allocations",
        "settings-terms": f"{board}/settings/allocations/{service}",
        "settings-service": f"{board}/settings/services/{service}",
        "settings-optimiser": f"{board}/settings/optimiser",
        "settings-people": f"{board}/settings/people",
        "account": "/account",
        "sign-in": "/login",
        "board": board,
    }
    for name, path in pages.items():
        page.goto(path)
        _keep(page, name, size)
    page.locator("a.block.late").first.click()
    expect(page.locator(".opened")).to_be_visible()
    page.get_by_text("Move", exact=True).first.click()
    page.locator(".opened").get_by_label("Time").fill("03:00")
    _keep(page, "board-opened", size)
    page.locator(".opened .fields").get_by_role("button", name="Move").click()
    expect(page.get_by_role("alert")).to_be_visible()
    _keep(page, "board-refused", size)
    page.goto(board)
    page.emulate_media(media="print")
    _keep(page, "board-print", size)
    dark = visitor.manager(clinic.id, viewport=size, color_scheme="dark")
    for name, path in {
        "board-dark": board,
        "reports-dark": pages["reports"],
        "settings-dark": f"{board}/settings",
    }.items():
        dark.goto(path)
        _keep(dark, name, size)
    own = visitor.member(clinic.id, Role.STAFF, member, viewport=size)
    own.goto(f"{board}/today")
    _keep(own, "today", size)
    own.goto(f"{board}/plans")
    _keep(own, "refused", size)


def review(visitor, size, demo, run):
    clinic, made, salon, evening = demo
    boss = visitor.manager(salon.id, viewport=size, timezone_id="Europe/Lisbon")
    plan = f"/board/{evening.slug}/plans/{evening.run_id}"
    for name, query in {"review-persian": "?lang=fa", "review-before": "?lang=en&view=before", "review": ""}.items():
        boss.goto(plan + query)
        _keep(boss, name, size)
    boss.goto(f"/board/{evening.slug}/plans/{run}")
    _keep(boss, "running", size)
    dark = visitor.manager(salon.id, viewport=size, color_scheme="dark")
    dark.goto(plan)
    _keep(dark, "review-dark", size)
    page = visitor.manager(clinic.id, viewport=size, timezone_id="America/Sao_Paulo")
    page.goto(f"/board/demo-clinic/plans/{made.run_id}")
    page.get_by_role("link", name="Offer").first.click()
    _titled(page, "Another time for")
    _keep(page, "relax", size)


def booking(visitor, size, first_day):
    page = visitor.page(viewport=size, timezone_id="Europe/Berlin")
    for name, path in (
        ("booking-month", "/b/demo-clinic?span=month&lang=de"),
        ("booking-persian", "/b/demo-clinic?lang=fa"),
        ("link-expired", "/b/demo-clinic/booking/nonsense"),
        ("booking-full", f"/b/demo-clinic?day={first_day + timedelta(days=5)}"),
        ("booking", "/b/demo-clinic"),
    ):
        page.goto(path)
        _keep(page, name, size)
    page.locator(".suggestion").first.click()
    _titled(page, "Your time")
    page.get_by_label("Name").fill("Maria Costa")
    _keep(page, "booking-details", size)
    page.get_by_role("button", name="Confirm the booking").click()
    expect(page.locator("#email-problem")).to_be_visible()
    _keep(page, "booking-problem", size)
    page.get_by_label("E-mail").fill("maria@example.org")
    page.get_by_role("button", name="Confirm the booking").click()
    _titled(page, "You are booked")
    _keep(page, "booking-kept", size)
    page.get_by_role("link", name="My appointments").click()
    _titled(page, "My appointments")
    page.get_by_role("link", name="Move to another time").click()
    _titled(page, "Move to another time")
    _keep(page, "booking-move", size)
    page.goto("/b/demo-clinic")
    page.get_by_role("link", name="Join the waitlist").click()
    _titled(page, "Join the waitlist")
    _keep(page, "waitlist", size)
    page.get_by_label("Name").fill("Wim")
    page.get_by_label("Telephone").fill("+31 20 123")
    page.get_by_role("button", name="Put me on the waitlist").click()
    _titled(page, "You are on the waitlist")
    _keep(page, "waiting", size)
    page.get_by_role("link", name="My appointments").first.click()
    _titled(page, "My appointments")
    _keep(page, "mine", size)


def visit(visitor, size):
    page = visitor.page(viewport=size, timezone_id="Europe/Berlin")
    page.goto("/b/demo-clinic")
    page.get_by_label("Add another service").select_option(index=2)
    expect(page.locator("select[name=also]")).to_have_count(2)
    _keep(page, "booking-visit", size)
    page.locator(".suggestion").first.click()
    _titled(page, "Your time")
    _keep(page, "booking-visit-details", size)


def somebody_faster(visitor, size):
    one, other = (visitor.page(viewport=size, timezone_id="Europe/Berlin") for _ in range(2))
    for page in (one, other):
        page.goto("/b/demo-clinic")
    one.locator(".suggestion").first.click()
    _titled(one, "Your time")
    other.locator(".suggestion").first.click()
    expect(other.get_by_role("alert")).to_be_visible()
    _keep(other, "booking-taken", size)


def dark_and_framed(visitor, size, host_of):
    dark = visitor.page(viewport=size, timezone_id="Europe/Berlin", color_scheme="dark")
    dark.goto("/b/demo-clinic")
    _keep(dark, "booking-dark", size)
    dark.locator(".suggestion").first.click()
    _titled(dark, "Your time")
    dark.go_back()
    expect(dark.locator(".own")).to_be_visible()
    _keep(dark, "booking-back-dark", size)
    page = visitor.page(viewport=size, timezone_id="Europe/Berlin")
    page.goto(host_of('data-business="demo-clinic"'))
    expect(page.frame_locator("iframe").locator(".suggestion").first).to_be_visible()
    page.wait_for_function("document.querySelector('iframe').offsetHeight !== 640")
    _keep(page, "widget", size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size["width"]))
def test_pictures_of_a_party_that_waits_and_of_an_offer(demo, world, visitor, size):
    group = NewService("Course", 60, seats=6, slot_interval=60, price_cents=1500)

    async def make(db):
        scope = world.scope_of(db, uuid4())
        opening = Opening("Studio Luz", "studio", "Europe/Lisbon", (NewStaff("Rita", WEEK, ANA),), (group,))
        await open_business(scope, opening)
        return scope.business_id

    async def offer(db):
        view = await Views(db).current(business_id, NOW)
        freed = offers.Freed(ANA, MONDAY_10 - timedelta(hours=1), MONDAY_10 + timedelta(hours=1))
        assert await offers.pass_on(world.scope_of(db, business_id), freed, view=view, now=NOW)

    business_id = world.do(make)
    page = visitor.page(viewport=size)
    page.goto("/b/studio?people=3")
    _keep(page, "booking-group", size)
    page.get_by_role("link", name="Join the waitlist").click()
    page.get_by_label("Name").fill("Maria Costa")
    page.get_by_label("Telephone").fill("+351 910 000 000")
    page.get_by_role("button", name="Put me on the waitlist").click()
    _titled(page, "You are on the waitlist")
    world.do(offer)
    page.goto("/b/studio/me")
    expect(page.get_by_role("button", name="Take it")).to_be_visible()
    _keep(page, "mine-offer", size)


def _titled(page, title: str) -> None:
    """Wait until the page with a heading is there."""
    expect(page.get_by_role("heading", level=1)).to_contain_text(title)


def _keep(page, name: str, size: dict[str, int]) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is cut off"
    path = FOLDER / f"{name}-{size['width']}.png"
    page.screenshot(path=path)
    # A palette is enough for a page, at a quarter of the bytes.
    Image.open(path).convert("RGB").quantize(COLOURS, kmeans=2).save(path, optimize=True)
