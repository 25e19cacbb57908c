"""The slot finder against the oracle, every rule at once: random worlds, and wrong finders that they catch.

`make oracle` runs 100,000 worlds; a world that fails is printed as small as single steps make it, with its seed.
"""

import os
from dataclasses import replace
from datetime import date
from random import Random

import numpy as np
import pytest

from solver import lanes, offers, rules, starts
from tests.solver.businesses import agree, found_by_arrays, random_world, shrunk, span_of
from tests.solver.oracle import World, answers, minute_of

WORLDS = int(os.environ.get("INTERLOCK_WORLDS", "200"))
FIRST = int(os.environ.get("INTERLOCK_FIRST_WORLD", "0"))
MONDAY = date(2026, 3, 2)


def test_random_worlds_agree():
    for seed in range(FIRST, FIRST + WORLDS):
        world = random_world(Random(seed))
        if not agree(world):
            pytest.fail(f"world {seed}, shrunk: {shrunk(world, lambda w: not agree(w))}")


def test_random_worlds_are_not_empty():
    worlds = [random_world(Random(seed)) for seed in range(100)]
    assert sum(bool(answers(world, *span_of(world))) for world in worlds) > 40


RULES = {
    "before": 0,
    "after": 0,
    "notice": 0,
    "advance": 366,
    "offset": 0,
    "anchor": "clock",
    "zones": {},
    "holidays": [],
    "blocks": {},
    "by_staff": False,
    "asked": None,
    "first_date": None,
    "last_date": None,
    "windows": [],
    "daily": None,
    "weekly_limit": None,
    "client_daily": None,
    "client_weekly": None,
    "staff_limits": {},
    "sessions": {},
    "requirements": [],
    "moving": [],
}


def test_a_group_before_the_horizon_is_no_slot():
    """World 57572, shrunk: what lies outside the horizon is not known, windows and groups alike."""
    start = minute_of(MONDAY)
    world = World("America/Havana", MONDAY, 3, {}, {}, {"b": 15}, now=start - 1000, seats=2, windows=[(6, 0, 1440)])
    assert agree(replace(world, sessions={"b": [(0, start - 39, 1)]}))
    assert agree(replace(world, sessions={"b": [(0, start + 3 * 1440 + 1, 1)]}, windows=[]))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_matters_in_some_random_world(rule):
    for seed in range(2000):
        world = random_world(Random(seed))
        plain = replace(world, **{rule: RULES[rule]})
        if world != plain and answers(world, *span_of(world)) != answers(plain, *span_of(world)):
            return
    pytest.fail(f"{rule} never matters")


def caught() -> bool:
    """Whether the random worlds tell that something is wrong."""
    for seed in range(400):
        try:
            if not agree(random_world(Random(seed))):
                return True
        except (AssertionError, IndexError):
            return True
    return False


def test_a_finder_that_forgets_the_buffer_after_is_caught(monkeypatch):
    real = starts.Table.starts
    monkeypatch.setattr(starts.Table, "starts", lambda t, shape, *a: real(t, replace(shape, after=0), *a))
    assert caught()


def test_a_finder_that_forgets_the_buffer_before_is_caught(monkeypatch):
    real = starts.Table.starts
    monkeypatch.setattr(starts.Table, "starts", lambda t, shape, *a: real(t, replace(shape, before=0), *a))
    assert caught()


def test_a_finder_on_a_grid_of_utc_is_caught(monkeypatch):
    monkeypatch.setattr(
        starts.Shape, "phase", lambda shape, rows, _: rows[starts.SHIFT] * (shape.anchor == "shift") + shape.offset
    )
    assert caught()


def test_a_finder_that_shows_blocks_to_clients_is_caught(monkeypatch):
    monkeypatch.setattr(lanes, "_outside", lambda work, begun, _: (work, begun))
    assert caught()


@pytest.mark.parametrize("rule", ["service_full", "staff_full", "client_full"])
def test_a_finder_that_forgets_a_limit_is_caught(monkeypatch, rule):
    monkeypatch.setattr(rules, rule, lambda *args: np.zeros(len(args[2]), bool))
    assert caught()


def test_a_finder_that_takes_any_resource_is_caught(monkeypatch):
    def anything(_, requirements, visits, __):
        return np.full((len(visits), len(requirements)), -1), np.ones(len(visits), bool)

    monkeypatch.setattr(rules, "assigned", anything)
    assert caught()


def test_a_finder_that_forgets_groups_is_caught(monkeypatch):
    monkeypatch.setattr(rules, "_with_groups", lambda free, *_: free)
    assert caught()


def test_a_finder_that_keeps_the_old_claim_is_caught(monkeypatch):
    monkeypatch.setattr("solver.slots.freed", lambda snapshot, _: snapshot)
    assert caught()


def test_a_finder_that_forgets_windows_is_caught(monkeypatch):
    monkeypatch.setattr(offers, "allowed_spans", lambda *_: None)
    assert caught()


def test_a_list_that_misses_an_update_is_caught(monkeypatch):
    """What is kept between queries must follow the claims: a finder that reuses an old list sells time twice."""
    world = World("UTC", MONDAY, 1, {"a": {MONDAY: [(540, 720)]}}, {"a": []}, {"a": 30}, now=minute_of(MONDAY))
    taken = (minute_of(MONDAY) + 600, minute_of(MONDAY) + 630)
    assert _answers_after_an_update(world, taken)
    monkeypatch.setattr(offers, "_changed", lambda *_: [])
    assert not _answers_after_an_update(world, taken)


def _answers_after_an_update(world: World, taken: tuple[int, int]) -> bool:
    from tests.solver.businesses import snapshot_of  # noqa: PLC0415 - used here alone

    lo, hi = span_of(world)
    snapshot = snapshot_of(world)
    for _ in range(3):
        found_by_arrays(world, lo, hi, snapshot)
    after = snapshot.with_day("a", world.first_day, [taken])
    return found_by_arrays(world, lo, hi, after) == answers(replace(world, busy={"a": [taken]}), lo, hi)
