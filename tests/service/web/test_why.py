"""Why a day has no time: a sentence for each rule, and searches that do find one."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from service.commands import bookings
from service.db.views import Views
from service.queries.finding import ItemWanted
from service.web.offer import Wish
from service.web.why import SEATS, TELLING, TOGETHER
from service.web.words import LANGUAGES, Words
from solver.whynot import Change, Ruled
from tests.service.worlds import ANA, CUT, MONDAY_10, NOW, client, salon

LISBON = ZoneInfo("Europe/Lisbon")
DAY = MONDAY_10.date()
ISOLATES = dict.fromkeys(map(ord, "\u2068\u2069"))
"""Signs around a name or date in a sentence, not to be seen."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_and_every_way_out_has_its_sentence(language):
    assert set(TELLING) == set(Ruled)
    words = Words(language)
    told = [words(f"why_{rule}", service="Cut", name="Ana") for rule in (*Ruled, SEATS, TOGETHER)]
    assert len(set(told)) == len(told)
    ways = (Change.STAFF, Change.LATER, Change.EARLIER)
    assert all(words(f"way_{change}", when="10:00", day="Mon") for change in ways)


async def full_monday(db):
    """A salon in which Ana's Monday is booked out."""
    scope = await salon(db)
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    for n in [*range(5), *range(6, 11)]:
        start = MONDAY_10 - timedelta(hours=1) + timedelta(minutes=45 * n)
        await bookings.book(scope, bookings.BookRequest(CUT, ANA, start, who), view=view, now=NOW)
    return scope


@pytest.mark.anyio
async def test_a_full_day_says_so_and_leads_to_others_and_to_the_days_around(db):
    scope = await full_monday(db)
    wish = Wish(await Views(db).current(scope.business_id, NOW), (ItemWanted(CUT, (ANA,)),), LISBON, NOW)
    assert wish.times(DAY) == []
    why = wish.why(DAY)
    assert why.rule == "booked"
    ways = {way.change.value: way.starts_at for way in why.ways}
    assert ways["staff"].date() == DAY
    assert ways["later"].date() == DAY + timedelta(days=1)


@pytest.mark.anyio
async def test_each_way_out_leads_to_a_search_that_finds_its_time(db, browser):
    await full_monday(db)
    page = (await browser.get(f"/b/salon?service={CUT}&staff={ANA}&day={DAY}&lang=de")).text
    assert "An diesem Tag ist alles vergeben." in page
    ways = re.findall(r'<a class="button" href="([^"]+)">((?:Bei|Ab) [^<]+)</a>', page)
    told = [label.translate(ISOLATES) for _, label in ways]
    assert told == ["Bei wem auch immer: Mo. 2. März, 09:00", "Ab Di. 3. März"]
    anyone, later = (parse_qs(urlsplit(unescape(address)).query) for address, _ in ways)
    assert "staff" not in anyone
    assert later["staff"] == [str(ANA)]
    for address, _ in ways:
        assert "<fieldset><legend>Vormittag" in (await browser.get(unescape(address))).text
