"""The way out of a refusal: the three nearest free times beside one that is taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

import numpy as np

from models.errors import SlotTaken
from service.db.views import View
from solver.clock import epoch_minute, moment
from solver.slots import SlotQuery, find_slots
from solver.snapshot import Snapshot

COUNT = 3
REACH = timedelta(days=14)
"""How far on either side is looked."""


@contextmanager
def offering_nearest(view: View, service_id: UUID, starts_at: datetime, now: datetime) -> Iterator[None]:
    """Let a `SlotTaken` inside name the nearest free times, in its sentence and as `nearest`."""
    try:
        yield
    except SlotTaken as error:
        raise with_nearest(error, view, service_id, starts_at, now) from error


def with_nearest(error: SlotTaken, view: View, service_id: UUID, starts_at: datetime, now: datetime) -> SlotTaken:
    """Return the refusal with the nearest free times named; as it is where it names some, or there are none."""
    found = nearest(view, service_id, starts_at, now)
    if "nearest" in error.fields or not found:
        return error
    zone = view.snapshot.zone
    words = ", ".join(f"{start.astimezone(zone):%a %d %b %H:%M} with {view.lanes[who].name}" for who, start in found)
    rows = [{"staff_id": str(who), "starts_at": start.isoformat()} for who, start in found]
    return SlotTaken(f"{error.detail} Nearest free: {words}.", **error.fields, nearest=rows)


def nearest(view: View, service_id: UUID, starts_at: datetime, now: datetime) -> list[tuple[UUID, datetime]]:
    """Return at most three (staff member, start) nearest to a time, other than it, by distance, then staff."""
    if service_id not in view.snapshot.service_index:
        return []
    # Many ask in the same minute of the same arrays when a time is much wanted.
    rows = _nearest(view.snapshot, service_id, epoch_minute(starts_at), epoch_minute(now, up=True))
    staff = list(view.lanes)
    return [(staff[lane], moment(start)) for lane, start in rows]


@lru_cache(maxsize=8)
def _nearest(snapshot: Snapshot, service_id: UUID, start: int, now: int) -> tuple[tuple[int, int], ...]:
    at, present = moment(start), moment(now)
    first, last = max(at - REACH, present), max(at, present) + REACH
    found = find_slots(snapshot, SlotQuery(service_id, first.astimezone(UTC), last), present)
    distance = np.abs(found.start - start)
    order = np.lexsort((found.lane, found.start, distance))
    rows = order[distance[order] > 0][:COUNT]
    return tuple((int(found.lane[row]), int(found.start[row])) for row in rows)
