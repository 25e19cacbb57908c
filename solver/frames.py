"""Small tables to a snapshot's arguments, with errors that name the table and the row."""

from collections import Counter
from collections.abc import Hashable, Mapping
from datetime import date
from typing import Any

import pandas as pd

from solver.cells import day_of, instant, misspelt, wall_minute, whole
from solver.errors import InvalidProblem
from solver.hours import Hours, Spans
from solver.services import Requirement, Service

COLUMNS = {
    "staff": ("staff",),
    "hours": ("staff", "weekday", "opens", "closes"),
    "services": ("service", "duration"),
    "allocations": ("service", "staff"),
    "appointments": ("staff", "starts_at", "ends_at"),
    "overrides": ("staff", "day", "opens", "closes"),
    "appointment_only": ("staff", "day", "opens", "closes"),
    "holidays": ("day",),
    "resources": ("resource", "kind"),
    "windows": ("service", "weekday", "opens", "closes"),
    "requirements": ("service", "kind"),
}
"""What each table must have."""

NUMBERS = (
    "duration",
    "buffer_before",
    "buffer_after",
    "slot_interval",
    "minimum_notice",
    "maximum_advance",
    "slot_offset",
    "daily_limit",
    "weekly_limit",
    "client_daily_limit",
    "client_weekly_limit",
    "seats",
)
DATES = ("first_date", "last_date")
OPTIONAL = {
    "staff": ("zone", "daily_limit", "weekly_limit"),
    "services": (*NUMBERS, *DATES, "anchor"),
    "allocations": ("duration",),
    "appointments": ("service",),
    "requirements": ("after", "length"),
}
"""What each may have besides; other columns are the analyst's own."""
ID_COLUMNS = ("staff", "service", "resource", "kind")


def tables_to_arguments(**tables: object) -> dict[str, Any]:
    """Return the keyword arguments of `Snapshot.build` for `Snapshot.from_frames`."""
    frames = {name: _frame(name, tables.get(name), columns) for name, columns in COLUMNS.items()}
    staff, services = frames["staff"], _services(frames["services"], frames["windows"], frames["requirements"])
    appointments = frames["appointments"]
    booked = _booked(appointments[appointments["staff"].isin(staff["staff"])], services)
    return {
        "staff": list(staff["staff"]),
        "hours": _hours(frames["hours"], frames["overrides"], frames["appointment_only"]),
        "services": services,
        "allocations": _allocations(frames["allocations"]),
        "busy": _busy(appointments),
        "zones": _column(staff, "zone"),
        "holidays": [day_of("holidays", day) for day in frames["holidays"]["day"]],
        "limits": _limits(staff),
        "resources": list(zip(frames["resources"]["resource"], frames["resources"]["kind"], strict=True)),
        "booked": booked,
        "sessions": _sessions(booked, services),
    }


def _frame(name: str, table: Any, required: tuple[str, ...]) -> pd.DataFrame:  # noqa: ANN401 - whatever pandas accepts
    columns = list(required)
    if table is None or (isinstance(table, Mapping) and not table):
        return pd.DataFrame(columns=columns)
    if not isinstance(table, Mapping | pd.DataFrame):
        raise InvalidProblem(f"{name}: {type(table).__name__} is no table")
    frame = pd.DataFrame(table)
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InvalidProblem(f"{name}: the column {missing[0]!r} is missing")
    if not frame.columns.is_unique:
        raise InvalidProblem(f"{name}: a column stands twice")
    known = frozenset((*columns, *OPTIONAL.get(name, ())))
    for column in frame.columns:
        if (meant := misspelt(column, known)) is not None and meant not in frame.columns:
            raise InvalidProblem(f"{name}: there is no column {column!r}; {meant!r} is one")
    if frame[columns].isna().to_numpy().any():
        raise InvalidProblem(f"{name}: a value is missing")
    ids = [column for column in columns if column in ID_COLUMNS]
    if not all(isinstance(value, Hashable) for column in ids for value in frame[column]):
        raise InvalidProblem(f"{name}: an id must be a text, a number or a tuple")
    return frame


def _column(frame: pd.DataFrame, name: str) -> dict[Hashable, Any]:
    """Return the values of an optional column by staff, those that are there."""
    if name not in frame.columns:
        return {}
    return {member: value for member, value in zip(frame["staff"], frame[name], strict=True) if not pd.isna(value)}


def _limits(staff: pd.DataFrame) -> dict[Hashable, tuple[int | None, int | None]]:
    daily, weekly = _column(staff, "daily_limit"), _column(staff, "weekly_limit")
    return {
        member: (_optional("staff", daily.get(member)), _optional("staff", weekly.get(member)))
        for member in dict.fromkeys([*daily, *weekly])
    }


def _optional(table: str, value: Any) -> int | None:  # noqa: ANN401 - a cell
    return None if value is None or pd.isna(value) else whole(table, value)


