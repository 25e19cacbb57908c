"""What else the finder answers: visits of several services, dates of a series, the few best suggestions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from models.errors import InvalidInput, NotFound
from service.db.views import LaneInfo, View
from service.queries.slots import SlotsWanted, check_range, seated
from solver.clock import moment
from solver.errors import InvalidProblem
from solver.preferences import Preferences
from solver.recurring import SeriesQuery, find_series
from solver.suggestions import suggest
from solver.visits import Item, Staffing, VisitQuery, Visits, find_visits

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ItemWanted:
    """One service of a visit, and who may do it; None: anyone allocated."""

    service_id: UUID
    staff_ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class VisitWanted:
    """Several services in one visit that starts in [start, end): in a given or any order, with waits in minutes.

    `seats` are wanted of each, where all are for groups.
    """

    items: tuple[ItemWanted, ...]
    start: datetime
    end: datetime
    any_order: bool = False
    same_staff: bool = False
    maximum_wait: int = 0
    seats: int = 1


@dataclass(frozen=True, slots=True)
class VisitItem:
    """One item of a visit on offer."""

    service_id: UUID
    staff_id: UUID
    staff: str
    starts_at: datetime
    ends_at: datetime
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit on offer: its start for all of it, and its items in the order in which they are done."""

    starts_at: datetime
    ends_at: datetime
    items: tuple[VisitItem, ...]


@dataclass(frozen=True, slots=True)
class SeriesDate:
    """A date of a series: with whom, or (without) why its time is not free."""

    day: date
    staff_id: UUID | None
    staff: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A time that is suggested, with the parts of its score: minutes left unusable, load, wait; higher is better.

    `seats_left` is for a group how many seats are left.
    """

    staff_id: UUID
    staff: str
    starts_at: datetime
    ends_at: datetime
    score: float
    fragment: float
    load: float
    wait: float
    preference: float
    seats_left: int | None = None


def visits(view: View, wanted: VisitWanted, now: datetime, *, limit: int) -> list[Visit]:
    """Return the first visits by start.

    Raises
    ------
    NotFound
        No such service or staff member.
    InvalidInput
        None or more than 8 items, a negative wait, a range that is empty or too long.
    """
    check_range(wanted.start, wanted.end)
    for item in wanted.items:
        _known(view, item.service_id, item.staff_ids)
    query = _valid(
        lambda: VisitQuery(
            [Item(item.service_id, item.staff_ids) for item in wanted.items],
            wanted.start,
            wanted.end,
            any_order=wanted.any_order,
            staffing=Staffing.SAME if wanted.same_staff else Staffing.ANY,
            maximum_wait=wanted.maximum_wait,
        )
    )
    found = find_visits(view.snapshot, query, now)
    if wanted.seats > 1:
        found = found.take(np.flatnonzero(found.seats.min(axis=1) >= wanted.seats))
    found = found.take(slice(None, limit))
    infos = list(view.lanes.values())
    return [
        Visit(moment(int(found.start[row])), moment(int(found.end[row])), _items(view, infos, found, row))
        for row in range(len(found))
    ]


def _items(view: View, infos: list[LaneInfo], found: Visits, row: int) -> tuple[VisitItem, ...]:
    columns = (found.service, found.lane, found.item_start, found.item_end, found.resources)
    return tuple(
        VisitItem(
            UUID(str(view.snapshot.services[service].id)),
            infos[lane].id,
            infos[lane].name,
            moment(start),
            moment(end),
            tuple(infos[room].name for room in rooms if room >= 0),
        )
        for service, lane, start, end, rooms in zip(*(column[row].tolist() for column in columns), strict=True)
    )


@dataclass(frozen=True, slots=True)
class SeriesWanted:
    """The first `count` dates, every so many days, on which the local time of `first` is free."""

    service_id: UUID
    first: datetime
    count: int
    every: int = 7
    staff_ids: tuple[UUID, ...] | None = None


def series(view: View, wanted: SeriesWanted, now: datetime) -> list[SeriesDate]:
    """Return the dates of a series, and those between whose time is not free.

    Raises
    ------
    NotFound, InvalidInput
        No such service or staff member; more than 366 dates.
    """
    _known(view, wanted.service_id, wanted.staff_ids)
    query = _valid(lambda: SeriesQuery(wanted.service_id, wanted.first, wanted.count, wanted.every, wanted.staff_ids))
    found = _valid(lambda: find_series(view.snapshot, query, now))
    infos = list(view.lanes.values())
    times = zip(found.lane.tolist(), found.start.tolist(), found.end.tolist(), strict=True)
    dates = [
        SeriesDate(
            moment(start).astimezone(found.zone).date(),
            infos[lane].id,
            infos[lane].name,
            moment(start),
            moment(end),
            None,
        )
        for lane, start, end in times
    ]
    dates += [SeriesDate(e.day, None, None, None, None, e.cause.value) for e in found.exceptions]
    return sorted(dates, key=lambda found: found.day)


def suggestions(
    view: View, wanted: SlotsWanted, now: datetime, *, near: datetime | None, zone: ZoneInfo | None, count: int
) -> list[Suggestion]:
    """Return the best slots of which no two are on one local day in the same part of it. Raises as `slots.find`."""
    found = seated(view, wanted, now)
    best = suggest(found, count, Preferences(wanted=near, zone=zone))
    infos = list(view.lanes.values())
    times = (best.slots.lane.tolist(), best.slots.start.tolist(), best.slots.end.tolist())
    parts = (best.score, best.fragment, best.load, best.wait, best.preference)
    seats = best.slots.seats.tolist() if best.slots.service.seats > 1 else [None] * len(best)
    return [
        Suggestion(
            infos[lane].id, infos[lane].name, moment(start), moment(end), score, fragment, load, wait, preference, left
        )
        for lane, start, end, score, fragment, load, wait, preference, left in zip(
            *times, *(part.tolist() for part in parts), seats, strict=True
        )
    ]


def _known(view: View, service_id: UUID, staff_ids: tuple[UUID, ...] | None) -> None:
    if service_id not in view.snapshot.service_index:
        raise NotFound("There is no such service.")
    if any(member not in view.snapshot.staff_index for member in staff_ids or ()):
        raise NotFound("There is no such staff member.")


def _valid(made: Callable[[], T]) -> T:
    try:
        return made()
    except InvalidProblem as error:
        raise InvalidInput(str(error)) from error
