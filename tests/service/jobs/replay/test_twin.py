"""The generated twin: the shape of the real requests, from a seed."""

from collections import Counter
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from service.jobs.replay.requests import ZONE, Request, RequestFile
from service.jobs.replay.twin import generate


def margins(requests: list[Request]) -> dict[str, float]:
    """What the twin promises to share with the real requests, as shares and quantiles."""
    wall = [request.requested_at.astimezone(ZONE) for request in requests]
    lead = np.array([(r.day - at.date()).days for r, at in zip(requests, wall, strict=True)])
    sizes = sorted(Counter(r.clinic for r in requests).values(), reverse=True)
    clients = Counter(r.client for r in requests)
    ahead = lead[lead > 0]
    return {
        "same day": float(np.mean(lead == 0)),
        "no-show": float(np.mean([r.no_show for r in requests])),
        "sms": float(np.mean([r.sms_received for r in requests])),
        "before nine": float(np.mean([at.hour < 9 for at in wall])),
        "largest clinic": sizes[0] / len(requests),
        "ten largest clinics": sum(sizes[:10]) / len(requests),
        "requests a client": len(requests) / len(clients) / 10,
        "clients seen once": sum(n == 1 for n in clients.values()) / len(clients),
        "log lead": float(np.log(ahead).mean()) / 10,
        "log lead spread": float(np.log(ahead).std()) / 10,
        "median age": float(np.median([r.age for r in requests])) / 200,
        "Mondays": float(np.mean([r.day.weekday() == 0 for r in requests])),
        "weekends": float(np.mean([r.day.weekday() >= 5 for r in requests])),
    }


def test_the_twin_has_the_shape_of_the_real_requests(real: RequestFile):
    twin, ours = margins(generate(seed=7)), margins(real.requests)

    apart = {name: (twin[name], ours[name]) for name in ours if abs(twin[name] - ours[name]) > 0.07}
    assert apart == {}


def test_the_twin_has_as_many_clinics_and_requests_as_the_real_file(real: RequestFile):
    twin = RequestFile(generate(), [])

    assert len(twin.requests) == pytest.approx(len(real.requests), rel=0.001)
    assert len(twin.by_clinic()) == len(real.by_clinic())


@settings(max_examples=30, deadline=None)
@given(
    clinics=st.integers(1, 12),
    more=st.integers(0, 300),
    working_days=st.integers(1, 30),
    start=st.dates(date(2000, 1, 1), date(2050, 1, 1)),
    seed=st.integers(0, 2**32),
)
def test_a_twin_of_any_size_is_legal_and_repeats(clinics, more, working_days, start, seed):
    arguments = {"clinics": clinics, "working_days": working_days, "start": start, "seed": seed}
    requests = generate(clinics + more, **arguments)

    assert requests == generate(clinics + more, **arguments)
    assert len(requests) == clinics + more
    assert len({request.clinic for request in requests}) == clinics
    assert requests == sorted(requests, key=lambda r: r.requested_at)
    assert [request.row for request in requests] == list(range(2, len(requests) + 2))
    days = {request.day for request in requests}
    assert len(days) <= working_days
    assert all(day >= start and day.weekday() < 5 for day in days)
    assert all(r.requested_at.astimezone(ZONE).date() <= r.day for r in requests)


def test_another_seed_gives_another_twin():
    assert generate(50, 2, 5, seed=1) != generate(50, 2, 5, seed=2)


@pytest.mark.parametrize("sizes", [(0, 1, 1), (5, 0, 1), (5, 6, 1), (5, 1, 0)])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(InvalidInput):
        generate(*sizes)
