"""Visits of several services and seats for several people, from the page of times to the link of the booking."""

import re
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest

from service.commands import bookings
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff
from service.commands.changes import Change, change_service
from service.db.command import Scope
from service.db.views import Views
from service.queries import waitlist
from tests.service.worlds import ANA, BEN, COLOUR, CUT, MONDAY_10, NOW, WEEK, client, salon

pytestmark = pytest.mark.anyio
BOTH = f"/b/salon?service={CUT}&also={COLOUR}&day=2026-03-02&lang=en"
DETAILS = {"name": "Maria Costa", "email": "maria@example.org"}
HOLDS = "UPDATE {table} SET expires_at = clock_timestamp() - interval '1 second' WHERE expires_at IS NOT NULL"


def times(page: str) -> dict[str, str]:
    """Return what the buttons of the day's times send, by their label."""
    buttons = re.findall(r'name="at" value="([^"]+)">(\d\d:\d\d)</button>', page)
    return {label: unescape(value) for value, label in buttons}


def plain(page: str) -> str:
    """Return a page's text in one line, without the signs around names."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).translate({0x2068: None, 0x2069: None}).split())


async def items(db, business_id):
    """Return the items of the confirmed bookings in order."""
    async with db.transaction(business_id) as tx:
        return await tx.rows(
            "SELECT a.id, i.service_id, i.staff_id, i.starts_at, i.seats FROM appointment a JOIN appointment_item i "
            "ON i.appointment_id = a.id WHERE a.status = 'confirmed' ORDER BY i.starts_at, i.position"
        )


async def held(browser, at: str, address: str = BOTH) -> str:
    """Hold a time and return the form's address."""
    answer = await browser.post(address.replace("/b/salon", "/b/salon/hold"), data={"at": at})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def booked(browser, label: str) -> str:
    """Book a visit and return the address of its page."""
    form = await held(browser, times((await browser.get(BOTH)).text)[label])
    at = unescape(re.search(r'name="at" value="([^"]+)"', (await browser.get(form)).text)[1])
    answer = await browser.post(form, data={**DETAILS, "at": at})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_a_visit_of_two_services_is_one_booking_that_lists_each(db, browser):
    scope = await salon(db)
    await change_service(scope, Change(COLOUR, {"price_cents": 6000}))
    page = (await browser.get(BOTH)).text
    assert "1 h 30 min" in plain(page)
    assert "with Ben and Ana" in plain(page)
    kept = await booked(browser, "10:00")
    first, second = await items(db, scope.business_id)
    assert first["id"] == second["id"]
    assert (first["service_id"], first["staff_id"], first["starts_at"]) == (CUT, BEN, MONDAY_10)
    assert (second["service_id"], second["staff_id"]) == (COLOUR, ANA)
    assert second["starts_at"] == MONDAY_10 + timedelta(minutes=30)
    told = plain((await browser.get(kept)).text)
    assert "10:00–10:30 Cut with Ben · free of charge 10:30–11:30 Colour with Ana · €60.00 1 h 30 min · €60.00" in told


async def test_its_calendar_file_is_one_entry_from_the_first_start_to_the_last_end(db, browser):
    await salon(db)
    kept = (await booked(browser, "10:00")).split("?")[0]
    text = (await browser.get(f"{kept}/calendar.ics?lang=en")).text.replace("\r\n ", "")
    assert text.count("BEGIN:VEVENT") == 1
    assert "DTSTART:20260302T100000Z" in text
    assert "DTEND:20260302T113000Z" in text
    assert "SUMMARY:Cut and Colour · Salon (Ben and Ana)" in text
    assert "DESCRIPTION:10:00 Cut (Ben)\\n10:30 Colour (Ana)" in text
    assert "STATUS:CONFIRMED" in text
    version = re.search(r'name="version" value="(\d+)"', (await browser.get(kept)).text)[1]
    assert (await browser.post(f"{kept}/cancel", data={"version": version})).status_code == 303
    assert "STATUS:CANCELLED" in (await browser.get(f"{kept}/calendar.ics")).text


