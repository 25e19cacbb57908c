"""A snapshot with one more booking in it, as a finder sees it after a slot is taken; or with one of its own length."""

from collections.abc import Hashable
from dataclasses import replace

import numpy as np

from solver.found import Slots
from solver.lanes import Lane, Minutes
from solver.snapshot import Snapshot

Takes = tuple[int, int, int]
"""Minutes that a visit takes, and its buffers before and after."""


def unusual(snapshot: Snapshot, service: Hashable, lane: int, takes: Takes) -> Takes | None:
    """Return what a booking takes, None where that is what its service takes of a lane; -1 is a lane that is gone."""
    row = snapshot.service_index[service]
    sold = snapshot.services[row]
    own = int(snapshot.durations[row, lane]) if lane >= 0 else 0
    usual = (own or sold.duration, sold.buffer_before, sold.buffer_after)
    return None if sold.seats > 1 or takes == usual else takes


def lasting(snapshot: Snapshot, service: Hashable, takes: Takes | None) -> Snapshot:
    """Return the snapshot in which whoever performs a service takes so long for it; None: as long as they do."""
    if takes is None:
        return snapshot
    row, durations, services = snapshot.service_index[service], snapshot.durations.copy(), list(snapshot.services)
    minutes, before, after = takes
    durations[row] = np.where(durations[row] > 0, minutes, 0)
    services[row] = replace(services[row], duration=minutes, buffer_before=before, buffer_after=after)
    return replace(snapshot, services=tuple(services), durations=durations)


def with_slot(slots: Slots, row: int) -> Snapshot:
    """Return the snapshot that the slots were found in, with one of them booked.

    It claims its lanes, buffers included, and counts against limits; a group is begun, or has a seat less.
    """
    snapshot, service = slots.snapshot, slots.offer.row
    lanes = list(snapshot.lanes)
    for index, start, end in slots.claims(row):
        lanes[index] = lanes[index].with_busy(_with(lanes[index].busy, start, end))
    index, start = int(slots.lane[row]), int(slots.start[row])
    lane = lanes[index]
    booked = np.concatenate([lane.booked, [(service, start)]])
    left = int(slots.seats[row]) - 1
    sessions = _with_session(lane, (service, start, left)) if slots.service.seats > 1 else lane.sessions
    lanes[index] = lane.with_book(lane.busy, booked, sessions)
    return replace(snapshot, lanes=tuple(lanes))


def _with(busy: Minutes, start: int, end: int) -> Minutes:
    more = np.concatenate([busy, [(start, end)]])
    return more[np.lexsort((more[:, 1], more[:, 0]))]


def _with_session(lane: Lane, session: tuple[int, int, int]) -> Minutes:
    same = (lane.sessions[:, 0] == session[0]) & (lane.sessions[:, 1] == session[1])
    return np.concatenate([lane.sessions[~same], [session]])
