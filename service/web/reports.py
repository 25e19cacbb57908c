"""Reports: how full the days were, what was idle, who did not come; to look at, and as CSV."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

import numpy as np
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from models.errors import InvalidInput
from service.db.views import View, load
from service.queries import reports, storefronts
from service.queries.exports import csv_text
from service.queries.reports import By, Line
from service.web.house import House, house
from service.web.pages import PageRoute
from service.web.visit import FIRST_DAY, LAST_DAY
from solver.clock import epoch_minute

router = APIRouter(include_in_schema=False, route_class=PageRoute)
LONGEST, USUAL = 92, 14
COLUMNS = ("name", "booked", "no_shows", "cancelled", "minutes", "revenue_cents", "lead_days")


class Asked(BaseModel):
    """What a report is about: local dates, the last one included."""

    first: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None = None
    last: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None = None
    by: By = "staff"

    def days(self, today: date) -> tuple[date, int]:
        """Return the first date and how many; raises `InvalidInput`."""
        first = self.first or today - timedelta(days=today.weekday())
        last = self.last or first + timedelta(days=USUAL - 1)
        if not 0 <= (last - first).days < LONGEST:
            raise InvalidInput(f"The last day comes after the first, within {LONGEST} days.")
        return first, (last - first).days + 1


@dataclass(frozen=True, slots=True)
class Filled:
    """One staff member's span of days, in minutes: worked, claimed, and idle in gaps too short to sell."""

    staff_id: UUID
    name: str
    worked: int
    claimed: int
    fragments: int

    @property
    def share(self) -> float:
        """How much of the time is claimed, 0 to 1."""
        return min(1.0, self.claimed / self.worked) if self.worked else 0.0


@router.get("/board/{slug}/reports")
async def show(here: Annotated[House, house("exportTable")], asked: Annotated[Asked, Query()]) -> Response:
    """The report of some days."""
    first, days = asked.days(here.today)
    span = here.span(first, days)
    view = await load(here.db, here.business.id, first - timedelta(days=1), days + 2)
    store = await storefronts.by_slug(here.db, here.business.slug)
    return here.page(
        "reports.html",
        asked=asked,
        first=first,
        last=first + timedelta(days=days - 1),
        lines=await reports.lines(here.db, here.business.id, *span, asked.by),
        filled=filled(view, epoch_minute(span[0]), epoch_minute(span[1])),
        conversion=await reports.conversion(here.db, here.business.id, *span),
        currency=store.currency,
    )


@router.get("/board/{slug}/reports.csv")
async def table(here: Annotated[House, house("exportTable")], asked: Annotated[Asked, Query()]) -> Response:
    """The same as a file for a spreadsheet."""
    first, days = asked.days(here.today)
    lines = await reports.lines(here.db, here.business.id, *here.span(first, days), asked.by)
    text = csv_text(COLUMNS, [_row(line) for line in lines])
    headers = {"Content-Disposition": f'attachment; filename="{here.business.slug}-{first}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _row(line: Line) -> dict[str, object]:
    return {name: getattr(line, name) for name in COLUMNS}


def filled(view: View, start: int, end: int) -> list[Filled]:
    """Return how full each staff member's time in [start, end) (epoch minutes) is."""
    shortest = min((s.duration + s.buffer_before + s.buffer_after for s in view.snapshot.services), default=0)
    found = []
    for member, lane in zip(view.snapshot.staff, view.snapshot.lanes, strict=False):
        info = view.lanes[UUID(str(member))]
        work = np.clip(lane.work[:, :2], start, end)
        gaps, claimed = _gaps(work.tolist(), lane.busy.tolist())
        worked = int((work[:, 1] - work[:, 0]).sum())
        found.append(Filled(info.id, info.name, worked, claimed, sum(g for g in gaps if g < shortest)))
    return sorted(found, key=lambda f: f.name)


def _gaps(work: list[list[int]], busy: list[list[int]]) -> tuple[list[int], int]:
    """Return the lengths of the gaps between claims inside working time, and the minutes claimed there."""
    gaps, claimed = [], 0
    for opens, closes in work:
        at = opens
        for begin, stop in busy:
            if begin < closes and stop > opens:
                gaps.append(max(begin, opens) - at)
                claimed += min(stop, closes) - max(begin, at)
                at = max(at, min(stop, closes))
        gaps.append(closes - at)
    return [gap for gap in gaps if gap > 0], claimed
