"""Recommendations: the starts of one new request, ranked by what each does to the objective of the whole book."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solver.columns import Int, Preference, preferred
from solver.lanes import Minutes
from solver.objective import BALANCED, Policy, Term
from solver.places import shortest_sold
from solver.slots import Slots
from solver.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Recommendations:
    """Starts, best first.

    Attributes
    ----------
    slots : Slots
    change : int64, shape (n,)
        Points by which the book's objective changes; the sum of the parts.
    parts : mapping of term to int64, shape (n,)
        Points of each term, signed.
    """

    slots: Slots
    change: Int
    parts: dict[str, Int]

    def to_frame(self) -> "pd.DataFrame":
        """One row a start: staff, times, change and parts."""
        return self.slots.to_frame().assign(change=self.change, **self.parts)


def recommend(
    slots: Slots,
    now: int,
    policy: Policy = BALANCED,
    limit: int | None = None,
    prefers: Sequence[Preference] = (),
) -> Recommendations:
    """Rank legal starts by the change that each makes to the book's objective.

    Parameters
    ----------
    slots : Slots
        What the slot finder returned.
    now : int
        Epoch minutes.
    limit : int, optional
        At most so many.
    prefers : sequence of Preference, optional
        What the client would like.

    Notes
    -----
    Exact for the terms that a single booking can change: preference, earliness, idle fragments (the gap that it
    splits) and fairness (its lane's load beyond an even share of the book as it stands).
    """
    sellable = shortest_sold(slots.snapshot)
    before, after = slots.claim_start - slots.gap_lo, slots.gap_hi - slots.claim_end
    whole = slots.gap_hi - slots.gap_lo
    units = {
        str(Term.PREFERENCE): preferred(prefers, slots.lane, slots.start, slots.end),
        str(Term.EARLINESS): (slots.start - now) // 60,
        str(Term.FRAGMENTS): _short(before, sellable) + _short(after, sellable) - _short(whole, sellable),
        str(Term.FAIRNESS): _load_beyond(slots),
    }
    parts = {name: policy.weight(name) * array for name, array in units.items() if policy.weight(name)}
    change = sum(parts.values(), np.zeros(len(slots), np.int64))
    order = np.lexsort((slots.lane, slots.start, -change))[:limit]
    return Recommendations(slots.take(order), change[order], {name: part[order] for name, part in parts.items()})


def _short(gap: Int, sellable: int) -> Int:
    return np.where((gap > 0) & (gap < sellable), gap, 0)


def _load_beyond(slots: Slots) -> Int:
    """Minutes by which each start raises its lane's load beyond an even share."""
    load, share = even_shares(slots.snapshot)
    length = slots.end - slots.start
    lane = slots.lane
    raised: Int = np.maximum(load[lane] + length - share[lane], 0) - np.maximum(load[lane] - share[lane], 0)
    return raised


def even_shares(snapshot: Snapshot) -> tuple[Minutes, Minutes]:
    """Claimed minutes of each lane, and those it would have at the book's mean utilisation; int64, shape (lanes,)."""
    load = np.array([int((lane.busy[:, 1] - lane.busy[:, 0]).sum()) for lane in snapshot.lanes], np.int64)
    work = np.array([int((lane.work[:, 1] - lane.work[:, 0]).sum()) for lane in snapshot.lanes], np.int64)
    return load, load.sum() * work // max(1, int(work.sum()))
