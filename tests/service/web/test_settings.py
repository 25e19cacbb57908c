"""Settings, today and reports: what is typed is kept, what cannot be is said, and who may not is refused."""

import csv
import re
from datetime import timedelta

import httpx
import pytest

from models.permissions import Role
from service.commands import bookings, waitlist
from service.db.views import Views
from service.queries import catalogue, members, movable, own_settings
from tests.service.people import account, cookie
from tests.service.worlds import ANA, BEN, COLOUR, CUT, MONDAY_10, NOW, client, salon

SETTINGS = "/board/salon/settings"
OWN = {"name": "Salon", "zone": "Europe/Lisbon", "locale": "en", "currency": "EUR", "colour": "#0b6e4f"}
HOURS = "Mon-Fri 09:00-12:30 13:30-17:30"
pytestmark = pytest.mark.anyio


@pytest.fixture
async def scope(db):
    """A salon where Ana has somebody on Monday at 10:00."""
    scope = await salon(db)
    view = await Views(db).current(scope.business_id, NOW)
    request = bookings.BookRequest(CUT, ANA, MONDAY_10, await client(scope, "=1+1"))
    await bookings.book(scope, request, view=view, now=NOW)
    return scope


async def test_the_business_gets_a_place_and_a_colour_that_clients_see(scope, browser):
    form = OWN | {"colour": "#aa3377", "place": "Rua A 1", "phone": "+351 1", "version": 1}
    assert (await browser.post(SETTINGS, data=form)).status_code == 303
    page = (await browser.get("/b/salon")).text
    assert "Rua A 1" in page
    assert "/theme/aa3377.css" in page
    again = await browser.post(SETTINGS, data=form)
    assert again.status_code == 409
    assert "Somebody has changed it meanwhile" in again.text


@pytest.mark.parametrize("wrong", [{"zone": "../../etc/passwd"}, {"currency": "EURO"}, {"colour": "red"}, {"name": ""}])
async def test_what_a_business_cannot_be_is_said_and_nothing_changes(scope, db, browser, wrong):
    before = await own_settings.read(db, scope.business_id)
    answer = await browser.post(SETTINGS, data=OWN | {"version": 1} | wrong)
    assert answer.status_code in (409, 422)
    assert await own_settings.read(db, scope.business_id) == before


async def test_hours_are_typed_and_bookings_outside_them_stand_in_the_way(scope, browser):
    path = f"{SETTINGS}/staff/{ANA}"
    assert "Mon 09:00-12:30 13:30-17:30" in (await browser.get(path)).text
    form = {"name": "Ana", "version": 1, "active": "true"}
    late = await browser.post(path, data=form | {"hours": "Mon-Fri 14:00-18:00"})
    assert late.status_code == 409
    assert "would lie outside the new hours" in late.text
    assert "Mon-Fri 14:00-18:00" in late.text
    assert (await browser.post(path, data=form | {"hours": "Mon 08:00-13:00"})).status_code == 303
    assert "Mon 08:00-13:00" in (await browser.get(path)).text
    assert (await browser.post(path, data=form | {"hours": "whenever"})).status_code == 409


async def test_a_service_gets_a_price_and_a_policy(scope, browser):
    path = f"{SETTINGS}/services/{CUT}"
    form = {
        "name": "Cut",
        "duration": 45,
        "price": "24,50",
        "free_cancellation": "1440",
        "version": 1,
        "active": "true",
    }
    assert (await browser.post(path, data=form)).status_code == 303
    page = (await browser.get(f"/b/salon?service={CUT}")).text
    assert "45 min" in page
    assert "€24.50" in page
    for wrong in ({"duration": "0"}, {"duration": "x"}, {"price": "-1"}, {"price": "1e400"}):
        assert (await browser.post(path, data=form | {"version": 2} | wrong)).status_code == 409


