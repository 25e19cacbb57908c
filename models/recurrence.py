"""Recurrence rules: the part of RFC 5545 (RRULE) that appointments repeat by, read strictly.

FREQ is DAILY, WEEKLY or MONTHLY; INTERVAL, COUNT or UNTIL, BYDAY, BYMONTHDAY, BYSETPOS and WKST may stand with it. A
rule has an end, at most 366 occurrences, and none later than 366 days after its first. As the RFC has it, a month
without the day asked for is passed over: FREQ=MONTHLY on the 31st comes seven times a year.
"""

import re
from datetime import date, datetime, timedelta

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule, weekday, weekdays

from models.errors import InvalidInput

MOST = 366
REACH = timedelta(days=366)
FREQUENCIES = {"DAILY": DAILY, "WEEKLY": WEEKLY, "MONTHLY": MONTHLY}
DAYS = {str(day): day for day in weekdays}
KNOWN = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYSETPOS", "WKST"})
LONGEST = 500
_NUMBER = re.compile(r"[1-9][0-9]{0,2}")
_UNTIL = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(T[0-9]{6}Z?)?")
_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")


def occurrences(rule: str, first: date) -> list[date]:
    """Return the local dates of a rule that begins on `first`, in order.

    Raises
    ------
    InvalidInput
        Not a rule as above, without an end, too long, or one that does not hold on its first date.
    """
    parts = _parts(rule)
    last = _until(parts["UNTIL"]) if "UNTIL" in parts else first + REACH
    if last > first + REACH:
        raise InvalidInput("A series ends within 366 days of its first date.")
    dates = _dates(parts, first, last)
    count = _number("COUNT", parts["COUNT"], MOST) if "COUNT" in parts else len(dates)
    if count > len(dates):
        raise InvalidInput("A series ends within 366 days of its first date; ask for fewer occurrences.")
    if not dates or dates[0] != first:
        raise InvalidInput(f"The rule does not hold on its first date, {first}.")
    return dates[:count]


def _dates(parts: dict[str, str], first: date, last: date) -> list[date]:
    """Return every date up to the last, without a count: the end alone bounds how long is looked."""
    midnight = datetime.min.time()
    found = rrule(
        FREQUENCIES[parts["FREQ"]],
        dtstart=datetime.combine(first, midnight),
        until=datetime.combine(last, midnight),
        interval=_number("INTERVAL", parts.get("INTERVAL", "1"), MOST),
        wkst=_weekday(parts.get("WKST", "MO")),
        byweekday=[_day(word, parts["FREQ"]) for word in _listed(parts, "BYDAY")] or None,
        bymonthday=[_signed("BYMONTHDAY", word, 31) for word in _listed(parts, "BYMONTHDAY")] or None,
        bysetpos=[_signed("BYSETPOS", word, MOST) for word in _listed(parts, "BYSETPOS")] or None,
    )
    return [moment.date() for moment in found]


def _parts(rule: str) -> dict[str, str]:
    if len(rule) > LONGEST:
        raise InvalidInput(f"A rule has at most {LONGEST} characters.")
    pairs = [part.partition("=") for part in rule.removeprefix("RRULE:").split(";")]
    parts = {name: value for name, _, value in pairs}
    if len(parts) < len(pairs) or not parts.keys() <= KNOWN:
        raise InvalidInput(f"A rule is made of {', '.join(sorted(KNOWN))}, each once.")
    if parts.get("FREQ") not in FREQUENCIES:
        raise InvalidInput("A series repeats DAILY, WEEKLY or MONTHLY: FREQ=WEEKLY;COUNT=10.")
    if ("COUNT" in parts) == ("UNTIL" in parts):
        raise InvalidInput("A series ends: give COUNT or UNTIL, one of them.")
    if "BYSETPOS" in parts and not {"BYDAY", "BYMONTHDAY"} & parts.keys():
        raise InvalidInput("BYSETPOS chooses among BYDAY or BYMONTHDAY.")
    return parts


def _listed(parts: dict[str, str], name: str) -> list[str]:
    words = parts[name].split(",") if name in parts else []
    if len(words) > 31:
        raise InvalidInput(f"{name} lists at most 31.")
    return words


def _number(name: str, text: str, most: int) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > most:
        raise InvalidInput(f"{name} is a number from 1 to {most}.")
    return int(text)


def _signed(name: str, text: str, most: int) -> int:
    number = _number(name, text.removeprefix("-"), most)
    return -number if text.startswith("-") else number


def _weekday(text: str) -> weekday:
    if text not in DAYS:
        raise InvalidInput("A day is MO, TU, WE, TH, FR, SA or SU.")
    return DAYS[text]


def _day(text: str, frequency: str) -> weekday:
    found = _DAY.fullmatch(text)
    if found is None or (found[1] and frequency != "MONTHLY"):
        raise InvalidInput("BYDAY lists days, such as MO,TH; in a month also 1MO or -1FR.")
    return DAYS[found[2]](int(found[1])) if found[1] else DAYS[found[2]]


def _until(text: str) -> date:
    found = _UNTIL.fullmatch(text)
    try:
        return date(*map(int, found.groups()[:3])) if found else _no_date(text)
    except ValueError:
        return _no_date(text)


def _no_date(text: str) -> date:
    raise InvalidInput(f"UNTIL={text} is no date such as 20261231.")
