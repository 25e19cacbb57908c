"""From the solver's result to a plan for review: moves with the versions they stand on, terms, who is left out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from uuid_utils.compat import uuid7

from models.optimisation import MoveKind
from models.sentences import Sentence
from service.commands.legality import room_of
from service.commands.plans import LeftOut, Plan, PlannedMove, TermLine
from service.db.claims import Item
from service.jobs.problems import Night
from service.jobs.reasons import Words
from service.queries.movable import Booked
from solver.answer import Effort
from solver.clock import moment
from solver.columns import EntryId
from solver.moves import MoveAccount, before_and_after, commit_groups, insisting, move_accounts
from solver.problem import Problem
from solver.result import Placement, Reason, Result

EXPLAINED = 60
"""At most so many moves, and entries left out, are each solved for once more."""
EXPLAINING = 10.0
"""Seconds of a run that may go into it."""
LOCKED = Sentence.of("It is locked where it is; unlock it, or talk to the client.")
IN_A_GROUP = Sentence.of("It is a seat in a group, which no plan moves; move it by hand.")


def plan_of(night: Night, problem: Problem, result: Result, effort: Effort) -> Plan:
    """Return the plan of a result that has been checked, with a reason for every line."""
    lines = before_and_after(problem, result)
    again = replace(effort, watch=None, deterministic=min(effort.deterministic, 2.0), wall=2.0)
    accounts = {a.entry: a for a in move_accounts(problem, result, again, _affordable(result))}
    words = Words(night, problem, result, lines)
    return Plan(
        solver_status=result.status.value,
        objective=result.objective,
        bound=result.bound,
        gap=max(result.gap, 0.0),
        terms=tuple(TermLine(b.name, a.weight, b.units, a.units, b.value, a.value) for b, a in lines),
        solve_seconds=sum(result.seconds.values()),
        moves=tuple(_Moves(night, problem, accounts, words).of(result)),
        left_out=(*_left_out(problem, result, words, again), *_stranded(night, words)),
    )


def _affordable(result: Result) -> int:
    """How many more solves fit into the time for explanations, each taken to last as long as the first."""
    once = max(0.01, sum(result.seconds.values()))
    return min(EXPLAINED, int(EXPLAINING / once))


@dataclass(frozen=True)
class _Moves:
    night: Night
    problem: Problem
    accounts: dict[EntryId, MoveAccount]
    words: Words

    def of(self, result: Result) -> list[PlannedMove]:
        groups = commit_groups(self.problem, result)
        component = {entry: number for number, group in enumerate(groups) for entry in group}
        changed = [p for p in result.placements if p.entry in component]
        return [self._line(p, component[p.entry]) for p in changed]

    def _line(self, p: Placement, component: int) -> PlannedMove:
        booked = self.words.booked.get(str(p.entry))
        if booked is None:
            entry = self.words.waiting[str(p.entry)]
            item = self._item(p, entry.service_id)
            why = self.words.placed(p, entry)
            return PlannedMove(MoveKind.PLACE, entry.id, entry.version, item, component, p.value, why)
        account = self.accounts[p.entry]
        gone = self.words.leaves(p.entry)
        return PlannedMove(
            MoveKind.RESEAT if gone else MoveKind.MOVE,
            booked.id,
            booked.version,
            self._item(p, booked.service_id),
            component,
            p.value,
            self.words.moved(p, booked, account),
            before=(booked.staff_id, booked.starts_at, booked.ends_at),
            pays={score.name: score.value for score in account.pays},
            buys=tuple(UUID(str(taker)) for taker in account.buys),
            gain=account.gain or None,
        )

    def _item(self, p: Placement, service_id: UUID) -> Item:
        view = self.night.view
        info = view.of_lane(p.lane)
        times = (moment(p.start), moment(p.end), moment(p.occupied_start), moment(p.occupied_end))
        # Where the one who opens a group is refused, the next one opens it: each names what it takes.
        also = p.also if p.session not in self.problem.groups else self._opener(p).also
        rooms = tuple(room_of(view, claim) for claim in also)
        return Item(uuid7(), service_id, info.id, info.lane_no, info.availability_version, *times, rooms=rooms)

    def _opener(self, seat: Placement) -> Placement:
        """Who takes the time of the group that another has a seat in."""
        place = (seat.lane, seat.start, None)
        return next(p for p in self.words.result.placements if (p.lane, p.start, p.session) == place)


def _left_out(problem: Problem, result: Result, words: Words, effort: Effort) -> list[LeftOut]:
    found = []
    for number, unplaced in enumerate(result.reasons):
        key = str(unplaced.entry)
        booked = words.booked.get(key)
        subject = words.waiting[key].id if booked is None else booked.id
        code = unplaced.code.value
        reason = words.sentence(unplaced) if booked is None else words.lost(booked, words.sentence(unplaced))
        insistence = None
        if unplaced.code is Reason.OUTBID and number < _affordable(result):
            insistence = words.insisted(insisting(problem, result, unplaced.entry, effort))
        told = (words.concession(unplaced.entry), insistence, booked is not None, words.relaxed(unplaced.entry))
        found.append(LeftOut(subject, code, reason, *told))
    return found


def _stranded(night: Night, words: Words) -> Sequence[LeftOut]:
    """Appointments, seats in groups too, that have lost their place and cannot be offered to the solver."""
    offered = {b.id for b in night.offered}
    lost = {b.id: (b, _by_hand(b)) for b in night.booked if b.id in night.leaving and b.id not in offered}
    for b in night.members:
        if not night.standing(b) and b.id not in night.leaving:
            lost.setdefault(b.id, (b, LOCKED if b.locked else IN_A_GROUP))
    return [
        LeftOut(b.id, "locked" if b.locked else "by_hand", words.lost(b, why), booked=True)
        for b, why in lost.values()
        if night.wished(b.id)
    ]


def _by_hand(booked: Booked) -> Sentence:
    if booked.locked:
        return LOCKED
    return Sentence.of("Its service is not offered any more; move it by hand.")
