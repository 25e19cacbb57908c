"""From rows and arrays to the solver's problem: who waits, who may move where, who must leave."""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

import numpy as np

from models.optimisation import Rules, RunKind, StaffAllowed
from service.db.views import View
from service.queries.movable import Booked
from service.queries.waitlist import WaitingEntry
from solver.book import Booking
from solver.clock import epoch_minute
from solver.columns import Entry
from solver.lanes import Lane
from solver.objective import POLICIES, Policy
from solver.placement import Windows, merged, placement_problem
from solver.problem import Problem
from solver.rebalance import rebalance_problem
from solver.snapshot import Snapshot

GONE = -1
"""The lane of someone who works here no longer."""


@dataclass(frozen=True)
class Night:
    """All that one run stands on: arrays, rows and rules of one moment.

    `view` has no claims but live ones; `booked`, and `members` of groups, start inside `horizon` and not before `now`;
    `visits` are when who waits comes already, in epoch minutes by client and service; `only`, where given, names the
    appointments and entries that may move or be placed, the others stay.
    """

    view: View
    kind: RunKind
    horizon: tuple[datetime, datetime]
    now: datetime
    rules: Rules
    frozen_minutes: int
    booked: tuple[Booked, ...] = ()
    waiting: tuple[WaitingEntry, ...] = ()
    members: tuple[Booked, ...] = ()
    visits: Mapping[tuple[UUID, UUID], tuple[int, ...]] = field(default_factory=dict)
    only: frozenset[UUID] | None = None

    def wished(self, subject: UUID) -> bool:
        """Whether a run may touch an appointment or entry."""
        return self.only is None or subject in self.only

    def lane(self, booked: Booked) -> int:
        """Return the snapshot's lane of whom an appointment is booked with, `GONE` where there is none."""
        return self.view.snapshot.staff_index.get(booked.staff_id, GONE)

    @cached_property
    def leaving(self) -> frozenset[UUID]:
        """Appointments whose place is lost: one of their staff gone or not at work then, or a room that they hold."""
        return frozenset(b.id for b in self.booked if not self.standing(b))

    def standing(self, b: Booked) -> bool:
        """Whether the place of an appointment is there: staff at work, rooms open."""
        return self.staffed(b) and self.roomed(b)

    def staffed(self, b: Booked) -> bool:
        """Whether all the staff of an appointment are at work then."""
        return self.led(b) and all(self._open(part.lane, *part.within) for part in parts_of(self, b) if part.service)

    def led(self, b: Booked) -> bool:
        """Whether the staff member of an appointment's first item is at work then."""
        return self._open(self.lane(b), epoch_minute(b.starts_at), epoch_minute(b.ends_at, up=True))

    def roomed(self, b: Booked) -> bool:
        """Whether the rooms that an appointment holds are there, and open then."""
        return all(self._open(part.lane, *part.within) for part in parts_of(self, b) if not part.service)

    def _open(self, lane: int, start: int, end: int) -> bool:
        return any(opens <= start and end <= closes for opens, closes in self._hours[lane])

    @cached_property
    def _hours(self) -> Mapping[int, Windows]:
        work = {lane.index: tuple((a, b) for a, b, _ in lane.work.tolist()) for lane in self.view.snapshot.lanes}
        return defaultdict(tuple, ((lane, merged(spans)) for lane, spans in work.items()))

    @cached_property
    def snapshot(self) -> Snapshot:
        """The view's arrays with the shifts that the horizon touches alone: idle time and load count within it."""
        start, end = (epoch_minute(moment) for moment in self.horizon)
        return replace(self.view.snapshot, lanes=tuple(_within(lane, start, end) for lane in self.view.snapshot.lanes))

    @cached_property
    def offered(self) -> tuple[Booked, ...]:
        """Appointments that the arrays know with all they hold; the others stay where they are.

        Nobody may move one that is locked and yet has lost its place: the plan says so.
        """
        claims = {(lane.index, a, b) for lane in self.view.snapshot.lanes for a, b in lane.busy.tolist()}
        return tuple(
            b
            for b in self.booked
            if b.service_id in self.view.snapshot.service_index
            and not (b.id in self.leaving and (b.locked or not self.wished(b.id)))
            and all(claim in claims or self._gone(claim[0]) for claim in _held(self, b))
        )

    def _gone(self, lane: int) -> bool:
        return lane == GONE or lane >= len(self.view.snapshot.lanes)


