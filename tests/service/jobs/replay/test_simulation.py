"""One clinic's weeks through the real commands: by hand where every booking can be foretold, drawn where not."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from service.db.database import Database
from service.db.views import load
from service.jobs.replay import book
from service.jobs.replay.draw import Clinic, Service, Staff, Wish
from service.jobs.replay.opening import Calendar, open_clinic
from service.jobs.replay.own_view import OwnViews
from service.jobs.replay.requests import ZONE, Request
from service.jobs.replay.run import replay_clinic
from service.jobs.replay.simulation import Simulation
from service.jobs.replay.tally import tally
from service.jobs.replay.twin import generate
from solver.model import Effort

pytestmark = pytest.mark.anyio

MONDAY = date(2016, 5, 2)
ANYONE = Wish(service=0, staff=None, window_days=3, priority=1, cancels=False, cancels_after=0.5)
HOUR = Clinic("Hour", (Service("Visit", 20, 0, 0),), (Staff("Ana", (0,), ((540, 600),)),), ())
"""One staff member, nine to ten: three visits a day."""


def asked(day: date = MONDAY, *, at: date = MONDAY - timedelta(days=3), hour: int = 8, client: int = 1) -> Request:
    wall = datetime(at.year, at.month, at.day, hour, tzinfo=ZONE)
    return Request(2, wall.astimezone(UTC), day, "Hour", client, 40, sms_received=False, no_show=False)


def every_day(count: int = 5) -> Calendar:
    return Calendar(tuple(MONDAY + timedelta(days=i) for i in range(count)))


async def simulate(
    db: Database, requests: list[Request], *wishes: Wish, calendar: Calendar | None = None, clinic: Clinic = HOUR
) -> Simulation:
    clinic = replace(clinic, wishes=wishes or (ANYONE,) * len(requests))
    days = calendar or every_day()
    opened = await open_clinic(db, clinic, requests, days, seed=1)
    view = await load(db, opened.scope.business_id, *days.horizon)
    simulation = Simulation(clinic, requests, opened, OwnViews(db, view), Effort(1, 1.0))
    await simulation.run(lambda: None)
    return simulation


def starts(simulation: Simulation) -> list[tuple[int, str, bool, bool]]:
    """Who (by number) starts when, placed by the optimiser or not, still live or not."""
    return sorted(
        (number, f"{visit.starts_at.astimezone(ZONE):%a %H:%M}", visit.placed, visit.live)
        for number, visit in simulation.visits.items()
    )


async def test_who_finds_no_slot_waits_and_is_placed_in_the_evening(db):
    simulation = await simulate(db, [asked() for _ in range(5)])

    assert simulation.counts["booked"] == 3
    assert simulation.counts["waitlisted"] == 2
    assert simulation.counts["placed"] == 2
    placed = [(when[:3], placed) for _, when, placed, _ in starts(simulation)]
    assert sorted(placed) == [("Mon", False)] * 3 + [("Tue", True)] * 2


async def test_the_best_slot_is_the_one_that_the_finder_ranks_first(db):
    simulation = await simulate(db, [asked(client=n) for n in range(3)])

    assert [when for _, when, _, _ in starts(simulation)] == ["Mon 09:00", "Mon 09:20", "Mon 09:40"]


async def test_a_cancelled_time_goes_to_someone_who_waits(db):
    leaving = replace(ANYONE, cancels=True, cancels_after=0.5)
    steadfast = replace(ANYONE, window_days=0)
    simulation = await simulate(db, [asked() for _ in range(4)], leaving, ANYONE, ANYONE, steadfast)

    assert simulation.counts["cancelled"] == 1
    assert starts(simulation)[0] == (0, "Mon 09:00", False, False)
    assert starts(simulation)[3] == (3, "Mon 09:00", True, True)


async def test_a_request_after_the_last_visit_of_the_day_waits_for_the_next(db):
    simulation = await simulate(db, [asked(at=MONDAY, hour=9), asked(at=MONDAY, hour=17)])

    assert [(when, placed) for _, when, placed, _ in starts(simulation)] == [("Mon 09:00", False), ("Tue 09:00", True)]


async def test_who_waits_in_vain_has_a_reason(db):
    same_day = replace(ANYONE, window_days=0)
    closed = asked(MONDAY + timedelta(days=5))
    simulation = await simulate(db, [*(asked() for _ in range(4)), closed], *[same_day] * 5)

    assert simulation.counts["booked"] == 3
    assert simulation.counts["placed"] == 0
    assert sum(simulation.unplaced.values()) == 2
    assert "window_closed" in simulation.unplaced
    assert "never_considered" not in simulation.unplaced


async def test_a_weekday_nobody_asked_for_is_a_holiday(db):
    holiday = Calendar((MONDAY, MONDAY + timedelta(days=2), MONDAY + timedelta(days=4)))
    simulation = await simulate(db, [asked() for _ in range(5)], calendar=holiday)

    assert {when[:3] for _, when, _, _ in starts(simulation)} == {"Mon", "Wed"}


async def test_a_client_who_wants_one_staff_member_gets_no_other(db):
    two = replace(HOUR, staff=(*HOUR.staff, Staff("Ben", (0,), ((540, 600),))))
    ben = replace(ANYONE, staff=1)
    simulation = await simulate(db, [asked() for _ in range(5)], *[ben] * 5, clinic=two)

    assert {visit.staff for visit in simulation.visits.values()} == {simulation.opened.staff[1]}
    assert simulation.counts["placed"] == 2


async def test_evenings_on_which_nothing_can_change_are_skipped(db):
    simulation = await simulate(db, [asked() for _ in range(3)])
    assert simulation.counts["evenings"] == 0

    hopeless = Service("Long", 90, 0, 0)
    clinic = replace(HOUR, name="Hopeless", services=(hopeless,))
    simulation = await simulate(db, [asked(at=MONDAY - timedelta(days=10))], clinic=clinic)
    assert simulation.unplaced.total() == 1
    assert 1 <= simulation.counts["evenings"] <= 4


async def test_the_book_in_the_database_is_the_one_that_was_simulated(db, owner_url):
    leaving = replace(ANYONE, cancels=True)
    simulation = await simulate(db, [asked(client=n) for n in range(5)], leaving, *[ANYONE] * 4)

    with psycopg.connect(owner_url) as connection:
        live = connection.execute(
            "SELECT i.starts_at, a.status, a.source FROM appointment_item i "
            "JOIN appointment a ON a.id = i.appointment_id JOIN claim c ON c.item_id = i.id "
            "WHERE c.released_at IS NULL ORDER BY 1"
        ).fetchall()
        clients = connection.execute("SELECT count(*) FROM client").fetchone()[0]
    visits = sorted(
        (v.starts_at, "confirmed", "optimiser" if v.placed else "replay") for v in simulation.visits.values() if v.live
    )
    assert [(at.astimezone(UTC), *rest) for at, *rest in visits] == live
    assert clients == 5


async def test_the_counts_of_a_drawn_clinic_add_up(db):
    requests = generate(260, 1, 6, seed=3)
    result = await replay_clinic(db, "Drawn", requests, Calendar.of(requests), 3, lambda: None)

    assert result.requests == result.booked + result.waitlisted == len(requests)
    assert result.waitlisted == result.placed + sum(result.unplaced.values())
    assert result.waitlisted > 0
    assert result.cancelled > 0
    assert (result.overlaps, result.adrift, result.stale) == (0, False, 0)
    assert len(result.seconds["book"]) == result.booked
    assert len(result.seconds["slots"]) == result.requests
    asked_for, opened, booked, placed = result.daily.sum(axis=0)
    assert 0 < placed < booked
    assert booked + placed <= min(opened, asked_for)


class TestWithoutTheConstraint:
    """In a database of its own, which has lost it."""

    @pytest.fixture
    def database_name(self, own_database):
        return own_database

    async def test_the_overlap_check_finds_what_it_would_have_refused(self, db, owner_url):
        simulation = await simulate(db, [asked() for _ in range(3)])
        scope = simulation.opened.scope
        assert await book.overlaps(scope) == 0

        with psycopg.connect(owner_url) as connection:
            connection.execute("ALTER TABLE claim DROP CONSTRAINT ex_claim_no_overlap")
            copied = "business_id, lane_no, starts_at, starts_at + interval '1 hour', 'time_off'"
            columns = "(business_id, lane_no, starts_at, ends_at, kind)"
            connection.execute(f"INSERT INTO claim {columns} SELECT {copied} FROM claim ORDER BY starts_at LIMIT 1")
        assert await book.overlaps(scope) == 3


async def test_a_view_that_has_missed_a_commit_is_adrift(db):
    simulation = await simulate(db, [asked() for _ in range(3)])
    assert not (await tally(simulation, every_day())).adrift

    visit = simulation.visits[0]
    simulation.views.release(visit.staff, visit.claim)
    assert (await tally(simulation, every_day())).adrift


async def test_the_digest_follows_the_book_and_not_the_ids(db):
    first = await simulate(db, [asked(client=n) for n in range(3)])
    same = await simulate(db, [asked(client=n) for n in range(3)], clinic=replace(HOUR, name="Twin"))
    other = await simulate(db, [asked(client=n) for n in range(2)], clinic=replace(HOUR, name="Other"))

    digests = [await book.digest(simulation.opened.scope) for simulation in (first, same, other)]
    assert digests[0] == digests[1] != digests[2]
