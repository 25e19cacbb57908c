"""What a plan is worth: named terms, each counted in its own unit and weighed by a policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Term(StrEnum):
    """One named part of the objective. Gains add to the objective, costs subtract from it."""

    WAITLIST = "waitlist"
    """Priority points of the waitlist entries that are placed."""
    WAITING = "waiting"
    """Whole days that the placed entries have waited, at most 60 each."""
    PREFERENCE = "preference"
    """Preference points of the chosen staff and times."""
    EARLINESS = "earliness"
    """Whole hours from now to the start of each placed entry."""
    MOVES = "moves"
    """Booked appointments whose start changes."""
    MINUTES_MOVED = "minutes_moved"
    """Minutes by which starts change."""
    STAFF_CHANGED = "staff_changed"
    """Booked appointments that change staff."""
    MOVED_BEFORE = "moved_before"
    """Earlier moves of the clients who are moved again."""
    RESEATED = "reseated"
    """Appointments that must leave their place and have another."""
    FRAGMENTS = "fragments"
    """Minutes in gaps too short for anything that the business sells."""
    FAIRNESS = "fairness"
    """Minutes of load beyond an even share of the bookable time."""
    STAFF_USED = "staff_used"
    """Staff members who work at all."""
    OVERTIME = "overtime"
    """Minutes outside regular hours."""


GAINS = frozenset({Term.WAITLIST, Term.WAITING, Term.PREFERENCE, Term.RESEATED, "value"})


TERMS = frozenset({*Term, "value"})
"""What a policy may weigh; `value` are points of columns that come without terms."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Weights of the terms and the limits a manager sets.

    Attributes
    ----------
    name : str
    weights : mapping of term to a non-negative integer, objective points a unit
    levels : tuple of tuples of terms
        Lexicographic order: each level is settled before the next is looked at. Empty: one weighted sum.
    frozen_minutes : int
        Appointments that start within this many minutes of `now` stay where they are.
    moves_a_client, moves_a_day : int or None
        At most so many moves for one client, and in one local day; None is no limit.

    Raises
    ------
    ValueError
        On a negative or fractional weight or limit, a term that there is not, or one named on two levels.
    """

    name: str
    weights: Mapping[str, int]
    levels: tuple[tuple[str, ...], ...] = ()
    frozen_minutes: int = 24 * 60
    moves_a_client: int | None = None
    moves_a_day: int | None = None

    def __post_init__(self) -> None:
        for term, weight in self.weights.items():
            if isinstance(weight, bool) or not isinstance(weight, int) or weight < 0:
                raise ValueError(f"policy {self.name}: the weight of {term} is {weight!r}, not a whole number >= 0")
        unknown = [term for term in (*self.weights, *(t for level in self.levels for t in level)) if term not in TERMS]
        if unknown:
            raise ValueError(f"policy {self.name}: there is no term {unknown[0]!r}")
        named = [term for level in self.levels for term in level]
        if len(named) != len(set(named)):
            raise ValueError(f"policy {self.name}: a term stands on two levels")
        limits = (self.frozen_minutes, self.moves_a_client or 0, self.moves_a_day or 0)
        if not all(isinstance(limit, int) for limit in limits) or min(limits) < 0:
            raise ValueError(f"policy {self.name}: a limit is negative, or no whole number")
        object.__setattr__(self, "weights", MappingProxyType(dict(self.weights)))

    def weight(self, term: str) -> int:
        """Signed points a unit: positive for a gain, negative for a cost, zero where the policy is silent."""
        weight = self.weights.get(term, 0)
        return weight if term in GAINS else -weight


@dataclass(frozen=True, slots=True)
class TermScore:
    """One line of a plan's account: `value = weight * units`, the weight signed."""

    name: str
    units: int
    weight: int
    value: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", self.units * self.weight)


# In the proportions of the published instances: a point of priority is worth five moves.
_BALANCED: dict[str, int] = {
    Term.WAITLIST: 2000,
    Term.WAITING: 20,
    Term.PREFERENCE: 200,
    Term.EARLINESS: 1,
    Term.MOVES: 400,
    Term.MINUTES_MOVED: 3,
    Term.STAFF_CHANGED: 600,
    Term.MOVED_BEFORE: 400,
    Term.RESEATED: 1_000_000,
    Term.FRAGMENTS: 3,
    Term.FAIRNESS: 1,
    Term.OVERTIME: 20,
}
_A_FEW_MOVES: dict[str, int] = {
    Term.MOVES: 4000,
    Term.MINUTES_MOVED: 12,
    Term.STAFF_CHANGED: 4000,
    Term.MOVED_BEFORE: 4000,
    Term.FAIRNESS: 0,
}
_MOVES_LIGHTLY: dict[str, int] = {
    Term.MOVES: 100,
    Term.MINUTES_MOVED: 1,
    Term.STAFF_CHANGED: 100,
    Term.MOVED_BEFORE: 100,
}

PLACEMENT = Policy("placement", {**_BALANCED, "value": 1})
"""Waitlist entries into free time; nobody moves."""
GENTLE = Policy("gentle", {**_BALANCED, **_A_FEW_MOVES}, moves_a_client=1, moves_a_day=5)
"""Few moves, each for someone who waits; never for balance."""
BALANCED = Policy("balanced", _BALANCED, moves_a_client=1)
"""A move where it clearly pays."""
FULL = Policy("full", {**_BALANCED, **_MOVES_LIGHTLY})
"""As much value as the book can carry."""
POLICIES = MappingProxyType({policy.name: policy for policy in (GENTLE, BALANCED, FULL)})
