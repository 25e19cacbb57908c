"""A generated twin of the clinics' requests: the same shape, nobody's data.

The constants were fitted to the margins of the public data set "Medical Appointment No Shows" (110,527
requests at 81 clinics in Vitória, 29 April to 8 June 2016): shares, means and quantiles only.
"""

from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from service.jobs.replay.requests import ZONE, Request

REQUESTS, CLINICS, WORKING_DAYS = 110_527, 81, 27
START = date(2016, 4, 29)

SIZE_DECAY, SIZE_HEAD = 24.0, 0.6
"""Clinic sizes over rank r: exp(-r / decay), the first of them raised by head / (1 + r)."""
WEEKDAY = (1.03, 1.01, 1.01, 1.00, 0.93)
"""Demand by day of the appointment, Monday to Friday."""
DAY_NOISE = 13.0
"""Shape of the gamma noise on a clinic's day (coefficient of variation 0.28)."""
SAME_DAY, SAME_DAY_SPREAD = 0.35, 0.07
"""Share of requests for the same day, and its spread over clinics."""
LEAD_SHARES = (0, 0.09, 0.25, 0.31, 0.5, 0.6, 0.75, 0.9, 0.95, 0.99, 0.999, 1)
LEADS = (1, 2, 3, 4, 7.5, 10, 16, 25, 34, 53, 95, 129)
"""Quantiles of the working days ahead of the other requests."""
HOURS_SAME_DAY = (8, 217, 173, 129, 93, 64, 48, 81, 70, 54, 35, 19, 7, 2)
HOURS_AHEAD = (18, 151, 120, 109, 104, 83, 50, 82, 89, 83, 58, 30, 15, 8)
"""Requests by hour of the day from 6 to 19, per thousand."""
NEW_CLIENT = 0.564
"""Chance that a request opens a new client; else it is an earlier request's client (Yule-Simon)."""
COMPANION, AT_ONCE = 0.04, 0.3
"""Chance that a request repeats the client and day of the one before; and then the second as well."""
NO_SHOW_SAME_DAY, NO_SHOW_AHEAD = 0.047, 0.285
SMS_FROM_LEAD, SMS_SHARE = 3, 0.57
AGE_SHARES, AGES = (0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1), (0, 5, 18, 37, 55, 68, 86, 102)
"""Quantiles of the age in years."""

Array = NDArray[np.int64]


def generate(
    requests: int = REQUESTS,
    clinics: int = CLINICS,
    working_days: int = WORKING_DAYS,
    *,
    start: date = START,
    seed: int = 1,
) -> list[Request]:
    """Return that many requests in order of `requested_at`, the same for the same arguments.

    Parameters
    ----------
    requests, clinics, working_days : int
        How many requests, at how many clinics, for how many days from `start` on, Monday to Friday.

    Raises
    ------
    InvalidInput
        A count is not positive, or there are more clinics than requests.
    """
    if min(requests, clinics, working_days) < 1 or clinics > requests:
        raise InvalidInput("A twin needs at least one request for each clinic, and one working day.")
    days = _working_days(start, working_days)
    sizes = _sizes(requests, clinics)
    streams = np.random.SeedSequence(seed).spawn(clinics)
    rows: list[Request] = []
    for rank, (size, stream) in enumerate(zip(sizes, streams, strict=True)):
        rng = np.random.default_rng(stream)
        rows += _clinic(f"Clinic {rank + 1:02}", int(size), days, rank * CLIENTS_APART, rng)
    rows.sort(key=lambda request: (request.requested_at, request.clinic))
    return [request._replace(row=number) for number, request in enumerate(rows, start=2)]


def _working_days(start: date, count: int) -> Array:
    days = np.busday_offset(np.datetime64(start, "D"), np.arange(count), roll="forward")
    return np.asarray(days.astype(np.int64))


def _sizes(requests: int, clinics: int) -> Array:
    rank = np.arange(clinics)
    weight = np.exp(-rank / SIZE_DECAY) * (1 + SIZE_HEAD / (1 + rank))
    spare = requests - clinics
    exact = np.cumsum(weight / weight.sum() * spare)
    return np.diff(np.round(exact).astype(np.int64) + np.arange(1, clinics + 1), prepend=np.int64(0))


