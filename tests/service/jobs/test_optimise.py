"""Runs on a real database: what is planned, told, stopped, refused, and what stays as it was."""

from datetime import timedelta

import pytest

from models.errors import InvalidInput, NotAllowed
from models.optimisation import Rules, RunKind
from service.commands import availability
from service.commands.allowances import Allowance, Allowed, allow, set_rules
from service.db.views import Views
from service.jobs import optimise
from service.jobs.accept import accept
from service.jobs.optimise import Wanted, carry_out, start
from service.jobs.problems import Night, rebalance_bookings
from service.queries import movable
from service.queries import optimisation as queries
from service.queries.plan_blocks import before_and_after
from service.telemetry.metrics import REGISTRY
from solver.checker import PlanError, Rule, Violation
from solver.clock import moment
from tests.races.races import owner_does
from tests.service.nights import MONDAY, accepted, booked, fragmented, monday, places, planned
from tests.service.worlds import ANA, BEN, COLOUR, NOW, salon

pytestmark = pytest.mark.anyio


async def test_a_rebalance_makes_room_that_a_placement_does_not_find(db):
    scope = await salon(db)
    await fragmented(scope)
    assert (await planned(scope, RunKind.WAITLIST)).moves == ()
    runs = REGISTRY.get_sample_value("interlock_solver_gap_count")
    run = await planned(scope)
    assert (run.status, run.solver_status, run.gap) == ("planned", "optimal", 0)
    assert REGISTRY.get_sample_value("interlock_solver_gap_count") == runs + 1
    assert [(m.kind, m.client) for m in sorted(run.moves, key=lambda m: m.kind)] == [
        ("move", "Maria Costa"),
        ("place", "Rui Dias"),
    ]
    assert len({m.component for m in run.moves}) == 1
    move = next(m for m in run.moves if m.kind == "move")
    assert move.before_starts_at == monday(9, 45)
    assert move.gain > 0
    assert "Makes room for Rui Dias" in move.reason
    assert sum(term.after for term in run.terms) == run.objective > sum(term.before for term in run.terms)
    assert (await accepted(scope, run)).applied == 2
    after = await places(scope)
    assert after["Maria Costa"] == (move.staff_id, move.starts_at)
    assert set(after) == {"Maria Costa", "Rui Dias"}


async def test_a_client_who_locked_is_not_moved(db):
    scope = await salon(db)
    appointment, _ = await fragmented(scope)
    await allow(scope, Allowance(appointment, Allowed(locked=True)))
    run = await planned(scope)
    assert (run.moves, len(run.unplaced)) == ((), 1)
    assert run.unplaced[0].relaxation is not None


async def test_nobody_is_moved_who_comes_within_the_frozen_hours(db):
    scope = await salon(db)
    await fragmented(scope)
    await set_rules(scope, Rules(frozen_hours=26))
    assert (await planned(scope)).moves == ()
    await set_rules(scope, Rules(frozen_hours=24))
    assert {m.kind for m in (await planned(scope)).moves} == {"move", "place"}


@pytest.mark.parametrize("limits", [{"moves_a_day": 0}, {"moves_a_client": 0}])
async def test_no_more_are_moved_than_the_rules_allow(db, limits):
    scope = await salon(db)
    await fragmented(scope)
    await set_rules(scope, Rules(**limits))
    assert [m for m in (await planned(scope)).moves if m.kind == "move"] == []


async def test_moves_do_not_add_up_to_more_than_was_allowed(db):
    scope = await salon(db)
    appointment, _ = await fragmented(scope)
    await accepted(scope, await planned(scope))
    one = await movable.one(db, scope.business_id, appointment)
    assert (one.agreed_at, one.moves) == (monday(9, 45), 1)
    assert abs(one.starts_at - monday(9, 45)) <= timedelta(minutes=60)
    view = await Views(db).current(scope.business_id, NOW)
    night = Night(view, RunKind.REBALANCE, (monday(0), monday(0) + timedelta(days=1)), NOW, Rules(), 0, (one,))
    [booking] = [b for b in rebalance_bookings(night) if b.id == str(appointment)]
    opens, closes = (moment(minute) for minute in booking.windows[0])
    assert (opens, closes) == (monday(8, 45), monday(11, 15))


async def test_who_lost_their_place_is_reseated(db):
    scope = await salon(db)
    displaced = await booked(scope, monday(10))
    stays = await booked(scope, monday(10), staff=BEN, name="Noa Reis")
    closing = availability.DayHours(ANA, MONDAY, (), displace=True)
    assert (await availability.set_day(scope, closing)).displaced == (displaced,)
    run = await planned(scope, RunKind.RESEAT, days=(MONDAY, MONDAY + timedelta(days=4)))
    [move] = run.moves
    assert (move.kind, move.appointment_id, move.before_starts_at) == ("reseat", displaced, monday(10))
    assert move.reason.startswith("Ana is not there at the booked time.")
    assert (await accepted(scope, run)).applied == 1
    after = await places(scope)
    assert after["Noa Reis"] == (BEN, monday(10))
    assert after["Maria Costa"][0] == BEN
    assert stays != displaced


