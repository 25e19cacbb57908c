"""Rows to arrays, checked on the way: one error, which names the table and the value."""

from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from solver.clock import DAY
from solver.errors import InvalidProblem
from solver.lanes import Minutes
from solver.services import Service


def sorted_busy(busy: ArrayLike, name: Hashable) -> Minutes:
    """Return claims as int64 of shape (b, 2), sorted by start, then end."""
    array = np.array(busy, np.int64).reshape(-1, 2)
    if np.any(array[:, 1] <= array[:, 0]):
        raise InvalidProblem(f"appointments: one of {name!r} ends before it starts")
    return array[np.lexsort((array[:, 1], array[:, 0]))]


def numbered(table: str, rows: ArrayLike, columns: int, services: int) -> Minutes:
    """Return rows whose first column is the index of a service, int64 of shape (n, columns)."""
    array = np.array(rows, np.int64).reshape(-1, columns)
    if np.any((array[:, 0] < 0) | (array[:, 0] >= services)):
        raise InvalidProblem(f"{table}: a row names a service that there is not")
    if columns == 3 and np.any(array[:, 2] < 0):
        raise InvalidProblem(f"{table}: a group has fewer than no seats left")
    return array


def durations_of(
    services: Sequence[Service],
    allocations: Iterable[tuple[Hashable, Hashable, int | None]],
    staff_index: Mapping[Hashable, int],
    service_index: Mapping[Hashable, int],
) -> Minutes:
    """Return the minutes that each staff member needs for each service, 0 where not allocated."""
    durations = np.zeros((len(services), len(staff_index)), np.int64)
    for service, member, own in allocations:
        if service not in service_index or member not in staff_index:
            check_known({"allocations": [service]}, "service", service_index)
            check_known({"allocations": [member]}, "staff member", staff_index)
        row = service_index[service]
        twice = durations[row, staff_index[member]] > 0
        if twice or (own is not None and own < 1):
            what = "stands twice" if twice else f"takes {own} minutes"
            raise InvalidProblem(f"allocations: {service!r} by {member!r} {what}")
        durations[row, staff_index[member]] = services[row].duration if own is None else own
    if np.any(durations > DAY):
        raise InvalidProblem("allocations: an own duration is not 1 to 1440 minutes")
    durations.flags.writeable = False
    return durations


def index_of(table: str, names: Sequence[Hashable]) -> dict[Hashable, int]:
    """Return the place of each id; none may stand twice."""
    index = {name: i for i, name in enumerate(names)}
    if len(index) < len(names):
        raise InvalidProblem(f"{table}: an id stands twice")
    return index


def check_known(tables: Mapping[str, Iterable[Hashable]], what: str, index: Mapping[Hashable, int]) -> None:
    """Raise `InvalidProblem` for the first id of a table that is not there."""
    for table, names in tables.items():
        for name in names:
            if name not in index:
                raise InvalidProblem(f"{table}: there is no {what} {name!r}")
