"""The board: a day's lanes, what is done there, and a kind answer to what cannot be."""

import re
from datetime import date, timedelta
from uuid import uuid4

import pytest

from models.states import Party
from service.commands import attendance, availability, bookings, clients, deposits, waitlist
from service.commands.attendance import Step
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewStaff
from service.db.command import Scope
from service.db.views import Views
from service.queries import boards
from service.queries.bookings import read as bookings_read
from tests.service.people import cookie
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, WEEK, client, salon

MONDAY = date(2026, 3, 2)
DAY = f"day={MONDAY}"
pytestmark = pytest.mark.anyio


@pytest.fixture
async def scope(db):
    """A salon with one booking, and one client waiting for the same Monday."""
    scope = await salon(db)
    view = await Views(db).current(scope.business_id, NOW)
    request = bookings.BookRequest(CUT, ANA, MONDAY_10, await client(scope, "Booked <b>Bea</b>"))
    await bookings.book(scope, request, view=view, now=NOW)
    waiting = waitlist.Joining(await client(scope, "Waiting Wim"), CUT, ((MONDAY_10, MONDAY_10 + timedelta(hours=3)),))
    await waitlist.join(scope, waiting, now=NOW)
    return scope


async def booked(db, scope) -> list[tuple]:
    """Return every appointment's client, status, version and staff."""
    async with db.transaction(scope.business_id) as tx:
        rows = await tx.rows(
            "SELECT c.name, a.status, a.version, i.staff_id, a.id FROM appointment a "
            "JOIN client c ON c.id = a.client_id JOIN appointment_item i ON i.appointment_id = a.id"
        )
    return sorted((tuple(row.values()) for row in rows), key=lambda row: row[0])


async def test_the_day_shows_lanes_bookings_load_and_who_waits_with_the_opening_that_fits(scope, browser):
    page = (await browser.get(f"/board/salon?{DAY}")).text
    assert "Monday 2 March 2026" in page
    assert "Waiting Wim" in page
    assert "fits at 10:00 with <bdi>Ben</bdi>" in page
    assert "Booked &lt;b&gt;Bea&lt;/b&gt;" in page
    assert "<b>Bea</b>" not in page
    # 450 minutes each, one of 30 + 10 booked.
    assert "<dd>860</dd>" in page
    assert "9 % booked" in page


async def test_the_board_polls_and_hears_of_changes_alone(scope, browser):
    page = (await browser.get(f"/board/salon?{DAY}")).text
    stamp = page.split("since=")[1].split('"')[0]
    unchanged = await browser.get(f"/board/salon?{DAY}&since={stamp}")
    assert (unchanged.status_code, unchanged.text) == (204, "")
    await client(scope, "New Nick")
    assert (await browser.get(f"/board/salon?{DAY}&since={stamp}")).status_code == 200


async def test_an_event_committed_after_a_later_numbered_one_is_a_change_too(scope, db):
    early, late = (
        "INSERT INTO outbox_event (business_id, topic, aggregate_id, aggregate_version, payload, id) "
        f"OVERRIDING SYSTEM VALUE VALUES (%s, 'test', %s, 1, '{{}}', {number})"
        for number in (1_000_001, 1_000_002)
    )
    async with db.transaction(scope.business_id) as slow:
        await slow.execute(early, [scope.business_id, uuid4()])
        async with db.transaction(scope.business_id) as quick:
            await quick.execute(late, [scope.business_id, uuid4()])
        before = await boards.newest_event(db, scope.business_id)
    assert await boards.newest_event(db, scope.business_id) != before


async def test_time_is_booked_at_the_desk_for_a_name_alone(scope, db, browser):
    form = {"service": str(CUT), "staff": str(BEN), "day": str(MONDAY), "clock": "11:00", "name": "Desk Dan"}
    answer = await browser.post("/board/salon/bookings", data=form)
    assert answer.status_code == 303
    assert ("Desk Dan", "confirmed") in [row[:2] for row in await booked(db, scope)]
    assert "Booked." in (await browser.get(answer.headers["location"])).text


async def test_a_time_that_is_taken_is_refused_with_the_nearest_and_what_was_typed(scope, db, browser):
    form = {"service": str(CUT), "staff": str(ANA), "day": str(MONDAY), "clock": "10:15", "name": "Late Lea"}
    answer = await browser.post(f"/board/salon/bookings?{DAY}", data=form)
    assert answer.status_code == 409
    assert "That time is taken" in answer.text
    assert "Mon 2 Mar, 10:15 with Ben" in answer.text
    assert 'value="Late Lea"' in answer.text
    assert 'name="clock" step="300" value="10:15"' in answer.text
    assert f'<option value="{ANA}" selected>' in answer.text
    assert len(await booked(db, scope)) == 1


