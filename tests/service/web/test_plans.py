"""Plans: started, reviewed in plain words, accepted in part, refused where stale, or discarded."""

import re
from datetime import date, timedelta
from html import unescape

import anyio
import pytest

from service.commands import bookings, waitlist
from service.commands.optimisation import apply
from service.db.views import Views
from service.jobs.optimise import plan_waitlist
from service.queries import optimisation as queries
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

MONDAY = date(2026, 3, 2)
pytestmark = pytest.mark.anyio


@pytest.fixture
async def scope(db):
    """A salon with two clients waiting for the same Monday morning, one with Ben alone, and one for a Sunday."""
    scope = await salon(db)
    window = ((MONDAY_10, MONDAY_10 + timedelta(hours=2)),)
    await waitlist.join(scope, waitlist.Joining(await client(scope, "Waiting Wim"), CUT, window), now=NOW)
    await waitlist.join(scope, waitlist.Joining(await client(scope, "Eager Eva"), CUT, window, (BEN,)), now=NOW)
    sunday = ((MONDAY_10 + timedelta(days=6), MONDAY_10 + timedelta(days=6, hours=2)),)
    await waitlist.join(scope, waitlist.Joining(await client(scope, "Sunday Sue"), CUT, sunday), now=NOW)
    return scope


@pytest.fixture
async def run(scope, db):
    """The plan for them."""
    return await plan_waitlist(scope, Views(db), (MONDAY, MONDAY + timedelta(days=7)), NOW)


async def confirmed(db, scope) -> int:
    """Return how many bookings there are."""
    async with db.transaction(scope.business_id) as tx:
        row = await tx.row("SELECT count(*) AS n FROM appointment WHERE status = 'confirmed'")
    return row["n"]


async def test_the_review_says_the_gain_the_moves_and_who_is_left_out(scope, run, browser):
    page = (await browser.get(f"/board/salon/plans/{run}")).text
    assert "+2 appointments, proven best possible." in page
    assert "proven best possible" in page
    assert page.count('class="block planned"') == 2
    assert "Sunday Sue" in page
    assert ">Offer " in page
    only = (await browser.get(f"/board/salon/plans/{run}", params={"person": "Eager Eva"})).text
    assert only.count('name="components"') == 1
    assert "(1 of 2)" in only
    assert 'value="all">Accept all' in page
    assert 'value="all">Accept all' not in only
    assert "/discard" not in only


async def test_before_and_after_differ_by_the_ghosts(scope, run, browser):
    before = (await browser.get(f"/board/salon/plans/{run}?view=before")).text
    after = (await browser.get(f"/board/salon/plans/{run}?view=after")).text
    assert (before.count('class="block planned"'), after.count('class="block planned"')) == (0, 2)
    # Of two lanes of 450 minutes, 40 each.
    both = (await browser.get(f"/board/salon/plans/{run}")).text
    loads = [sorted(re.findall(r"(\d+) % booked", page)) for page in (before, both, after)]
    assert loads == [["0", "0"], ["9", "9"], ["9", "9"]]


async def test_some_are_accepted_and_the_rest_discarded(scope, db, run, browser):
    page = (await browser.get(f"/board/salon/plans/{run}")).text
    component = re.search(r'name="components" value="(\d+)"', page).group(1)
    form = {"accept": "ticked", "components": component}
    assert (await browser.post(f"/board/salon/plans/{run}/apply", data=form)).status_code == 303
    assert await confirmed(db, scope) == 1
    page = (await browser.get(f"/board/salon/plans/{run}")).text
    assert "1 applied, 1 still planned" in page
    assert page.count('class="block planned"') == 1
    assert page.count('class="block placed"') == 1
    await browser.post(f"/board/salon/plans/{run}/discard")
    assert await confirmed(db, scope) == 1
    late = await browser.post(f"/board/salon/plans/{run}/apply", data={"accept": "all"})
    assert late.status_code == 409


