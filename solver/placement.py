"""Waitlist placement: a snapshot's free time offered to all who wait for it at once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from solver.choices import of_entry, seats_left, stacked
from solver.clock import epoch_minute
from solver.columns import Entry
from solver.groups import with_groups, with_parties
from solver.limited import limited_places
from solver.limits import unlimited
from solver.objective import PLACEMENT, Policy, Term
from solver.places import (
    Windows,
    blocked_places,
    fixed_claims,
    legal_places,
    merged,
    resolved,
    shortest_sold,
    working_hours,
)
from solver.problem import Problem
from solver.quotas import quotas_of
from solver.snapshot import Snapshot

__all__ = [
    "Windows",
    "fixed_claims",
    "legal_places",
    "merged",
    "placement_problem",
    "resolved",
    "shortest_sold",
    "working_hours",
]


def placement_problem(
    snapshot: Snapshot, entries: Sequence[Entry], now: datetime, policy: Policy = PLACEMENT
) -> Problem:
    """The problem of placing waitlist entries into a snapshot's free time; nobody who is booked moves.

    Lanes are the snapshot's: indices into `snapshot.staff`. An entry's `staff` holds such indices too, or None for
    anyone allocated; an entry without windows may come at any time of the horizon after `now`.

    Raises
    ------
    InvalidProblem
        An entry asks for a service or staff member that the snapshot does not have, or is given twice.
    """
    minute = epoch_minute(now, up=True)
    known = [resolved(snapshot, entry) for entry in entries]
    fixed = fixed_claims(snapshot)
    alone = [of_entry(snapshot, fixed, entry, now, minute, stranding=True) for entry in known]
    offers, groups = with_groups(snapshot, alone)
    missing = [i for i, offer in enumerate(offers) if not len(offer)]
    free = unlimited(snapshot)
    lonely = {i: replace(known[i], seats=1) for i in missing if free is not snapshot or known[i].seats > 1}
    unbound = {i: of_entry(free, fixed, entry, now, minute) for i, entry in lonely.items()}
    columns, seat, extra, terms = stacked(offers, (Term.WAITLIST, Term.WAITING, Term.EARLINESS, Term.FRAGMENTS))
    extra = with_parties(extra, known, columns, seat, groups)
    quotas, limits = quotas_of(snapshot, known, columns, seat)
    return Problem.from_columns(
        known,
        columns,
        terms=terms,
        policy=policy,
        extra=extra,
        blocked=blocked_places(snapshot, known, missing, now),
        limited=limited_places(snapshot, unbound),
        fixed=fixed,
        hours=working_hours(snapshot),
        capacity=seats_left(snapshot),
        limits=limits,
        quotas=quotas,
        groups=groups,
        seat=seat,
        now=minute,
    )
