"""How full time was: worked, claimed, and idle in gaps too short to sell, from the arrays of a view."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from service.db.views import View


@dataclass(frozen=True, slots=True)
class Filled:
    """Minutes of somebody, or of a span of days: worked, claimed, and idle in gaps too short to sell."""

    name: str
    worked: int
    claimed: int
    fragments: int

    @property
    def share(self) -> float:
        """How much of the time is claimed, 0 to 1."""
        return min(1.0, self.claimed / self.worked) if self.worked else 0.0

    @property
    def idle(self) -> int:
        """Minutes worked and not claimed."""
        return max(self.worked - self.claimed, 0)


def filled(view: View, start: int, end: int) -> list[Filled]:
    """Return how full each staff member's time in [start, end) (epoch minutes) is, by name."""
    shortest = min((s.duration + s.buffer_before + s.buffer_after for s in view.snapshot.services), default=0)
    found = []
    for member, lane in zip(view.snapshot.staff, view.snapshot.lanes, strict=False):
        work = np.clip(lane.work[:, :2], start, end)
        near = (lane.busy[:, 0] < end) & (lane.busy[:, 1] > start)
        gaps, claimed = _gaps(work.tolist(), lane.busy[near].tolist())
        worked = int((work[:, 1] - work[:, 0]).sum())
        name = view.lanes[UUID(str(member))].name
        found.append(Filled(name, worked, claimed, sum(g for g in gaps if g < shortest)))
    return sorted(found, key=lambda f: f.name)


def together(name: str, parts: Iterable[Filled]) -> Filled:
    """Return the sum of some, under a name."""
    known = list(parts)
    return Filled(name, *(sum(getattr(p, what) for p in known) for what in ("worked", "claimed", "fragments")))


def _gaps(work: list[list[int]], busy: list[list[int]]) -> tuple[list[int], int]:
    """Return the lengths of the gaps between claims inside working time, and the minutes claimed there."""
    gaps, claimed = [], 0
    for opens, closes in work:
        at = opens
        for begin, stop in busy:
            if begin < closes and stop > opens:
                gaps.append(max(begin, opens) - at)
                claimed += max(0, min(stop, closes) - max(begin, at))
                at = max(at, min(stop, closes))
        gaps.append(closes - at)
    return [gap for gap in gaps if gap > 0], claimed