async def test_who_works_there_no_longer_is_reseated_and_who_cannot_be_is_named(db, owner_url):
    scope = await salon(db)
    cut, colour = await booked(scope, monday(10)), await booked(scope, monday(14), service=COLOUR, name="Noa Reis")
    locked = await booked(scope, monday(16), name="Eva Lima")
    await allow(scope, Allowance(locked, Allowed(locked=True)))
    owner_does(owner_url, "UPDATE staff SET active = false WHERE name = 'Ana'")
    run = await planned(scope, RunKind.RESEAT)
    assert [(m.kind, m.appointment_id, m.staff) for m in run.moves] == [("reseat", cut, "Ben")]
    assert {u.appointment_id: u.code for u in run.unplaced} == {colour: "no_staff", locked: "locked"}
    assert all(u.reason.startswith("Ana is not there on Mon 02 Mar ") for u in run.unplaced)
    assert (await accepted(scope, run)).applied == 1
    assert (await places(scope))["Maria Costa"][0] == BEN


async def test_what_is_refused_as_stale_is_planned_again_once(db):
    scope = await salon(db)
    await fragmented(scope)
    run = await planned(scope)
    closing = availability.DayHours(ANA, MONDAY, ((540, 750), (810, 1040)))
    await availability.set_day(scope, closing)
    views = Views(db)
    outcome = await accept(scope, views, run.id, None, NOW)
    assert (outcome.applied, len(outcome.stale)) == (0, 2)
    assert all("what it needs have changed" in why for _, why in outcome.stale)
    again = await queries.read(db, scope.business_id, outcome.replanned_by)
    assert (again.replan_of, again.status, len(again.moves)) == (run.id, "planned", 2)
    assert await accept(scope, views, run.id, None, NOW) == outcome
    await availability.set_day(scope, availability.DayHours(ANA, MONDAY, ((540, 750), (810, 1035))))
    second = await accept(scope, views, again.id, None, NOW)
    assert (len(second.stale), second.replanned_by) == (2, None)


async def test_a_run_whose_process_died_is_given_up_and_another_may_start(db, owner_url):
    scope = await salon(db)
    views, wanted = Views(db), Wanted((MONDAY, MONDAY))
    [dead] = await start(scope, views, wanted, NOW)
    with pytest.raises(NotAllowed):
        await start(scope, views, wanted, NOW)
    owner_does(owner_url, "UPDATE optimisation_run SET heartbeat_at = clock_timestamp() - interval '2 minutes'")
    [alive] = await start(scope, views, wanted, NOW)
    read = await queries.read(db, scope.business_id, dead)
    assert (read.status, "died" in read.error) == ("failed", True)
    await carry_out(scope, views, [dead, alive], NOW)
    assert (await queries.read(db, scope.business_id, alive)).status == "planned"


async def test_a_run_that_breaks_off_says_so_and_leaves_nothing(db, monkeypatch):
    scope = await salon(db)
    await fragmented(scope)

    def broken(*_):
        raise PlanError((Violation(Rule.OVERLAP, (), "two at once"),))

    monkeypatch.setattr(optimise, "require", broken)
    with pytest.raises(PlanError):
        await planned(scope)
    [line] = await queries.newest(db, scope.business_id)
    assert (line.status, line.placed, line.moved) == ("failed", 0, 0)
    assert "independent check" in line.error
    assert await queries.latest(db, scope.business_id) is None


async def test_a_run_is_told_of_while_it_searches_and_ends_at_its_limit(db, monkeypatch):
    scope = await salon(db)
    await fragmented(scope)
    monkeypatch.setattr(optimise, "TOLD_EVERY", 0.02)
    search = optimise.solve

    def endless(problem, effort):
        found = search(problem, effort)
        while not effort.stopped:
            pass
        return found

    monkeypatch.setattr(optimise, "solve", endless)
    views, told = Views(db), []
    ids = await start(scope, views, Wanted((MONDAY, MONDAY), RunKind.REBALANCE, seconds=1), NOW)
    await carry_out(scope, views, ids, NOW, told=lambda progress: told.append(progress.phase))
    run = await queries.read(db, scope.business_id, ids[0])
    assert (run.status, len(run.moves), run.elapsed > 1) == ("planned", 2, True)
    assert [phase for i, phase in enumerate(told) if phase not in told[:i]] == [
        "building",
        "searching",
        "explaining",
        "done",
    ]


async def test_a_plan_drawn_shows_the_book_before_and_after_whether_applied_or_not(db):
    scope = await salon(db)
    await fragmented(scope)
    run = await planned(scope)
    day = (monday(0), monday(0) + timedelta(days=1))
    drawn = await before_and_after(db, scope.business_id, run.id, *day)
    assert [(b.client, b.kind, b.starts_at) for b in drawn.before] == [("Maria Costa", "move", monday(9, 45))]
    assert sorted((b.client, b.kind) for b in drawn.after) == [("Maria Costa", "move"), ("Rui Dias", "place")]
    await accepted(scope, run)
    assert await before_and_after(db, scope.business_id, run.id, *day) == drawn
    other = await planned(scope)
    await booked(scope, monday(15), name="Noa Reis")
    after = await before_and_after(db, scope.business_id, other.id, *day)
    assert {b.kind for b in (*after.before, *after.after)} == {"fixed"}


@pytest.mark.parametrize("days", [(0, 62), (1, 0), (-90, -80)])
async def test_days_that_cannot_be_planned_are_refused(db, days):
    scope = await salon(db)
    first, last = (MONDAY + timedelta(days=d) for d in days)
    with pytest.raises(InvalidInput):
        await planned(scope, days=(first, last))
    assert await queries.newest(db, scope.business_id) == []