def _hours(weekly: pd.DataFrame, overrides: pd.DataFrame, only: pd.DataFrame) -> dict[Hashable, Hours]:
    spans: dict[Hashable, list[tuple[int, int, int, date | None, date | None]]] = {}
    for row in weekly.itertuples():
        opens, closes = wall_minute("hours", row.opens), wall_minute("hours", row.closes)
        weekday = whole("hours", row.weekday)
        if not (0 <= weekday <= 6 and 0 <= opens < closes <= 2880):
            raise InvalidProblem(f"hours: row {row.Index} is no span of a weekday")
        spans.setdefault(row.staff, []).append((weekday, opens, closes, None, None))
    days, blocks = _by_date("overrides", overrides), _by_date("appointment_only", only)
    return {m: Hours(tuple(spans.get(m, ())), days.get(m, {}), blocks.get(m, {})) for m in {**spans, **days, **blocks}}


def _by_date(name: str, frame: pd.DataFrame) -> dict[Hashable, dict[date, Spans]]:
    days: dict[Hashable, dict[date, Spans]] = {}
    for row in frame.itertuples():
        opens, closes = wall_minute(name, row.opens), wall_minute(name, row.closes)
        if not 0 <= opens <= closes <= 2880:
            raise InvalidProblem(f"{name}: row {row.Index} ends before it starts")
        of_staff, day = days.setdefault(row.staff, {}), day_of(name, row.day)
        of_staff[day] = (*of_staff.get(day, ()), *([(opens, closes)] if closes > opens else []))
    return days


def _services(frame: pd.DataFrame, windows: pd.DataFrame, requirements: pd.DataFrame) -> list[Service]:
    needs: dict[Hashable, list[Requirement]] = {}
    for row in requirements.to_dict(orient="records"):
        after, length = (_optional("requirements", row.get(name)) for name in ("after", "length"))
        need = Requirement(row["kind"], after or 0, length)
        needs.setdefault(row["service"], []).append(need)
    open_at: dict[Hashable, list[tuple[int, int, int]]] = {}
    for row in windows.to_dict(orient="records"):
        opens, closes = (wall_minute("windows", row[name]) for name in ("opens", "closes"))
        window = whole("windows", row["weekday"]), opens, closes
        open_at.setdefault(row["service"], []).append(window)
    for table, named in (("requirements", needs), ("windows", open_at)):
        for unknown in named.keys() - set(frame["service"]):
            raise InvalidProblem(f"{table}: there is no service {unknown!r}")
    return [
        _service(row, tuple(open_at.get(row["service"], ())), tuple(needs.get(row["service"], ())))
        for row in frame.to_dict(orient="records")
    ]


def _service(
    row: Mapping[Hashable, Any], windows: tuple[tuple[int, int, int], ...], requirements: tuple[Requirement, ...]
) -> Service:
    rules: dict[str, Any] = {
        name: whole("services", row[name]) for name in NUMBERS if name in row and not pd.isna(row[name])
    }
    rules |= {name: day_of("services", row[name]) for name in DATES if name in row and not pd.isna(row[name])}
    if "anchor" in row and not pd.isna(row["anchor"]):
        rules["anchor"] = row["anchor"]
    return Service(row["service"], **rules, windows=windows, requirements=requirements)


def _allocations(frame: pd.DataFrame) -> list[tuple[Hashable, Hashable, int | None]]:
    own = frame["duration"] if "duration" in frame.columns else pd.Series([None] * len(frame), dtype=object)
    return [
        (service, member, _optional("allocations", duration))
        for service, member, duration in zip(frame["service"], frame["staff"], own, strict=True)
    ]


def _busy(frame: pd.DataFrame) -> dict[Hashable, list[tuple[int, int]]]:
    busy: dict[Hashable, list[tuple[int, int]]] = {}
    for row in frame.itertuples():
        span = instant("appointments", row.starts_at), instant("appointments", row.ends_at, up=True)
        busy.setdefault(row.staff, []).append(span)
    return busy


def _booked(frame: pd.DataFrame, services: list[Service]) -> dict[Hashable, list[tuple[int, int]]]:
    """Return which service begins when in the appointments that name one; they begin with its buffer."""
    booked: dict[Hashable, list[tuple[int, int]]] = {}
    if "service" not in frame.columns:
        return booked
    index = {service.id: i for i, service in enumerate(services)}
    for row in frame[frame["service"].notna()].itertuples():
        if row.service not in index:
            raise InvalidProblem(f"appointments: there is no service {row.service!r}")
        start = instant("appointments", row.starts_at)
        service = index[row.service]
        booked.setdefault(row.staff, []).append((service, start + services[service].buffer_before))
    return booked


def _sessions(
    booked: dict[Hashable, list[tuple[int, int]]], services: list[Service]
) -> dict[Hashable, list[tuple[int, int, int]]]:
    """Return the groups that have begun to fill: a seat is taken by each appointment at the same start."""
    return {
        member: [
            (service, start, max(services[service].seats - taken, 0))
            for (service, start), taken in Counter(rows).items()
            if services[service].seats > 1
        ]
        for member, rows in booked.items()
    }
