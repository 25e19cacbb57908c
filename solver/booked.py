"""A snapshot with one more booking in it: what a finder sees after a slot is taken."""

from dataclasses import replace

import numpy as np

from solver.found import Slots
from solver.lanes import Lane, Minutes
from solver.snapshot import Snapshot


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
