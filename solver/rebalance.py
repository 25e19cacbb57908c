"""Rebalancing and re-seating: the book itself offered to the optimiser, within what each client allowed."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from solver.answer import Effort
from solver.book import Book, Booking, Extras
from solver.checker import require
from solver.clock import DAY, epoch_minute, moment
from solver.columns import Claims, Columns, Entry, EntryId, Int, Intervals, Limits
from solver.objective import BALANCED, FULL, GENTLE, Policy, Term
from solver.placement import (
    blocked_places,
    days_waited,
    legal_places,
    resolved,
    shortest_sold,
    slot_columns,
    working_hours,
)
from solver.problem import Problem
from solver.result import Result
from solver.snapshot import Snapshot
from solver.solve import solve

Bool = NDArray[np.bool_]


def rebalance_problem(
    snapshot: Snapshot,
    bookings: Sequence[Booking],
    waiting: Sequence[Entry],
    now: datetime,
    policy: Policy = BALANCED,
    extras: Extras | None = None,
) -> Problem:
    """The problem of re-fitting the bookings and placing those who wait.

    Bookings that are locked, or start within the policy's frozen window, stay as fixed claims unless they must leave.
    A booking whose present place is no longer lawful must leave too: it is re-seated if it can be and reported
    unplaced if it cannot; nothing is dropped in silence. Nobody is moved into the frozen window.

    Parameters
    ----------
    snapshot : Snapshot
        Its busy time holds the claims of the bookings.

    Raises
    ------
    InvalidProblem
        A booking or entry names an unknown service or staff member, or one is given twice.
    """
    extras = extras or Extras()
    minute = epoch_minute(now, up=True)
    book = Book.opened(snapshot, bookings, minute, policy.frozen_minutes, extras)
    offers = [_of_booking(book, booking, now, minute + policy.frozen_minutes) for booking in book.movable]
    offers += [_of_entry(book, resolved(book.free, entry), now, minute, extras.rooms or {}) for entry in waiting]
    columns, extra, terms = _stacked(offers)
    if extras.overtime is not None:
        terms[str(Term.OVERTIME)] = (columns.end - columns.start) - _regular(snapshot, columns)
    hours = working_hours(book.free)
    return Problem.from_columns(
        [offer.entry for offer in offers],
        columns,
        terms=terms,
        policy=policy,
        extra=extra,
        blocked=_blocked(book, offers, now),
        fixed=book.fixed,
        hours=hours,
        capacity=extras.seats,
        limits=_limits(book, offers, policy),
        now=minute,
        sellable=_sellable(snapshot, columns, extra),
        even_share=_even_share(book, hours),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Offer:
    """One entry with its columns, what else they take, and their units."""

    entry: Entry
    lane: Int
    start: Int
    end: Int
    occupied_start: Int
    occupied_end: Int
    units: Mapping[str, Int]
    also: tuple[tuple[Int, Int, Int], ...] = ()
    booking: Booking | None = None

    def take(self, rows: NDArray[np.intp] | Bool) -> "_Offer":
        """The columns at some rows."""
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in ("lane", "start", "end", "occupied_start", "occupied_end")},
            units={name: array[rows] for name, array in self.units.items()},
            also=tuple((lane[rows], start[rows], end[rows]) for lane, start, end in self.also),
        )

    def __len__(self) -> int:
        return len(self.start)


def _of_booking(book: Book, b: Booking, now: datetime, thawed: int) -> _Offer:
    """Where a booking may go: its own place first, then whatever its client allowed after the frozen window."""
    leaves = b.id in book.leaving
    row = book.free.durations[book.free.service_index[b.service]]
    others = np.flatnonzero(row).tolist() if b.staff is None else [i for i in b.staff if row[i]]
    staff = tuple(sorted({b.lane, *others} if b.lane >= 0 and row[b.lane] else set(others)))
    windows = tuple((max(opens, thawed), closes) for opens, closes in b.windows if closes > thawed)
    wish = Entry(b.id, service=b.service, staff=staff, windows=((b.start, b.start + DAY), *windows))
    slots = legal_places(book.free, wish, now)
    inside = [(slots.start >= opens) & (slots.end <= closes) for opens, closes in windows]
    allowed = np.any([slots.start == b.start, *inside], axis=0) & (slots.start >= thawed)
    allowed &= ~((slots.start == b.start) & (slots.lane == b.lane))
    slots = slots.take(allowed)
    own = [] if leaves else [1]
    arrays = (slots.lane, slots.start, slots.end, slots.claim_start, slots.claim_end)
    place = (b.lane, b.start, b.end, b.occupied_start, b.occupied_end)
    lane, start, end, opens, closes = (np.append(a, [v] * len(own)) for a, v in zip(arrays, place, strict=True))
    shift = start - b.start
    also = tuple((np.full(len(start), at), since + shift, until + shift) for at, since, until in b.also)
    entry = Entry(
        b.id,
        service=b.service,
        staff=staff if leaves else tuple(sorted({*staff, b.lane})),
        required=not leaves,
        place=(b.lane, b.start),
        client=b.client,
        moved_before=b.moved_before,
    )
    offer = _Offer(entry, lane, start, end, opens, closes, _moving(b, lane, start, leaves=leaves), also, b)
    return offer.take(_lawful(book, offer))


def _moving(b: Booking, lane: Int, start: Int, *, leaves: bool) -> dict[str, Int]:
    """What each place costs the client."""
    later, other = start != b.start, lane != b.lane
    return {
        str(Term.MOVES): later.astype(np.int64),
        str(Term.MINUTES_MOVED): np.abs(start - b.start),
        str(Term.STAFF_CHANGED): other.astype(np.int64),
        str(Term.MOVED_BEFORE): b.moved_before * (later | other).astype(np.int64),
        str(Term.RESEATED): np.full(len(start), int(leaves)),
    }


def _blocked(book: Book, offers: Sequence[_Offer], now: datetime) -> Columns:
    """Where those without any column could go in an empty book: what is fixed is in their way."""
    wishes = [o.entry if o.booking is None else replace(o.entry, windows=o.booking.windows) for o in offers]
    known = [(i, w) for i, w in enumerate(wishes) if not len(offers[i]) and (w.windows or offers[i].booking is None)]
    found = blocked_places(book.free, [w for _, w in known], now)
    return slot_columns([i for i, _ in known], found)


def _lawful(book: Book, offer: _Offer) -> Bool:
    """Columns whose further claims are clear of what is fixed and, on staff lanes, inside hours."""
    good = np.ones(len(offer), bool)
    hours, fixed = working_hours(book.free), book.fixed
    for lane, start, end in offer.also:
        over = (fixed.lane == lane[:, None]) & (fixed.start < end[:, None]) & (fixed.end > start[:, None])
        inside = (hours.lane == lane[:, None]) & (hours.start <= start[:, None]) & (hours.end >= end[:, None])
        good &= ~over.any(axis=1) & (inside.any(axis=1) | (lane >= len(book.free.lanes)))
    return good


def _of_entry(
    book: Book, entry: Entry, now: datetime, minute: int, rooms: Mapping[Hashable, tuple[int, ...]]
) -> _Offer:
    """Where a waiting entry may go, in each of the rooms that its service can use."""
    slots = legal_places(book.free, entry, now)
    count = len(slots)
    units = {
        str(Term.WAITLIST): np.full(count, entry.priority),
        str(Term.WAITING): np.full(count, days_waited(entry, minute)),
        str(Term.EARLINESS): (slots.start - minute) // 60,
    }
    offer = _Offer(entry, slots.lane, slots.start, slots.end, slots.claim_start, slots.claim_end, units)
    choice = rooms.get(entry.service, ())
    if not choice:
        return offer
    offer = offer.take(np.tile(np.arange(count), len(choice)))
    room = np.repeat(np.array(choice, np.int64), count)
    offer = replace(offer, also=((room, offer.occupied_start, offer.occupied_end),))
    return offer.take(_lawful(book, offer))


def _stacked(offers: Sequence[_Offer]) -> tuple[Columns, Claims, dict[str, Int]]:
    """All columns, their further claims, and the units of every term (zero where an offer is silent)."""
    count = np.array([len(offer) for offer in offers], np.int64)
    first = np.cumsum(count) - count
    names = ("lane", "start", "end", "occupied_start", "occupied_end")
    columns = Columns.of(
        np.repeat(np.arange(len(offers)), count),
        *(_chain([getattr(offer, name) for offer in offers]) for name in names),
    )
    terms = {
        name: _chain([o.units.get(name, np.zeros(len(o), np.int64)) for o in offers])
        for name in sorted({name for offer in offers for name in offer.units})
    }
    rows = [(np.arange(len(o)) + at, *claim) for o, at in zip(offers, first, strict=True) for claim in o.also]
    parts = [_chain([row[i] for row in rows]) for i in range(4)]
    return columns, Claims(parts[0].astype(np.int32), *parts[1:]), terms


def _chain(parts: Sequence[Int]) -> Int:
    return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)


def _regular(snapshot: Snapshot, columns: Columns) -> Int:
    """Minutes of each column's service within regular hours."""
    hours, inside = working_hours(snapshot), np.zeros(len(columns), np.int64)
    for lane, opens, closes in zip(hours.lane.tolist(), hours.start.tolist(), hours.end.tolist(), strict=True):
        common = np.minimum(columns.end, closes) - np.maximum(columns.start, opens)
        inside += np.where(columns.lane == lane, np.maximum(common, 0), 0)
    return inside


