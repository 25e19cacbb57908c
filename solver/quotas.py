"""Limits counted over a whole plan: what the visits of one day or week, placed together, may come to.

`solver.limits` rules out starts on dates that the book has filled already; here the places of several entries share
what is left of them. A quota is evaluated twice: as rows over columns for the model, and placement by placement for
the checker.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np

from solver.clock import moment
from solver.columns import Columns, Entry, EntryId, Int, Limits
from solver.limits import REACHED, Calendar
from solver.occupancy import Mask
from solver.snapshot import Snapshot

SERVICE, STAFF, CLIENT = 0, 2, 4
"""Where each kind's daily limit stands in `REACHED`; the weekly one follows."""
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `most` of a plan's visits that start on some local dates, beside those that stay.

    Attributes
    ----------
    words : str
        What it says when it is used up.
    first, days : date and int
        From which date of `zone` for how many.
    service, lane, client : hashable, int, int or str; or None
        Whose visits count: of a service, of a staff member, of a client for a service.
    """

    words: str
    most: int
    first: date
    days: int
    zone: ZoneInfo
    service: Hashable = None
    lane: int | None = None
    client: EntryId | None = None

    def counts(self, entry: Entry, lane: int, start: int, *, joins: bool) -> bool:
        """Whether an entry's visit there counts: who joins a group adds none but to their own client's."""
        if (joins and self.client is None) or (self.lane is not None and lane != self.lane):
            return False
        if self.service not in (None, entry.service) or self.client not in (None, entry.client):
            return False
        return self._within(start) and not self._stands(entry)

    def _stands(self, entry: Entry) -> bool:
        """Whether the lost place of one who must leave, which counts until they have another, is one of these."""
        if entry.place is None or entry.required:
            return False
        return self.lane in (None, entry.place[0]) and self._within(entry.place[1])

    def _within(self, start: int) -> bool:
        passed = moment(start).astimezone(self.zone).date() - self.first
        return 0 <= passed.days < self.days


@dataclass(frozen=True, slots=True)
class _Kind:
    """One limit, daily and weekly: which columns count, the starts of visits that stay, and whose they are."""

    words: int
    limits: tuple[int | None, int | None]
    counted: Mask
    fixed: Int
    service: Hashable = None
    lane: int | None = None
    client: EntryId | None = None


def quotas_of(
    snapshot: Snapshot, entries: Sequence[Entry], columns: Columns, seat: Int
) -> tuple[tuple[Quota, ...], Limits]:
    """Return the quotas that several entries could exceed together, and the row of columns that each makes.

    Where the book holds more than a limit allows, nobody new comes: the row leaves out whoever stays where they are.

    Parameters
    ----------
    snapshot : Snapshot
        Its lanes' `booked` hold the visits that stay; an entry's `booked` those of its client.
    seat : int64, shape (columns,)
        The session that each column joins, or its own lane.
    """
    days = _Days(snapshot, entries, columns)
    found = [row for kind in _kinds(snapshot, entries, columns, seat) for row in days.rows(kind)]
    row = np.repeat(np.arange(len(found), dtype=np.int32), [len(here) for _, _, here in found])
    column = np.concatenate([here for _, _, here in found]) if found else np.empty(0, np.int64)
    room = np.array([room for _, room, _ in found], np.int64)
    quotas = tuple(quota for quota, _, _ in found)
    return quotas, Limits(row, column.astype(np.int32), room, tuple(f"{q.words}: {q.first}" for q in quotas))


class _Days:
    """The local dates of all columns, and of the places that entries have now."""

    def __init__(self, snapshot: Snapshot, entries: Sequence[Entry], columns: Columns) -> None:
        self.zone, self.calendar = snapshot.zone, Calendar(snapshot.zone, snapshot.start, snapshot.end)
        self.owner, self.day = columns.entry, self.calendar.day(columns.start)
        place = np.array([entry.place or (NOWHERE, NOWHERE) for entry in entries], np.int64).reshape(-1, 2)
        required = np.array([entry.required for entry in entries], bool)
        self.at = place[:, 0][columns.entry]
        self.old = np.where(place[:, 1] == NOWHERE, NOWHERE, self.calendar.day(place[:, 1]))[columns.entry]
        same = (columns.lane == self.at) & (columns.start == place[:, 1][columns.entry])
        self.held, self.leaving = required[columns.entry] & same, ~required[columns.entry]

    def rows(self, kind: _Kind) -> Iterator[tuple[Quota, int, Int]]:
        """Each quota of a limit with its room and its columns."""
        fixed = self.calendar.day(kind.fixed)
        for week, most in enumerate(kind.limits):
            length = 7 if week else 1
            inside = kind.counted & (self.day >= 0) & (self.day < self.calendar.days)
            stands = self.leaving & (self.at == kind.lane if kind.lane is not None else True)
            for period in np.unique(self.day[inside] // length).tolist() if most is not None else ():
                counted = inside & (self.day // length == period) & ~(stands & (self.old // length == period))
                room = max(0, (most or 0) - int(np.count_nonzero(fixed // length == period)))
                words, first = REACHED[kind.words + week], self.calendar.date(period * length)
                quota = Quota(words, room, first, length, self.zone, kind.service, kind.lane, kind.client)
                if len(np.unique(self.owner[counted & self.held])) > room:
                    counted, room = counted & ~self.held, 0
                if len(np.unique(self.owner[counted])) > room:
                    yield quota, room, np.flatnonzero(counted)


def _kinds(snapshot: Snapshot, entries: Sequence[Entry], columns: Columns, seat: Int) -> Iterator[_Kind]:
    alone, nobody = seat == columns.lane, np.empty(0, np.int64)
    index = np.array([snapshot.service_index[entry.service] for entry in entries], np.int64)[columns.entry]
    for row, service in enumerate(snapshot.services):
        visits = [np.unique(lane.booked[lane.booked[:, 0] == row, 1]) for lane in snapshot.lanes]
        limits = (service.daily_limit, service.weekly_limit)
        if limits != (None, None):
            yield _Kind(SERVICE, limits, alone & (index == row), np.concatenate([nobody, *visits]), service.id)
    for lane, limits in snapshot.limits.items():
        fixed = np.unique(snapshot.lanes[lane].booked[:, 1])
        yield _Kind(STAFF, limits, alone & (columns.lane == lane), fixed, lane=lane)
    for (client, row), members in _clients(snapshot, entries).items():
        service = snapshot.services[row]
        limits = (service.client_daily_limit, service.client_weekly_limit)
        lost = {e.place[1] for i in members if (e := entries[i]).place is not None and not e.required}
        fixed = np.array(sorted(lost.union(*(entries[i].booked for i in members))), np.int64)
        yield _Kind(CLIENT, limits, np.isin(columns.entry, members), fixed, service.id, client=client)


def _clients(snapshot: Snapshot, entries: Sequence[Entry]) -> dict[tuple[EntryId, int], list[int]]:
    """Entries of each client and service that is limited for one client."""
    found: dict[tuple[EntryId, int], list[int]] = defaultdict(list)
    for i, entry in enumerate(entries):
        row = snapshot.service_index[entry.service]
        service = snapshot.services[row]
        if entry.client is not None and (service.client_daily_limit, service.client_weekly_limit) != (None, None):
            found[entry.client, row].append(i)
    return found
