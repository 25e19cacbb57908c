"""When a service may start at all: its first and last date, and its windows by weekday."""

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np

from solver.clock import DAY, offset_spans
from solver.lanes import Minutes
from solver.services import Service

EPOCH_DAY = date(1970, 1, 1).toordinal()


def allowed_spans(service: Service, zone: ZoneInfo, start: int, end: int) -> Minutes | None:
    """Return the edges of the spans of [start, end) in which a service may start, minutes since `start`.

    None where it may start at any time.
    """
    if not service.windows and service.first_date is None and service.last_date is None:
        return None
    edges: list[int] = []
    for opens, closes in sorted(_windows(service, zone, start, end)):
        if edges and opens - start <= edges[-1]:
            edges[-1] = max(edges[-1], closes - start)
        else:
            edges += [opens - start, closes - start]
    return np.array(edges, np.int64)


def _windows(service: Service, zone: ZoneInfo, start: int, end: int) -> list[tuple[int, int]]:
    first, last = service.first_date or date.min, service.last_date or date.max
    spans = []
    for since, until, offset in offset_spans(zone, start, end):
        for number in range((since + offset) // DAY, (until - 1 + offset) // DAY + 1):
            day = date.fromordinal(EPOCH_DAY + number)
            midnight = number * DAY - offset
            for weekday, opens, closes in service.windows or ((day.weekday(), 0, DAY),):
                window = max(midnight + opens, since), min(midnight + closes, until)
                if weekday == day.weekday() and first <= day <= last and window[0] < window[1]:
                    spans.append(window)
    return spans