def _sellable(snapshot: Snapshot, columns: Columns, extra: Claims) -> int:
    """The shortest thing sold, or taken by any column: what a gap must hold to be none."""
    lengths = [columns.occupied_end - columns.occupied_start, extra.end - extra.start]
    return min([shortest_sold(snapshot), *(int(a.min()) for a in lengths if len(a))])


def _even_share(book: Book, hours: Intervals) -> dict[int, int]:
    """Minutes that each lane's movable load may reach before it exceeds the present book's mean utilisation."""
    work, firm, load = defaultdict[int, int](int), defaultdict[int, int](int), 0
    for lane, start, end in zip(hours.lane.tolist(), hours.start.tolist(), hours.end.tolist(), strict=True):
        work[lane] += end - start
    fixed = book.fixed
    for lane, start, end in zip(fixed.lane.tolist(), fixed.start.tolist(), fixed.end.tolist(), strict=True):
        firm[lane] += end - start
    load = sum(b.end - b.start for b in book.movable) + sum(firm[lane] for lane in work)
    total = max(1, sum(work.values()))
    return {lane: max(0, load * minutes // total - firm[lane]) for lane, minutes in work.items()}


def _limits(book: Book, offers: Sequence[_Offer], policy: Policy) -> Limits:
    """At most so many moves a client and a local day; those who must leave do not count."""
    rows: dict[str, tuple[int, list[Int]]] = {}
    first = 0
    for offer in offers:
        b = offer.booking
        if b is not None and b.id not in book.leaving:
            moved = first + np.flatnonzero((offer.lane != b.lane) | (offer.start != b.start))
            day = moment(b.start).astimezone(book.free.zone).date()
            if policy.moves_a_client is not None and b.client is not None:
                rows.setdefault(f"moves of client {b.client}", (policy.moves_a_client, []))[1].append(moved)
            if policy.moves_a_day is not None:
                rows.setdefault(f"moves of {day}", (policy.moves_a_day, []))[1].append(moved)
        first += len(offer)
    members = [np.concatenate(moved) for _, moved in rows.values()]
    row = np.repeat(np.arange(len(members), dtype=np.int32), [len(m) for m in members])
    return Limits(row, _chain(members).astype(np.int32), np.array([n for n, _ in rows.values()], np.int64), tuple(rows))


def alternatives(
    snapshot: Snapshot,
    bookings: Sequence[Booking],
    waiting: Sequence[Entry],
    now: datetime,
    policies: Sequence[Policy] = (GENTLE, BALANCED, FULL),
    effort: Effort | None = None,
) -> dict[str, tuple[Problem, Result]]:
    """A checked plan by each policy, those left out that do what an earlier one does.

    Raises
    ------
    PlanError
        A plan failed the independent check.
    """
    found: dict[str, tuple[Problem, Result]] = {}
    seen: set[frozenset[tuple[EntryId, int, int]]] = set()
    for policy in policies:
        problem = rebalance_problem(snapshot, bookings, waiting, now, policy)
        result = solve(problem, effort)
        require(problem, result)
        plan = frozenset((p.entry, p.lane, p.start) for p in result.placements)
        if plan not in seen:
            seen.add(plan)
            found[policy.name] = (problem, result)
    return found
