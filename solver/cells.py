"""One cell of a table as what it must be; nothing is rounded, cut off or guessed in silence."""

from collections.abc import Hashable
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from solver.clock import epoch_minute
from solver.errors import InvalidProblem


def whole(table: str, value: Any) -> int:  # noqa: ANN401 - a cell
    """Return a whole number; raises `InvalidProblem` for a fraction, a truth value, a text."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if number and float(value).is_integer():
        return int(value)
    raise InvalidProblem(f"{table}: {value!r} is no whole number")


def wall_minute(table: str, value: Any) -> int:  # noqa: ANN401
    """Return minutes since midnight: whole ones, "HH:MM" up to "48:00", or a time."""
    if isinstance(value, time) and not (value.second or value.microsecond or value.tzinfo):
        return value.hour * 60 + value.minute
    if isinstance(value, str):
        hours, _, minutes = value.partition(":")
        if hours.isdigit() and len(minutes) == 2 and minutes.isdigit() and int(minutes) < 60:
            return int(hours) * 60 + int(minutes)
    if isinstance(value, str | time):
        raise InvalidProblem(f"{table}: {value!r} is no time of day")
    return whole(table, value)


def day_of(table: str, value: Any) -> date:  # noqa: ANN401
    """Return a date: one, "YYYY-MM-DD", or a time at midnight without an offset."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise InvalidProblem(f"{table}: {value!r} is no date") from None
    if isinstance(value, datetime):
        if value.time() == time() and value.tzinfo is None:
            return value.date()
    elif isinstance(value, date):
        return value
    raise InvalidProblem(f"{table}: {value!r} is no date")


def instant(table: str, value: Any, *, up: bool = False) -> int:  # noqa: ANN401
    """Return epoch minutes of an aware time, or of its text; raises `InvalidProblem`."""
    if not isinstance(value, str | datetime):
        raise InvalidProblem(f"{table}: {value!r} is no time")
    try:
        moment = pd.Timestamp(value)
    except ValueError:
        raise InvalidProblem(f"{table}: {value!r} is no time") from None
    return epoch_minute(moment.to_pydatetime(warn=False), up=up)


def misspelt(column: Hashable, known: frozenset[str]) -> str | None:
    """Return the column that one was probably meant to be, where it is none and nearly one."""
    if column in known or not isinstance(column, str):
        return None
    return next(iter(get_close_matches(column, sorted(known), 1, 0.8)), None)
