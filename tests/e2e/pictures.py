"""Every page at three widths, into docs/pictures: `make pictures`. Look at them."""

from pathlib import Path

import pytest
from PIL import Image

from service.commands import catalogue
from service.commands.catalogue import Change
from service.jobs.demo import set_up
from service.jobs.demo_salon import set_up_salon
from service.queries import businesses, own_settings
from tests.e2e.conftest import DESK, PHONE, TABLET
from tests.service.worlds import NOW

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
LOOKS = {"colour": "#0b6e4f", "settings": {"place": "Rua das Flores 12, Lisboa", "phone": "+351 21 000 0000"}}
COLOURS = 160


@pytest.fixture
def demo(world):
    """The demo clinic, with prices and an address: its id, and its plan."""

    async def fill(db):
        made = await set_up(db, NOW, lambda *_: None)
        business = await businesses.by_slug(db, made.slug)
        scope = world.scope_of(db, business.id)
        own = await own_settings.read(db, business.id)
        looks = {**LOOKS, "settings": own.settings | LOOKS["settings"]}
        await catalogue.change_business(scope, Change(business.id, looks))
        for n, service in enumerate(await businesses.services(db, business.id)):
            await catalogue.change_service(scope, Change(service.id, {"price_cents": 2500 + 1000 * n}))
        staff = await businesses.staff(db, business.id)
        evening = await set_up_salon(db, made.first_day, NOW)
        salon = await businesses.by_slug(db, evening.slug)
        return business.id, salon.id, evening, staff[0].id, made.first_day

    return world.do(fill)


@pytest.mark.parametrize("size", [PHONE, TABLET, DESK], ids=lambda size: str(size["width"]))
def test_pictures(demo, visitor, size):
    business_id, salon_id, evening, member, day = demo
    page = visitor.manager(business_id, viewport=size, timezone_id="Europe/Berlin")
    board = "/board/demo-clinic"
    pages = {
        "booking": "/b/demo-clinic",
        "booking-month": "/b/demo-clinic?span=month&lang=de",
        "booking-persian": "/b/demo-clinic?lang=fa",
        "board": f"{board}?day={day}",
        "week": f"{board}?day={day}&span=week",
        "list": f"{board}?day={day}&span=list",
        "plans": f"{board}/plans",
        "today": f"{board}/today?day={day}",
        "reports": f"{board}/reports?first={day}",
        "settings": f"{board}/settings",
        "settings-hours": f"{board}/settings/staff/{member}",
        "settings-matrix": f"{board}/settings/allocations",
        "settings-people": f"{board}/settings/people",
    }
    for name, path in pages.items():
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is cut off"
        _keep(page, name, size)
    boss = visitor.manager(salon_id, viewport=size)
    boss.goto(f"/board/{evening.slug}/plans/{evening.run_id}")
    _keep(boss, "review", size)
    page.goto("/b/demo-clinic")
    page.locator(".suggestion").first.click()
    page.get_by_label("Name").fill("Maria Costa")
    _keep(page, "booking-details", size)
    page.get_by_label("E-mail").fill("maria@example.org")
    page.get_by_role("button", name="Confirm the booking").click()
    _keep(page, "booking-kept", size)
    page.goto("/b/demo-clinic")
    page.get_by_role("link", name="Join the waitlist").click()
    _keep(page, "waitlist", size)


def _keep(page, name: str, size: dict[str, int]) -> None:
    path = FOLDER / f"{name}-{size['width']}.png"
    page.screenshot(path=path)
    # A palette is enough for a page, at a quarter of the bytes.
    Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)
