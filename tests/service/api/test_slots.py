"""Slots at hand: the same answers as the route's, no question to the database, nothing older than it may be."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from models.states import Party
from service.api.slots import parsed
from service.commands import availability, bookings
from service.db.command import Scope
from service.db.database import Database
from service.db.following import Follower
from service.db.views import Views
from tests.service.api.conftest import BASE
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client

ASKED = {"service_id": str(CUT), "from": "2026-03-02T09:00:00Z", "to": "2026-03-04T12:30:00Z"}
FRESH = {"Cache-Control": "no-cache"}
pytestmark = pytest.mark.anyio


@pytest.fixture
def sent(monkeypatch):
    """Every statement that is sent."""
    told: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def counted(self, query, *args, **kwargs):
        text = query.decode() if isinstance(query, bytes) else str(query)
        told.append(text)
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    return told


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Nobody looks at the log but a test that says so, and views stay recent for as long as that takes."""

    async def nobody(_):
        await asyncio.Event().wait()

    monkeypatch.setattr(Follower, "follow", nobody)
    monkeypatch.setattr("service.db.views.STALEST_S", 600.0)


def offers(answer, staff=ANA) -> bool:
    """Whether Monday at ten with somebody is among the slots."""
    return (str(staff), "2026-03-02T10:00:00Z") in {(slot["staff_id"], slot["starts_at"]) for slot in answer.json()}


async def test_slots_at_hand_ask_the_database_nothing(anybody, sent):
    await anybody.get(f"{BASE}/slots", params=ASKED)
    etag = (await anybody.get(f"{BASE}/slots", params=ASKED)).headers["etag"]
    sent.clear()
    for minute in range(10):
        again = await anybody.get(f"{BASE}/slots", params=ASKED | {"from": f"2026-03-02T09:0{minute}:00Z"})
        assert again.status_code == 200
    spared = await anybody.get(f"{BASE}/slots", params=ASKED, headers={"If-None-Match": etag})
    assert (spared.status_code, spared.content) == (304, b"")
    assert sent == []
    await anybody.get(f"{BASE}/slots", params=ASKED, headers=FRESH)
    assert len(sent) == 3, "BEGIN with the tenant, one look, COMMIT"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"limit": "7"},
        {"ranked": "true"},
        {"staff_id": str(BEN)},
        {"staff_id": [str(BEN), str(ANA)]},
        {"from": "2026-03-02T10:00:00+01:00"},
        {"service_id": str(uuid4())},
        {"staff_id": str(uuid4())},
        {"to": "2026-03-02T08:00:00Z"},
        {"to": "2026-09-02T08:00:00Z"},
        {"from": "2026-03-02T09:00:00+99:00"},
        {"from": "2026-02-30T09:00:00Z"},
        {"from": "9999-12-31T23:59:59Z", "to": "9999-12-31T23:59:59Z"},
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "1_0"},
        {"ranked": "perhaps"},
        {"service_id": "1"},
        {"unknown": "1"},
    ],
)
async def test_what_is_at_hand_is_what_the_route_answers(anybody, more):
    await anybody.get(f"{BASE}/slots", params=ASKED)
    at_hand = await anybody.get(f"{BASE}/slots", params=ASKED | more)
    asked = await anybody.get(f"{BASE}/slots", params=ASKED | more, headers=FRESH)
    assert (at_hand.status_code, at_hand.content) == (asked.status_code, asked.content)
    alike = {"content-type", "content-length", "etag", "vary", "content-security-policy", "ratelimit-policy"}
    assert {n: v for n, v in at_hand.headers.items() if n in alike} == {
        n: v for n, v in asked.headers.items() if n in alike
    }


async def test_what_this_process_changed_shows_at_once(anybody, scope, app):
    assert offers(await anybody.get(f"{BASE}/slots", params=ASKED))
    who, view = await client(scope), await app.state.interlock.views.current(scope.business_id, NOW)
    await bookings.book(scope, bookings.BookRequest(CUT, ANA, MONDAY_10, who), view=view, now=NOW)
    assert not offers(await anybody.get(f"{BASE}/slots", params=ASKED))
    assert offers(await anybody.get(f"{BASE}/slots", params=ASKED), BEN)
    await availability.set_day(scope, availability.DayHours(BEN, MONDAY_10.date(), ()))
    assert not offers(await anybody.get(f"{BASE}/slots", params=ASKED), BEN)


async def test_without_being_told_of_its_own_changes_it_would_not_show_them(anybody, scope, app, db):
    assert offers(await anybody.get(f"{BASE}/slots", params=ASKED))
    who, view = await client(scope), await app.state.interlock.views.current(scope.business_id, NOW)
    db.when_changed.clear()
    await bookings.book(scope, bookings.BookRequest(CUT, ANA, MONDAY_10, who), view=view, now=NOW)
    assert offers(await anybody.get(f"{BASE}/slots", params=ASKED))
    assert not offers(await anybody.get(f"{BASE}/slots", params=ASKED, headers=FRESH))


