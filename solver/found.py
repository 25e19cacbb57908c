"""Slots: the legal starts that a query found, as parallel arrays."""

from bisect import bisect_left
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from solver.clock import DAY, by_local_day
from solver.lanes import END, LO, Minutes
from solver.offers import Offer, gaps_between
from solver.services import Service
from solver.starts import LANE, Keys

if TYPE_CHECKING:
    import pandas as pd

    from solver.snapshot import Snapshot


class Slots:
    """Legal starts as parallel arrays, sorted by start, then lane; int64 of shape (n,), epoch minutes, half-open.

    `keys` are the starts as one number each, minute since the horizon began * staff + lane; the other columns are
    worked out when first read. `claim_start` and `claim_end` include the buffers: what a booking would occupy of the
    lane. `gap_lo` and `gap_hi` bound the free time that the start lies in; a group's bound its claim.
    """

    __slots__ = ("_columns", "_gap", "_resources", "_seats", "keys", "offer", "snapshot")

    def __init__(
        self,
        snapshot: "Snapshot",
        offer: Offer,
        keys: Keys,
        *,
        seats: Minutes | None = None,
        resources: Minutes | None = None,
    ) -> None:
        self.snapshot, self.offer, self.keys = snapshot, offer, keys
        self._seats, self._resources = seats, resources
        self._columns: tuple[Keys, Keys] | None = None
        self._gap: tuple[Minutes, Minutes] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def service(self) -> Service:
        """The service asked for."""
        return self.offer.service

    @property
    def lane(self) -> Minutes:
        """Index of the lane in the snapshot."""
        return self._split()[1].astype(np.int64)

    @property
    def start(self) -> Minutes:
        """When the visit begins."""
        return self.minute + np.int64(self.snapshot.start)

    @property
    def end(self) -> Minutes:
        """When the visit ends."""
        return self.start + self.offer.durations[self.lane]

    @property
    def claim_start(self) -> Minutes:
        """When the buffer before the visit begins."""
        return self.start - self.service.buffer_before

    @property
    def claim_end(self) -> Minutes:
        """When the buffer after the visit ends."""
        return self.end + self.service.buffer_after

    @property
    def seats(self) -> Minutes:
        """How many seats are left."""
        return np.full(len(self), self.service.seats) if self._seats is None else self._seats

    @property
    def resources(self) -> Minutes:
        """Lanes of the resources that meet the service's requirements, in their order; int64, shape (n, requirements).

        -1 where a requirement lasts no time, and for a group that others are in: its resources are its own.
        """
        return np.empty((len(self), 0), np.int64) if self._resources is None else self._resources

    def claims(self, row: int) -> list[tuple[int, int, int]]:
        """Return what a booking of one slot would claim: (lane, start, end), the staff member's first.

        Joining a group claims nothing more.
        """
        if self._seats is not None and self._seats[row] < self.service.seats:
            return []
        start, end = int(self.start[row]), int(self.end[row])
        claims = [(int(self.lane[row]), int(self.claim_start[row]), int(self.claim_end[row]))]
        for requirement, lane in zip(self.service.requirements, self.resources[row].tolist(), strict=False):
            since = start + requirement.after
            if lane >= 0:
                claims.append((lane, since, end if requirement.length is None else since + requirement.length))
        return claims

    @property
    def gap_lo(self) -> Minutes:
        """When the free working time around the start begins."""
        return self._gaps()[0]

    @property
    def gap_hi(self) -> Minutes:
        """When the free working time around the start ends."""
        return self._gaps()[1]

    @property
    def minute(self) -> Keys:
        """When the visit begins, in minutes since the horizon did; as wide as the keys."""
        return self._split()[0]

    def _split(self) -> tuple[Keys, Keys]:
        if self._columns is None:
            self._columns = np.divmod(self.keys, len(self.snapshot.staff) or 1)
        return self._columns

    def _gaps(self) -> tuple[Minutes, Minutes]:
        if self._gap is None:
            lo, hi = self.claim_start, self.claim_end
            gaps = self._around(int(self.keys.min()), int(self.keys.max())) if len(self) else None
            if gaps is not None and gaps.size:
                gap, base = self._rows(gaps), np.int64(self.snapshot.start)
                inside = self._inside(gaps, gap)
                lo = np.where(inside, gaps[LO][gap] + base, lo)
                hi = np.where(inside, gaps[END][gap] + base, hi)
            self._gap = lo, hi
        return self._gap

    def beside(self) -> tuple[Keys, Keys]:
        """Return the free minutes before and behind what a booking would claim, a group's none; in order alone."""
        gaps = self._around(int(self.keys[0]), int(self.keys[-1]))
        if gaps.size == 0:
            return np.zeros_like(self.keys), np.zeros_like(self.keys)
        gap, minute, shape = self._rows(gaps), self.minute, self.offer.shape
        length = shape.duration or shape.durations[self.lane]
        before, after = minute - gaps[LO][gap] - shape.before, gaps[END][gap] - minute - (length + shape.after)
        if self.service.seats > 1:
            inside = self._inside(gaps, gap)
            before *= inside
            after *= inside
        return before, after

    def _inside(self, gaps: Keys, gap: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which starts lie in their gap; those of groups that others are in do not."""
        same = gaps[LANE][gap] == self._split()[1]
        inside: NDArray[np.bool_] = same & (gaps[LO][gap] <= self.minute) & (self.minute < gaps[END][gap])
        return inside

    def _around(self, first: int, last: int) -> Keys:
        """Return the gaps that starts between two keys may lie in, sorted by `lo`."""
        width = len(self.snapshot.staff)
        return gaps_between(self.snapshot, self.offer.shape, first // width, last // width + 1)

    def _rows(self, gaps: Keys) -> NDArray[np.int64]:
        """Return which of some gaps, sorted by `lo`, each start lies in."""
        horizon = self.snapshot.days * DAY
        order = gaps[LANE].argsort(kind="stable")
        wanted = self._split()[1] * horizon + self.minute
        after = (gaps[LANE] * horizon + gaps[LO]).searchsorted(wanted, side="right", sorter=order)
        found: NDArray[np.int64] = order[after - 1]
        return found

    @property
    def first_start(self) -> int:
        """The first slot's start; of slots that are in order."""
        return self.snapshot.start + int(self.keys[0]) // len(self.snapshot.staff)

    def place(self, minute: int) -> int:
        """Return how many slots start before an epoch minute; of slots that are in order."""
        return bisect_left(self.keys.data, (minute - self.snapshot.start) * len(self.snapshot.staff))

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "Slots":
        """Return the slots at some rows, in their order."""
        seats = None if self._seats is None else self._seats[rows]
        resources = None if self._resources is None else self._resources[rows]
        return Slots(self.snapshot, self.offer, self.keys[rows], seats=seats, resources=resources)

    def by_day(self, zone: ZoneInfo | None = None) -> dict[date, "Slots"]:
        """Return the slots of each local date (in the business's zone by default) that has any, in order."""
        days = by_local_day(self.start, zone or self.snapshot.zone)
        return {day: self.take(rows) for day, rows in days.items()}

    def to_frame(self, zone: str | None = None) -> "pd.DataFrame":
        """Return the slots as a table: staff, starts_at and ends_at in a zone (the business's by default).

        Groups have a column `seats`, services with requirements a column `resources`, tuples of ids.
        """
        import pandas as pd  # noqa: PLC0415 - half a second that a booking never pays

        zone = zone or self.snapshot.zone.key
        frame = pd.DataFrame(
            {
                "staff": [self.snapshot.staff[i] for i in self.lane],
                "starts_at": pd.to_datetime(self.start * 60, unit="s", utc=True).tz_convert(zone),
                "ends_at": pd.to_datetime(self.end * 60, unit="s", utc=True).tz_convert(zone),
            }
        )
        if self.service.seats > 1:
            frame["seats"] = self.seats
        if self.service.requirements:
            names = [name for name, _ in self.snapshot.resources]
            first = len(self.snapshot.staff)
            frame["resources"] = [tuple(names[i - first] for i in row if i >= 0) for row in self.resources.tolist()]
        return frame