def _within(lane: Lane, start: int, end: int) -> Lane:
    near = (lane.work[:, 0] < end) & (lane.work[:, 1] > start)
    rest = (lane.blocks.copy(), lane.booked.copy(), lane.sessions.copy())
    return Lane.made(lane.index, lane.work[near], lane.busy.copy(), lane.begun[near], *rest)


def problem_of(night: Night, policy: str) -> Problem:
    """Return the problem of a run by one of the ready policies, within the business's limits.

    Raises
    ------
    InvalidProblem
        The rows contradict each other; the message names the one.
    """
    entries = [entry for entry in night.waiting if night.wished(entry.id)]
    wishes = [wish for entry in entries if (wish := _wish(night, entry)) is not None]
    if night.kind is RunKind.WAITLIST:
        return placement_problem(night.view.snapshot, wishes, night.now)
    bookings = rebalance_bookings(night)
    waiting = wishes if night.kind is RunKind.REBALANCE else []
    return rebalance_problem(night.snapshot, bookings, waiting, night.now, policy_of(night, policy))


def rebalance_bookings(night: Night) -> list[Booking]:
    """Return the appointments of a run as the solver takes them, each with what its client allowed."""
    return [_booking(night, b) for b in night.offered]


def policy_of(night: Night, name: str) -> Policy:
    """Return a ready policy with the frozen window of the run and the business's limits."""
    ready, rules = POLICIES[name], night.rules
    per_client = ready.moves_a_client if rules.moves_a_client is None else rules.moves_a_client
    per_day = ready.moves_a_day if rules.moves_a_day is None else rules.moves_a_day
    return replace(ready, frozen_minutes=night.frozen_minutes, moves_a_client=per_client, moves_a_day=per_day)


def _wish(night: Night, entry: WaitingEntry) -> Entry | None:
    open_windows = _clipped(night, entry.windows)
    snapshot = night.view.snapshot
    if not open_windows or entry.service_id not in snapshot.service_index:
        return None
    return Entry(
        str(entry.id),
        priority=entry.priority,
        since=epoch_minute(entry.since),
        service=entry.service_id,
        windows=open_windows,
        staff=None if entry.staff_ids is None else _lanes(night, entry.staff_ids),
        client=str(entry.client_id),
        booked=night.visits.get((entry.client_id, entry.service_id), ()),
        seats=entry.seats,
    )


def _lanes(night: Night, staff: tuple[UUID, ...]) -> tuple[int, ...]:
    return tuple(i for member in staff if (i := night.view.snapshot.staff_index.get(member)) is not None)


def _clipped(night: Night, windows: tuple[tuple[datetime, datetime], ...]) -> tuple[tuple[int, int], ...]:
    """The parts of some windows that lie in the run's horizon, in epoch minutes."""
    start, end = (epoch_minute(moment) for moment in night.horizon)
    spans = [(max(epoch_minute(a, up=True), start), min(epoch_minute(b), end)) for a, b in windows]
    return tuple((a, b) for a, b in spans if a < b)


def _held(night: Night, booked: Booked) -> list[tuple[int, int, int]]:
    own = (night.lane(booked), epoch_minute(booked.claim_starts_at), epoch_minute(booked.claim_ends_at, up=True))
    return [own, *_also(night, booked)]


def _booking(night: Night, b: Booked) -> Booking:
    leaves = b.id in night.leaving
    stays = b.locked or not night.wished(b.id) or (night.kind is RunKind.RESEAT and not leaves)
    lane, opens, closes = _held(night, b)[0]
    start, visits = epoch_minute(b.starts_at), night.visits.get((b.client_id, b.service_id), ())
    parts = parts_of(night, b)
    return Booking(
        str(b.id),
        service=b.service_id,
        lane=lane,
        start=start,
        end=epoch_minute(b.ends_at, up=True),
        occupied_start=opens,
        occupied_end=closes,
        windows=_clipped(night, _windows(night, b, leaves=leaves)),
        staff=_staff(night, b, leaves=leaves),
        also=tuple(_also(night, b)),
        locked=stays,
        must_leave=leaves,
        client=str(b.client_id),
        moved_before=b.moves,
        booked=tuple(at for at in visits if at != start),
        choices=tuple(part.choice if leaves else (part.lane,) for part in parts),
        within=tuple(part.within for part in parts),
    )


