"""What suggestions are ranked by: wishes of clients and staff, and what each part of a score weighs."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import IntEnum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from solver.clock import DAY
from solver.errors import InvalidProblem
from solver.snapshot import Snapshot

Points = NDArray[np.float64]


class Part(IntEnum):
    """A part of the local day."""

    MORNING = 0
    """Before 12:00."""
    AFTERNOON = 1
    """From 12:00."""
    EVENING = 2
    """From 17:00."""


AFTERNOON_BEGINS, EVENING_BEGINS = 12 * 60, 17 * 60


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody prefers: weekdays (0 = Monday), parts of the day, staff; empty where it is all the same."""

    weekdays: frozenset[int] = frozenset()
    parts: frozenset[Part] = frozenset()
    staff: frozenset[Hashable] = frozenset()

    def __post_init__(self) -> None:
        if not self.weekdays <= frozenset(range(7)):
            raise InvalidProblem(f"preferences: weekdays are 0 to 6, not {sorted(self.weekdays)}")
        if not self.parts <= frozenset(Part):
            raise InvalidProblem(f"preferences: parts of the day are 0 to 2, not {sorted(self.parts)}")


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Weights:
    """What each part of a score weighs, in points; a point is a minute of somebody's time that is lost for good.

    `fragment` for a minute that nothing sold fits into, `load` for a wholly booked lane against an empty one,
    `wait` for an hour away from the wanted time, `client` and `staff` for each wish that is not met.
    """

    fragment: float = 1.0
    load: float = 10.0
    wait: float = 1.0
    client: float = 30.0
    staff: float = 15.0

    def __post_init__(self) -> None:
        for name in (f.name for f in fields(self)):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InvalidProblem(f"weights: {name} is {getattr(self, name)}, and must be 0 or more")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What suggestions are ranked by.

    Parameters
    ----------
    wanted : datetime, optional
        Aware; the time to be close to. None: the sooner the better.
    client : Wishes
    staff : mapping of staff to Wishes
        What each staff member would rather work; their `staff` has no meaning.
    zone : ZoneInfo, optional
        Whose days and parts of the day are meant; the business's by default.
    weights : Weights
    """

    wanted: datetime | None = None
    client: Wishes = NO_WISHES
    staff: Mapping[Hashable, Wishes] = field(default_factory=dict)
    zone: ZoneInfo | None = None
    weights: Weights = Weights()

    def __post_init__(self) -> None:
        if self.wanted is not None and self.wanted.tzinfo is None:
            raise InvalidProblem("the wanted time needs an offset")

    @property
    def indifferent(self) -> bool:
        """Whether there is no wish at all."""
        return not self.staff and self.client == NO_WISHES


INDIFFERENT = Preferences()


def part_of_day(local: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the part of the day of local minutes."""
    of_day = local % DAY
    return (of_day >= AFTERNOON_BEGINS).astype(np.int64) + (of_day >= EVENING_BEGINS)


def wish_table(snapshot: Snapshot, preferences: Preferences) -> Points:
    """Return what unmet wishes cost; float64 of shape (staff, weekdays, parts)."""
    weights, client = preferences.weights, preferences.client
    table = np.zeros((len(snapshot.staff), 7, len(Part)))
    table += weights.client * _unmet_times(client)
    if client.staff:
        wished = [_lane_of(snapshot, member) for member in client.staff]
        table[np.setdiff1d(np.arange(len(table)), wished)] += weights.client
    for member, wishes in preferences.staff.items():
        table[_lane_of(snapshot, member)] += weights.staff * _unmet_times(wishes)
    return table


def _lane_of(snapshot: Snapshot, member: Hashable) -> int:
    if member not in snapshot.staff_index:
        raise InvalidProblem(f"preferences: there is no staff member {member!r}")
    return snapshot.staff_index[member]


def _unmet_times(wishes: Wishes) -> Points:
    unmet = np.zeros((7, len(Part)))
    if wishes.weekdays:
        unmet[[day for day in range(7) if day not in wishes.weekdays]] += 1
    if wishes.parts:
        unmet[:, [part for part in Part if part not in wishes.parts]] += 1
    return unmet
