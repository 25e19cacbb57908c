"""A second opinion without a solver: is the plan lawful, and is it worth what it says?"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from solver.columns import EntryId, Intervals
from solver.objective import Term
from solver.problem import Problem
from solver.result import Placement, Result, Status


class Rule(StrEnum):
    """What a plan can violate."""

    UNKNOWN_ENTRY = "unknown_entry"
    PLACED_TWICE = "placed_twice"
    DROPPED = "dropped"
    WRONG_STAFF = "wrong_staff"
    OUTSIDE_HOURS = "outside_hours"
    OUTSIDE_WINDOW = "outside_window"
    NOT_A_LEGAL_START = "not_a_legal_start"
    BUFFER_EATEN = "buffer_eaten"
    OVERLAP = "overlap"
    MOVED_THOUGH_LOCKED = "moved_though_locked"
    OVER_LIMIT = "over_limit"
    NO_GROUP = "no_group"
    WRONG_VALUE = "wrong_value"
    WRONG_TERM = "wrong_term"
    WRONG_OBJECTIVE = "wrong_objective"
    WRONG_BOUND = "wrong_bound"
    NO_REASON = "no_reason"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule, by whom."""

    rule: Rule
    entries: tuple[EntryId, ...]
    detail: str


class PlanError(ValueError):
    """A plan that must not be committed; `violations` says why."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        super().__init__("; ".join(f"{v.rule}: {v.detail}" for v in violations))
        self.violations = violations


def require(problem: Problem, result: Result) -> None:
    """Raise PlanError where `check` finds anything."""
    found = check(problem, result)
    if found:
        raise PlanError(found)


def check(problem: Problem, result: Result) -> tuple[Violation, ...]:
    """Every rule that the result breaks, recomputed from the problem alone.

    Reads none of the solver's rows: overlaps are found by sorting the plan's own intervals, the account is
    added up again from the units of each term.
    """
    if result.status in {Status.INFEASIBLE, Status.NO_PLAN_IN_TIME}:
        return () if not result.placements else (Violation(Rule.WRONG_OBJECTIVE, (), "placements without a plan"),)
    by_id = {entry.id: index for index, entry in enumerate(problem.entries)}
    found = [*_entries(problem, result, by_id), *_overlaps(problem, result), *_fixed(problem, result)]
    chosen: list[int] = []
    for placement in result.placements:
        if placement.entry in by_id:
            found += _place(problem, by_id[placement.entry], placement, chosen)
    return (*found, *_limits(problem, chosen), *_together(problem, result, by_id), *_account(problem, result, chosen))


def _entries(problem: Problem, result: Result, by_id: dict[EntryId, int]) -> Iterator[Violation]:
    """Each entry at most once, required ones exactly once, the rest with a reason."""
    count = Counter(p.entry for p in result.placements)
    explained = {r.entry for r in result.reasons}
    for entry, times in count.items():
        if entry not in by_id:
            yield Violation(Rule.UNKNOWN_ENTRY, (entry,), f"{entry} is no entry of this problem")
        if times > 1:
            yield Violation(Rule.PLACED_TWICE, (entry,), f"{entry} has {times} places")
    for known in problem.entries:
        if known.required and known.id not in count:
            yield Violation(Rule.DROPPED, (known.id,), f"{known.id} must keep a place and has none")
        elif (known.id not in count) != (known.id in explained):
            yield Violation(Rule.NO_REASON, (known.id,), f"{known.id} needs either a place or a reason")


def _overlaps(problem: Problem, result: Result) -> Iterator[Violation]:
    """Sort each lane's claims by start and count who is still there."""
    lanes: dict[int, list[tuple[int, int, EntryId]]] = defaultdict(list)
    entries = {entry.id: entry for entry in problem.entries}
    opened = {(group.service, group.lane, group.start): session for session, group in problem.groups.items()}
    for p in result.placements:
        for lane, start, end in p.claims:
            lanes[lane].append((start, end, p.entry))
        party = entries.get(p.entry)
        if party is not None and party.seats > 1:
            session = opened.get((party.service, p.lane, p.start)) if p.session is None else p.session
            others = (p.occupied_start, p.occupied_end, p.entry)
            lanes[p.lane if session is None else session] += [others] * (0 if session is None else party.seats - 1)
    for lane, claims in lanes.items():
        seats, present = problem.capacity.get(lane, 1), list[tuple[int, int, EntryId]]()
        for claim in sorted(claims, key=lambda c: (c[0], c[1], str(c[2]))):
            present = [other for other in present if other[1] > claim[0]] + [claim]
            if len(present) > seats:
                who = tuple(other[2] for other in present)
                yield Violation(Rule.OVERLAP, who, f"lane {lane} at {claim[0]}: {', '.join(map(str, who))}")


