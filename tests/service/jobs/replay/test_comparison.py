"""Three ways to place a waitlist, on small problems by hand and on drawn clinics with the same capacity."""

import numpy as np
import pytest

from service.jobs.replay.comparison import Comparison, Tally, compare_clinic
from service.jobs.replay.comparison_picture import draw_comparison, table
from service.jobs.replay.opening import Calendar
from service.jobs.replay.strategies import STRATEGIES, first_come, greedily, jointly
from solver.columns import Entry
from tests.solver.worlds import problem


def worth(made, chosen) -> int:
    return int(made.value[chosen].sum())


def placed(made, chosen) -> list:
    return sorted(made.entries[made.columns.entry[column]].id for column in chosen)


def crossed():
    """One lane, two hours: the eldest fits anywhere, a long one nearly fills it, two short ones are worth more."""
    entries = [Entry(1, since=1), Entry(2, since=2), Entry(3, since=3), Entry(4, since=4)]
    rows = [(1, 0, 0, 60, 10), (1, 0, 60, 120, 9), (2, 0, 30, 110, 25), (3, 0, 0, 60, 20), (4, 0, 60, 120, 20)]
    return problem(rows, entries)


def test_each_way_does_what_its_name_says():
    made = crossed()
    assert placed(made, first_come(made)) == [1, 4]
    assert placed(made, greedily(made)) == [2]
    assert placed(made, jointly(made)) == [3, 4]


@pytest.mark.parametrize("seed", range(20))
def test_jointly_is_never_worth_less_and_nobody_is_placed_twice_or_on_another(seed):
    rng = np.random.default_rng(seed)
    rows = []
    for entry in range(12):
        for start in rng.choice(40, 6, replace=False).tolist():
            lane, length = int(rng.integers(2)), int(rng.integers(3, 12))
            rows.append((entry, lane, int(start), int(start) + length, int(rng.integers(1, 30))))
    made = problem(rows, [Entry(i, since=int(rng.integers(100))) for i in range(12)])
    found = {name: place(made) for name, place in STRATEGIES.items()}
    assert worth(made, found["jointly"]) >= max(worth(made, chosen) for chosen in found.values())
    for chosen in found.values():
        c, by_lane = made.columns, {}
        assert len(set(placed(made, chosen))) == len(chosen)
        for column in sorted(chosen, key=lambda i: c.occupied_start[i]):
            assert by_lane.get(int(c.lane[column]), 0) <= c.occupied_start[column]
            by_lane[int(c.lane[column])] = int(c.occupied_end[column])


def test_a_clinic_is_replayed_with_the_same_capacity_and_no_overlap(real):
    name, requests = list(real.by_clinic().items())[45]
    requests = requests[:600]
    tallies = compare_clinic(name, requests, Calendar.of(requests), seed=1)
    assert tallies.keys() == STRATEGIES.keys()
    for tally in tallies.values():
        assert tally.booked + tally.waitlisted == len(requests)
        assert tally.placed <= tally.waitlisted
        assert (tally.overlaps, tally.points <= tally.points_waitlisted) == (0, True)
    scarce = compare_clinic(name, requests, Calendar.of(requests), seed=1, capacity=0.6)
    assert scarce["jointly"].waitlisted > tallies["jointly"].waitlisted
    assert scarce["jointly"].points >= scarce["first come"].points


def test_the_outcome_is_a_table_and_a_picture(tmp_path):
    tallies = {name: Tally(80, 20, 10 + n, 20 + n, 30, 40, 6_000) for n, name in enumerate(STRATEGIES)}
    made = Comparison("some requests", 1, 0.92, (("North", 100, tallies),), 1.0)
    assert [str(cell) for cell in table(made).columns[0].cells] == ["first come", "greedy", "jointly"]
    assert made.to_json()["strategies"]["jointly"].placed == 12
    draw_comparison(made, tmp_path / "comparison.svg")
    assert (tmp_path / "comparison.svg").stat().st_size > 10_000
