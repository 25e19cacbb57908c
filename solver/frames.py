"""Small tables to a snapshot's arguments, with errors that name the table and the row."""

from collections import Counter
from collections.abc import Hashable, Mapping
from datetime import date
from typing import Any

import pandas as pd

from solver.clock import epoch_minute
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
        "holidays": [_date(day) for day in frames["holidays"]["day"]],
        "limits": _limits(staff),
        "resources": list(zip(frames["resources"]["resource"], frames["resources"]["kind"], strict=True)),
        "booked": booked,
        "sessions": _sessions(booked, services),
    }


def _frame(name: str, table: Any, required: tuple[str, ...]) -> pd.DataFrame:  # noqa: ANN401 - whatever pandas accepts
    columns = list(required)
    if table is None or (isinstance(table, Mapping) and not table):
        return pd.DataFrame(columns=columns)
    frame = pd.DataFrame(table)
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InvalidProblem(f"{name}: the column {missing[0]!r} is missing")
    if frame[columns].isna().to_numpy().any():
        raise InvalidProblem(f"{name}: a value is missing")
    return frame


def _column(frame: pd.DataFrame, name: str) -> dict[Hashable, Any]:
    """Return the values of an optional column by staff, those that are there."""
    if name not in frame.columns:
        return {}
    return {member: value for member, value in zip(frame["staff"], frame[name], strict=True) if not pd.isna(value)}


def _limits(staff: pd.DataFrame) -> dict[Hashable, tuple[int | None, int | None]]:
    daily, weekly = _column(staff, "daily_limit"), _column(staff, "weekly_limit")
    return {
        member: (_whole(daily.get(member)), _whole(weekly.get(member))) for member in dict.fromkeys([*daily, *weekly])
    }


def _whole(value: Any) -> int | None:  # noqa: ANN401 - a cell
    return None if value is None or pd.isna(value) else int(value)


def _date(value: Any) -> date:  # noqa: ANN401 - a cell
    day: date = pd.Timestamp(value).date()
    return day


def _wall_minute(value: object) -> int:
    if isinstance(value, str):
        hours, _, minutes = value.partition(":")
        if hours.isdigit() and minutes.isdigit():
            return int(hours) * 60 + int(minutes)
        raise InvalidProblem(f"hours: {value!r} is no time of day")
    return int(value)  # type: ignore[call-overload, no-any-return]


def _hours(weekly: pd.DataFrame, overrides: pd.DataFrame, only: pd.DataFrame) -> dict[Hashable, Hours]:
    spans: dict[Hashable, list[tuple[int, int, int, date | None, date | None]]] = {}
    for row in weekly.itertuples():
        opens, closes = _wall_minute(row.opens), _wall_minute(row.closes)
        if not (0 <= int(row.weekday) <= 6 and 0 <= opens < closes <= 2880):  # type: ignore[arg-type]
            raise InvalidProblem(f"hours: row {row.Index} is no span of a weekday")
        spans.setdefault(row.staff, []).append((int(row.weekday), opens, closes, None, None))  # type: ignore[arg-type]
    days, blocks = _by_date("overrides", overrides), _by_date("appointment_only", only)
    return {m: Hours(tuple(spans.get(m, ())), days.get(m, {}), blocks.get(m, {})) for m in {**spans, **days, **blocks}}


def _by_date(name: str, frame: pd.DataFrame) -> dict[Hashable, dict[date, Spans]]:
    days: dict[Hashable, dict[date, Spans]] = {}
    for row in frame.itertuples():
        opens, closes = _wall_minute(row.opens), _wall_minute(row.closes)
        if not 0 <= opens <= closes <= 2880:
            raise InvalidProblem(f"{name}: row {row.Index} ends before it starts")
        of_staff, day = days.setdefault(row.staff, {}), _date(row.day)
        of_staff[day] = (*of_staff.get(day, ()), *([(opens, closes)] if closes > opens else []))
    return days


def _services(frame: pd.DataFrame, windows: pd.DataFrame, requirements: pd.DataFrame) -> list[Service]:
    needs: dict[Hashable, list[Requirement]] = {}
    for row in requirements.to_dict(orient="records"):
        need = Requirement(row["kind"], _whole(row.get("after")) or 0, _whole(row.get("length")))
        needs.setdefault(row["service"], []).append(need)
    open_at: dict[Hashable, list[tuple[int, int, int]]] = {}
    for row in windows.to_dict(orient="records"):
        window = int(row["weekday"]), _wall_minute(row["opens"]), _wall_minute(row["closes"])
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
    rules: dict[str, Any] = {name: int(row[name]) for name in NUMBERS if name in row and not pd.isna(row[name])}
    rules |= {name: _date(row[name]) for name in DATES if name in row and not pd.isna(row[name])}
    if "anchor" in row and not pd.isna(row["anchor"]):
        rules["anchor"] = row["anchor"]
    return Service(row["service"], **rules, windows=windows, requirements=requirements)


def _allocations(frame: pd.DataFrame) -> list[tuple[Hashable, Hashable, int | None]]:
    own = frame["duration"] if "duration" in frame.columns else pd.Series([None] * len(frame), dtype=object)
    return [
        (service, member, None if pd.isna(duration) else int(duration))
        for service, member, duration in zip(frame["service"], frame["staff"], own, strict=True)
    ]


def _busy(frame: pd.DataFrame) -> dict[Hashable, list[tuple[int, int]]]:
    busy: dict[Hashable, list[tuple[int, int]]] = {}
    for row in frame.itertuples():
        start, end = pd.Timestamp(row.starts_at), pd.Timestamp(row.ends_at)  # type: ignore[arg-type]
        span = epoch_minute(start.to_pydatetime()), epoch_minute(end.to_pydatetime(), up=True)
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
        start = epoch_minute(pd.Timestamp(row.starts_at).to_pydatetime())  # type: ignore[arg-type]
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