async def test_a_visit_that_is_gone_keeps_the_form_and_offers_visits(db, browser):
    scope = await salon(db)
    at = times((await browser.get(BOTH)).text)["10:00"]
    form = await held(browser, at)
    async with db.transaction(scope.business_id) as tx:
        for table in ("appointment", "claim"):
            await tx.execute(HOLDS.format(table=table))
    # Only the second service's time is taken.
    view = await Views(db).current(scope.business_id, NOW)
    rival = bookings.BookRequest(CUT, ANA, MONDAY_10 + timedelta(minutes=30), await client(scope, "Fast Fred"))
    await bookings.book(scope, rival, view=view, now=NOW)
    answer = await browser.post(form, data={**DETAILS, "phone": "+31 20 123", "at": at})
    assert answer.status_code == 409
    assert all(f'value="{typed}"' in answer.text for typed in (*DETAILS.values(), "+31 20 123"))
    near = [unescape(value) for value in re.findall(r'name="instead" value="([^"]+)"', answer.text)]
    assert len(near) == 3
    assert all(value.count("~") == 2 for value in near)
    answer = await browser.post(form, data={**DETAILS, "at": at, "instead": near[0]})
    assert answer.status_code == 303
    assert [row["service_id"] for row in await items(db, scope.business_id)].count(COLOUR) == 1


async def test_a_visit_is_moved_as_a_whole_by_its_link(db, browser):
    scope = await salon(db)
    kept = (await booked(browser, "10:00")).split("?")[0]
    page = (await browser.get(f"{kept}/move?day=2026-03-02&lang=en")).text
    # A quarter of an hour later it would overlap itself: its own time is free for itself.
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    answer = await browser.post(f"{kept}/move", data={"at": times(page)["10:15"], "version": version})
    assert answer.status_code == 303
    first, second = await items(db, scope.business_id)
    assert (first["staff_id"], first["starts_at"]) == (BEN, MONDAY_10 + timedelta(minutes=15))
    assert (second["staff_id"], second["starts_at"]) == (ANA, MONDAY_10 + timedelta(minutes=45))


async def test_a_day_without_a_visit_says_which_service_is_in_the_way(db, browser):
    await salon(db)
    page = plain((await browser.get(f"{BOTH.replace('03-02', '03-07')}&staff={ANA}")).text)
    assert "Nobody who offers Cut and Colour works that day." in page
    assert "From Mon 9 Mar on" in page
    assert "Earlier, on Fri 6 Mar" in page


async def test_a_choice_for_other_services_is_refused_kindly(db, browser):
    await salon(db)
    at = times((await browser.get(BOTH)).text)["10:00"]
    answer = await browser.post(f"/b/salon/hold?service={CUT}", data={"at": at})
    assert answer.status_code == 422
    assert "<h1>" in answer.text
    for also in (uuid4(), "x"):
        assert (await browser.get(f"/b/salon?service={CUT}&also={also}")).status_code in (404, 422)
    assert (await browser.get(f"/b/salon?service={CUT}" + f"&also={CUT}" * 8)).status_code == 422
    # Without scripts the empty choices of the form are sent along.
    assert (await browser.get(f"/b/salon?service={CUT}&also=&staff=")).status_code == 200


async def test_what_one_holds_is_free_for_oneself_alone(db, browser):
    await salon(db)
    address = f"/b/salon?service={COLOUR}&day=2026-03-03&lang=en"
    assert "10:00" in times((await browser.get(address)).text)
    await held(browser, f"{ANA}~2026-03-03T10:00:00+00:00", address)
    assert {"10:00", "10:15"} <= times((await browser.get(address)).text).keys()
    browser.cookies.clear()
    assert not {"10:00", "10:15"} & times((await browser.get(address)).text).keys()