async def test_the_matrix_ticks_and_unticks(scope, db, browser):
    pairs = [f"{CUT}~{ANA}", f"{COLOUR}~{BEN}"]
    assert (await browser.post(f"{SETTINGS}/allocations", data={"pairs": pairs})).status_code == 303
    assert (await own_settings.allocations(db, scope.business_id)).keys() == {(CUT, ANA), (COLOUR, BEN)}
    assert (await browser.post(f"{SETTINGS}/allocations", data={"pairs": ["x"]})).status_code == 422


async def test_somebody_has_a_length_and_a_price_of_their_own(scope, db, browser):
    path = f"{SETTINGS}/allocations/{CUT}"
    assert f'href="/board/salon/settings/allocations/{CUT}"' in (await browser.get(f"{SETTINGS}/allocations")).text
    form = {f"minutes-{ANA}": "", f"price-{ANA}": "", f"minutes-{BEN}": "45", f"price-{BEN}": "30,50"}
    assert (await browser.post(path, data=form)).status_code == 303
    own = await own_settings.allocations(db, scope.business_id)
    assert (own[CUT, ANA], own[CUT, BEN]) == (own_settings.Terms(None, None), own_settings.Terms(45, 3050))
    matrix = (await browser.get(f"{SETTINGS}/allocations")).text
    assert '<span class="own">45 min</span><span class="own">€30.50</span>' in matrix
    for wrong in ({f"minutes-{BEN}": "0"}, {f"minutes-{BEN}": "x"}, {f"price-{BEN}": "-1"}):
        assert (await browser.post(path, data=form | wrong)).status_code in (409, 422)
    # What is ticked already keeps its terms when the matrix is saved.
    await browser.post(f"{SETTINGS}/allocations", data={"pairs": [f"{CUT}~{ANA}", f"{CUT}~{BEN}"]})
    assert (await own_settings.allocations(db, scope.business_id))[CUT, BEN].duration == 45
    assert (await browser.post(path, data={f"minutes-{BEN}": "", f"price-{BEN}": ""})).status_code == 303
    assert (await own_settings.allocations(db, scope.business_id))[CUT, BEN] == own_settings.Terms(None, None)


async def test_staff_services_rooms_and_holidays_are_added(scope, browser):
    assert (await browser.post(f"{SETTINGS}/staff", data={"name": "Cem", "hours": HOURS})).status_code == 303
    assert (await browser.post(f"{SETTINGS}/services", data={"name": "Shave", "duration": 20})).status_code == 303
    assert (await browser.post(f"{SETTINGS}/rooms", data={"name": "Room 1", "kind": "room"})).status_code == 303
    free = {"day": "2026-03-09", "name": "Feast"}
    assert (await browser.post(f"{SETTINGS}/holidays", data=free)).status_code == 303
    page = (await browser.get(SETTINGS)).text
    assert all(name in page for name in ("Cem", "Shave", "Room 1", "Feast"))
    assert (await browser.post(f"{SETTINGS}/holidays/2026-03-09/remove")).status_code == 303
    assert "Feast" not in (await browser.get(SETTINGS)).text


async def test_keys_and_invitations_are_shown_once(scope, browser):
    made = (await browser.post(f"{SETTINGS}/keys", data={"name": "Till", "scopes": ["bookings:read"]})).text
    assert "ilk_" in made
    asked = (await browser.post(f"{SETTINGS}/people", data={"email": "new@example.org", "role": "manager"})).text
    assert "shown this once" in asked
    page = (await browser.get(f"{SETTINGS}/people")).text
    assert "new@example.org" in page
    assert "Till" in page
    assert "shown this once" not in page


async def test_a_staff_member_keeps_their_role_unless_another_is_chosen(scope, db, browser):
    member = await account(scope, Role.STAFF, staff_id=ANA)
    page = (await browser.get(f"{SETTINGS}/people")).text
    own = page.split(f"{SETTINGS}/people/{member}")[1].split("</form>")[0]
    assert re.findall(r'value="(\w+)" selected', own) == ["staff"]
    assert "Really remove" in page
    for role in ("staff", "manager", "staff"):
        assert (await browser.post(f"{SETTINGS}/people/{member}", data={"role": role})).status_code == 303
        [now] = [m for m in await members.members(db, scope.business_id) if m.account_id == member]
        assert (now.role, now.staff_id) == (role, ANA)
    await browser.post(f"{SETTINGS}/people/{member}", data={"role": "none"})
    assert member not in {m.account_id for m in await members.members(db, scope.business_id)}


