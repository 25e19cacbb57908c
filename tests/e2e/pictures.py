"""Every page at three widths, into docs/pictures: `make pictures`. Look at them."""

from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from service.commands import changes
from service.commands.changes import Change
from service.jobs.demo import set_up
from service.jobs.demo_salon import set_up_salon
from service.queries import businesses, own_settings
from tests.e2e.conftest import DESK, PHONE, TABLET
from tests.service.worlds import NOW

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
LOOKS = {"colour": "#0b6e4f", "settings": {"place": "Rua das Flores 12, Lisboa", "phone": "+351 21 000 0000"}}
COLOURS = 256


@pytest.fixture
def demo(world):
    """The demo clinic, with prices and an address: its id, and its plan."""

    async def fill(db):
        made = await set_up(db, NOW, lambda *_: None)
        business = await businesses.by_slug(db, made.slug)
        scope = world.scope_of(db, business.id)
        own = await own_settings.read(db, business.id)
        looks = {**LOOKS, "settings": own.settings | LOOKS["settings"]}
        await changes.change_business(scope, Change(business.id, looks))
        for n, service in enumerate(await businesses.services(db, business.id)):
            await changes.change_service(scope, Change(service.id, {"price_cents": 2500 + 1000 * n}))
        staff, services = await businesses.staff(db, business.id), await businesses.services(db, business.id)
        evening = await set_up_salon(db, made.first_day, NOW)
        salon = await businesses.by_slug(db, evening.slug)
        return business.id, salon.id, evening, staff[0].id, made.first_day, services[0].id

    return world.do(fill)


@pytest.fixture(params=[PHONE, TABLET, DESK], ids=lambda size: str(size["width"]))
def size(request):
    """How large the window is."""
    return request.param


def test_pictures_of_the_house(demo, visitor, size):
    business_id, salon_id, evening, member, day, service = demo
    page = visitor.manager(business_id, viewport=size, timezone_id="Europe/Berlin")
    board = "/board/demo-clinic"
    pages = {
        "board": f"{board}?day={day}",
        "board-persian": f"{board}?day={day}&lang=fa",
        "week": f"{board}?day={day}&span=week&lang=en",
        "list": f"{board}?day={day}&span=list",
        "plans": f"{board}/plans",
        "today": f"{board}/today?day={day}",
        "jobs": f"{board}/jobs",
        "reports": f"{board}/reports?first={day}",
        "settings": f"{board}/settings",
        "settings-hours": f"{board}/settings/staff/{member}",
        "settings-matrix": f"{board}/settings/allocations",
        "settings-terms": f"{board}/settings/allocations/{service}",
        "settings-service": f"{board}/settings/services/{service}",
        "settings-optimiser": f"{board}/settings/optimiser",
        "account": "/account",
        "settings-people": f"{board}/settings/people",
        "sign-in": "/login",
    }
    for name, path in pages.items():
        page.goto(path)
        _keep(page, name, size)
    boss = visitor.manager(salon_id, viewport=size)
    boss.goto(f"/board/{evening.slug}/plans/{evening.run_id}")
    _keep(boss, "review", size)
    page.goto(f"{board}?day={day}&lang=en")
    page.emulate_media(media="print")
    _keep(page, "board-print", size)
    dark = visitor.manager(business_id, viewport=size, color_scheme="dark")
    dark.goto(f"{board}?day={day}&lang=en")
    _keep(dark, "board-dark", size)


def test_pictures_of_a_booking(demo, visitor, size):
    page = visitor.page(viewport=size, timezone_id="Europe/Berlin")
    for name, path in (
        ("booking-month", "/b/demo-clinic?span=month&lang=de"),
        ("booking-persian", "/b/demo-clinic?lang=fa"),
        ("link-expired", "/b/demo-clinic/booking/nonsense"),
        ("booking-full", f"/b/demo-clinic?day={demo[4] + timedelta(days=5)}"),
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
    page.get_by_role("link", name="Choose another time").click()
    _titled(page, "Choose another time")
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


def test_pictures_of_a_visit(demo, visitor, size):
    page = visitor.page(viewport=size, timezone_id="Europe/Berlin")
    page.goto("/b/demo-clinic")
    page.get_by_label("Add another service").select_option(index=2)
    expect(page.locator("select[name=also]")).to_have_count(2)
    _keep(page, "booking-visit", size)
    page.locator(".suggestion").first.click()
    _titled(page, "Your time")
    _keep(page, "booking-visit-details", size)


def test_pictures_of_somebody_faster(demo, world, visitor, size):
    one, other = (visitor.page(viewport=size, timezone_id="Europe/Berlin") for _ in range(2))
    for page in (one, other):
        page.goto("/b/demo-clinic")
    one.locator(".suggestion").first.click()
    _titled(one, "Your time")
    other.locator(".suggestion").first.click()
    expect(other.get_by_role("alert")).to_be_visible()
    _keep(other, "booking-taken", size)


def _titled(page, title: str) -> None:
    """Wait until the page with a heading is there."""
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def _keep(page, name: str, size: dict[str, int]) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is cut off"
    path = FOLDER / f"{name}-{size['width']}.png"
    page.screenshot(path=path)
    # A palette is enough for a page, at a quarter of the bytes.
    Image.open(path).convert("RGB").quantize(COLOURS, kmeans=4).save(path, optimize=True)