async def test_what_another_process_changed_shows_once_the_log_was_looked_at(anybody, scope, app, app_url):
    views = app.state.interlock.views
    follower = views._follower
    await follower.look()
    assert offers(await anybody.get(f"{BASE}/slots", params=ASKED))
    async with Database(app_url) as elsewhere:
        there, view = Scope(elsewhere, scope.business_id), await Views(elsewhere).current(scope.business_id, NOW)
        await bookings.book(there, bookings.BookRequest(CUT, ANA, MONDAY_10, await client(there)), view=view, now=NOW)
    assert views.at_hand(scope.business_id, NOW) is not None
    await follower.look()
    assert views.at_hand(scope.business_id, NOW) is None
    assert not offers(await anybody.get(f"{BASE}/slots", params=ASKED))


async def test_a_view_that_was_looked_at_too_long_ago_is_not_at_hand(anybody, scope, app, monkeypatch):
    views = app.state.interlock.views
    await anybody.get(f"{BASE}/slots", params=ASKED)
    monkeypatch.setattr("service.db.views.STALEST_S", -1.0)
    assert views.at_hand(scope.business_id, NOW) is None
    monkeypatch.setattr("service.db.views.STALEST_S", 600.0)
    assert views.at_hand(scope.business_id, NOW) is not None
    assert views.at_hand(scope.business_id, NOW + timedelta(days=60)) is None, "its horizon has moved on"


async def test_a_credential_is_looked_at(api, anybody, scope):
    await anybody.get(f"{BASE}/slots", params=ASKED)
    bad = await anybody.get(f"{BASE}/slots", params=ASKED, headers={"Authorization": "Bearer ilk_no_good"})
    assert bad.status_code == 401


async def test_only_plain_questions_are_read_here():
    good = f"service_id={CUT}&from=2026-03-02T09%3A00%3A00Z&to=2026-03-04T09%3A00%3A00%2B01%3A00"
    assert parsed(good.encode()) is not None
    assert parsed(good.replace("from", "%66rom").encode()) == parsed(good.encode())
    odd = (
        "&limit=1000",
        "&x=1",
        f"&service_id={CUT}",
        "&limit=5&limit=6",
        "&staff_id=",
        "%26limit=5",
        "&limit%3D5",
        "&",
    )
    for more in odd:
        assert parsed((good + more).encode()) is None, more
    assert parsed(good.replace("%2B", "+").encode()) is None, "a plus sign is a space"


async def booked_though_freed_elsewhere_a_moment_ago(api, anybody, scope, app, app_url) -> int:
    """Another process gives back a time that the view at hand still shows as taken; return what a booking is told."""
    who, views = await client(scope), app.state.interlock.views
    view = await views.current(scope.business_id, NOW)
    taken = await bookings.book(scope, bookings.BookRequest(CUT, ANA, MONDAY_10, who), view=view, now=NOW)
    assert not offers(await anybody.get(f"{BASE}/slots", params=ASKED))
    async with Database(app_url) as elsewhere:
        there = Scope(elsewhere, scope.business_id)
        await bookings.cancel(there, bookings.Cancellation(taken.id, None, Party.STAFF), now=NOW)
    assert views.at_hand(scope.business_id, NOW) is not None
    body = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat(), "client_id": str(who)}
    return (await api.post(f"{BASE}/bookings", json=body)).status_code


async def test_nobody_is_refused_for_what_changed_elsewhere_a_moment_ago(api, anybody, scope, app, app_url):
    assert await booked_though_freed_elsewhere_a_moment_ago(api, anybody, scope, app, app_url) == 201


async def test_by_the_view_at_hand_alone_they_would_be(api, anybody, scope, app, app_url, monkeypatch):
    monkeypatch.setattr(Views, "decided", lambda views, business, now, work: work(views.at_hand(business, now)))
    assert await booked_though_freed_elsewhere_a_moment_ago(api, anybody, scope, app, app_url) == 409


async def test_a_booking_asks_who_books_and_books(api, anybody, scope, sent):
    who = str(await client(scope))
    body = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat(), "client_id": who}
    assert (await api.post(f"{BASE}/bookings", json=body | {"staff_id": str(BEN)})).status_code == 201
    await anybody.get(f"{BASE}/slots", params=ASKED)
    sent.clear()
    assert (await api.post(f"{BASE}/bookings", json=body)).status_code == 201
    assert len(sent) == 2, "two messages, whatever travels in each"
