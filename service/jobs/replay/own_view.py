"""A clinic's view that its own commits advance: what it holds is what the database holds, without reading again."""

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

import numpy as np

from service.db.database import Database
from service.db.views import View, Views
from solver.clock import DAY
from solver.lanes import Minutes

EPOCH = date(1970, 1, 1).toordinal()

Claim = tuple[int, int]
"""Lane time, buffers included: epoch minutes, half-open."""


class OwnViews(Views):
    """The view of a business that nobody else writes to."""

    def __init__(self, db: Database, view: View) -> None:
        super().__init__(db)
        self.view = view

    async def current(self, business_id: UUID, now: datetime) -> View:
        """Return the view as the own commits left it."""
        return self.view

    def claim(self, staff_id: UUID, claim: Claim) -> None:
        """Take note of a claim that has been committed."""
        day, busy = self._busy(staff_id, claim)
        self._set(staff_id, day, np.vstack([busy, [claim]]))

    def release(self, staff_id: UUID, claim: Claim) -> None:
        """Take note of a claim that has been given back."""
        day, busy = self._busy(staff_id, claim)
        self._set(staff_id, day, busy[~(busy == claim).all(axis=1)])

    def _busy(self, staff_id: UUID, claim: Claim) -> tuple[int, Minutes]:
        """Return the UTC day on which a claim begins, and the lane's claims that begin on it."""
        snapshot, day = self.view.snapshot, claim[0] // DAY
        busy = snapshot.lanes[snapshot.staff_index[staff_id]].busy
        first, last = np.searchsorted(busy[:, 0], [day * DAY, (day + 1) * DAY])
        return day, busy[first:last]

    def _set(self, staff_id: UUID, day: int, busy: Minutes) -> None:
        snapshot = self.view.snapshot.with_day(staff_id, date.fromordinal(EPOCH + day), busy)
        self.view = replace(self.view, snapshot=snapshot)
