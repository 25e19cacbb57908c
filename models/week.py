"""Weekly hours as people write them: "Mon-Fri 09:00-12:30 13:30-17:30"."""

import re
from collections.abc import Iterable

from models.errors import InvalidInput

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SPAN = re.compile(r"(\d{1,2}):([0-5]\d)-(\d{1,2}):([0-5]\d)", re.ASCII)


def week_of(lines: Iterable[str]) -> list[tuple[int, int, int]]:
    """Return the spans that some lines name: (weekday with 0 = Monday, opens, closes), in wall minutes of the day.

    A closing before its opening is the next day's: `closes` passes 1440 then.

    Raises
    ------
    InvalidInput
        A line is not written that way.
    """
    return [span for line in lines for span in _spans(line)]


def _spans(line: str) -> list[tuple[int, int, int]]:
    days, *times = line.split() or [""]
    first, _, last = days.partition("-")
    if first not in WEEKDAYS or (last or first) not in WEEKDAYS or not times:
        raise InvalidInput(f'{line!r} are no hours; write "Mon-Fri 09:00-12:30 13:30-17:30".')
    begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    weekdays = [day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1)]
    return [(weekday, *_span(time)) for time in times for weekday in weekdays]


def _span(time: str) -> tuple[int, int]:
    match = SPAN.fullmatch(time)
    if match is None:
        raise InvalidInput(f"{time!r} is no span of a day; write 09:00-12:30.")
    opens, closes = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if opens >= 1440 or closes > 1440 or opens == closes:
        raise InvalidInput(f"{time!r} is no span of a day; write 09:00-12:30.")
    return opens, closes if closes > opens else closes + 1440


def written(spans: Iterable[tuple[int, int, int]]) -> list[str]:
    """Return lines that `week_of` takes back, one a weekday."""
    days: dict[int, list[str]] = {}
    for weekday, opens, closes in spans:
        days.setdefault(weekday, []).append(f"{_clock(opens)}-{_clock(closes)}")
    return [f"{WEEKDAYS[weekday]} {' '.join(times)}" for weekday, times in days.items()]


def _clock(minute: int) -> str:
    within = minute if minute <= 1440 else minute - 1440
    return f"{within // 60:02}:{within % 60:02}"
