"""Slots: the legal starts that a query found, as parallel arrays."""

from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from solver.clock import DAY, offset_spans
from solver.lanes import END, LO, Minutes
from solver.offers import Offer
from solver.services import Service
from solver.starts import Keys

if TYPE_CHECKING:
    import pandas as pd

    from solver.snapshot import Snapshot

EPOCH_DAY = date(1970, 1, 1).toordinal()


class Slots:
    """Legal starts as parallel arrays, sorted by start, then lane; int64 of shape (n,), epoch minutes, half-open.

    `keys` are the starts as one number each, minute since the horizon began * staff + lane; the other columns are
    worked out when first read. `claim_start` and `claim_end` include the buffers: what a booking would occupy of the
    lane. `gap_lo` and `gap_hi` bound the free time that the start lies in.
    """

    __slots__ = ("_columns", "_gap", "keys", "offer", "snapshot")

    def __init__(self, snapshot: "Snapshot", offer: Offer, keys: Keys) -> None:
        self.snapshot, self.offer, self.keys = snapshot, offer, keys
        self._columns: tuple[Minutes, Minutes] | None = None
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
        return self._split()[0]

    @property
    def start(self) -> Minutes:
        """When the visit begins."""
        return self._split()[1]

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
    def gap_lo(self) -> Minutes:
        """When the free working time around the start begins."""
        return self._gaps()[0]

    @property
    def gap_hi(self) -> Minutes:
        """When the free working time around the start ends."""
        return self._gaps()[1]

    def _split(self) -> tuple[Minutes, Minutes]:
        if self._columns is None:
            minute, lane = np.divmod(self.keys, len(self.snapshot.staff) or 1)
            self._columns = lane.astype(np.int64), minute + np.int64(self.snapshot.start)
            for column in self._columns:
                column.flags.writeable = False
        return self._columns

    def _gaps(self) -> tuple[Minutes, Minutes]:
        if self._gap is None:
            lo, hi = self.claim_start, self.claim_end
            by_staff = self.offer.shape.group.by_staff
            order = np.argsort(self.lane, kind="stable")
            lanes, firsts = np.unique(self.lane[order], return_index=True)
            for index, rows in zip(lanes.tolist(), np.split(order, firsts[1:]), strict=False):
                lane = self.snapshot.lanes[index]
                gaps, start = lane.gaps if by_staff else lane.client_gaps, self.start[rows]
                gap = np.maximum(gaps[LO].searchsorted(start.astype(np.int32), side="right") - 1, 0)
                inside = gaps[END, gap] > start
                lo[rows] = np.where(inside, gaps[LO, gap], lo[rows])
                hi[rows] = np.where(inside, gaps[END, gap], hi[rows])
            self._gap = lo, hi
        return self._gap

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "Slots":
        """Return the slots at some rows, in their order."""
        return Slots(self.snapshot, self.offer, self.keys[rows])

    def by_day(self, zone: ZoneInfo | None = None) -> dict[date, "Slots"]:
        """Return the slots of each local date (in the business's zone by default) that has any, in order."""
        if len(self) == 0:
            return {}
        spans = offset_spans(zone or self.snapshot.zone, int(self.start.min()), int(self.start.max()) + 1)
        edges, offsets = np.array([s for s, _, _ in spans]), np.array([o for _, _, o in spans])
        local_day = (self.start + offsets[np.searchsorted(edges, self.start, side="right") - 1]) // DAY
        days = np.unique(local_day)
        return {date.fromordinal(EPOCH_DAY + int(day)): self.take(local_day == day) for day in days}

    def to_frame(self, zone: str | None = None) -> "pd.DataFrame":
        """Return the slots as a table: staff, starts_at and ends_at in a zone (the business's by default)."""
        import pandas as pd  # noqa: PLC0415 - half a second that a booking never pays

        zone = zone or self.snapshot.zone.key
        return pd.DataFrame(
            {
                "staff": [self.snapshot.staff[i] for i in self.lane],
                "starts_at": pd.to_datetime(self.start * 60, unit="s", utc=True).tz_convert(zone),
                "ends_at": pd.to_datetime(self.end * 60, unit="s", utc=True).tz_convert(zone),
            }
        )