async def test_staff_see_their_day_and_not_the_settings(scope, browser):
    browser.cookies.clear()
    browser.cookies.update(await cookie(scope, Role.STAFF, staff_id=ANA))
    page = (await browser.get("/board/salon/today?day=2026-03-02")).text
    assert "Ana" in page
    assert "10:00 to 10:30" in page
    assert (await browser.get(SETTINGS)).status_code == 403
    assert (await browser.get("/board/salon/plans")).status_code == 403


async def test_a_step_taken_from_today_leads_back_to_today(scope, db, browser):
    page = (await browser.get(f"/board/salon/today?day=2026-03-02&staff={ANA}")).text
    path = page.split('action="')[2].split('"')[0].replace("&amp;", "&")
    answer = await browser.post(path, data={"version": 1, "take": "check_in"})
    assert answer.headers["location"].startswith("/board/salon/today?day=2026-03-02")


async def test_a_report_counts_what_was_booked(scope, browser):
    page = (await browser.get("/board/salon/reports?first=2026-03-02&last=2026-03-08")).text
    # 40 of Ana's and Ben's 4500 minutes: one visit of 30 with 10 after.
    assert "<dd>1</dd>" in page
    assert "<dd>1 %</dd>" in page
    for by in ("service", "week"):
        assert (await browser.get(f"/board/salon/reports?first=2026-03-02&by={by}")).status_code == 200
    backwards = await browser.get("/board/salon/reports?first=2026-03-02&last=2026-01-01")
    assert backwards.status_code == 422
    assert "The last day comes after the first, within 92 days." in backwards.text
    # It is 1 March: the past fortnight, the present day included.
    usual = (await browser.get("/board/salon/reports")).text
    assert 'name="first" value="2026-02-16"' in usual
    assert 'name="last" value="2026-03-01"' in usual


async def test_a_report_says_by_week_how_full_it_was_and_who_of_the_waitlist_was_placed(scope, browser):
    wanted = waitlist.Joining(await client(scope, "Wim"), CUT, ((MONDAY_10, MONDAY_10 + timedelta(hours=3)),))
    await waitlist.join(scope, wanted, now=NOW)
    answer = await browser.get("/board/salon/reports.csv?first=2026-02-23&last=2030-01-01&by=week")
    assert answer.status_code == 422
    rows = await table(browser, "first=2026-03-02&last=2026-03-15&by=week")
    assert [(row["name"], row["booked"], row["worked"], row["claimed"]) for row in rows][:2] == [
        ("2026-W10", "1", "4500", "40"),
        ("2026-W11", "0", "4500", "0"),
    ]
    [service] = [row for row in await table(browser, "by=service&first=2026-03-02") if row["name"] == "Cut"]
    assert (service["booked"], service["worked"], service["utilisation"]) == ("1", "", "")
    ana = (await table(browser, "by=staff&first=2026-03-02&last=2026-03-02"))[0]
    assert (ana["name"], ana["worked"], ana["claimed"], ana["utilisation"]) == ("Ana", "450", "40", "0.0889")


async def table(browser, query: str) -> list[dict[str, str]]:
    """Return the rows of a report's file."""
    return list(csv.DictReader((await browser.get(f"/board/salon/reports.csv?{query}")).text.splitlines()))


