"""The words of a plan: why each move, why each one left out, what would help; times in the business's zone."""

from collections.abc import Hashable, Sequence
from datetime import datetime
from functools import cached_property
from uuid import UUID

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
    str(Term.FRAGMENTS): "minutes in gaps too short to sell",
    str(Term.FAIRNESS): "minutes beyond an even share of the load",
    str(Term.OVERTIME): "minutes outside regular hours",
}
"""Terms that no single move carries."""


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

    def placed(self, p: Placement, entry: WaitingEntry) -> str:
        """Why a waiting client is placed."""
        since = entry.since.astimezone(self.night.view.snapshot.zone)
        owners = [self._name(owner) for owner in self._givers.get(p.entry, ())]
        how = f"Time that {_and(owners)} {'gives' if len(set(owners)) == 1 else 'give'} up" if owners else "Free time"
        return f"{how}, inside the client's window; priority {entry.priority}, waiting since {since:%d %b}."

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

    def moved(self, p: Placement, booked: Booked, account: MoveAccount) -> str:
        """Why a booked client is moved: how far, what it costs them, what it buys, what the plan loses without it."""
        parts = [self._how_far(p, booked)]
        if account.buys:
            parts.append(f"Makes room for {_and([self._name(taker) for taker in account.buys])}.")
        elif not self.leaves(p.entry):
            parts.append(self._shape())
        if booked.moves:
            parts.append(f"Moved {_times(booked.moves)} before.")
        if account.gain:
            parts.append(f"Without it the plan is worth at least {account.gain:,} points less.")
        return " ".join(part for part in parts if part)

    def _how_far(self, p: Placement, booked: Booked) -> str:
        minutes = p.start - int(booked.starts_at.timestamp() // 60)
        name = self.night.view.of_lane(p.lane).name
        staff = f"with {name} in place of {booked.staff}" if name != booked.staff else f"still with {name}"
        when = "At the same time" if not minutes else f"{_span(abs(minutes))} {'later' if minutes > 0 else 'earlier'}"
        lost = f"{self._missing(booked)} is not there at the booked time. " if self.leaves(p.entry) else ""
        return f"{lost}{when}, {staff}."

    def _shape(self) -> str:
        """What the plan as a whole gains where nobody takes the time that is left."""
        gains = [(b, a) for b, a in self._terms if a.name in SHAPE and a.value > b.value]
        if not gains:
            return ""
        words = _and([f"{SHAPE[a.name]} go from {b.units} to {a.units}" for b, a in gains])
        return f"With the other moves, {words}."

    def sentence(self, unplaced: Unplaced) -> str:
        """Say why an entry has no place, in the words of the front desk."""
        if unplaced.lane is None or unplaced.start is None:
            return f"{unplaced.sentence[:1].upper()}{unplaced.sentence[1:]}."
        place = self._at(unplaced.lane, unplaced.start)
        others = _and([self._name(other) for other in unplaced.by])
        if unplaced.code is Reason.OUTBID:
            worth = f"worth {unplaced.price:,} to the plan, against {unplaced.value:,}"
            if unplaced.limit:
                return f"At the best start, {place}, {unplaced.limit}, {others} among them: {worth}."
            return f"The best start, {place}, goes to {others}: {worth}."
        if unplaced.code is Reason.TAKEN:
            return f"Every start on the days asked for, as far as this plan reaches, is taken: for one, {place}."
        some = "for one on" if unplaced.code is Reason.LIMIT else "at best"
        return f"{unplaced.sentence[:1].upper()}{unplaced.sentence[1:]}, {some} {place}."

    def lost(self, booked: Booked, why: str) -> str:
        """Say that an appointment has lost its place and has no other."""
        at = booked.starts_at.astimezone(self.night.view.snapshot.zone)
        return f"{self._missing(booked)} is not there on {at:%a %d %b at %H:%M}, and no other place was found. {why}"

    def _missing(self, booked: Booked) -> str:
        """Who or what an appointment has lost."""
        if self.night.staffed(booked):
            return (
                booked.staff if self.night.roomed(booked) else f"A room or device that it holds beside {booked.staff}"
            )
        return f"A colleague whom it needs beside {booked.staff}" if self.night.led(booked) else booked.staff

    def concession(self, entry: EntryId) -> str | None:
        """Return the smallest concession that would place an entry beside the plan, in words."""
        found = self._concessions.get(entry)
        if found is None:
            return None
        place = self._at(found.lane, found.start)
        wider = f"with a window {_span(found.minutes)} wider"
        words = {
            Kind.STAFF: f"With another staff member: {place}.",
            Kind.TIME: f"W{wider[1:]}: {place}.",
            Kind.STAFF_AND_TIME: f"With another staff member and {wider}: {place}.",
        }
        return words[found.kind]

    def relaxed(self, entry: EntryId) -> tuple[UUID, datetime] | None:
        """Return the place that the smallest concession would give: with whom, and when."""
        found = self._concessions.get(entry)
        return None if found is None else (self.night.view.of_lane(found.lane).id, moment(found.start))

    @cached_property
    def _concessions(self) -> dict[EntryId, Concession]:
        found = concessions(self.night.view.snapshot, self.problem, self.result, self.night.now)
        return {concession.entry: concession for concession in found}

    def insisted(self, insistence: Insistence) -> str | None:
        """Say what placing an entry after all would cost the others: one plan that does so has been found."""
        if insistence.cost is None:
            return None
        if not insistence.loses:
            return f"A plan that places them is worth {insistence.cost:,} points less, and leaves nobody else out."
        names = _and([self._name(loser) for loser in insistence.loses])
        return f"A plan that places them is worth {insistence.cost:,} points less, and leaves out {names}."

    def _at(self, lane: int, start: int) -> str:
        local = moment(start).astimezone(self.night.view.snapshot.zone)
        return f"{local:%a %d %b %H:%M} with {self.night.view.of_lane(lane).name}"

    def _name(self, key: Hashable) -> str:
        return self._owners.get(key, "another client")


def _and(names: list[str]) -> str:
    unique = list(dict.fromkeys(names))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} and {unique[-1]}" if unique else "others"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _span(minutes: int) -> str:
    days, rest = divmod(minutes, 1440)
    hours, left = divmod(rest, 60)
    parts = [(days, "day"), (hours, "hour"), (left, "minute")]
    return " ".join(f"{n} {word}{'s' if n != 1 else ''}" for n, word in parts if n)