@pytest.mark.parametrize(
    ("steps", "status"),
    [(["check_in"], "checked_in"), (["cancel"], "cancelled"), (["check_in", "cancel"], "cancelled")],
)
async def test_steps_of_a_booking_are_taken_once(scope, db, browser, steps, status):
    [(_, _, version, _, booking)] = await booked(db, scope)
    for present, step in enumerate(steps, start=version):
        form = {"version": present, "take": step}
        assert (await browser.post(f"/board/salon/bookings/{booking}/step?{DAY}", data=form)).status_code == 303
        again = await browser.post(f"/board/salon/bookings/{booking}/step?{DAY}", data=form)
        assert again.status_code == 409
        assert "Somebody has changed it meanwhile" in again.text
        assert "at version" not in again.text
    assert (await booked(db, scope))[0][1] == status


async def test_a_no_show_before_the_visit_is_refused_with_a_reason(scope, db, browser):
    [(_, _, version, _, booking)] = await booked(db, scope)
    answer = await browser.post(
        f"/board/salon/bookings/{booking}/step?{DAY}", data={"version": version, "take": "no_show"}
    )
    assert answer.status_code == 409
    assert "The visit has not begun yet." in answer.text


async def test_blocked_time_is_hatched_and_can_be_freed(scope, db, browser):
    form = {"staff": str(BEN), "day": str(MONDAY), "opens": "14:00", "closes": "15:00"}
    assert (await browser.post("/board/salon/blocks", data=form)).status_code == 303
    assert 'class="block off"' in (await browser.get(f"/board/salon?{DAY}")).text
    assert re.search(
        r"<b>14:00 to 15:00</b> <bdi>Ben</bdi>.*?/blocks/\d+/end", (await browser.get(f"/board/salon?{DAY}")).text
    )
    async with db.transaction(scope.business_id) as tx:
        told = await tx.rows("SELECT address FROM audit_entry ORDER BY id DESC LIMIT 1")
    assert told == [{"address": "127.0.0.1"}]
    page = (await browser.get(f"/board/salon?{DAY}&span=list")).text
    claim = page.split("/blocks/")[1].split("/")[0]
    await browser.post(f"/board/salon/blocks/{claim}/end")
    assert 'class="block off"' not in (await browser.get(f"/board/salon?{DAY}")).text
    over = {**form, "staff": str(ANA), "opens": "10:00", "closes": "11:00"}
    refused = await browser.post("/board/salon/blocks", data=over)
    assert refused.status_code == 409
    assert 'name="opens" value="10:00"' in refused.text
    assert 'name="closes" value="11:00"' in refused.text


async def test_an_opened_booking_says_with_whom_and_how_to_reach_the_client(scope, db, browser):
    lea = await clients.recognise(scope, clients.NewClient("Lea", "lea@example.org", "+351 911"))
    view = await Views(db).current(scope.business_id, NOW)
    made = await bookings.book(scope, bookings.BookRequest(CUT, BEN, MONDAY_10, lea), view=view, now=NOW)
    page = (await browser.get(f"/board/salon?{DAY}&open={made.id}")).text
    assert "with <bdi>Ben</bdi>" in page.split('id="opened"')[1]
    assert 'href="tel:+351911"' in page
    assert 'href="mailto:lea@example.org"' in page


async def test_what_cannot_be_undone_is_asked_twice(scope, db, browser):
    [(*_, booking)] = await booked(db, scope)
    page = (await browser.get(f"/board/salon?{DAY}&open={booking}")).text
    assert re.search(r"Really cancel\?.*?</p><button name=\"take\" value=\"cancel\"", page)


async def test_the_nearest_to_a_refused_move_count_its_own_time_as_free(scope, db, browser):
    view = await Views(db).current(scope.business_id, NOW)
    second = bookings.BookRequest(CUT, ANA, MONDAY_10 + timedelta(hours=1), await client(scope, "Cem"))
    await bookings.book(scope, second, view=view, now=NOW)
    bea, _ = await booked(db, scope)
    form = {"version": bea[2], "at": f"{ANA}~{(MONDAY_10 + timedelta(hours=1)).isoformat()}"}
    refused = await browser.post(f"/board/salon/bookings/{bea[-1]}/move?{DAY}", data=form)
    assert refused.status_code == 409
    # From 10:15 it overlaps its own time alone.
    assert "Mon 2 Mar, 10:15 with Ana" in refused.text
    assert "Mon 2 Mar, 11:00 with Ben" in refused.text


