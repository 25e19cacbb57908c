"""Rebalancing and re-seating: the book itself offered to the optimiser, within what each client allowed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from solver.answer import Effort
from solver.book import Book, Booking, Extras
from solver.checker import require
from solver.choices import Offer, Rooms, of_booking, of_entry, seats_left, stacked
from solver.clock import epoch_minute, moment
from solver.columns import Claims, Columns, Entry, EntryId, Int, Intervals, Limits
from solver.groups import with_groups, with_parties
from solver.limited import limited_places
from solver.limits import unlimited
from solver.objective import BALANCED, FULL, GENTLE, Policy, Term
from solver.places import blocked_places, chain, resolved, shortest_sold, working_hours
from solver.problem import Problem
from solver.quotas import quotas_of
from solver.result import Result
from solver.snapshot import Snapshot
from solver.solve import solve


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
    rooms = extras.rooms or {}
    offers = [of_booking(book, booking, now, minute + policy.frozen_minutes, rooms) for booking in book.movable]
    known = [book.besides(resolved(book.free, entry)) for entry in waiting]
    offers += [of_entry(book.free, book.fixed, entry, now, minute, rooms) for entry in known]
    offers, groups = with_groups(book.free, offers)
    missing = [i for i, o in enumerate(offers) if not len(o) and (o.wish.windows or o.booking is None)]
    unbound = replace(book, free=unlimited(book.free))
    limited = [i for i in missing if unbound.free is not book.free or offers[i].entry.seats > 1]
    without = {i: _again(unbound, offers[i], now, policy.frozen_minutes, rooms) for i in limited}
    columns, seat, extra, terms = stacked(offers)
    extra = with_parties(extra, [offer.entry for offer in offers], columns, seat, groups)
    if extras.overtime is not None:
        terms[str(Term.OVERTIME)] = (columns.end - columns.start) - _regular(snapshot, columns)
    hours = working_hours(book.free)
    quotas, shared = quotas_of(book.free, [offer.entry for offer in offers], columns, seat)
    return Problem.from_columns(
        [offer.entry for offer in offers],
        columns,
        terms=terms,
        policy=policy,
        extra=extra,
        blocked=blocked_places(book.free, [offer.wish for offer in offers], missing, now),
        limited=limited_places(book.free, without),
        fixed=book.fixed,
        hours=hours,
        capacity={**(extras.seats or {}), **seats_left(book.free)},
        seat=seat,
        limits=_limits(book, offers, policy).joined(shared),
        quotas=quotas,
        groups=groups,
        now=minute,
        sellable=_sellable(snapshot, columns, extra),
        even_share=_even_share(book, hours),
    )


def _again(book: Book, offer: Offer, now: datetime, frozen: int, rooms: Rooms) -> Offer:
    """The offer once more, from another book."""
    minute = epoch_minute(now, up=True)
    if offer.booking is not None:
        return of_booking(book, offer.booking, now, minute + frozen, rooms)
    return of_entry(book.free, book.fixed, replace(offer.entry, seats=1), now, minute, rooms)


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


def _limits(book: Book, offers: Sequence[Offer], policy: Policy) -> Limits:
    """At most so many moves a client and a local day; those who must leave do not count."""
    rows: dict[str, tuple[int, list[Int]]] = {}
    first = 0
    for offer in offers:
        b = offer.booking
        if b is not None and b.id not in book.leaving:
            moved = first + np.flatnonzero(offer.moved(b))
            day = moment(b.start).astimezone(book.free.zone).date()
            if policy.moves_a_client is not None and b.client is not None:
                rows.setdefault(f"moves of client {b.client}", (policy.moves_a_client, []))[1].append(moved)
            if policy.moves_a_day is not None:
                rows.setdefault(f"moves of {day}", (policy.moves_a_day, []))[1].append(moved)
        first += len(offer)
    members = [np.concatenate(moved) for _, moved in rows.values()]
    row = np.repeat(np.arange(len(members), dtype=np.int32), [len(m) for m in members])
    return Limits(row, chain(members).astype(np.int32), np.array([n for n, _ in rows.values()], np.int64), tuple(rows))


def alternatives(
    snapshot: Snapshot,
    bookings: Sequence[Booking],
    waiting: Sequence[Entry],
    now: datetime,
    policies: Sequence[Policy] = (GENTLE, BALANCED, FULL),
    effort: Effort | None = None,
    extras: Extras | None = None,
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
        problem = rebalance_problem(snapshot, bookings, waiting, now, policy, extras)
        result = solve(problem, effort)
        require(problem, result)
        plan = frozenset((p.entry, p.lane, p.start) for p in result.placements)
        if plan not in seen:
            seen.add(plan)
            found[policy.name] = (problem, result)
    return found