def _fixed(problem: Problem, result: Result) -> Iterator[Violation]:
    """Nothing on top of what is fixed, nothing outside opening hours."""
    fixed, hours = _by_lane(problem.fixed), _by_lane(problem.hours)
    for p in result.placements:
        for lane, start, end in p.claims:
            over = sum(other[0] < end and other[1] > start for other in fixed.get(lane, ()))
            if over >= problem.capacity.get(lane, 1):
                yield Violation(Rule.OVERLAP, (p.entry,), f"{p.entry} on lane {lane} at {start}: taken")
        if problem.hours is not None:
            inside = any(a <= p.start and p.end <= b for a, b in hours.get(p.lane, ()))
            if not inside:
                yield Violation(Rule.OUTSIDE_HOURS, (p.entry,), f"{p.entry} on lane {p.lane} at {p.start}: closed")


def _by_lane(intervals: Intervals | None) -> dict[int, list[tuple[int, int]]]:
    lanes: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if intervals is not None:
        rows = (intervals.lane.tolist(), intervals.start.tolist(), intervals.end.tolist())
        for lane, start, end in zip(*rows, strict=True):
            lanes[lane].append((start, end))
    return lanes


def _place(problem: Problem, index: int, p: Placement, chosen: list[int]) -> Iterator[Violation]:
    """One placement against its entry's wishes and legal columns."""
    entry, c = problem.entries[index], problem.columns
    if entry.staff is not None and p.lane not in entry.staff:
        yield Violation(Rule.WRONG_STAFF, (p.entry,), f"{p.entry} does not accept lane {p.lane}")
    if entry.windows and not any(opens <= p.start and p.end <= closes for opens, closes in entry.windows):
        yield Violation(Rule.OUTSIDE_WINDOW, (p.entry,), f"{p.entry} cannot come at {p.start}")
    if entry.locked and (p.lane, p.start) != entry.place:
        yield Violation(Rule.MOVED_THOUGH_LOCKED, (p.entry,), f"{p.entry} is locked at {entry.place}")
    mine = np.flatnonzero((c.entry == index) & (c.lane == p.lane) & (c.start == p.start)).tolist()
    if not mine:
        yield Violation(Rule.NOT_A_LEGAL_START, (p.entry,), f"{p.entry} has no start {p.start} on lane {p.lane}")
        return
    takes = (p.lane if p.session is None else p.session, p.end, p.occupied_start, p.occupied_end, p.also)
    same = [i for i in mine if _takes(problem, i) == takes]
    if not same:
        yield Violation(Rule.BUFFER_EATEN, (p.entry,), f"{p.entry} takes other time than its service needs")
        return
    chosen.append(same[0])
    if p.value != int(problem.value[same[0]]) or (p.before, p.also_before) != (entry.place, entry.also):
        yield Violation(
            Rule.WRONG_VALUE, (p.entry,), f"{p.entry} is worth {int(problem.value[same[0]])}, not {p.value}"
        )


def _takes(problem: Problem, column: int) -> tuple[int, int, int, int, tuple[tuple[int, int, int], ...]]:
    c = problem.columns
    times = (int(problem.seat[column]), int(c.end[column]), int(c.occupied_start[column]), int(c.occupied_end[column]))
    return (*times, problem.further(column))


