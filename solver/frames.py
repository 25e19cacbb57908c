"""Small tables to a snapshot's arguments, with errors that name the table and the row."""

from collections.abc import Hashable, Mapping
from datetime import date
from typing import Any

import pandas as pd

from solver.clock import epoch_minute
from solver.errors import InvalidProblem
from solver.snapshot import Hours, Service


def tables_to_arguments(
    staff: object,
    hours: object,
    services: object,
    allocations: object,
    appointments: object,
    overrides: object,
) -> dict[str, Any]:
    """Return the keyword arguments of `Snapshot.build` for `Snapshot.from_frames`."""
    return {
        "staff": list(_frame("staff", staff, ["staff"])["staff"]),
        "hours": _hours(
            _frame("hours", hours, ["staff", "weekday", "opens", "closes"]),
            _frame("overrides", overrides if overrides is not None else {}, ["staff", "day", "opens", "closes"]),
        ),
        "services": _services(_frame("services", services, ["service", "duration"])),
        "allocations": _allocations(_frame("allocations", allocations, ["service", "staff"])),
        "busy": _busy(_frame("appointments", appointments, ["staff", "starts_at", "ends_at"])),
    }


def _frame(name: str, table: Any, columns: list[str]) -> pd.DataFrame:  # noqa: ANN401 - whatever pandas accepts
    frame = pd.DataFrame(table) if not isinstance(table, Mapping) or table else pd.DataFrame(columns=columns)
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InvalidProblem(f"{name}: the column {missing[0]!r} is missing")
    if frame[columns].isna().to_numpy().any():
        raise InvalidProblem(f"{name}: a value is missing")
    return frame


def _wall_minute(value: object) -> int:
    if isinstance(value, str):
        hours, _, minutes = value.partition(":")
        if hours.isdigit() and minutes.isdigit():
            return int(hours) * 60 + int(minutes)
        raise InvalidProblem(f"hours: {value!r} is no time of day")
    return int(value)  # type: ignore[call-overload, no-any-return]


def _hours(weekly: pd.DataFrame, overrides: pd.DataFrame) -> dict[Hashable, Hours]:
    spans: dict[Hashable, list[tuple[int, int, int, date | None, date | None]]] = {}
    for row in weekly.itertuples():
        opens, closes = _wall_minute(row.opens), _wall_minute(row.closes)
        if not (0 <= int(row.weekday) <= 6 and 0 <= opens < closes <= 2880):  # type: ignore[arg-type]
            raise InvalidProblem(f"hours: row {row.Index} is no span of a weekday")
        spans.setdefault(row.staff, []).append((int(row.weekday), opens, closes, None, None))  # type: ignore[arg-type]
    days: dict[Hashable, dict[date, tuple[tuple[int, int], ...]]] = {}
    for row in overrides.itertuples():
        opens, closes = _wall_minute(row.opens), _wall_minute(row.closes)
        if not 0 <= opens <= closes <= 2880:
            raise InvalidProblem(f"overrides: row {row.Index} ends before it starts")
        of_staff = days.setdefault(row.staff, {})
        day = pd.Timestamp(row.day).date()  # type: ignore[arg-type]
        of_staff[day] = (*of_staff.get(day, ()), *([(opens, closes)] if closes > opens else []))
    return {m: Hours(tuple(spans.get(m, ())), days.get(m, {})) for m in [*spans, *(d for d in days if d not in spans)]}


def _services(frame: pd.DataFrame) -> list[Service]:
    optional = ("buffer_before", "buffer_after", "slot_interval", "minimum_notice", "maximum_advance")
    columns = ["duration", *(name for name in optional if name in frame.columns)]
    return [
        Service(row["service"], **{name: int(row[name]) for name in columns})  # type: ignore[arg-type] # names of numbers
        for row in frame.to_dict(orient="records")
    ]


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
