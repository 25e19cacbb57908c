"""What a run of the optimiser may do: its kinds, its policies by name, and the rules a business sets for it."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Literal, Self

from models.errors import InvalidInput

POLICY_NAMES = ("gentle", "balanced", "full")
LONGEST_SEARCH = 600
"""Seconds that a run may be given."""


class RunKind(StrEnum):
    """What a run decides."""

    WAITLIST = "waitlist"
    """Waiting clients into free time; nobody who is booked moves."""
    REBALANCE = "rebalance"
    """Booked appointments may move within what their clients allowed, so that more fits."""
    RESEAT = "reseat"
    """Appointments that must leave their place have another; everybody else stays."""


class MoveKind(StrEnum):
    """What one line of a plan does."""

    PLACE = "place"
    MOVE = "move"
    RESEAT = "reseat"


class StaffAllowed(StrEnum):
    """With whom a booked client would come instead."""

    SAME = "same"
    ANY = "any"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for a business where neither its client nor its manager says otherwise.

    Attributes
    ----------
    minutes : int
        A booked client would come that much earlier or later on the same local day.
    staff : "same" or "any"
        With whom.
    frozen_hours : int
        Nobody is moved who comes within so many hours, nor to a time within them.
    moves_a_client, moves_a_day : int or None
        At most so many moves a run for one client, and among those booked on one day; None: as the policy says.
    reseat_days : int
        A client whose place is lost would come up to so many local days earlier or later, with anyone allocated.
    seconds : int
        How long a run may search.

    Raises
    ------
    InvalidInput
        A value that cannot be; the message names it.
    """

    minutes: int = 60
    staff: Literal["same", "any"] = "same"
    frozen_hours: int = 24
    moves_a_client: int | None = None
    moves_a_day: int | None = None
    reseat_days: int = 3
    seconds: int = 60

    def __post_init__(self) -> None:
        limits = {"minutes": 1440, "frozen_hours": 24 * 31, "reseat_days": 31}
        for name, most in limits.items():
            _between(name, getattr(self, name), 0, most)
        _between("seconds", self.seconds, 1, LONGEST_SEARCH)
        for name in ("moves_a_client", "moves_a_day"):
            if getattr(self, name) is not None:
                _between(name, getattr(self, name), 0, 10_000)
        if self.staff not in (StaffAllowed.SAME, StaffAllowed.ANY):
            raise InvalidInput(f"staff is same or any, not {self.staff!r}.")

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """Return the rules that a business's settings hold, the defaults in place of what they leave out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})


def _between(name: str, value: object, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidInput(f"{name} is a whole number from {least} to {most}, not {value!r}.")