async def test_limits_windows_and_rooms_of_a_service_are_typed(scope, db, browser):
    room = {"name": "Room 1", "kind": "room"}
    assert (await browser.post(f"{SETTINGS}/rooms", data=room)).status_code == 303
    details = await catalogue.service(db, scope.business_id, CUT)
    typed = {"name": "Cut", "duration": "30", "version": details.version, "active": "true", "daily_limit": "5"}
    typed |= {"windows": "Mon-Tue 09:00-12:00", "needs": "room\nlaser 10-25", "client_weekly_limit": ""}
    assert (await browser.post(f"{SETTINGS}/services/{CUT}", data=typed)).status_code == 303
    details = await catalogue.service(db, scope.business_id, CUT)
    assert (details.daily_limit, details.client_weekly_limit) == (5, None)
    assert [(w.weekday, w.opens, w.closes) for w in details.windows] == [(0, 540, 720), (1, 540, 720)]
    assert [(r.kind, r.after, r.length) for r in details.requirements] == [("room", 0, None), ("laser", 10, 15)]
    page = (await browser.get(f"{SETTINGS}/services/{CUT}")).text
    assert "room\nlaser 10-25</textarea>" in page
    wrong = typed | {"version": details.version, "needs": "laser 25-10"}
    refused = await browser.post(f"{SETTINGS}/services/{CUT}", data=wrong)
    assert refused.status_code == 409
    assert "laser 10-25" in refused.text


async def test_a_room_is_renamed_and_retired(scope, db, browser):
    await browser.post(f"{SETTINGS}/rooms", data={"name": "Room 1", "kind": "room"})
    [room] = await catalogue.resources(db, scope.business_id)
    changed = {"name": "Blue room", "kind": "room", "version": room.version}
    assert (await browser.post(f"{SETTINGS}/rooms/{room.id}", data=changed)).status_code == 303
    [room] = await catalogue.resources(db, scope.business_id)
    assert (room.name, room.active) == ("Blue room", False)
    assert (await browser.post(f"{SETTINGS}/rooms/{room.id}", data=changed)).status_code == 409


async def test_what_the_optimiser_may_do_is_set(scope, db, browser):
    typed = {"minutes": "45", "staff": "any", "frozen_hours": "12", "reseat_days": "2", "seconds": "30"}
    answer = await browser.post(f"{SETTINGS}/optimiser", data=typed | {"moves_a_client": "1", "moves_a_day": ""})
    assert answer.status_code == 303
    rules = await movable.rules(db, scope.business_id)
    assert (rules.minutes, rules.staff, rules.moves_a_client, rules.moves_a_day) == (45, "any", 1, None)
    for wrong in ({"minutes": "-1"}, {"minutes": "x"}, {"staff": "nobody"}):
        assert (await browser.post(f"{SETTINGS}/optimiser", data=typed | wrong)).status_code == 409, wrong


async def test_a_report_as_a_file_computes_nothing(scope, db, browser):
    await browser.post(
        f"{SETTINGS}/staff/{ANA}", data={"name": "=cmd()", "hours": HOURS, "version": 1, "active": "true"}
    )
    answer = await browser.get("/board/salon/reports.csv?first=2026-03-02")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "'=cmd()" in answer.text


async def test_a_logo_is_kept_shown_and_taken_away(scope, browser):
    async def send(content: bytes) -> httpx.Response:
        version = re.search(r'name="version" value="(\d+)"', (await browser.get("/board/salon/settings")).text)[1]
        files = {"logo": ("logo.png", content, "image/png")}
        return await browser.post("/board/salon/settings/logo", data={"version": version}, files=files)

    picture = b"\x89PNG\r\n\x1a\n" + bytes(50)
    assert (await send(picture)).status_code == 303
    address = re.search(r'<img src="(/b/salon/logo[^"]*)"', (await browser.get("/b/salon")).text)[1]
    shown = await browser.get(address)
    assert (shown.content, shown.headers["content-type"]) == (picture, "image/png")
    for wrong in (b"<svg onload=alert(1)>", picture + bytes(100_000)):
        refused = await send(wrong)
        assert (refused.status_code, "A logo is a PNG" in refused.text) == (409, True)
    assert (await send(b"")).status_code == 303
    assert "<img" not in (await browser.get("/b/salon")).text
    assert (await browser.get("/b/salon/logo")).status_code == 404
