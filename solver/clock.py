"""Local wall time to UTC minutes, day by day: a gap hour does not exist, a repeated hour counts twice."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from solver.errors import InvalidProblem

MINUTE = timedelta(minutes=1)
DAY = 1440
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def zone_named(name: str) -> ZoneInfo:
    """Return the IANA zone; raises `InvalidProblem` for anything else."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError) as error:
        raise InvalidProblem(f"there is no time zone {name!r}") from error


def epoch_minute(moment: datetime, *, up: bool = False) -> int:
    """Return whole minutes since 1970 UTC, rounded down, or up; raises `InvalidProblem` for a naive time."""
    try:
        naive = moment.tzinfo is None
    except AttributeError:
        raise InvalidProblem(f"{moment!r} is no time") from None
    if naive:
        raise InvalidProblem(f"{moment.isoformat()} has no offset")
    return -((EPOCH - moment) // MINUTE) if up else (moment - EPOCH) // MINUTE


def moment(minute: int) -> datetime:
    """Return the aware UTC time of an epoch minute."""
    return EPOCH + int(minute) * MINUTE


def utc_day(day: date) -> int:
    """Return the epoch minute at which a UTC date begins."""
    return (day - date(1970, 1, 1)).days * DAY


def wall_spans(zone: ZoneInfo, day: date, opens: int, closes: int) -> list[tuple[int, int, int]]:
    """Return what wall minutes [opens, closes) of a local date are in UTC.

    Returns
    -------
    list of (start, end, offset)
        Epoch minutes, half-open, and the UTC offset in minutes that holds in between; one for each offset
        that the span meets, adjacent ones touch. Empty where the whole span falls into a gap.
    """
    offset = _constant_offset(zone, day)
    if offset is not None:
        midnight = utc_day(day) - offset
        return [(midnight + opens, midnight + closes, offset)]
    start, _ = _instant(zone, day, opens, fold=0)
    # The last minute worked is the last one before closing: a closing at the hour that repeats is not repeated.
    last, exists = _instant(zone, day, closes - 1, fold=1)
    end = last + 1 if exists else last
    return offset_spans(zone, start, end)


@lru_cache(maxsize=100_000)
def _constant_offset(zone: ZoneInfo, day: date) -> int | None:
    """Return the offset that holds from this local date's start to the end of the next, None where it changes."""
    noon = datetime.combine(day, time(12), zone)
    offsets = {(noon + timedelta(hours=h)).utcoffset() for h in range(-24, 49, 3)}
    first = offsets.pop()
    if offsets or first is None or first % MINUTE:
        return None
    return first // MINUTE


def _instant(zone: ZoneInfo, day: date, minute: int, fold: int) -> tuple[int, bool]:
    """Return when a wall minute comes, or when the gap that swallows it ends; and whether it exists."""
    wall = datetime.combine(day, time(0)) + minute * MINUTE
    for skipped in range(2 * DAY):
        instant = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == wall:
            return epoch_minute(instant), skipped == 0
        wall += MINUTE
    raise InvalidProblem(f"{day} has no minute {minute} in {zone.key}")


def _offset_at(zone: ZoneInfo, minute: int) -> int:
    offset = moment(minute).astimezone(zone).utcoffset() or timedelta(0)
    return offset // MINUTE


def offset_spans(zone: ZoneInfo, start: int, end: int) -> list[tuple[int, int, int]]:
    """Return [start, end) cut where the UTC offset changes: (start, end, offset), epoch minutes and minutes."""
    spans: list[tuple[int, int, int]] = []
    while start < end:
        offset = _offset_at(zone, start)
        stop = min(start + DAY, end)
        if _offset_at(zone, stop - 1) != offset:
            stop = next(m for m in range(start + 1, stop) if _offset_at(zone, m) != offset)
        if spans and spans[-1][2] == offset:
            spans[-1] = (spans[-1][0], stop, offset)
        else:
            spans.append((start, stop, offset))
        start = stop
    return spans


def local_minutes(zone: ZoneInfo, minutes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what a zone's clock shows at epoch minutes, as minutes since 1970 on that clock; int64, same shape."""
    if minutes.size == 0:
        return minutes
    edges, offsets = _offsets(zone, int(minutes.min()) // DAY, int(minutes.max()) // DAY)
    if len(offsets) == 1:
        only: NDArray[np.int64] = minutes + offsets[0]
        return only
    shown: NDArray[np.int64] = minutes + offsets[np.searchsorted(edges, minutes, side="right") - 1]
    return shown


@lru_cache(maxsize=4096)
def _offsets(zone: ZoneInfo, first_day: int, last_day: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    spans = offset_spans(zone, first_day * DAY, (last_day + 1) * DAY)
    return np.array([start for start, _, _ in spans]), np.array([offset for _, _, offset in spans])


def by_local_day(minutes: NDArray[np.int64], zone: ZoneInfo) -> dict[date, NDArray[np.int64]]:
    """Return the rows of each local date that has any, in order; for sorted epoch minutes of shape (n,)."""
    day = local_minutes(zone, minutes) // DAY
    days, rows = np.unique(day), np.arange(len(day))
    return {date.fromordinal(EPOCH.toordinal() + int(d)): rows[day == d] for d in days}