def _limits(problem: Problem, chosen: list[int]) -> Iterator[Violation]:
    limits, taken = problem.limits, set(chosen)
    rows = zip(limits.row.tolist(), limits.column.tolist(), strict=True)
    count = Counter(row for row, column in rows if column in taken)
    for row, limit in enumerate(limits.limit.tolist()):
        if count[row] > limit:
            yield Violation(Rule.OVER_LIMIT, (), f"{limits.label[row]}: {count[row]} of at most {limit}")


def _together(problem: Problem, result: Result, by_id: dict[EntryId, int]) -> Iterator[Violation]:
    """No more visits in a day or week than a limit leaves, unless it was broken before and nobody new comes.

    Nobody in a group that nobody opens.
    """
    placed = [(problem.entries[by_id[p.entry]], p) for p in result.placements if p.entry in by_id]
    for quota in problem.quotas:
        who = [p for e, p in placed if quota.counts(e, p.lane, p.start, joins=p.session is not None)]
        if len(who) > quota.most and any(p.before != (p.lane, p.start) for p in who):
            names = tuple(p.entry for p in who)
            yield Violation(Rule.OVER_LIMIT, names, f"{quota.words}, from {quota.first}: {len(who)} of {quota.most}")
    opened = {(e.service, p.lane, p.start) for e, p in placed if p.session is None}
    for _, p in placed:
        group = None if p.session is None else problem.groups.get(p.session)
        if group is not None and (group.service, group.lane, group.start) not in opened:
            yield Violation(Rule.NO_GROUP, (p.entry,), f"{p.entry} is in a group at {p.start} that nobody opens")


def _account(problem: Problem, result: Result, chosen: list[int]) -> Iterator[Violation]:
    """Every term added up again, one column at a time, one gap at a time."""
    stated = {score.name: score for score in result.scores}
    units = {name: sum(int(array[i]) for i in chosen) for name, array in problem.terms.items()}
    units |= _shape(problem, result)
    total = 0
    for name in sorted(set(units) | set(stated)):
        true, weight = units.get(name, 0), problem.policy.weight(name)
        total += true * weight
        score = stated.get(name)
        if score is None or (score.units, score.weight) != (true, weight):
            yield Violation(Rule.WRONG_TERM, (), f"{name}: {true} units, not {score.units if score else 'none'}")
    if total != result.objective:
        yield Violation(Rule.WRONG_OBJECTIVE, (), f"the terms sum to {total}, not {result.objective}")
    if result.bound < result.objective or (result.status is Status.OPTIMAL and result.bound != result.objective):
        yield Violation(Rule.WRONG_BOUND, (), f"bound {result.bound} for objective {result.objective}")


def _shape(problem: Problem, result: Result) -> dict[str, int]:
    """Fragments and fairness, measured on the plan's own intervals."""
    found, policy = {}, problem.policy
    if problem.sellable and problem.hours is not None and policy.weight(Term.FRAGMENTS):
        found[str(Term.FRAGMENTS)] = _idle(problem, result)
    if problem.even_share and policy.weight(Term.FAIRNESS):
        load = Counter[int]()
        for p in result.placements:
            load[p.lane] += p.end - p.start if p.session is None else 0
        found[str(Term.FAIRNESS)] = sum(max(0, load[lane] - share) for lane, share in problem.even_share.items())
    if policy.weight(Term.STAFF_USED):
        found[str(Term.STAFF_USED)] = len({p.lane for p in result.placements})
    return found


def _idle(problem: Problem, result: Result) -> int:
    """Minutes in gaps shorter than the shortest thing sold, between neighbours and at the ends of each shift."""
    busy = _by_lane(problem.fixed)
    for p in result.placements:
        for lane, start, end in p.claims:
            busy[lane].append((start, end))
    idle = 0
    for lane, shifts in _by_lane(problem.hours).items():
        for opens, closes in shifts:
            reach = opens
            inside = sorted((a, b) for a, b in busy[lane] if a < closes and b > opens)
            for start, end in (*inside, (closes, closes)):
                idle += start - reach if 0 < start - reach < problem.sellable else 0
                reach = max(reach, end)
    return idle