async def test_nothing_ticked_accepts_nothing(scope, db, run, browser):
    await browser.post(f"/board/salon/plans/{run}/apply", data={"accept": "ticked"})
    assert await confirmed(db, scope) == 0


async def test_what_went_stale_is_refused_and_said(scope, db, run, browser):
    view = await Views(db).current(scope.business_id, NOW)
    for minutes in (0, 45, 90):
        for member in (ANA, BEN):
            start = MONDAY_10 + timedelta(minutes=minutes)
            fast = bookings.BookRequest(CUT, member, start, await client(scope, "Fast Fred"))
            await bookings.book(scope, fast, view=view, now=NOW)
    before = await confirmed(db, scope)
    await browser.post(f"/board/salon/plans/{run}/apply", data={"accept": "all"})
    page = (await browser.get(f"/board/salon/plans/{run}")).text
    assert "2 refused: the book had changed since" in page
    assert "Someone else holds that time now" in page
    assert await confirmed(db, scope) == before
    for language, words in (("de", "Jemand anderes hält"), ("es", "Otra persona retiene"), ("fa", "برای دیگری نگه")):
        other = (await browser.get(f"/board/salon/plans/{run}?lang={language}")).text
        assert words in other
        assert "Someone else" not in other


async def test_a_run_is_started_followed_and_found_in_the_list(scope, browser):
    form = {"first": str(MONDAY), "last": str(MONDAY), "kind": "waitlist", "seconds": "5"}
    answer = await browser.post("/board/salon/plans", data=form)
    assert answer.status_code == 303
    for _ in range(300):
        page = (await browser.get(answer.headers["location"])).text
        if "The optimiser is at work" not in page:
            break
        await anyio.sleep(0.1)
    assert "+2 appointments" in page
    watching = await browser.get(answer.headers["location"], headers={"HX-Request": "true"})
    assert (watching.headers["hx-refresh"], watching.text) == ("true", "")
    listed = (await browser.get("/board/salon/plans")).text
    assert "waitlist, balanced" in listed
    assert 'class="badge planned"' in listed


async def test_who_is_left_out_can_be_given_another_time(scope, db, run, browser):
    page = (await browser.get(f"/board/salon/plans/{run}")).text
    path = re.search(r'href="(/board/salon/waitlist/[0-9a-f-]+)', page).group(1)
    offered = (await browser.get(path)).text
    at = re.search(r'name="at" value="([^"]+)"', offered).group(1)
    assert "Another time for" in offered
    assert (await browser.post(path, data={"at": at, "version": "9"})).status_code == 409
    assert (await browser.post(path, data={"at": at, "version": "1"})).status_code == 303
    assert await confirmed(db, scope) == 1
    assert (await browser.get(path)).status_code == 404


async def test_the_relaxation_leads_to_the_very_place_that_it_names(scope, db, browser):
    narrow = ((MONDAY_10, MONDAY_10 + timedelta(minutes=20)),)
    await waitlist.join(scope, waitlist.Joining(await client(scope, "Narrow Nel"), CUT, narrow, (BEN,)), now=NOW)
    run = await plan_waitlist(scope, Views(db), (MONDAY, MONDAY), NOW)
    page = (await browser.get(f"/board/salon/plans/{run}")).text
    path, when, who = re.search(r'href="([^"]+at=[^"]+)">Offer \W?([^<]*?)\W? with (\w+)</a>', page).groups()
    [left] = [u for u in (await queries.read(db, scope.business_id, run)).unplaced if u.client == "Narrow Nel"]
    assert f"{left.relaxed_starts_at:%H:%M} with {left.relaxed_staff}" in left.relaxation
    assert when.endswith(f"{left.relaxed_starts_at:%H:%M}")
    offered = (await browser.get(path)).text
    at = re.search(r'class="primary" name="at" value="([^"]+)">Book it for Narrow Nel', offered).group(1)
    assert at == f"{left.relaxed_staff_id}~{left.relaxed_starts_at.isoformat()}"
    assert who == left.relaxed_staff
    view = await Views(db).current(scope.business_id, NOW)
    fast = bookings.BookRequest(CUT, left.relaxed_staff_id, left.relaxed_starts_at, await client(scope, "Fast Fred"))
    gone = await bookings.book(scope, fast, view=view, now=NOW)
    assert "not free as the book stands" in (await browser.get(path)).text
    form = {"at": at, "version": "1"}
    assert (await browser.post(path.split("?")[0], data=form)).status_code == 409
    await bookings.cancel(scope, bookings.Cancellation(gone.id, gone.version), now=NOW)
    assert (await browser.post(path.split("?")[0], data=form)).status_code == 303
    assert await confirmed(db, scope) == 1


