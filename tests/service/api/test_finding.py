"""Visits, series and suggestions over HTTP."""

from datetime import datetime

import numpy as np
import pytest

from solver.preferences import part_of_day
from tests.service.api.conftest import BASE, refused
from tests.service.worlds import ANA, COLOUR, CUT, MONDAY_10

pytestmark = pytest.mark.anyio
SHOWN = {
    "findVisits": "test_a_visit_of_two_services_has_one_start",
    "findSeries": "test_a_series_names_the_dates_that_are_not_free",
    "suggestSlots": "test_the_best_three_differ",
}
TUESDAY = {"start": "2026-03-03T09:00:00Z", "end": "2026-03-03T12:30:00Z"}


async def test_a_visit_of_two_services_has_one_start(api):
    items = [{"service_id": str(COLOUR)}, {"service_id": str(CUT)}]
    body = {"items": items, **TUESDAY, "same_staff": True}
    first = (await api.post(f"{BASE}/slots/visits", json=body)).json()[0]
    assert (first["starts_at"], first["ends_at"]) == ("2026-03-03T09:00:00Z", "2026-03-03T10:30:00Z")
    assert [(i["staff"], i["starts_at"][11:16]) for i in first["items"]] == [("Ana", "09:00"), ("Ana", "10:00")]
    refused(await api.post(f"{BASE}/slots/visits", json=body | {"items": items * 5}), 422, "invalid-input")
    refused(await api.post(f"{BASE}/slots/visits", json=body | {"maximum_wait": -1}), 422, "invalid-input")
    refused(await api.post(f"{BASE}/slots/visits", json=body | {"end": body["start"]}), 422, "invalid-input")


async def test_a_series_names_the_dates_that_are_not_free(api):
    await api.put(f"{BASE}/staff/{ANA}/days/2026-03-09", json={"spans": []})
    asked = {"service_id": str(CUT), "first": MONDAY_10.isoformat(), "count": "3", "staff_id": str(ANA)}
    dates = (await api.get(f"{BASE}/slots/series", params=asked)).json()
    assert [(d["day"], d["staff"], d["cause"]) for d in dates] == [
        ("2026-03-02", "Ana", None),
        ("2026-03-09", None, "closed"),
        ("2026-03-16", "Ana", None),
        ("2026-03-23", "Ana", None),
    ]
    refused(await api.get(f"{BASE}/slots/series", params=asked | {"count": "367"}), 422, "invalid-input")


async def test_the_best_three_differ(api):
    asked = {"service_id": str(CUT), "from": "2026-03-02T09:00:00Z", "to": "2026-03-06T17:00:00Z"}
    best = (await api.get(f"{BASE}/slots/suggestions", params=asked)).json()
    at = [datetime.fromisoformat(s["starts_at"]) for s in best]
    parts = {(moment.date(), int(part_of_day(np.array([moment.hour * 60 + moment.minute]))[0])) for moment in at}
    assert (len(best), len(parts)) == (3, 3)
    assert [s["score"] for s in best] == sorted((s["score"] for s in best), reverse=True)
    near = (await api.get(f"{BASE}/slots/suggestions", params=asked | {"near": "2026-03-04T10:00:00Z"})).json()
    assert near[0]["starts_at"].startswith("2026-03-04")
