"""Joining the waitlist: for whom, for when, and once."""

import re
from datetime import date
from html import unescape
from uuid import uuid4

import pytest

from service.commands.changes import Change, change_service
from tests.service.web.test_visits import STUDIO, plain, studio
from tests.service.worlds import ANA, BEN, COLOUR, CUT, salon

pytestmark = pytest.mark.anyio
WEEK = {"first": "2026-03-02", "last": "2026-03-06", "after": "09:00", "before": "12:00", "weekdays": list(range(5))}
WHO = {"name": "Waiting Wim", "phone": "+31 20 123"}
FORM = f"/b/salon/waitlist?service={CUT}&lang=en"


async def entries(db, business_id) -> list[dict]:
    """Return who waits for what, in order."""
    async with db.transaction(business_id) as tx:
        return await tx.rows(
            "SELECT service_id, staff_ids, lower(windows) AS first FROM waitlist_entry ORDER BY since, id"
        )


async def test_a_form_sent_twice_joins_once_and_a_changed_one_again(db, browser):
    scope = await salon(db)
    once = re.search(r'name="once" value="([^"]+)"', (await browser.get(FORM)).text)[1]
    for _ in range(2):
        answer = await browser.post(FORM, data={**WEEK, **WHO, "once": once})
        assert "Cut Mon 2 Mar – Fri 6 Mar, 09:00–12:00" in plain(answer.text)
    assert len(await entries(db, scope.business_id)) == 1
    await browser.post(FORM, data={**WEEK, **WHO, "once": once, "first": "2026-03-03"})
    assert [row["first"].day for row in await entries(db, scope.business_id)] == [2, 3]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"after": ""}, "Please give both times of day."),
        ({"after": "11:45"}, "Cut takes 30 min: please leave at least that much time between the two."),
        ({"last": "2026-03-01"}, "The last day is before the first."),
        ({"weekdays": []}, "Please choose at least one day."),
        ({"first": "2026-02-27"}, "At most 62 days, from today on."),
    ],
)
async def test_what_cannot_be_waited_for_is_told_with_everything_still_typed(db, browser, typed, told):
    scope = await salon(db)
    answer = await browser.post(FORM, data={**WEEK, **WHO, **typed})
    assert answer.status_code == 422
    assert told in plain(answer.text)
    assert f'value="{WHO["name"]}"' in answer.text
    assert await entries(db, scope.business_id) == []


async def test_one_waits_for_who_was_asked_for_where_they_do_it(db, browser):
    scope = await salon(db)
    for service, staff in ((CUT, BEN), (COLOUR, BEN), (COLOUR, ANA)):
        address = f"/b/salon/waitlist?service={service}&staff={staff}&lang=en"
        assert ("with Ben" in plain((await browser.get(address)).text)) == (service == CUT)
        assert (await browser.post(address, data={**WEEK, **WHO})).status_code == 200
    assert [row["staff_ids"] for row in await entries(db, scope.business_id)] == [[BEN], None, [ANA]]


async def test_the_days_on_offer_hold_those_that_stand_in_the_form(db, browser):
    await salon(db)
    for day in ("2026-03-02", "2026-05-01", "2026-12-24"):
        page = (await browser.get(f"{FORM}&day={day}")).text
        assert page.count(" selected>") == 2, day


async def test_who_wants_several_services_is_told_that_each_is_waited_for_by_itself(db, browser):
    await salon(db)
    page = (await browser.get(f"/b/salon?service={CUT}&also={COLOUR}&lang=en")).text
    assert "The waitlist takes one service at a time" in plain(page)
    links = [unescape(link) for link in re.findall(r'href="([^"]+/waitlist[^"]*)"', page)]
    assert [str(service) in link for service, link in zip((CUT, COLOUR), links, strict=True)] == [True, True]
    assert not any("also=" in link for link in links)
    alone = (await browser.get(f"/b/salon?service={CUT}&lang=en")).text
    assert "one service at a time" not in alone


async def test_a_party_waits_for_as_many_seats(db, browser):
    scope = await studio(db)
    address = STUDIO.replace("/b/salon", "/b/salon/waitlist")
    assert "€24.00 · 2 people" in plain((await browser.get(address)).text)
    assert "Yoga 2 people" in plain((await browser.post(address, data={**WEEK, **WHO})).text)
    assert "· 2 people" in plain((await browser.get("/b/salon/me")).text)
    async with db.transaction(scope.business_id) as tx:
        assert (await tx.row("SELECT seats FROM waitlist_entry"))["seats"] == 2


async def test_where_nothing_is_free_the_waitlist_stands_first(db, browser):
    scope = await salon(db)
    await change_service(scope, Change(CUT, {"first_date": date(2030, 1, 1)}))
    page = plain((await browser.get(f"/b/salon?service={CUT}&lang=en")).text)
    assert "No free time in the coming weeks Join the waitlist" in page
    assert (await browser.get(f"/b/salon/waitlist?service={uuid4()}")).status_code == 404