async def test_the_week_has_a_row_a_lane_and_the_list_a_line_a_booking(scope, browser):
    week = (await browser.get(f"/board/salon?{DAY}&span=week")).text
    assert week.count('scope="row"') == 2
    assert "Ana, Monday 2 March: 1 visit, 410 idle minutes" in week
    listed = (await browser.get(f"/board/salon?{DAY}&span=list")).text
    assert "10:00 to 10:30" in listed


async def test_lanes_come_in_pages_of_forty(db, browser):
    scope = Scope(db, uuid4(), actor="test")
    staff = tuple(NewStaff(f"Member {n:02}", WEEK) for n in range(60))
    await open_business(scope, Opening("Large", "large", "Europe/Lisbon", staff, ()))
    browser.cookies.update(await cookie(scope))
    first = (await browser.get(f"/board/large?{DAY}")).text
    second = (await browser.get(f"/board/large?{DAY}&page=2")).text
    assert (first.count('class="load"'), second.count('class="load"')) == (40, 20)


async def test_an_ill_member_of_staff_is_grey(scope, browser):
    hours = availability.DayHours(BEN, MONDAY, ())
    await availability.set_day(scope, hours)
    assert ">off</text>" in (await browser.get(f"/board/salon?{DAY}")).text


async def test_a_form_of_another_site_is_refused(scope, browser):
    form = {"service": str(CUT), "staff": str(BEN), "day": str(MONDAY), "clock": "11:00", "name": "Evil Eve"}
    refused = await browser.post("/board/salon/bookings", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert (refused.status_code, refused.json()["code"]) == (403, "cross-site")
    refused = await browser.post("/board/salon/bookings", data=form, headers={"Origin": "https://evil.example"})
    assert refused.status_code == 403
    assert (await browser.get("/board/salon", headers={"Host": "evil.example"})).status_code == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/board/nobody", 404),
        ("/board/salon?day=2026-02-30", 422),
        ("/board/salon?day=2031-01-01", 200),
        ("/board/salon?open=00000000-0000-0000-0000-000000000099", 404),
        ("/board/salon?new=nonsense", 422),
        ("/board/salon?page=7", 200),
        ("/board/salon?by=rooms", 200),
    ],
)
async def test_kind_answers_to_what_is_not_there(scope, browser, path, status):
    answer = await browser.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "Traceback" not in answer.text


async def test_every_page_comes_under_the_strict_policy(scope, browser):
    for path in (f"/board/salon?{DAY}", "/b/salon", "/board/nobody", "/board/salon/plans"):
        policy = (await browser.get(path)).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


async def test_a_deposit_that_is_due_is_noted_as_paid_or_waived_on_the_board_and_in_today(scope, db, browser):
    await deposits.set_no_show_rules(scope, deposits.NoShowRules(1, 2000))
    [(_, _, _, _, missed)] = await booked(db, scope)
    await attendance.no_show(scope, Step(missed), now=MONDAY_10)
    [who] = {item.client_id for item in await bookings_read(db, scope.business_id, missed)}
    made = []
    for hours in (1, 2):
        view = await Views(db).current(scope.business_id, NOW)
        request = bookings.BookRequest(CUT, ANA, MONDAY_10 + timedelta(hours=hours), who, source="web", by=Party.CLIENT)
        made.append(await bookings.book(scope, request, view=view, now=NOW))
    card = (await browser.get(f"/board/salon?{DAY}&open={made[0].id}")).text
    today = (await browser.get(f"/board/salon/today?{DAY}&staff={ANA}")).text
    due = "Deposit of \u2068€20.00\u2069 is due"
    assert (card.count(due), today.count(due)) == (1, 2)
    assert 'value="approve"' not in card + today
    for booking, take, said in (
        (made[0], "paid", "The deposit is paid."),
        (made[1], "waived", "The deposit is waived."),
    ):
        answer = await browser.post(f"/board/salon/bookings/{booking.id}/step", data={"version": 1, "take": take})
        assert said in (await browser.get(answer.headers["location"])).text
    assert {row[1] for row in await booked(db, scope)} == {"no_show", "confirmed"}
    assert "Deposit of \u2068€20.00\u2069 paid" in (await browser.get(f"/board/salon/today?{DAY}&staff={ANA}")).text
    again = await browser.post(f"/board/salon/bookings/{made[1].id}/step", data={"version": 2, "take": "paid"})
    assert again.status_code == 409