async def test_a_concession_is_written_into_the_entry_and_the_next_run_places_it(scope, db, browser):
    narrow = ((MONDAY_10, MONDAY_10 + timedelta(minutes=20)),)
    await waitlist.join(scope, waitlist.Joining(await client(scope, "Narrow Nel"), CUT, narrow, (BEN,)), now=NOW)
    first = await plan_waitlist(scope, Views(db), (MONDAY, MONDAY), NOW)
    page = (await browser.get(f"/board/salon/plans/{first}")).text
    path = unescape(re.search(r'href="([^"]+at=[^"]+)">Offer', page).group(1))
    offered = (await browser.get(path)).text
    form = offered[offered.index("/widen") :]
    sent = dict(re.findall(r'name="(version|at|day|opens|closes)" value="([^"]*)"', form))
    assert sent["day"] == str(MONDAY)
    answer = await browser.post(f"{path.split('?')[0]}/widen", data=sent)
    assert answer.status_code == 303
    assert "They wait for that too now" in (await browser.get(answer.headers["location"])).text
    second = await queries.read(db, scope.business_id, await plan_waitlist(scope, Views(db), (MONDAY, MONDAY), NOW))
    assert "Narrow Nel" in {move.client for move in second.moves}
    late = await browser.post(f"{path.split('?')[0]}/widen", data=sent)
    assert late.status_code == 409, "somebody else has changed the entry"
    backwards = await browser.post(f"{path.split('?')[0]}/widen", data=sent | {"closes": "00:00", "version": "2"})
    assert (backwards.status_code, "ends before it starts" in backwards.text) == (409, True)


async def test_days_in_the_wrong_order_are_refused_in_words(scope, browser):
    form = {"first": str(MONDAY), "last": str(MONDAY - timedelta(days=1))}
    answer = await browser.post("/board/salon/plans", data=form)
    assert answer.status_code == 422
    assert "last day comes after the first" in answer.text


async def test_applying_twice_places_nobody_twice(scope, db, run):
    first, second = await apply(scope, run, now=NOW), await apply(scope, run, now=NOW)
    assert first == second
    assert (first.applied, first.stale) == (2, ())
    assert await confirmed(db, scope) == 2


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "en",
            ["Free time, inside the client's window; priority 1, waiting since", "No eligible staff member"],
        ),
        ("de", ["Freie Zeit im Wunschzeitraum; Priorität 1, wartet seit", "Niemand Passendes arbeitet"]),
        ("es", ["Tiempo libre, dentro de lo que pidió; prioridad 1", "Nadie adecuado trabaja"]),
        ("fa", ["وقت آزاد، در بازهٔ خواستهٔ مشتری؛ اولویت ۱", "هیچ همکار مناسبی"]),
    ],
)
async def test_the_reasons_are_in_the_language_of_the_page(scope, run, browser, language, told):
    page = unescape((await browser.get(f"/board/salon/plans/{run}?lang={language}")).text)
    page = page.translate(dict.fromkeys((0x2068, 0x2069)))
    assert [sentence in page for sentence in told] == [True, True]
    assert ("inside the client's window" in page) == (language == "en")
