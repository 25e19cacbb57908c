"""The state table is sound, and the page drawn from it is current."""

from pathlib import Path

from models.drawing import drawn
from models.states import APPOINTMENT, LIVE, MOVABLE, AppointmentStatus, Party, sources

PAGE = Path(__file__).parents[2] / "docs" / "states.md"


def test_the_page_in_the_docs_is_drawn_from_the_table():
    assert PAGE.read_text() == drawn(), "run: python -m models.drawing > docs/states.md"


def test_every_state_is_entered_and_every_step_has_somebody_who_may_take_it():
    assert {t.target for t in APPOINTMENT} == set(AppointmentStatus)
    assert all(t.parties for t in APPOINTMENT)
    assert len({(t.source, t.target, t.command) for t in APPOINTMENT}) == len(APPOINTMENT)


def test_nothing_comes_back_to_life():
    assert all(t.source in LIVE for t in APPOINTMENT if t.source is not None)
    assert set(MOVABLE) < set(LIVE)


def test_a_client_confirms_holds_and_cancels_but_approves_nothing():
    assert sources("cancel", Party.CLIENT) == ["confirmed", "pending"]
    assert sources("approve", Party.CLIENT) == []
    assert {t.command for t in APPOINTMENT if Party.CLIENT in t.parties} == {
        "hold",
        "book",
        "confirm",
        "release",
        "cancel",
        "reschedule",
    }
