"""What a plan says: its gain in a sentence, its groups, and where its ghosts stand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from service.queries.boards import Claim
from service.queries.optimisation import Alternative, Move, Run, Term
from service.web.layout import Column, Opening, drawing, drawn_day, opened
from service.web.review import gain, ghosts, groups, seen, trade_off
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW

ZONE = ZoneInfo("Europe/Lisbon")
HALF = timedelta(minutes=30)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=ZONE)


def a_move(n: int, kind: str = "place", *, component: int = 0, later: int = 0) -> Move:
    """Return a planned move to Ben at 10:00, for an appointment from Ana some minutes earlier."""
    before = (ANA, "Ana", MONDAY_10 - timedelta(minutes=later), MONDAY_10 - timedelta(minutes=later) + HALF)
    was = before if kind != "place" else (None,) * 4
    who = {"entry_id": None, "appointment_id": UUID(int=100 + n)}
    return Move(
        UUID(int=n), kind, component, **who, client=f"Client {n}", service_id=CUT, service="Cut", staff_id=BEN,
        staff="Ben", starts_at=MONDAY_10, ends_at=MONDAY_10 + HALF, claim_starts_at=MONDAY_10,
        claim_ends_at=MONDAY_10 + HALF, before_staff_id=was[0], before_staff=was[1], before_starts_at=was[2],
        before_ends_at=was[3], value=1.0, gain=None, pays={}, buys=[], reason="Because.", status="planned",
        refusal=None,
    )  # fmt: skip


def a_run(moves: list[Move], gap: float | None = 0.0, saved: int = 0) -> Run:
    """Return a plan with some moves."""
    terms = (Term("fragments", -3, 100 + saved, 100, 0, 0),)
    return Run(
        UUID(int=1), "rebalance", "balanced", "planned", NOW, NOW, 0, 20.0, 0, "done", 1.0, stop_requested=False,
        error=None, alternative_to=None, replan_of=None, same_as=None, solver_status="optimal",
        objective=1.0, bound=1.0, gap=gap,
        terms=terms, solve_seconds=1.0, created_at=NOW, replanned_by=None, moves=tuple(moves), unplaced=(),
    )  # fmt: skip


def test_the_gain_is_said_in_plain_words():
    moves = [a_move(1), a_move(2), a_move(3, "move", later=30), a_move(4, "move", later=10)]
    assert gain(a_run(moves, 0.003, 95)) == (
        "+2 appointments, 2 clients moved by 20 minutes on average, 95 idle minutes saved, "
        "at most 0.3 % below the best possible."
    )
    assert gain(a_run([a_move(1)], 0.0)).startswith("+1 appointment, proven")
    assert "less than 0.1 % below" in gain(a_run([a_move(1)], 0.0001))
    assert "not proven" in gain(a_run([a_move(1)], None))
    assert "somebody else at the same time" in gain(a_run([a_move(1, "reseat")]))
    assert "Nothing to change" in gain(a_run([]))


def test_moves_that_belong_together_are_one_group_and_a_person_finds_all_of_it():
    moves = [a_move(1, "move", component=1), a_move(2, component=1), a_move(3, component=2)]
    assert [len(g.moves) for g in groups(moves)] == [2, 1]
    assert [len(g.moves) for g in groups(moves, "Client 2")] == [2]
    assert [g.component for g in groups(moves, "Ana")] == [1]


def a_claim(lane: int, staff: UUID, start: datetime, **more: object) -> Claim:
    """Return a confirmed visit of half an hour."""
    claim = Claim(
        1, lane, "item", start, start + HALF, UUID(int=9), "confirmed", 1, UUID(int=8), "Bea", CUT, "Cut", staff, start,
        start + HALF, None, None,
    )  # fmt: skip
    return replace(claim, **more)


COLUMNS = [Column(ANA, 1, "Ana", (), 0, 0), Column(BEN, 2, "Ben", (), 0, 0)]


def test_a_moved_booking_leaves_its_place_and_stands_as_a_ghost_at_the_other():
    move = a_move(1, "move", later=30)
    claims = [a_claim(1, ANA, MONDAY_10 - HALF, id=move.appointment_id)]
    over = ghosts([move], ZONE)
    day = drawn_day(COLUMNS, claims, MIDNIGHT, MIDNIGHT + timedelta(days=1), over)
    drawn = drawing(day, COLUMNS, claims, NOW, over)
    assert [block.kind for block in drawn.blocks] == ["leaving"]
    assert [(ghost.kind, ghost.x) for ghost in drawn.ghosts] == [("planned", 50 + 1)]
    [arrow] = drawn.arrows
    assert (arrow.x, drawn.ghosts[0].came[0]) == (75, -50)
    assert seen(claims, [move], "after") == []
    assert seen(claims, [move], "before") == claims


def test_a_group_stands_as_one_block_that_says_how_many():
    group = a_claim(1, ANA, MONDAY_10, id=None, status=None, client=None, kind="session", taken=2, seats=5)
    day = drawn_day(COLUMNS, [group], MIDNIGHT, MIDNIGHT + timedelta(days=1))
    [block] = drawing(day, COLUMNS, [group], NOW).blocks
    assert (block.title, block.kind, block.key) == ("2 of 5", "confirmed", "")


def test_who_is_not_there_though_it_began_is_late():
    claims = [a_claim(1, ANA, MONDAY_10)]
    day = drawn_day(COLUMNS, claims, MIDNIGHT, MIDNIGHT + timedelta(days=1))
    for minutes, late in ((-1, False), (10, True), (31, False)):
        [block] = drawing(day, COLUMNS, claims, MONDAY_10 + timedelta(minutes=minutes)).blocks
        assert block.late is late
        assert ("(late)" in block.hint) is late


def a_plan(policy: str, placed: int, moved: int) -> Alternative:
    """Return a plan in a line."""
    return Alternative(
        UUID(int=hash(policy) % 1000), "rebalance", policy, "planned", MIDNIGHT, MIDNIGHT, "done", 1.0, 1.0, 1.0,
        0.0, (), None, None,
        datetime.now(UTC), placed, moved, 0, 0,
    )  # fmt: skip


def test_plans_with_the_same_figures_are_one_dot():
    dots = trade_off([a_plan("gentle", 3, 3), a_plan("balanced", 9, 16), a_plan("full", 9, 16)])
    assert [[plan.policy for plan in dot.plans] for dot in dots] == [["gentle"], ["balanced", "full"]]
    assert dots[0].x < dots[1].x
    assert dots[0].y > dots[1].y


def test_those_who_wait_and_want_the_same_time_share_a_mark():
    day = drawn_day(COLUMNS, [], MIDNIGHT, MIDNIGHT + timedelta(days=1))
    half = timedelta(minutes=30)
    wants = [Opening(ANA, MONDAY_10 + n * half / 2, MONDAY_10 + n * half / 2 + half, f"Wim {n}") for n in (0, 1, 6)]
    drawn = opened(drawing(day, COLUMNS, [], MIDNIGHT), day, COLUMNS, wants)
    assert [box.title for box in drawn.openings] == ["Wim 0 +1", "Wim 6"]
    assert drawn.openings[0].height == pytest.approx(45 * 1.2)