YOGA = NewService("Yoga", 60, seats=3, slot_interval=60, price_cents=1200)
STUDIO = f"/b/salon?service={YOGA.id}&people=2&day=2026-03-02&lang=en"


async def studio(db) -> Scope:
    """A studio with a group of three seats, and somebody in the one at ten."""
    scope = Scope(db, uuid4(), actor="test")
    await open_business(scope, Opening("Studio", "salon", "Europe/Lisbon", (NewStaff("Rita", WEEK, ANA),), (YOGA,)))
    await somebody(db, scope)
    return scope


async def somebody(db, scope, seats: int = 1) -> None:
    """Book seats at ten."""
    view = await Views(db).current(scope.business_id, NOW)
    request = bookings.BookRequest(YOGA.id, ANA, MONDAY_10, await client(scope), seats=seats)
    await bookings.book(scope, request, view=view, now=NOW)


async def test_two_people_take_two_seats_and_pay_for_two(db, browser):
    scope = await studio(db)
    page = (await browser.get(STUDIO)).text
    assert "1 h €24.00 2 people" in plain(page)
    at = f"{ANA}~{MONDAY_10.isoformat()}"
    form = await held(browser, at, STUDIO)
    assert "1 h · €24.00 · 2 people" in plain((await browser.get(form)).text)
    answer = await browser.post(form, data={**DETAILS, "at": at})
    assert answer.status_code == 303
    assert [row["seats"] for row in await items(db, scope.business_id)] == [1, 2]
    kept = plain((await browser.get(answer.headers["location"])).text)
    assert "€24.00 · 2 people" in kept


@pytest.mark.parametrize(("people", "seats"), [(2, 2), (9, 3)])
async def test_who_comes_with_company_waits_with_them(db, browser, people, seats):
    scope = await studio(db)
    address = STUDIO.replace("/b/salon", "/b/salon/waitlist").replace("people=2", f"people={people}")
    assert f"{seats} people" in plain((await browser.get(address)).text)
    days = {"first": "2026-03-02", "last": "2026-03-06", "after": "09:00", "before": "12:00", "weekdays": [0, 1]}
    answer = await browser.post(address, data={**days, "name": "Wim", "phone": "+31 20 123"})
    assert "You are on the waitlist" in answer.text
    [entry] = await waitlist.waiting(db, scope.business_id)
    assert entry.seats == seats
    assert f"{seats} people" in plain((await browser.get("/b/salon/me")).text)


async def test_seats_that_somebody_took_meanwhile_are_refused_under_the_guard(db, browser):
    scope = await studio(db)
    at = f"{ANA}~{MONDAY_10.isoformat()}"
    await browser.get(STUDIO)
    await somebody(db, scope)
    answer = await browser.post(STUDIO.replace("/b/salon", "/b/salon/hold"), data={"at": at})
    assert answer.status_code == 409
    assert "has just been taken" in plain(answer.text)
    # Of three seats one is left at ten: nothing for two, something for one.
    two = re.findall(r'value="[^"]+T10:00:00[^"]*">', (await browser.get(STUDIO)).text)
    one = re.findall(r'value="[^"]+T10:00:00[^"]*">', (await browser.get(STUDIO.replace("people=2", "people=1"))).text)
    assert (len(two), len(one)) == (0, 1)


async def test_a_day_with_too_few_seats_says_so(db, browser):
    scope = await studio(db)
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    for hour in (9, 10, 11, 14, 15, 16):
        request = bookings.BookRequest(YOGA.id, ANA, MONDAY_10.replace(hour=hour), who, seats=2 - (hour == 10))
        await bookings.book(scope, request, view=view, now=NOW)
        view = await Views(db).current(scope.business_id, NOW)
    page = plain((await browser.get(STUDIO)).text)
    assert "There are not so many places left that day." in page
    assert "From Tue 3 Mar on" in page
