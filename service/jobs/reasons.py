"""The words of a plan: why each move, why each one left out, what would help; times in the business's zone."""

from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from models.sentences import Sentence, Value
from service.jobs.problems import Night, owners
from service.queries.movable import Booked
from service.queries.waitlist import WaitingEntry
from solver.clock import moment
from solver.columns import EntryId
from solver.concessions import Concession, Kind, concessions
from solver.moves import Insistence, MoveAccount
from solver.objective import Term, TermScore
from solver.problem import Problem
from solver.result import Placement, Reason, Result, Unplaced

SHAPE = {
    str(Term.FRAGMENTS): "minutes in gaps too short to sell go from {before} to {after}",
    str(Term.FAIRNESS): "minutes beyond an even share of the load go from {before} to {after}",
    str(Term.OVERTIME): "minutes outside regular hours go from {before} to {after}",
}
"""Terms that no single move carries."""
HELPS = {
    Kind.STAFF: "With another staff member",
    Kind.TIME: "With a window {wider} wider",
    Kind.STAFF_AND_TIME: "With another staff member and with a window {wider} wider",
}


class Words:
    """What can be said of one result, each sentence true of the plan as it stands."""

    def __init__(
        self, night: Night, problem: Problem, result: Result, terms: Sequence[tuple[TermScore, TermScore]]
    ) -> None:
        self.night, self.problem, self.result, self._terms = night, problem, result, terms
        self.booked = {str(b.id): b for b in night.booked}
        self.waiting = {str(e.id): e for e in night.waiting}
        self._owners = owners(night)
        self._place = {e.id: (e, int(at)) for e, at in zip(problem.entries, problem.current, strict=True)}

    def leaves(self, entry: EntryId) -> bool:
        """Whether a booked appointment could not have stayed."""
        return self._place[entry][1] < 0

    def placed(self, p: Placement, entry: WaitingEntry) -> Sentence:
        """Why a waiting client is placed."""
        since = entry.since.astimezone(self.night.view.snapshot.zone)
        owners = [self._name(owner) for owner in self._givers.get(p.entry, ())]
        rest = "inside the client's window; priority {priority}, waiting since {since}."
        known: dict[str, Value] = {"priority": entry.priority, "since": since.date()}
        if not owners:
            return Sentence.of(f"Free time, {rest}", **known)
        give = "gives" if len(set(owners)) == 1 else "give"
        return Sentence.of(f"Time that {{names}} {give} up, {rest}", names=owners, **known)

    @cached_property
    def _givers(self) -> dict[EntryId, list[EntryId]]:
        """Whose old time each placement takes."""
        held = {p.entry: p.before for p in self.result.moves}
        lengths = {key: self._length(key) for key in held}
        found: dict[EntryId, list[EntryId]] = {}
        for p in self.result.placements:
            for owner, before in held.items():
                if before is not None and owner != p.entry and before[0] == p.lane:
                    since, until = lengths[owner]
                    if p.occupied_start < until and p.occupied_end > since:
                        found.setdefault(p.entry, []).append(owner)
        return found

    def _length(self, entry: EntryId) -> tuple[int, int]:
        b = self.booked[str(entry)]
        return int(b.claim_starts_at.timestamp() // 60), int(-(-b.claim_ends_at.timestamp() // 60))

    def moved(self, p: Placement, booked: Booked, account: MoveAccount) -> Sentence:
        """Why a booked client is moved: how far, what it costs them, what it buys, what the plan loses without it."""
        parts = [Sentence.of(self._missing(booked, "at the booked time."), who=booked.staff)] * self.leaves(p.entry)
        parts.append(self._how_far(p, booked))
        if account.buys:
            parts.append(Sentence.of("Makes room for {names}.", names=[self._name(taker) for taker in account.buys]))
        elif not self.leaves(p.entry):
            parts += self._shape()
        if booked.moves:
            times = "once" if booked.moves == 1 else "{n} times"
            parts.append(Sentence.of(f"Moved {times} before.", n=booked.moves))
        if account.gain:
            least = "Without it the plan is worth at least {n} points less."
            parts.append(
                Sentence.of(least if account.gain > 1 else "Without it the plan is worth less.", n=account.gain)
            )
        return Sentence.all(parts)

    def _how_far(self, p: Placement, booked: Booked) -> Sentence:
        minutes = p.start - int(booked.starts_at.timestamp() // 60)
        name = self.night.view.of_lane(p.lane).name
        staff = "with {who} in place of {before}" if name != booked.staff else "still with {who}"
        when = "At the same time" if not minutes else f"{{length}} {'later' if minutes > 0 else 'earlier'}"
        length = timedelta(minutes=abs(minutes))
        return Sentence.of(f"{when}, {staff}.", length=length, who=name, before=booked.staff)

    def _shape(self) -> list[Sentence]:
        """What the plan as a whole gains where nobody takes the time that is left."""
        gains = [(b, a) for b, a in self._terms if a.name in SHAPE and a.value > b.value]
        terms = [Sentence.of(SHAPE[a.name], before=b.units, after=a.units) for b, a in gains]
        return [Sentence.of("With the other moves, {terms}.", terms=terms)] if terms else []

    def sentence(self, unplaced: Unplaced) -> Sentence:
        """Say why an entry has no place, in the words of the front desk."""
        told = f"{unplaced.sentence[:1].upper()}{unplaced.sentence[1:]}"
        if unplaced.lane is None or unplaced.start is None:
            return Sentence.of(f"{told}.")
        place = self._at(unplaced.lane, unplaced.start)
        if unplaced.code is Reason.OUTBID:
            others: dict[str, Value] = {"names": [self._name(other) for other in unplaced.by], "price": unplaced.price}
            how = "The best start, {at} with {who}, goes to {names}"
            if unplaced.limit:
                how = f"At the best start, {{at}} with {{who}}, {unplaced.limit}, {{names}} among them"
            worth = "worth {price} to the plan, against {value}."
            return Sentence.of(f"{how}: {worth}", **place, **others, value=unplaced.value)
        if unplaced.code is Reason.TAKEN:
            told = "Every start on the days asked for, as far as this plan reaches, is taken: for one"
            return Sentence.of(f"{told}, {{at}} with {{who}}.", **place)
        some = "for one on" if unplaced.code is Reason.LIMIT else "at best"
        return Sentence.of(f"{told}, {some} {{at}} with {{who}}.", **place)

    def lost(self, booked: Booked, why: Sentence) -> Sentence:
        """Say that an appointment has lost its place and has no other."""
        at = booked.starts_at.astimezone(self.night.view.snapshot.zone)
        english = self._missing(booked, "on {at}, and no other place was found.")
        return Sentence.all([Sentence.of(english, who=booked.staff, at=at), why])

    def _missing(self, booked: Booked, when: str) -> str:
        """Who or what an appointment has lost."""
        what = "{who}"
        if self.night.staffed(booked):
            what = what if self.night.roomed(booked) else "A room or device that it holds beside {who}"
        elif self.night.led(booked):
            what = "A colleague whom it needs beside {who}"
        return f"{what} is not there {when}"

    def concession(self, entry: EntryId) -> Sentence | None:
        """Return the smallest concession that would place an entry beside the plan, in words."""
        found = self._concessions.get(entry)
        if found is None:
            return None
        place = self._at(found.lane, found.start)
        english, wider = f"{HELPS[found.kind]}: {{at}} with {{who}}.", timedelta(minutes=found.minutes)
        return Sentence.of(english, wider=wider, **place)

    def relaxed(self, entry: EntryId) -> tuple[UUID, datetime] | None:
        """Return the place that the smallest concession would give: with whom, and when."""
        found = self._concessions.get(entry)
        return None if found is None else (self.night.view.of_lane(found.lane).id, moment(found.start))

    @cached_property
    def _concessions(self) -> dict[EntryId, Concession]:
        found = concessions(self.night.view.snapshot, self.problem, self.result, self.night.now)
        return {concession.entry: concession for concession in found}

    def insisted(self, insistence: Insistence) -> Sentence | None:
        """Say what placing an entry after all would cost the others: one plan that does so has been found."""
        if insistence.cost is None:
            return None
        rest = "and leaves out {names}" if insistence.loses else "and leaves nobody else out"
        names = [self._name(loser) for loser in insistence.loses]
        worth = "{n} points less" if insistence.cost else "as much"
        return Sentence.of(f"A plan that places them is worth {worth}, {rest}.", n=insistence.cost, names=names)

    def _at(self, lane: int, start: int) -> dict[str, str | datetime]:
        local = moment(start).astimezone(self.night.view.snapshot.zone)
        return {"at": local, "who": self.night.view.of_lane(lane).name}

    def _name(self, key: Hashable) -> str:
        return self._owners.get(key, "another client")
