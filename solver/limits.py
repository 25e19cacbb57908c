"""Limits by local date and week: of a service, of a staff member, of one client.

Dates are the business's, weeks run from Monday to Sunday. A visit counts on the date it starts on; joining a group
counts against the client's limits alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from solver.clock import DAY, offset_spans
from solver.lanes import Minutes
from solver.occupancy import Mask
from solver.services import Service

if TYPE_CHECKING:
    from solver.offers import Offer
    from solver.snapshot import Limits, Snapshot

WEEKS_BESIDE = 2
"""Weeks beside the horizon whose bookings may count in a week that reaches into it."""

REACHED = (
    "the service has all the visits of that day that it may have",
    "the service has all the visits of that week that it may have",
    "the staff member has all the appointments of that day that they may have",
    "the staff member has all the appointments of that week that they may have",
    "the client has all the visits of that day that one client may have",
    "the client has all the visits of that week that one client may have",
    "the group has fewer seats left than they need",
)
"""What each limit that is used up says, in the order of `reached`; the last of a party's start that no other has."""


@lru_cache(maxsize=64)
def _clock(zone: ZoneInfo, lo: int, hi: int) -> tuple[Minutes, Minutes]:
    spans = offset_spans(zone, lo, hi)
    return np.array([start for start, _, _ in spans]), np.array([offset for _, _, offset in spans])


class Calendar:
    """The local dates of a horizon, numbered from the Monday two weeks before it."""

    def __init__(self, zone: ZoneInfo, start: int, end: int) -> None:
        beside = WEEKS_BESIDE * 7 * DAY
        self._edges, self._offsets = _clock(zone, start - beside, end + beside)
        # 1 January 1970 was a Thursday: the Monday before it is day -3.
        self._first = (start // DAY - 7 * WEEKS_BESIDE + 3) // 7 * 7 - 3
        self.days = (end - start) // DAY + 14 * WEEKS_BESIDE + 14

    def day(self, minutes: Minutes) -> Minutes:
        """Return the number of each minute's local date; beyond the calendar -1 or `days`."""
        offset = self._offsets[np.maximum(self._edges.searchsorted(minutes, side="right") - 1, 0)]
        day: Minutes = np.clip((minutes + offset) // DAY - self._first, -1, self.days)
        return day

    def date(self, day: int) -> date:
        """Return the date of a number."""
        return date(1970, 1, 1) + timedelta(days=self._first + day)

    def full(self, starts: Minutes, daily: int | None, weekly: int | None) -> Mask:
        """Return which dates hold as many starts as a limit allows, shape (days + 1,); the last is beyond all."""
        day = self.day(starts)
        count = np.bincount(day[(day >= 0) & (day < self.days)], minlength=self.days)
        week = np.add.reduceat(count, np.arange(0, self.days, 7)).repeat(7)[: self.days]
        never = np.iinfo(np.int64).max
        full = (count >= (never if daily is None else daily)) | (week >= (never if weekly is None else weekly))
        return np.append(full, False)


def limited(service: Service, staff: Iterable["Limits"]) -> bool:
    """Return whether a service, or any of some staff members' limits, limits anything."""
    own = (service.daily_limit, service.weekly_limit, service.client_daily_limit, service.client_weekly_limit)
    return any(limit is not None for limit in (*own, *chain.from_iterable(staff)))


def client_full(snapshot: "Snapshot", offer: "Offer", starts: Minutes, booked: Sequence[int]) -> Mask:
    """Return which starts a client may not book who has booked the service at some minutes."""
    service = offer.service
    if service.client_daily_limit is None and service.client_weekly_limit is None:
        return np.zeros(len(starts), bool)
    calendar = Calendar(snapshot.zone, snapshot.start, snapshot.end)
    full = calendar.full(np.array(booked, np.int64), service.client_daily_limit, service.client_weekly_limit)
    ruled_out: Mask = full[calendar.day(starts)]
    return ruled_out


def service_full(snapshot: "Snapshot", offer: "Offer", starts: Minutes) -> Mask:
    """Return which starts fall on a date or in a week that has all the visits of the service it may have."""
    service = offer.service
    if service.daily_limit is None and service.weekly_limit is None:
        return np.zeros(len(starts), bool)
    parts = [np.unique(lane.booked[lane.booked[:, 0] == offer.row, 1]) for lane in snapshot.lanes if len(lane.booked)]
    calendar = Calendar(snapshot.zone, snapshot.start, snapshot.end)
    visits = np.concatenate(parts) if parts else np.empty(0, np.int64)
    ruled_out: Mask = calendar.full(visits, service.daily_limit, service.weekly_limit)[calendar.day(starts)]
    return ruled_out


def staff_full(snapshot: "Snapshot", lanes: Minutes, starts: Minutes) -> Mask:
    """Return which starts fall on a date or in a week on which their staff member has all the visits allowed."""
    ruled_out = np.zeros(len(starts), bool)
    if not snapshot.limits:
        return ruled_out
    calendar = Calendar(snapshot.zone, snapshot.start, snapshot.end)
    day = calendar.day(starts)
    for index, limits in snapshot.limits.items():
        if limits != (None, None) and np.any(mine := lanes == index):
            visits = np.unique(snapshot.lanes[index].booked[:, 1])
            ruled_out[mine] = calendar.full(visits, *limits)[day[mine]]
    return ruled_out


def unlimited(snapshot: "Snapshot") -> "Snapshot":
    """Return the snapshot with no limit on any service, staff member or client; itself where it has none."""
    if not any(limited(s, snapshot.limits.values()) for s in snapshot.services):
        return snapshot
    services = tuple(
        replace(s, daily_limit=None, weekly_limit=None, client_daily_limit=None, client_weekly_limit=None)
        if limited(s, ())
        else s
        for s in snapshot.services
    )
    return replace(snapshot, services=services, limits={})


def reached(snapshot: "Snapshot", offer: "Offer", lanes: Minutes, starts: Minutes, client: Sequence[int]) -> Mask:
    """Return which limit rules out which starts, shape (6, starts): a row each of `REACHED`."""
    rows, service = [], offer.service
    daily_only = replace(service, weekly_limit=None, client_weekly_limit=None)
    weekly_only = replace(service, daily_limit=None, client_daily_limit=None)
    for week in (False, True):
        one = replace(offer, service=weekly_only if week else daily_only)
        of_staff = {i: (None, weekly) if week else (daily, None) for i, (daily, weekly) in snapshot.limits.items()}
        staff = staff_full(replace(snapshot, limits=of_staff), lanes, starts)
        rows.append((service_full(snapshot, one, starts), staff, client_full(snapshot, one, starts, client)))
    return np.array([rows[week][what] for what in range(3) for week in range(2)])
