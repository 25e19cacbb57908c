"""A plan read move by move: what each pays and buys, what it would cost to do without, and what commits together."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.answer import Effort
from solver.columns import EntryId
from solver.objective import TermScore
from solver.problem import Problem
from solver.result import Result
from solver.solve import account, solve


@dataclass(frozen=True, slots=True)
class MoveAccount:
    """One move's reasons.

    Attributes
    ----------
    entry : int, str or UUID
    pays : tuple of TermScore
        The terms that the move costs, those of zero left out.
    buys : tuple of entry ids
        Who takes the time that it leaves, directly.
    gain : int
        Points that the whole plan loses at least if this booking stays where it is: proven by solving again, from
        the plan's worth down to the bound of the plan without the move. Zero: others could do without it.
    """

    entry: EntryId
    pays: tuple[TermScore, ...]
    buys: tuple[EntryId, ...]
    gain: int


def move_accounts(
    problem: Problem, result: Result, effort: Effort | None = None, proven: int | None = None
) -> tuple[MoveAccount, ...]:
    """What each move of the plan pays and buys, and its gain by solving the book with that booking held.

    Parameters
    ----------
    proven : int, optional
        Solve again for the first so many moves only; the gain of the others is zero.
    """
    takers = _takers(problem, result)
    found = []
    for number, move in enumerate(result.moves):
        index = next(i for i, e in enumerate(problem.entries) if e.id == move.entry)
        pays = _pays(problem, index, move.lane, move.start)
        gain = 0
        if problem.current[index] >= 0 and (proven is None or number < proven):
            held = solve(with_columns(problem, index, [int(problem.current[index])]), effort)
            gain = max(0, result.objective - held.bound)
        found.append(MoveAccount(move.entry, pays, tuple(takers.get(move.entry, ())), gain))
    return tuple(found)


def _pays(problem: Problem, index: int, lane: int, start: int) -> tuple[TermScore, ...]:
    c = problem.columns
    (column, *_) = np.flatnonzero((c.entry == index) & (c.lane == lane) & (c.start == start)).tolist()
    scores = (TermScore(name, int(units[column]), problem.policy.weight(name)) for name, units in problem.terms.items())
    return tuple(sorted((s for s in scores if s.value < 0), key=lambda s: s.name))


def _takers(problem: Problem, result: Result) -> dict[EntryId, list[EntryId]]:
    """For each moved booking, who sits on time that it held before."""
    held = _old_claims(problem, result)
    found: dict[EntryId, list[EntryId]] = defaultdict(list)
    for p in result.placements:
        for lane, start, end in p.claims:
            for owner, at, since, until in held:
                if owner != p.entry and at == lane and start < until and end > since and p.entry not in found[owner]:
                    found[owner].append(p.entry)
    return found


def _old_claims(problem: Problem, result: Result) -> list[tuple[EntryId, int, int, int]]:
    """(entry, lane, start, end) of everything that moved bookings held before."""
    moved, claims = {m.entry for m in result.moves}, problem.claims
    rows = []
    for entry, column in zip(problem.entries, problem.current.tolist(), strict=True):
        if entry.id in moved and column >= 0:
            mine = np.flatnonzero(claims.column == column)
            rows += [(entry.id, int(claims.lane[i]), int(claims.start[i]), int(claims.end[i])) for i in mine]
    return rows


def commit_groups(problem: Problem, result: Result) -> tuple[tuple[EntryId, ...], ...]:
    """The plan in groups that must be committed whole: whoever takes another's old time goes with them.

    Everybody who stays put is left out; a placement into free time is a group of its own.
    """
    changed = [p.entry for p in result.placements if p.before is None or p.moved]
    leader = {entry: entry for entry in changed}

    def root(entry: EntryId) -> EntryId:
        while leader[entry] != entry:
            entry = leader[entry]
        return entry

    for owner, takers in _takers(problem, result).items():
        for taker in takers:
            if taker in leader and owner in leader:
                leader[root(taker)] = root(owner)
    for coming, going in _taking_turns(problem, result):
        for entry in (*coming, *going):
            leader[root(entry)] = root(coming[0])
    groups: dict[EntryId, list[EntryId]] = defaultdict(list)
    for entry in changed:
        groups[root(entry)].append(entry)
    return tuple(tuple(group) for group in groups.values())


def _taking_turns(problem: Problem, result: Result) -> Iterator[tuple[list[EntryId], list[EntryId]]]:
    """Who comes to a day or week, and who leaves it, where the limit has no room for both at once."""
    entries = {entry.id: entry for entry in problem.entries}
    booked = {e.id: e.place for e in problem.entries if e.place is not None and e.required}
    for quota in problem.quotas:
        before = {i for i, place in booked.items() if quota.counts(entries[i], *place, joins=False)}
        after = {
            p.entry
            for p in result.placements
            if quota.counts(entries[p.entry], p.lane, p.start, joins=p.session is not None)
        }
        coming = [p.entry for p in result.placements if p.entry in after - before]
        if coming and len(before) + len(coming) > quota.most:
            yield coming, [p.entry for p in result.placements if p.entry in before - after]


def before_and_after(problem: Problem, result: Result) -> tuple[tuple[TermScore, TermScore], ...]:
    """The account of the present book beside the plan's, term by term."""
    present = np.sort(problem.current[problem.current >= 0])
    after = {score.name: score for score in result.scores}
    return tuple((score, after[score.name]) for score in account(problem, present))


@dataclass(frozen=True, slots=True)
class Insistence:
    """What it would cost the others to place one entry after all.

    Attributes
    ----------
    entry : int, str or UUID
    cost : int or None
        Points that the plan would lose; None where no plan has it.
    loses : tuple of entry ids
        Who would have no place any more.
    """

    entry: EntryId
    cost: int | None
    loses: tuple[EntryId, ...]


def insisting(problem: Problem, result: Result, entry: EntryId, effort: Effort | None = None) -> Insistence:
    """Solve again with the entry's place required.

    Raises
    ------
    KeyError
        There is no such entry.
    """
    known = {e.id: i for i, e in enumerate(problem.entries)}
    index = known[entry]
    if not np.any(problem.columns.entry == index):
        return Insistence(entry, None, ())
    entries = list(problem.entries)
    entries[index] = replace(entries[index], required=True)
    forced = solve(replace(problem, entries=tuple(entries)), effort)
    if not forced.placements:
        return Insistence(entry, None, ())
    placed = {p.entry for p in forced.placements}
    return Insistence(
        entry, result.objective - forced.objective, tuple(p.entry for p in result.placements if p.entry not in placed)
    )


def with_columns(problem: Problem, index: int, columns: Sequence[int]) -> Problem:
    """The problem with only these columns left to one entry."""
    kept = problem.columns.entry != index
    kept[list(columns)] = True
    number = np.cumsum(kept) - 1
    claims, limits = problem.claims, problem.limits
    c, r = kept[claims.column], kept[limits.column] if len(limits.column) else np.empty(0, bool)
    return replace(
        problem,
        columns=problem.columns.take(np.flatnonzero(kept)),
        claims=replace(
            claims,
            column=number[claims.column[c]].astype(np.int32),
            lane=claims.lane[c],
            start=claims.start[c],
            end=claims.end[c],
        ),
        terms={name: units[kept] for name, units in problem.terms.items()},
        value=problem.value[kept],
        seat=problem.seat[kept],
        current=np.where((problem.current >= 0) & kept[problem.current], number[problem.current], -1),
        limits=replace(limits, row=limits.row[r], column=number[limits.column[r]].astype(np.int32)),
    )
