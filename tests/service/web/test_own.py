"""Staff block and free their own time, nobody else's."""

import re

import pytest

from models.permissions import Role
from tests.service.people import cookie
from tests.service.worlds import ANA, BEN, MONDAY_10, salon

pytestmark = pytest.mark.anyio
DAY = str(MONDAY_10.date())


@pytest.fixture
async def scope(db):
    """An empty salon."""
    return await salon(db)


async def test_staff_block_and_free_their_own_time_alone(scope, browser):
    form = {"day": DAY, "opens": "14:00", "closes": "15:00"}
    assert (await browser.post("/board/salon/blocks", data=form | {"staff": str(BEN)})).status_code == 303
    page = (await browser.get(f"/board/salon?day={DAY}&span=list")).text
    [of_ben] = re.findall(r"/blocks/(\d+)/end", page)
    browser.cookies.clear()
    browser.cookies.update(await cookie(scope, Role.STAFF, staff_id=ANA))
    refused = await browser.post("/board/salon/blocks", data=form | {"staff": str(BEN), "opens": "10:00"})
    assert refused.status_code == 403
    assert (await browser.post(f"/board/salon/blocks/{of_ben}/end")).status_code == 404
    assert (await browser.post("/board/salon/blocks", data=form | {"staff": str(ANA)})).status_code == 303
    for path in ("today", f"today?day={DAY}", f"?day={DAY}&span=list"):
        page = (await browser.get(f"/board/salon/{path}".replace("/?", "?"))).text
        assert f"/blocks/{of_ben}/end" not in page
    [own] = re.findall(r"/blocks/(\d+)/end", page)
    assert (await browser.post(f"/board/salon/blocks/{own}/end")).status_code == 303
    assert "/blocks/" not in (await browser.get(f"/board/salon/today?day={DAY}")).text.split("<details")[0]


async def test_staff_who_are_nobody_on_the_board_block_nothing(scope, browser):
    browser.cookies.clear()
    browser.cookies.update(await cookie(scope, Role.STAFF))
    form = {"day": DAY, "opens": "14:00", "closes": "15:00", "staff": str(ANA)}
    assert (await browser.post("/board/salon/blocks", data=form)).status_code == 403
    assert (await browser.post("/board/salon/blocks/1/end")).status_code == 404
