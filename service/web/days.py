"""A day's lanes with their claims, read for a drawing; and a week of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

import numpy as np

from service.db.views import View
from service.queries import boards
from service.queries.boards import Claim, LaneRow
from service.queries.optimisation import Move
from service.web.house import House
from service.web.layout import Column, Drawing, Ghost, Opening, Say, drawing, drawn_day, opened
from solver.clock import epoch_minute, moment
from solver.lanes import Minutes

PAGE = 40
"""Lanes on one page of the board."""
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class LanesOfDay:
    """The lanes of one page with their claims on one date; `pages` is how many pages there are."""

    columns: list[Column]
    claims: list[Claim]
    span: Span
    pages: int

    def drawn(self, now: datetime, ghosts: Sequence[Ghost] = (), say: Say = str) -> Drawing:
        """Return the drawing of the day, with a plan's ghosts over it."""
        day = drawn_day(self.columns, self.claims, *self.span, ghosts)
        return drawing(day, self.columns, self.claims, now, ghosts, say)

    def with_openings(self, drawn: Drawing, openings: Sequence[Opening]) -> Drawing:
        """Return a drawing of the day with a mark where each of those who wait would fit."""
        return opened(drawn, drawn_day(self.columns, self.claims, *self.span), self.columns, openings)

    def with_plan(self, claims: list[Claim], moves: Sequence[Move]) -> "LanesOfDay":
        """Return the lanes with other claims, each as full as these and what a plan puts there make it."""
        columns = [replace(column, booked_minutes=_booked(column, claims, moves)) for column in self.columns]
        return replace(self, columns=columns, claims=claims)

    @property
    def idle(self) -> int:
        """Minutes worked and not claimed, over all lanes."""
        return sum(column.idle for column in self.columns)

    @property
    def visits(self) -> int:
        """How many visits there are; holds are none yet."""
        return len({claim.id for claim in self.claims if claim.id and claim.status != "hold"})


async def lanes_of_day(house: House, view: View, day: date, *, rooms: bool = False, page: int = 1) -> LanesOfDay:
    """Return one page of lanes with all that is on them on a date."""
    rows = await boards.lanes(house.db, house.business.id, rooms=rooms)
    shown = rows[(page - 1) * PAGE : page * PAGE]
    span = house.span(day)
    claims = await boards.claims(house.db, house.business.id, [row.lane_no for row in shown], *span)
    columns = [column(view, row, claims, span) for row in shown]
    return LanesOfDay(columns, claims, span, max(1, -(-len(rows) // PAGE)))


def column(view: View, row: LaneRow, claims: Sequence[Claim], span: Span) -> Column:
    """Return one lane's day: when it is worked, and how much of that is claimed."""
    start, end = (epoch_minute(edge) for edge in span)
    work = _clipped(_work(view, row.id), start, end)
    claimed = [(epoch_minute(c.claim_starts_at), epoch_minute(c.claim_ends_at, up=True)) for c in _of(claims, row)]
    spans = tuple((moment(a), moment(b)) for a, b in work)
    worked = int((work[:, 1] - work[:, 0]).sum())
    return Column(row.id, row.lane_no, row.name, spans, _overlap(work, claimed), worked)


def _booked(column: Column, claims: Sequence[Claim], moves: Sequence[Move]) -> int:
    # Those who share a group's time take it once.
    spans = {(c.claim_starts_at, c.claim_ends_at) for c in claims if c.lane_no == column.lane_no}
    spans |= {(m.claim_starts_at, m.claim_ends_at) for m in moves if m.staff_id == column.id}
    shared = (min(b, d) - max(a, c) for a, b in column.work for c, d in spans if c < b and a < d)
    return round(sum(shared, timedelta()).total_seconds() / 60)


def _of(claims: Sequence[Claim], row: LaneRow) -> list[Claim]:
    return [claim for claim in claims if claim.lane_no == row.lane_no]


def _work(view: View, lane_id: UUID) -> Minutes:
    index = view.snapshot.lane_index.get(lane_id)
    return np.empty((0, 2), np.int64) if index is None else view.snapshot.lanes[index].work[:, :2]


def _clipped(work: Minutes, start: int, end: int) -> Minutes:
    clipped = np.clip(work, start, end)
    return clipped[clipped[:, 1] > clipped[:, 0]]


def _overlap(work: Minutes, claimed: Sequence[tuple[int, int]]) -> int:
    return sum(max(0, min(b, d) - max(a, c)) for a, b in work.tolist() for c, d in claimed)


@dataclass(frozen=True, slots=True)
class Cell:
    """One lane on one date of a week: its column, and its work and bars in hundredths of the hours drawn."""

    day: date
    column: Column
    work: tuple[tuple[float, float], ...]
    bars: tuple[tuple[float, float, str], ...]
    visits: int


@dataclass(frozen=True, slots=True)
class Week:
    """Seven dates with a row a lane."""

    days: list[date]
    rows: list[tuple[LaneRow, list[Cell]]]
    pages: int


async def week_of(house: House, first: date, *, rooms: bool = False, page: int = 1) -> Week:
    """Return one page of lanes over seven dates."""
    lanes = await boards.lanes(house.db, house.business.id, rooms=rooms)
    shown = lanes[(page - 1) * PAGE : page * PAGE]
    claims = await boards.claims(house.db, house.business.id, [lane.lane_no for lane in shown], *house.span(first, 7))
    view = await house.view()
    days = [first + timedelta(days=n) for n in range(7)]
    rows = [(lane, [_cell(view, lane, _of(claims, lane), day, house.span(day)) for day in days]) for lane in shown]
    return Week(days, rows, max(1, -(-len(lanes) // PAGE)))


def _cell(view: View, lane: LaneRow, claims: Sequence[Claim], day: date, span: Span) -> Cell:
    of_day = [claim for claim in claims if claim.claim_starts_at < span[1] and claim.claim_ends_at > span[0]]
    opened, closed = span[0].replace(hour=6), span[0].replace(hour=22)
    whole = (closed - opened).total_seconds()

    def bar(start: datetime, end: datetime) -> tuple[float, float]:
        a, b = max(start, opened), min(end, closed)
        return round(100 * (a - opened).total_seconds() / whole, 2), round(100 * (b - a).total_seconds() / whole, 2)

    own = column(view, lane, of_day, span)
    work = tuple(found for edges in own.work if (found := bar(*edges))[1] > 0)
    claimed = [(*bar(c.claim_starts_at, c.claim_ends_at), c.status or "off") for c in of_day]
    return Cell(day, own, work, tuple(b for b in claimed if b[1] > 0), len({c.id for c in of_day if c.id}))
