"""What an optimisation hands back: a status, a plan, its account, a reason for what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from solver.columns import EntryId
from solver.objective import TermScore

if TYPE_CHECKING:
    import pandas as pd


class Status(StrEnum):
    """How a search ended."""

    OPTIMAL = "optimal"
    """Proven: no plan is worth more."""
    FEASIBLE = "feasible"
    """A checked plan; `bound` says how much better one could be at most."""
    NOTHING_TO_DO = "nothing_to_do"
    """No entry has any place to choose from."""
    INFEASIBLE = "infeasible"
    """Proven: the entries that must keep a place cannot all have one."""
    NO_PLAN_IN_TIME = "no_plan_in_time"
    """The effort ran out before any plan was found; nothing is proven."""


class Reason(StrEnum):
    """Why an entry has no place in the plan."""

    NO_STAFF = "no_staff"
    WINDOW_PAST = "window_past"
    WINDOW_CLOSED = "window_closed"
    TAKEN = "taken"
    OUTBID = "outbid"
    NO_GAIN = "no_gain"
    LIMIT = "limit"
    NOT_REACHED = "not_reached"


@dataclass(frozen=True, slots=True)
class Placement:
    """One entry's place in the plan.

    Attributes
    ----------
    entry : int or str
    lane : int
        Lane id of the staff member.
    start, end, occupied_start, occupied_end : int
        Minutes since the epoch, half-open: the service, and what it takes of the lane.
    value : int
        Objective points of this place.
    before : (lane id, start) or None
        Where the entry was booked.
    also : tuple of (lane id, start, end)
        Rooms, devices and further items that are taken with it.
    also_before : tuple of (lane id, start, end), or None
        What it took with it where it was booked.
    session : int or None
        The group session that it joins, whose time on the lane is taken already.
    """

    entry: EntryId
    lane: int
    start: int
    end: int
    occupied_start: int
    occupied_end: int
    value: int
    before: tuple[int, int] | None = None
    also: tuple[tuple[int, int, int], ...] = ()
    also_before: tuple[tuple[int, int, int], ...] | None = None
    session: int | None = None

    @property
    def moved(self) -> bool:
        """Booked before, and now elsewhere or with another room."""
        if self.before is None:
            return False
        return self.before != (self.lane, self.start) or self.also_before not in (None, self.also)

    @property
    def claims(self) -> tuple[tuple[int, int, int], ...]:
        """All that it takes: (lane or session, start, end)."""
        lane = self.lane if self.session is None else self.session
        return ((lane, self.occupied_start, self.occupied_end), *self.also)


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Why one entry has no place.

    Attributes
    ----------
    entry : int or str
    code : Reason
    by : tuple of entry ids or owners
        Who holds the cheapest place that the entry could have had.
    lane, start : int or None
        That place.
    value : int
        What the entry would have brought there.
    price : int
        What those in `by` bring; `value <= price` in an optimal plan. Zero where they cannot be displaced.
    sentence : str
        The same in words.
    limit : str
        The limit that those in `by` use up there, if it is one that stands in the way.
    """

    entry: EntryId
    code: Reason
    by: tuple[EntryId, ...] = ()
    lane: int | None = None
    start: int | None = None
    value: int = 0
    price: int = 0
    sentence: str = ""
    limit: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A plan with its proof.

    Attributes
    ----------
    status : Status
    objective, bound : int
        Points of this plan; no plan has more than `bound`.
    scores : tuple of TermScore
        The objective term by term; their values sum to it.
    placements : tuple of Placement, ordered by entry
    reasons : tuple of Unplaced, ordered by entry
    seed : int
    policy : str
    seconds : mapping of phase to wall seconds; not part of equality
    """

    status: Status
    objective: int
    bound: int
    scores: tuple[TermScore, ...]
    placements: tuple[Placement, ...]
    reasons: tuple[Unplaced, ...]
    seed: int
    policy: str
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False, repr=False)

    @property
    def gap(self) -> float:
        """Share of the objective by which a better plan could exceed it at most."""
        return (self.bound - self.objective) / max(1, abs(self.objective))

    @property
    def moves(self) -> tuple[Placement, ...]:
        """The placements that change a booked appointment."""
        return tuple(p for p in self.placements if p.moved)

    def to_frame(self) -> "pd.DataFrame":
        """The placements, one a row, times as UTC timestamps."""
        import pandas as pd  # noqa: PLC0415 - half a second that a booking never pays

        rows = [
            (p.entry, p.lane, p.start, p.end, p.occupied_start, p.occupied_end, p.value, p.moved)
            for p in self.placements
        ]
        names = ["entry", "lane", "start", "end", "occupied_start", "occupied_end", "value", "moved"]
        frame = pd.DataFrame(rows, columns=names)
        for name in names[2:6]:
            frame[name] = pd.to_datetime(frame[name].astype("int64") * 60, unit="s", utc=True)
        return frame

    @property
    def terms(self) -> "pd.DataFrame":
        """The account: a row a term with units, weight and value."""
        import pandas as pd  # noqa: PLC0415

        rows = [(s.name, s.units, s.weight, s.value) for s in self.scores]
        return pd.DataFrame(rows, columns=["term", "units", "weight", "value"])

    @property
    def unplaced(self) -> "pd.DataFrame":
        """The reasons, a row an entry."""
        import pandas as pd  # noqa: PLC0415

        rows = [(r.entry, r.code.value, r.by, r.value, r.price, r.sentence) for r in self.reasons]
        return pd.DataFrame(rows, columns=["entry", "code", "by", "value", "price", "sentence"])