@dataclass(frozen=True, slots=True)
class Part:
    """What an appointment holds beside its first item's time: another staff member's for `service`, or a room's.

    `choice` are the lanes that may take its place, `within` what must lie inside their hours.
    """

    lane: int
    service: UUID | None
    choice: tuple[int, ...]
    within: tuple[int, int]


def parts_of(night: Night, b: Booked) -> list[Part]:
    """Return each of `_also` with who or what else could do it."""
    found = []
    for (number, since, until), (lane, *_) in zip(b.also, _also(night, b), strict=True):
        items = [(of, start, end) for of, at, start, end in b.further if at == number and since <= start < until]
        for service, start, end in items:
            found.append(Part(lane, service, _performing(night, service), (start, end)))
        if not items:
            found.append(Part(lane, None, _rooms_like(night, b, lane, (since, until)), (since, until)))
    return found


def _performing(night: Night, service: UUID) -> tuple[int, ...]:
    """The lanes of who performs a service."""
    snapshot = night.view.snapshot
    if service not in snapshot.service_index:
        return ()
    return tuple(np.flatnonzero(snapshot.durations[snapshot.service_index[service]]).tolist())


def _rooms_like(night: Night, b: Booked, lane: int, held: tuple[int, int]) -> tuple[int, ...]:
    """The rooms or devices of one's kind; what kind one was that is gone, the requirements of the visit say."""
    snapshot = night.view.snapshot
    first, kinds = len(snapshot.staff), set[Hashable]()
    if lane < len(snapshot.lanes):
        kinds = {snapshot.resources[lane - first][1]}
    else:
        items = [(b.service_id, epoch_minute(b.starts_at), epoch_minute(b.ends_at, up=True))]
        for service, start, end in (*items, *((of, start, end) for of, _, start, end in b.further)):
            for needed in snapshot.services[snapshot.service_index[service]].requirements:
                since = start + needed.after
                if (since, end if needed.length is None else since + needed.length) == held:
                    kinds.add(needed.kind)
    return tuple(first + i for i, (_, kind) in enumerate(snapshot.resources) if kind in kinds)


def _windows(night: Night, b: Booked, *, leaves: bool) -> tuple[tuple[datetime, datetime], ...]:
    """When a client would come instead: as they allowed, else by the rules around the start they once chose."""
    if b.windows is not None:
        return b.windows
    agreed, length = b.agreed_at.astimezone(night.view.snapshot.zone), b.ends_at - b.starts_at
    midnight = agreed.replace(hour=0, minute=0, second=0, microsecond=0)
    days = night.rules.reseat_days if leaves else 0
    first, last = midnight - timedelta(days=days), midnight + timedelta(days=days + 1)
    if leaves:
        return ((first, last),)
    minutes = timedelta(minutes=night.rules.minutes)
    return ((max(first, agreed - minutes), min(last, agreed + length + minutes)),)


def _staff(night: Night, b: Booked, *, leaves: bool) -> tuple[int, ...] | None:
    """With whom else: a visit of several items keeps its staff while they are there, for their times hang together."""
    if b.items > 1 and not leaves:
        return ()
    allowed = b.staff_allowed or (StaffAllowed.ANY if leaves else night.rules.staff)
    if allowed == StaffAllowed.ANY:
        return None
    return _lanes(night, b.staff_ids)


def _also(night: Night, b: Booked) -> list[tuple[int, int, int]]:
    """What else an appointment holds, by lane of the arrays; rooms that are retired by ids beyond them."""
    index = {info.lane_no: i for i, info in enumerate(night.view.lanes.values())}
    beyond = len(night.view.snapshot.lanes)
    return [(index.get(lane, beyond + lane), start, end) for lane, start, end in b.also]


def owners(night: Night) -> dict[Hashable, str]:
    """Return the client of every appointment and entry, by the id that the solver knows them by."""
    found: dict[Hashable, str] = {str(b.id): b.client for b in night.booked}
    return found | {str(e.id): e.client for e in night.waiting}
