"""What a client reads where something went wrong, with a way on that loses nothing of theirs."""

import re
from html import unescape
from uuid import uuid4

import pytest

from models.permissions import Role
from tests.service.people import cookie
from tests.service.worlds import COLOUR, CUT, salon

pytestmark = pytest.mark.anyio


def ways(page: str) -> list[str]:
    """Return where the page leads."""
    return [unescape(link) for link in re.findall(r'class="button" href="([^"]+)"', page)]


async def test_words_and_frame_stay(db, browser):
    await salon(db)
    answer = await browser.get("/b/salon/booking/nonsense?lang=fa&embed=1&zone=Asia/Tokyo")
    assert answer.status_code == 410
    assert "frame-ancestors *" in answer.headers["content-security-policy"]
    assert 'class="embed"' in answer.text
    assert "booking.js" in answer.text
    assert ways(answer.text) == ["/b/salon?lang=fa&embed=1", "/b/salon/me?lang=fa&embed=1"]
    alone = await browser.get("/b/salon/booking/nonsense")
    assert "frame-ancestors 'none'" in alone.headers["content-security-policy"]


async def test_a_hold_that_is_gone_leads_back_to_the_services_that_were_chosen(db, browser):
    await salon(db)
    chosen = f"service={CUT}&also={COLOUR}&zone=Asia%2FTokyo&lang=de"
    answer = await browser.get(f"/b/salon/hold/{uuid4()}/x?{chosen}&day=2026-03-02")
    again = ways(answer.text)[0]
    assert f"service={CUT}&also={COLOUR}&zone=Asia%2FTokyo" in again
    assert (await browser.get(again)).status_code == 200


@pytest.mark.parametrize(
    "path", ["/b/salon/booking", "/b/salon/booking/", "/b/salon/x/y/z", f"/b/salon?service={CUT}0"]
)
async def test_a_link_that_was_cut_off_leads_back(db, browser, path):
    await salon(db)
    answer = await browser.get(path, headers={"Accept-Language": "de"})
    assert answer.status_code in (404, 422)
    assert "Entschuldigung" in answer.text
    assert ways(answer.text)[0] == "/b/salon"


async def test_where_there_is_no_business_nothing_leads_round_in_a_circle(db, browser):
    await salon(db)
    for path in ("/b/nobody", "/b/nobody?lang=de"):
        answer = await browser.get(path)
        assert (answer.status_code, ways(answer.text)) == (404, [])


async def test_the_first_page_leads_to_the_one_business_where_one_works_else_to_the_account(db, browser):
    scope = await salon(db)
    assert (await browser.get("/")).headers["location"] == "/login"
    for role, wanted in ((Role.OWNER, "/board/salon"), (None, "/account")):
        browser.cookies.clear()
        browser.cookies.update(await cookie(scope, role))
        assert {(await browser.get(path)).headers["location"] for path in ("/", "/board")} == {wanted}


async def test_an_address_that_leads_nowhere_is_a_page_for_people_and_a_problem_for_programs(db, browser):
    scope = await salon(db)
    page = await browser.get("/nothing", headers={"Accept": "text/html"})
    assert (page.status_code, ways(page.text)) == (404, ["/account"])
    program = await browser.get("/nothing")
    assert (program.status_code, program.headers["content-type"]) == (404, "application/problem+json")
    browser.cookies.update(await cookie(scope))
    lost = await browser.get("/board/salon/nothing/at/all")
    assert (lost.status_code, ways(lost.text)) == (404, ["/board/salon", "/account"])
