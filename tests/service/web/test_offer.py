"""What the booking page offers: the finder's suggestions, each with what speaks for it."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from service.commands import bookings
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff
from service.db.command import Scope
from service.db.views import Views
from service.queries.finding import ItemWanted, Suggestion
from service.web.offer import Wish, reasons
from service.web.several import VisitWish
from tests.service.worlds import ANA, COLOUR, CUT, MONDAY_10, NOW, WEEK, client, salon

LISBON = ZoneInfo("Europe/Lisbon")
PLAIN = Suggestion(ANA, "Ana", MONDAY_10, MONDAY_10, 0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (({}, {}, {}), ["morning", "morning", "morning"]),
        (({"fragment": 10.0}, {}, {"fragment": 5.0}), ["morning", "fits", "morning"]),
        (({"load": 5.0}, {"load": 1.0}, {"load": 4.0}), ["morning", "calm", "morning"]),
        (({"load": 1.0}, {"load": 1.0}, {"load": 1.0}), ["morning", "morning", "morning"]),
    ],
)
def test_the_reason_is_the_part_of_the_score_that_beats_the_others(parts, told):
    best = [replace(PLAIN, starts_at=MONDAY_10 + timedelta(days=n), **part) for n, part in enumerate(parts)]
    assert reasons(best, LISBON) == told


@pytest.mark.anyio
async def test_the_next_time_is_not_suggested_once_more(db):
    scope = await salon(db)
    view = await Views(db).current(scope.business_id, NOW)
    for kind, services in ((Wish, (CUT,)), (VisitWish, (CUT, COLOUR))):
        wish = kind(view, tuple(ItemWanted(service) for service in services), LISBON, NOW)
        offered = [suggestion.time.starts_at for suggestion in wish.suggestions()]
        assert len(set(offered)) == 3
        assert min(offered) > wish.next().starts_at


@pytest.mark.anyio
async def test_groups_show_the_seats_that_are_left(db):
    scope = Scope(db, uuid4(), actor="test")
    yoga = NewService("Yoga", 60, seats=3, slot_interval=60)
    await open_business(scope, Opening("Studio", "studio", "Europe/Lisbon", (NewStaff("Rita", WEEK, ANA),), (yoga,)))
    view = await Views(db).current(scope.business_id, NOW)
    request = bookings.BookRequest(yoga.id, ANA, MONDAY_10, await client(scope), seats=2)
    await bookings.book(scope, request, view=view, now=NOW)
    wish = Wish(await Views(db).current(scope.business_id, NOW), (ItemWanted(yoga.id),), LISBON, NOW)
    left = {slot.starts_at: slot.seats_left for slot in wish.times(MONDAY_10.date())}
    assert left[MONDAY_10] == 1
    assert left[MONDAY_10 - timedelta(hours=1)] == 3
    assert all(found.time.seats_left in (1, 3) for found in wish.suggestions())
