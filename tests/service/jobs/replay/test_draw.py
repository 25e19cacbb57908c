"""What a clinic becomes: legal, tight on its busiest days, and the same whoever is drawn beside it."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.jobs.replay.draw import CLOSES, DURATIONS, GRID, OPENS, Clinic, busiest_days, daily_demand, draw
from service.jobs.replay.requests import Request, RequestFile
from service.jobs.replay.twin import generate


def demand(clinic: Clinic, requests: list[Request]) -> dict[date, int]:
    occupied = np.array([clinic.services[wish.service].occupied for wish in clinic.wishes])
    return daily_demand(requests, occupied)


def test_capacity_is_92_percent_of_demand_on_the_busiest_tenth_of_days(real: RequestFile):
    opened = asked = 0
    for name, requests in real.by_clinic().items():
        clinic = draw(name, requests, seed=1)
        by_day = demand(clinic, requests)
        busiest = busiest_days(by_day)
        share = clinic.capacity * len(busiest) / sum(by_day[day] for day in busiest)
        if len(requests) >= 500:
            assert share == pytest.approx(0.92, abs=0.01), name
        opened += clinic.capacity * len(busiest)
        asked += sum(by_day[day] for day in busiest)

    assert opened / asked == pytest.approx(0.92, abs=0.003)


def test_the_busiest_tenth_is_rounded_up_and_ties_go_to_the_earlier_day():
    days = {date(2016, 5, day): 10 for day in range(1, 12)}

    assert busiest_days(days) == [date(2016, 5, 1), date(2016, 5, 2)]
    assert busiest_days(days | {date(2016, 5, 9): 11}) == [date(2016, 5, 9), date(2016, 5, 1)]


@settings(max_examples=40, deadline=None)
@given(
    name=st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()),
    count=st.integers(1, 400),
    seed=st.integers(0, 2**40),
)
def test_every_clinic_is_legal(name, count, seed):
    requests = generate(count, 1, 3, seed=seed % 100)
    clinic = draw(name, requests, seed)

    assert tuple(service.duration for service in clinic.services) == DURATIONS
    assert all(0 <= s.buffer_before <= 5 and 0 <= s.buffer_after <= 5 for s in clinic.services)
    for service in range(len(DURATIONS)):
        assert any(service in member.services for member in clinic.staff)
    for member in clinic.staff:
        assert member.services
        bounds = [minute for span in member.hours for minute in span]
        assert bounds == sorted(set(bounds))
        assert bounds[0] >= OPENS
        assert bounds[-1] <= CLOSES
        assert all(minute % GRID == 0 for minute in bounds)
    assert len(clinic.wishes) == len(requests)
    for wish in clinic.wishes:
        assert wish.staff is None or wish.service in clinic.staff[wish.staff].services
        assert 0 <= wish.cancels_after < 1


def test_a_clinic_is_the_same_whichever_others_are_drawn():
    by_clinic = RequestFile(generate(900, 3, 8), []).by_clinic()
    together = {name: draw(name, requests, 5) for name, requests in by_clinic.items()}
    (name, requests), *_ = by_clinic.items()

    assert draw(name, requests, 5) == together[name]


def test_seed_and_name_both_matter():
    requests = generate(300, 1, 8)

    assert draw("A", requests, 5) != draw("A", requests, 6)
    assert draw("A", requests, 5).wishes != draw("B", requests, 5).wishes


def test_six_percent_of_the_clients_would_cancel(real: RequestFile):
    wishes = [wish for name, requests in real.by_clinic().items() for wish in draw(name, requests, 1).wishes]

    assert np.mean([wish.cancels for wish in wishes]) == pytest.approx(0.06, abs=0.004)
