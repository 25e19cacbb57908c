"""Why an entry has no place, read from the columns and what is chosen around them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from solver.columns import Columns, EntryId
from solver.limits import REACHED
from solver.problem import Group, Problem
from solver.result import Reason, Unplaced

Int = NDArray[np.int64]
RULED_OUT = "limits rule out every start that hours and bookings leave"


def reasons(problem: Problem, chosen: Int) -> tuple[Unplaced, ...]:
    """A reason for each entry without a place.

    Parameters
    ----------
    chosen : int64, shape (placed,)
        The plan's columns, ascending.
    """
    placed = np.zeros(len(problem), bool)
    placed[problem.columns.entry[chosen]] = True
    edge = np.searchsorted(problem.columns.entry, np.arange(len(problem) + 1))
    blocked = np.searchsorted(problem.blocked.entry, np.arange(len(problem) + 1))
    limited = np.searchsorted(problem.limited.entry, np.arange(len(problem) + 1))
    plan = _Plan(problem, chosen)
    found = []
    for index in np.flatnonzero(~placed).tolist():
        if edge[index] < edge[index + 1]:
            found.append(_outbid(problem, plan, index, int(edge[index]), int(edge[index + 1])))
        elif limited[index] < limited[index + 1]:
            found.append(_limited(problem, plan, index, np.arange(limited[index], limited[index + 1])))
        elif blocked[index] < blocked[index + 1]:
            found.append(_taken(problem, index, problem.blocked.take(np.arange(blocked[index], blocked[index + 1]))))
        else:
            found.append(_shut(problem, index))
    return tuple(found)


class _Plan:
    """Claims of the chosen columns with the worth of whoever holds them."""

    def __init__(self, problem: Problem, chosen: Int) -> None:
        claims = problem.claims
        inside = np.isin(claims.column, chosen)
        self.lane, self.start, self.end = claims.lane[inside], claims.start[inside], claims.end[inside]
        self.entry = problem.columns.entry[claims.column[inside]]
        self.value = np.zeros(len(problem), np.int64)
        self.value[problem.columns.entry[chosen]] = problem.value[chosen]
        self.chosen = chosen
        self.unopened = [session for session, group in problem.groups.items() if not self._open(problem, group)]
        self.required = np.array([e.required for e in problem.entries], bool)

    def _open(self, problem: Problem, group: Group) -> bool:
        c, seats = problem.columns, self.chosen[problem.seat[self.chosen] == problem.columns.lane[self.chosen]]
        there = seats[(c.lane[seats] == group.lane) & (c.start[seats] == group.start)]
        return any(problem.entries[c.entry[column]].service == group.service for column in there.tolist())


def _outbid(problem: Problem, plan: _Plan, index: int, low: int, high: int) -> Unplaced:
    """The place where the entry comes nearest to paying for whom it would displace."""
    entry = problem.entries[index]
    held, used_up = _held(problem, plan, low, high), [""] * (high - low)
    value = problem.value[low:high]
    kept = (held & plan.required).any(axis=1) | np.isin(problem.seat[low:high], plan.unopened)
    firm = kept.copy()
    for column, label, cheapest in _over_limits(problem, plan, low, high):
        used_up[column] = label
        firm[column] |= cheapest is None
        held[column, [] if cheapest is None else [cheapest]] = True
    price = held @ plan.value
    best = int(np.lexsort((-(value - price), kept, firm))[0])
    by = tuple(problem.entries[i].id for i in np.flatnonzero(held[best]))
    lane, start = int(problem.columns.lane[low + best]), int(problem.columns.start[low + best])
    limit = used_up[best]
    found = Unplaced(entry.id, Reason.OUTBID, by, lane, start, int(value[best]), int(price[best]), limit=limit)
    if value.max() <= 0:
        return replace(found, code=Reason.NO_GAIN, by=(), price=0, sentence="no place is worth more than it costs")
    if firm[best]:
        if limit and not kept[best]:
            return replace(found, code=Reason.LIMIT, by=(), price=0, sentence=f"{RULED_OUT}: {limit}")
        return replace(found, code=Reason.TAKEN, price=0, sentence=f"every start is held by {_names(by)}")
    if value[best] > price[best]:
        return replace(found, code=Reason.NOT_REACHED, sentence="the search ended before trying it")
    words = f"worth {found.value} at its best start, which {_names(by)} hold with {found.price}"
    if limit:
        words = f"worth {found.value} at its best start, where {limit}, {_names(by)} among them with {found.price}"
    return replace(found, sentence=words)


def _held(problem: Problem, plan: _Plan, low: int, high: int) -> NDArray[np.bool_]:
    """Which entries stand in the way of each column of `range(low, high)`: bool, shape (columns, entries)."""
    claims = problem.claims
    rows = np.arange(*np.searchsorted(claims.column, [low, high]))
    over = (
        (claims.lane[rows, None] == plan.lane)
        & (claims.start[rows, None] < plan.end)
        & (claims.end[rows, None] > plan.start)
    )
    for lane, seats in problem.capacity.items():
        on = claims.lane[rows] == lane
        asked = np.bincount(claims.column[rows[on]] - low, minlength=high - low)[claims.column[rows[on]] - low]
        over[on] &= (over[on].sum(axis=1) + asked > seats)[:, None]
    held = np.zeros((high - low, len(problem)), bool)
    row, claim = np.nonzero(over)
    held[claims.column[rows[row]] - low, plan.entry[claim]] = True
    return held


def _over_limits(problem: Problem, plan: _Plan, low: int, high: int) -> Iterator[tuple[int, str, int | None]]:
    """Columns of `range(low, high)` that one more limit has no room for: from `low`, which, and the cheapest entry
    whose place would give way; None where only those who must keep one have theirs.
    """
    limits, chosen = problem.limits, plan.chosen
    first, words = len(limits.limit) - len(problem.quotas), [quota.words for quota in problem.quotas]
    for row in np.unique(limits.row[(limits.column >= low) & (limits.column < high)]).tolist():
        members = limits.column[limits.row == row]
        inside = np.unique(problem.columns.entry[members[np.isin(members, chosen)]])
        if row < first or len(inside) < limits.limit[row]:
            continue
        free = inside[~plan.required[inside]]
        cheapest = int(free[np.argmin(plan.value[free])]) if len(free) else None
        for column in members[(members >= low) & (members < high)].tolist():
            yield column - low, words[row - first], cheapest


def _taken(problem: Problem, index: int, places: Columns) -> Unplaced:
    """Every start that hours and staff allow is held by something that is fixed."""
    entry = problem.entries[index]
    lane, start = int(places.lane[0]), int(places.start[0])
    by = _owners(problem, lane, int(places.occupied_start[0]), int(places.occupied_end[0]))
    words = f"all {len(places)} starts are taken; the first by {_names(by)}"
    return Unplaced(entry.id, Reason.TAKEN, by, lane, start, sentence=words)


def _limited(problem: Problem, plan: _Plan, index: int, rows: Int) -> Unplaced:
    """Hours and what is fixed leave starts, a limit rules out each; the first that the plan leaves free, if any."""
    places = problem.limited.take(rows)
    over = (places.lane[:, None] == plan.lane) & (places.occupied_start[:, None] < plan.end)
    held = (over & (places.occupied_end[:, None] > plan.start)).any(axis=1)
    row = int(rows[np.argmin(held)])
    lane, start = int(problem.limited.lane[row]), int(problem.limited.start[row])
    words = f"{RULED_OUT}: {REACHED[problem.reached[row]]}"
    return Unplaced(problem.entries[index].id, Reason.LIMIT, (), lane, start, sentence=words)


def _owners(problem: Problem, lane: int, start: int, end: int) -> tuple[EntryId, ...]:
    fixed = problem.fixed
    if fixed is None or not fixed.owner:
        return ()
    over = (fixed.lane == lane) & (fixed.start < end) & (fixed.end > start)
    return tuple(dict.fromkeys(fixed.owner[i] for i in np.flatnonzero(over)))


def _shut(problem: Problem, index: int) -> Unplaced:
    entry = problem.entries[index]
    if entry.staff == ():
        return Unplaced(entry.id, Reason.NO_STAFF, sentence="nobody whom the client accepts performs this service")
    if entry.windows and max(closes for _, closes in entry.windows) <= problem.now:
        return Unplaced(entry.id, Reason.WINDOW_PAST, sentence="its last window has passed")
    return Unplaced(
        entry.id,
        Reason.WINDOW_CLOSED,
        sentence="no eligible staff member works long enough inside its windows",
    )


def _names(ids: tuple[EntryId, ...]) -> str:
    return ", ".join(str(i) for i in ids) or "nobody"
