"""Runs on a real database: what is planned, told, stopped, and what stays as it was."""

import pytest

from models.optimisation import RunKind
from tests.service.nights import accepted, fragmented, monday, places, planned
from tests.service.worlds import salon

pytestmark = pytest.mark.anyio


async def test_a_rebalance_makes_room_that_a_placement_does_not_find(db):
    scope = await salon(db)
    await fragmented(scope)
    assert (await planned(scope, RunKind.WAITLIST)).moves == ()
    run = await planned(scope)
    assert (run.status, run.solver_status, run.gap) == ("planned", "optimal", 0)
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