def _clinic(name: str, size: int, days: Array, first_client: int, rng: np.random.Generator) -> list[Request]:
    day = rng.choice(days, size, p=_day_weights(days, rng))
    lead = _leads(size, rng)
    requested_day = _working_days_before(day, lead)
    second = _seconds(lead, rng)
    order = np.lexsort((second, requested_day))
    day, requested_day, second = day[order], requested_day[order], second[order]
    client = _clients(size, rng)
    _companions(client, day, requested_day, second, rng)
    ahead = day - requested_day
    no_show = rng.random(size) < np.where(ahead == 0, NO_SHOW_SAME_DAY, NO_SHOW_AHEAD)
    sms = (ahead >= SMS_FROM_LEAD) & (rng.random(size) < SMS_SHARE)
    age = np.interp(rng.random(client.max() + 1), AGE_SHARES, AGES).astype(np.int64)[client]
    columns = (requested_day * 86_400 + second, day, first_client + client, age, sms, no_show)
    return [_row(name, *values) for values in zip(*(column.tolist() for column in columns), strict=True)]


def _row(name: str, moment: int, day: int, client: int, age: int, sms: bool, no_show: bool) -> Request:  # noqa: FBT001 - columns of a row
    wall = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)
    requested_at = wall.replace(tzinfo=ZONE).astimezone(UTC)
    return Request(0, requested_at, date.fromordinal(EPOCH + day), name, client, age, sms, no_show)


EPOCH = date(1970, 1, 1).toordinal()
CLIENTS_APART = 1_000_000
"""First client numbers of two clinics: no client is seen at both."""


def _weekday(day: Array) -> Array:
    # 1 January 1970 was a Thursday; Monday is 0.
    return (day + 3) % 7


def _day_weights(days: Array, rng: np.random.Generator) -> NDArray[np.float64]:
    weight = np.array(WEEKDAY)[_weekday(days)] * rng.gamma(DAY_NOISE, 1 / DAY_NOISE, len(days))
    return np.asarray(weight / weight.sum(), dtype=np.float64)


def _leads(size: int, rng: np.random.Generator) -> Array:
    share = np.clip(rng.normal(SAME_DAY, SAME_DAY_SPREAD), 0, 1)
    ahead = np.interp(rng.random(size), LEAD_SHARES, LEADS).astype(np.int64)
    return np.where(rng.random(size) < share, 0, ahead)


def _working_days_before(day: Array, count: Array) -> Array:
    return np.busday_offset(day.astype("datetime64[D]"), -count).astype(np.int64)


def _seconds(lead: Array, rng: np.random.Generator) -> Array:
    same_day, ahead = _hours(HOURS_SAME_DAY, len(lead), rng), _hours(HOURS_AHEAD, len(lead), rng)
    return np.where(lead == 0, same_day, ahead) * 3600 + rng.integers(0, 3600, len(lead))


def _hours(weights: tuple[int, ...], size: int, rng: np.random.Generator) -> Array:
    return 6 + rng.choice(len(weights), size, p=np.array(weights) / sum(weights))


def _clients(size: int, rng: np.random.Generator) -> Array:
    is_new = rng.random(size) < NEW_CLIENT
    is_new[0] = True
    earlier = (rng.random(size) * np.arange(size)).astype(np.int64)
    client = np.cumsum(is_new) - 1
    for i in np.flatnonzero(~is_new):
        client[i] = client[earlier[i]]
    return client


def _companions(client: Array, day: Array, requested_day: Array, second: Array, rng: np.random.Generator) -> None:
    follows = rng.random(len(client)) < COMPANION
    at_once = rng.random(len(client)) < AT_ONCE
    for i in np.flatnonzero(follows)[1:]:
        client[i] = client[i - 1]
        day[i] = max(day[i - 1], requested_day[i])
        if at_once[i]:
            day[i], requested_day[i], second[i] = day[i - 1], requested_day[i - 1], second[i - 1]
