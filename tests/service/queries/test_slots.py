"""Slots as they travel: by time, by day, and why there are none."""

from datetime import UTC, date, datetime, timedelta

import pytest

from models.errors import InvalidInput, NotFound
from models.zones import zone_named
from service.db.views import Views
from service.queries.slots import SlotsWanted, by_day, find, whole_days, why_none
from tests.service.worlds import ANA, BEN, COLOUR, CUT, NOW, salon

MONDAY, SUNDAY = date(2026, 3, 2), date(2026, 3, 8)
LISBON = zone_named("Europe/Lisbon")
pytestmark = pytest.mark.anyio


@pytest.fixture
async def view(db):
    """The salon's arrays."""
    scope = await salon(db)
    return await Views(db).current(scope.business_id, NOW)


async def test_a_week_counts_each_date_with_its_first_start(view):
    wanted = whole_days(CUT, MONDAY, SUNDAY, LISBON, [ANA])
    week = by_day(view, wanted, NOW, MONDAY, SUNDAY, LISBON)
    assert [d.day for d in week] == [MONDAY + timedelta(days=i) for i in range(7)]
    assert [d.free for d in week] == [28] * 5 + [0, 0]
    assert week[0].first == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert week[6].first is None


async def test_two_staff_at_one_time_are_one_start_of_the_day(view):
    both = by_day(view, whole_days(CUT, MONDAY, MONDAY, LISBON, None), NOW, MONDAY, MONDAY, LISBON)
    assert both[0].free == 28
    assert len(find(view, whole_days(CUT, MONDAY, MONDAY, LISBON, None), NOW, limit=1000)) == 56


async def test_why_none_names_rules_and_what_would_help(view):
    told = why_none(view, whole_days(COLOUR, MONDAY, MONDAY, LISBON, [BEN]), NOW)
    assert told.free == 0
    assert set(told.ruled_out) == {"not_allocated"}
    assert told.relaxations[0].startswith("With any staff member: Mon 02 Mar 09:00 with Ana")


async def test_bad_questions_get_one_clear_error(view):
    with pytest.raises(InvalidInput, match="no time zone"):
        zone_named("EST5EDT/../..")
    with pytest.raises(InvalidInput, match="within 62 days"):
        whole_days(CUT, MONDAY, MONDAY + timedelta(days=62), LISBON, None)
    with pytest.raises(InvalidInput, match="within 62 days"):
        whole_days(CUT, date(9999, 12, 31), date(9999, 12, 31), LISBON, None)
    with pytest.raises(NotFound):
        find(view, SlotsWanted(ANA, NOW, NOW + timedelta(days=1)), NOW, limit=1)
    with pytest.raises(NotFound):
        find(view, SlotsWanted(CUT, NOW, NOW + timedelta(days=1), (CUT,)), NOW, limit=1)
