"""Groups that a plan opens: one entry takes the staff member's time, others that fit the same start take its seats."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from solver.choices import FIRST_SESSION, Offer, both, sessions
from solver.columns import Claims, Columns, Entry, Int
from solver.objective import Term
from solver.problem import Group, rank_key
from solver.snapshot import Snapshot

Place = tuple[int, int]
"""A lane and a start."""


def with_groups(snapshot: Snapshot, offers: Sequence[Offer]) -> tuple[list[Offer], dict[int, Group]]:
    """The offers with a seat beside others wherever they fit the same start, and the groups that may open.

    Of those who share a group the first by id opens it: who opens makes no difference, and a search need not look at
    every order. Nobody's offer but of a service with several seats changes.
    """
    wanting: dict[tuple[Hashable, Place], list[int]] = defaultdict(list)
    in_order = sorted(range(len(offers)), key=lambda i: rank_key(offers[i].entry.id))
    seats = {service.id: service.seats for service in snapshot.services if service.seats > 1}
    for i in in_order:
        if offers[i].booking is None and offers[i].entry.service in seats:
            for place in _places(offers[i]):
                wanting[offers[i].entry.service, place].append(i)
    shared = sorted((place, str(service), service) for (service, place), who in wanting.items() if len(who) > 1)
    first = FIRST_SESSION - len(sessions(snapshot))
    groups: dict[int, Group] = {}
    found = list(offers)
    joining: dict[int, dict[Place, int]] = defaultdict(dict)
    for number, (place, _, service) in enumerate(shared):
        groups[first - number] = Group(service, *place, seats[service])
        for i in wanting[service, place][1:]:
            if offers[i].entry.seats < seats[service]:
                joining[i][place] = first - number
    for i, places in joining.items():
        found[i] = both(offers[i], _seated(offers[i], places))
    return found, groups


def _places(offer: Offer) -> dict[Place, int]:
    """The first column of each place where the entry takes the staff member's own time."""
    found: dict[Place, int] = {}
    for row in np.flatnonzero(offer.seat == offer.lane).tolist():
        found.setdefault((int(offer.lane[row]), int(offer.start[row])), row)
    return found


def _seated(offer: Offer, places: dict[Place, int]) -> Offer:
    """The columns of some places as seats in groups: they take nothing else, and leave no gap."""
    row = _places(offer)
    seats = offer.take(np.array([row[place] for place in places], np.intp))
    units = {**seats.units}
    if Term.FRAGMENTS in units:
        units[str(Term.FRAGMENTS)] = np.zeros(len(seats), np.int64)
    return replace(seats, seat=np.array(list(places.values()), np.int64), units=units, also=())


def with_parties(
    claims: Claims, entries: Sequence[Entry], columns: Columns, seat: Int, groups: dict[int, Group]
) -> Claims:
    """The further claims with what parties take beyond one seat: one more for each, on the group joined or opened."""
    at = {(group.service, group.lane, group.start): session for session, group in groups.items()}
    beyond = np.array([entry.seats - 1 for entry in entries], np.int64)[columns.entry]
    column: list[int] = []
    lane: list[int] = []
    for i in np.flatnonzero(beyond).tolist():
        place = (entries[columns.entry[i]].service, int(columns.lane[i]), int(columns.start[i]))
        session = at.get(place) if seat[i] == columns.lane[i] else int(seat[i])
        if session is not None:
            column += [i] * int(beyond[i])
            lane += [session] * int(beyond[i])
    more = np.array(column, np.int32)
    return Claims(
        np.append(claims.column, more),
        np.append(claims.lane, np.array(lane, np.int64)),
        np.append(claims.start, columns.occupied_start[more]),
        np.append(claims.end, columns.occupied_end[more]),
    )
